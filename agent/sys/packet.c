/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Through the directory's descriptor: a link in a fake machine must not lead out of it, and sun_path is short. */
static int address_of(const struct root *root, const char *path, struct sockaddr_un *ret, const char **ret_name) {
        const char *slash = strrchr(path, '/');
        if (!slash || !slash[1])
                return -EINVAL;
        CLEANUP(free_p) char *parent = strndup(path, (size_t) (slash - path));
        if (!parent)
                return -ENOMEM;
        CLEANUP(close_p) int fd = root_openat(root, parent, O_PATH | O_DIRECTORY, 0);
        if (fd < 0)
                return fd;
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        int n = snprintf(un.sun_path, sizeof un.sun_path, "/proc/self/fd/%d/%s", fd, slash + 1);
        if (n < 0 || (size_t) n >= sizeof un.sun_path)
                return -ENAMETOOLONG;
        *ret = un;
        *ret_name = slash + 1;
        return TAKE_FD(fd);
}

static int new_socket(void) {
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        return fd < 0 ? -errno : fd;
}

int packet_listen(const struct root *root, const char *path) {
        struct sockaddr_un un;
        const char *name = NULL;
        CLEANUP(close_p) int directory = address_of(root, path, &un, &name);
        if (directory < 0)
                return directory;
        struct stat st;
        if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
                if (!S_ISSOCK(st.st_mode))
                        return -EEXIST;
                if (unlinkat(directory, name, 0) < 0)
                        return -errno;
        }
        CLEANUP(close_p) int fd = new_socket();
        if (fd < 0)
                return fd;
        /* bind(2) gives the socket file the mode of the descriptor, less the umask. */
        if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *) &un, sizeof un) < 0 || listen(fd, 4) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int packet_accept(int listener) {
        CLEANUP(close_p) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return -errno;
        struct ucred peer;
        socklen_t size = sizeof peer;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        return peer.uid == 0 ? TAKE_FD(fd) : -EPERM;
}

int packet_connect(const struct root *root, const char *path) {
        struct sockaddr_un un;
        const char *name = NULL;
        CLEANUP(close_p) int directory = address_of(root, path, &un, &name);
        if (directory < 0)
                return directory;
        CLEANUP(close_p) int fd = new_socket();
        if (fd < 0)
                return fd;
        if (connect(fd, (struct sockaddr *) &un, sizeof un) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Room for two: a second one is seen, and refused. */
union control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
};

int packet_send_with(int socket, const void *message, size_t size, int attached) {
        union control control = { .bytes = { 0 } };
        struct iovec iov = { .iov_base = (void *) (uintptr_t) message, .iov_len = size };
        struct msghdr m = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(sizeof attached)
        };
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof attached);
        memcpy(CMSG_DATA(c), &attached, sizeof attached);
        ssize_t n = sendmsg(socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
        return n < 0 ? -errno : (size_t) n == size ? 0 : -EMSGSIZE;
}

ssize_t packet_receive_with(int socket, void *message, size_t size, int *ret_attached) {
        union control control = { .bytes = { 0 } };
        struct iovec iov = { .iov_base = message, .iov_len = size };
        struct msghdr m = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
        };
        ssize_t n = recvmsg(socket, &m, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return -errno;
        int found[2] = { -1, -1 };
        size_t n_found = 0;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                n_found = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                memcpy(found, CMSG_DATA(c), n_found * sizeof(int));
        }
        if (n_found > 1) {
                (void) close(found[0]);
                (void) close(found[1]);
                found[0] = -1;
        }
        *ret_attached = found[0];
        return n;
}
