/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "worker_child.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "descriptors.h"
#include "sysfs.h"
#include "usb_interfaces.h"

#define USBFS_IOCTL_TYPE ('U' << 8)

/* Memory, files, our socket, and what libusb needs to set up its event pipe. No network, no exec, no new process. */
static const int SYSCALLS[] = {
        SCMP_SYS(read),
        SCMP_SYS(write),
        SCMP_SYS(openat),
        SCMP_SYS(close),
        SCMP_SYS(lseek),
        SCMP_SYS(pread64),
        SCMP_SYS(fstat),
        SCMP_SYS(newfstatat),
        SCMP_SYS(statx),
        SCMP_SYS(readlink),
        SCMP_SYS(readlinkat),
        SCMP_SYS(getdents64),
        SCMP_SYS(access),
        SCMP_SYS(faccessat),
        SCMP_SYS(faccessat2),
        SCMP_SYS(fcntl),
        SCMP_SYS(recvfrom),
        SCMP_SYS(recvmsg),
        SCMP_SYS(sendmsg),
        SCMP_SYS(sendto),
        SCMP_SYS(poll),
        SCMP_SYS(ppoll),
        SCMP_SYS(eventfd2),
        SCMP_SYS(timerfd_create),
        SCMP_SYS(timerfd_settime),
        SCMP_SYS(pipe2),
        SCMP_SYS(mmap),
        SCMP_SYS(munmap),
        SCMP_SYS(mprotect),
        SCMP_SYS(mremap),
        SCMP_SYS(madvise),
        SCMP_SYS(brk),
        SCMP_SYS(futex),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(clock_nanosleep),
        SCMP_SYS(nanosleep),
        SCMP_SYS(uname),
        SCMP_SYS(getrandom),
        SCMP_SYS(getpid),
        SCMP_SYS(gettid),
        SCMP_SYS(tgkill),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(sigaltstack),
        SCMP_SYS(sched_yield),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
};

static int confine(void) {
        /* A worker owns the files that it writes as uid 0; it needs no capability for that. Where the agent's own
         * sandbox forbids capset(2) there is next to nothing left to give up, and seccomp below closes what it would be
         * good for. */
        capng_select_t which =
                capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS;
        capng_clear(CAPNG_SELECT_BOTH);
        (void) capng_apply(which);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;

        /* An error instead of a kill: a libc that asks for a call we did not think of must not cost us the keyboard. */
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        if (!filter)
                return -ENOMEM;
        int r = 0;
        for (size_t i = 0; i < sizeof SYSCALLS / sizeof *SYSCALLS && r == 0; i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SYSCALLS[i], 0);
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xFF00, USBFS_IOCTL_TYPE));
        if (r == 0)
                r = seccomp_load(filter);
        seccomp_release(filter);
        return r;
}

static int receive(int socket, struct worker_request *ret, int ret_fds[WORKER_FDS]) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int) * WORKER_FDS)];
        } control;
        struct iovec iov = { .iov_base = ret, .iov_len = sizeof *ret };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
        };

        ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
        if (n < 0)
                return -errno;
        if (n != (ssize_t) sizeof *ret || ret->n_interfaces > DEVICE_INTERFACES_MAX ||
            ret->listed.n > DEVICE_INTERFACES_MAX)
                return -EBADMSG; /* also 0: the agent has gone */

        const struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        size_t wanted = (size_t) __builtin_popcount(ret->fds & ((1u << WORKER_FDS) - 1));
        if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int) * wanted) ||
            !(ret->fds & 1u << WORKER_FD_DIRECTORY))
                return -EBADMSG;
        int fds[WORKER_FDS];
        memcpy(fds, CMSG_DATA(c), sizeof(int) * wanted);
        for (size_t i = 0, k = 0; i < WORKER_FDS; i++)
                if (ret->fds & 1u << i)
                        ret_fds[i] = fds[k++];
        return 0;
}

/* Opening a usbfs node takes the device's lock, which may be what hangs: that is why it happens here. */
static enum second_reading read_again(const struct worker_request *request, int node) {
        char path[64];
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d", node);
        CLEANUP(close_p) int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return SECOND_FAILED;

        struct device_facts first = { .vendor = (uint16_t) request->vendor,
                                      .product = (uint16_t) request->product,
                                      .n_interfaces = (uint16_t) request->n_interfaces };
        memcpy(first.interfaces, request->interfaces, sizeof first.interfaces);
        struct device_facts second = { 0 };
        int r = descriptors_read(fd, &second);
        if (r == -EOVERFLOW)
                return SECOND_DIFFERS; /* the first reader refuses such a device, so it saw fewer */
        if (r != 0)
                return SECOND_FAILED;
        return descriptors_agree(&first, &second) ? SECOND_AGREES : SECOND_DIFFERS;
}

/* What the root hub's default is at that moment, the interfaces of a device that is authorised get. It is a default of
 * the whole bus, so that nothing else may be opened on it meanwhile (see worker.h). */
