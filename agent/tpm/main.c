/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sekisho-tpm: see sekisho-tpm(8). Started for one question, by its socket. */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/tpm.h"
#include "counter.h"

#define DEVICE_DIRECTORY "dev"
#define DEVICE           "tpmrm0" /* the kernel's resource manager: others may use the TPM beside us */
#define WAIT_TIMES       30       /* at boot it may appear later than we do */
#define WAIT_NSEC        100000000L

/* On a fake machine the device is a simulator's socket. */
static int open_socket(int directory) {
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        CLEANUP(close_p) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int n = snprintf(un.sun_path, sizeof un.sun_path, "/proc/self/fd/%d/%s", directory, DEVICE);
        if (fd < 0 || n < 0 || (size_t) n >= sizeof un.sun_path || connect(fd, (struct sockaddr *) &un, sizeof un) < 0)
                return -ENODEV;
        return TAKE_FD(fd);
}

static int open_once(const struct root *root, int directory) {
        struct stat st;
        if (fstatat(directory, DEVICE, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -ENODEV;
        if (!root->is_machine && S_ISSOCK(st.st_mode))
                return open_socket(directory);
        if (!S_ISCHR(st.st_mode))
                return -ENODEV;
        int fd = openat(directory, DEVICE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

static int open_tpm(const struct root *root) {
        CLEANUP(close_p) int directory = root_openat(root, DEVICE_DIRECTORY, O_PATH | O_DIRECTORY, 0);
        if (directory < 0)
                return directory;
        int fd = open_once(root, directory);
        for (int i = 0; fd == -ENODEV && root->is_machine && i < WAIT_TIMES; i++) {
                (void) nanosleep(&(struct timespec){ .tv_nsec = WAIT_NSEC }, NULL);
                fd = open_once(root, directory);
        }
        return fd;
}

/* The node may belong to the TPM's users. Nothing else is needed. */
static void drop_capabilities(void) {
        (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        capng_clear(CAPNG_SELECT_BOTH);
        if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_DAC_OVERRIDE, -1) == 0)
                (void) capng_apply(CAPNG_SELECT_CAPS);
}

static bool is_root(int fd) {
        struct ucred peer;
        socklen_t size = sizeof peer;
        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

static int answer(const struct root *root) {
        struct tpm_message m;
        ssize_t n = recv(STDIN_FILENO, &m, sizeof m, MSG_TRUNC);
        if (n < 0)
                return -errno;
        if (n != (ssize_t) sizeof m || !is_root(STDIN_FILENO))
                return -EPERM;
        CLEANUP(close_p) int tpm = open_tpm(root);
        if (tpm < 0)
                m = (struct tpm_message){ .operation = m.operation, .index = m.index, .error = tpm };
        else
                counter_answer(tpm, &m);
        m.zero = 0;
        return send(STDIN_FILENO, &m, sizeof m, MSG_NOSIGNAL) == (ssize_t) sizeof m ? 0 : -errno;
}

int main(int argc, char **argv) {
        const char *path = "/";
        if (argc == 3 && strcmp(argv[1], "--root") == 0) {
                path = argv[2];
        } else if (argc != 1) {
                (void) fputs("Usage: sekisho-tpm [--root DIR], with a socket as standard input. See sekisho-tpm(8).\n",
                             stderr);
                return 2;
        }
        struct root root = { .fd = -1 };
        int r = root_open(path, &root);
        drop_capabilities();
        if (r == 0)
                r = answer(&root);
        if (r < 0)
                (void) fprintf(stderr, "sekisho-tpm: %s\n", strerrordesc_np(-r));
        root_close(&root);
        return r < 0 ? 1 : 0;
}
