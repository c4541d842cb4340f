/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sekisho-reader: reads SEKISHO/ of one medium for the agent, and nothing else. What it reads is hostile, so it gives
 * up all it could do before it reads the first byte. */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "collect.h"

#define CPU_SECONDS   10
#define AUTHORIZED_FD 3

/* Memory, the descriptors that are open, time. Nothing can be opened, started or sent anywhere. The second half is what
 * sanitizers ask for. */
static const int SYSCALLS[] = {
        SCMP_SYS(read),
        SCMP_SYS(pread64),
        SCMP_SYS(write),
        SCMP_SYS(lseek),
        SCMP_SYS(brk),
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(madvise),
        SCMP_SYS(nanosleep),
        SCMP_SYS(clock_nanosleep),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
        SCMP_SYS(futex),
        SCMP_SYS(getpid),
        SCMP_SYS(gettid),
        SCMP_SYS(sched_yield),
        SCMP_SYS(sigaltstack),
        SCMP_SYS(rt_sigprocmask),
};

static int filter_calls(void) {
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        if (!filter)
                return -ENOMEM;
        int r = 0;
        for (size_t i = 0; i < sizeof SYSCALLS / sizeof *SYSCALLS && r == 0; i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SYSCALLS[i], 0);
        if (r == 0) /* no memory that runs */
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        static const unsigned long requests[] = { USBDEVFS_BULK, USBDEVFS_CONTROL, USBDEVFS_CLEAR_HALT };
        for (size_t i = 0; i < sizeof requests / sizeof *requests && r == 0; i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, requests[i], 0));
        if (r == 0)
                r = seccomp_load(filter);
        seccomp_release(filter);
        return r;
}

static int confine(void) {
        const struct rlimit cpu = { CPU_SECONDS, CPU_SECONDS }, none = { 0, 0 };
        if (close_range(AUTHORIZED_FD, ~0u, 0) < 0 || setrlimit(RLIMIT_CPU, &cpu) < 0 ||
            setrlimit(RLIMIT_CORE, &none) < 0)
                return -errno;
        /* The agent's unit has taken them already, and forbids more; elsewhere they go here. */
        capng_clear(CAPNG_SELECT_BOTH);
        (void) capng_apply(capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        return filter_calls();
}

static int put(enum carried_kind kind, const char *name, const uint8_t *bytes, uint32_t size, void *userdata) {
        (void) userdata;
        const struct carried_frame f = { .kind = kind, .name_size = (uint32_t) strlen(name), .size = size };
        int r = file_write_all(STDOUT_FILENO, &f, sizeof f);
        if (r == 0)
                r = file_write_all(STDOUT_FILENO, name, f.name_size);
        return r == 0 && size > 0 ? file_write_all(STDOUT_FILENO, bytes, size) : r;
}

/* The node came as a mere name for the device: opening it may take time, and so is done here. */
static int open_device(void) {
        int fd = open("/proc/self/fd/0", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        int r = dup2(fd, STDIN_FILENO) < 0 ? -errno : 0;
        (void) close(fd);
        return r == 0 ? source_claim_usb(STDIN_FILENO, AUTHORIZED_FD) : r;
}

static const char *read_medium(bool usb) {
        struct source s;
        int r = usb ? source_open_usb(STDIN_FILENO, &s) : source_open_image(STDIN_FILENO, &s);
        if (r == -ENOMEDIUM)
                return "no-medium";
        return r < 0 ? "error" : collect(&s, put, NULL);
}

int main(int argc, char **argv) {
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                (void) printf("sekisho-reader %s\n", SEKISHO_VERSION);
                return 0;
        }
        bool usb = argc == 2 && strcmp(argv[1], "usb") == 0;
        if (!usb && (argc != 2 || strcmp(argv[1], "image") != 0)) {
                (void) fputs("Usage: sekisho-reader usb|image <DEVICE, for the agent. See sekisho-reader(8).\n",
                             stderr);
                return 2;
        }
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) signal(SIGPIPE, SIG_IGN);
        int r = usb ? open_device() : 0;
        const char *outcome = r == -EBUSY ? "busy" : "error";
        if (r == 0 && confine() == 0)
                outcome = read_medium(usb);
        r = put(CARRIED_END, outcome, NULL, 0, NULL);
        _exit(r < 0 || strcmp(outcome, "error") == 0);
}