static int authorize_without_interfaces(const int fds[WORKER_FDS]) {
        uint32_t now = 1;
        int r = file_write_value_at(fds[WORKER_FD_HUB], USB_INTERFACE_DEFAULT, "0");
        if (r == 0)
                r = sysfs_read_number_at(fds[WORKER_FD_HUB], USB_INTERFACE_DEFAULT, 10, 1, &now);
        if (r == 0 && now != 0)
                r = -EPERM;
        if (r == 0)
                r = file_write_value_at(fds[WORKER_FD_DIRECTORY], "authorized", "1");
        (void) file_write_value_at(fds[WORKER_FD_HUB], USB_INTERFACE_DEFAULT, "1");
        return r;
}

static int open_in_part(const struct worker_request *request, const int fds[WORKER_FDS]) {
        uint32_t authorized;
        int r = sysfs_read_number_at(fds[WORKER_FD_DIRECTORY], "authorized", 10, 1, &authorized);
        if (r == 0 && authorized == 0)
                r = authorize_without_interfaces(fds);
        if (r == 0)
                r = usb_interfaces_open(fds[WORKER_FD_DIRECTORY], fds[WORKER_FD_BUS], &request->listed);
        if (r < 0) /* all or nothing */
                (void) file_write_value_at(fds[WORKER_FD_DIRECTORY], "authorized", "0");
        return r;
}

static int open_whole(const struct worker_request *request, const int fds[WORKER_FDS]) {
        int r = file_write_value_at(fds[WORKER_FD_DIRECTORY], "authorized", "1");
        /* Interfaces that an earlier decision kept shut. */
        return r < 0 ? r : usb_interfaces_open(fds[WORKER_FD_DIRECTORY], fds[WORKER_FD_BUS], &request->listed);
}

static int lend(const int fds[WORKER_FDS]) {
        int r = authorize_without_interfaces(fds);
        if (r < 0)
                (void) file_write_value_at(fds[WORKER_FD_DIRECTORY], "authorized", "0");
        return r;
}

static void carry_out(const struct worker_request *request, const int fds[WORKER_FDS], struct worker_answer *a) {
        if (a->second == SECOND_DIFFERS && request->kind == JOB_USB_OPEN)
                return;                      /* it stays as it is, and is judged anew */
        if (request->kind == JOB_USB_LEND) { /* udev hears nothing: to everybody else the device stays shut */
                a->error = lend(fds);
                return;
        }
        if (request->kind != JOB_USB_OPEN)
                a->error = file_write_value_at(fds[WORKER_FD_DIRECTORY], "authorized", "0");
        else
                a->error = request->listed.n > 0 ? open_in_part(request, fds) : open_whole(request, fds);
        /* udev gives the node of a shut device to root alone (72-sekisho-closed.rules): let it look again. To open one
         * it has to be told "add": most rules give a node away at no other time. Best effort. */
        if (a->error == 0)
                (void) file_write_value_at(fds[WORKER_FD_DIRECTORY], "uevent",
                                           request->kind == JOB_USB_OPEN ? "add" : "change");
}

/* Whether the door shall be opened is decided, and recorded, while the descriptors are read again. */
static int await_release(int socket, struct worker_request *request) {
        struct worker_release release;
        ssize_t n = recv(socket, &release, sizeof release, 0);
        if (n != (ssize_t) sizeof release || release.id != request->id)
                return -EBADMSG; /* also 0: the agent has gone */
        request->kind = release.kind;
        return 0;
}

static int work(int socket, struct worker_request *request, const int fds[WORKER_FDS], struct worker_answer *ret) {
        struct worker_answer answer = { .id = request->id, .second = SECOND_NONE };
        if (request->kind == JOB_USB_OPEN && fds[WORKER_FD_NODE] >= 0)
                answer.second = read_again(request, fds[WORKER_FD_NODE]);
        if (request->held && await_release(socket, request) < 0)
                return -EBADMSG;
        carry_out(request, fds, &answer);
        *ret = answer;
        return 0;
}

static void prepare(int fd, int parent) {
        (void) prctl(PR_SET_NAME, "sekisho-worker");
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1); /* it died before prctl() */

        /* Nothing of the agent's comes along: not its lock, not its record, not its sockets. 0-2 stay for the
         * sanitizers. */
        if (fd != 3 && dup3(fd, 3, O_CLOEXEC) < 0)
                _exit(1);
        if (close_range(4, ~0u, 0) < 0)
                _exit(1);

        for (int s = 1; s < NSIG; s++)
                (void) signal(s, SIG_DFL);
        sigset_t none;
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        if (confine() < 0)
                _exit(2);
}

void worker_child_run(int fd, int parent) {
        prepare(fd, parent);
        for (;;) {
                struct worker_request request;
                int fds[WORKER_FDS] = { -1, -1, -1, -1 };
                if (receive(3, &request, fds) < 0)
                        _exit(0);

                struct worker_answer answer;
                if (work(3, &request, fds, &answer) < 0)
                        _exit(0);
                for (size_t i = 0; i < WORKER_FDS; i++)
                        close_p(&fds[i]);
                if (send(3, &answer, sizeof answer, MSG_NOSIGNAL) != (ssize_t) sizeof answer)
                        _exit(0);
        }
}
