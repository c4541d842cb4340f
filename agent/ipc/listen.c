/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "address.h"
#include "base/file.h"
#include "ipc.h"

int ipc_address_at(const struct root *root, const char *path, struct ipc_address *ret) {
        const char *slash = strrchr(path, '/');
        const char *name = slash ? slash + 1 : path;
        if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return -EINVAL;

        CLEANUP(free_p) char *parent = strndup(path, (size_t) (name - path));
        if (!parent)
                return -ENOMEM;

        /* Inside the root like every other path: a link in a fake machine must not lead to the real agent. */
        CLEANUP(close_p) int fd = root_openat(root, parent, O_PATH | O_DIRECTORY, 0);
        if (fd < 0)
                return fd;

        /* Through the directory's descriptor, because sun_path holds 107 bytes and a root may lie deep. */
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        int n = snprintf(un.sun_path, sizeof un.sun_path, "/proc/self/fd/%d/%s", fd, name);
        if (n < 0 || (size_t) n >= sizeof un.sun_path)
                return -ENAMETOOLONG;

        *ret = (struct ipc_address){ .dirfd = TAKE_FD(fd), .name = name, .un = un };
        return 0;
}

static int remove_old_socket(const struct ipc_address *a) {
        struct stat st;
        if (fstatat(a->dirfd, a->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -EEXIST;
        return unlinkat(a->dirfd, a->name, 0) < 0 ? -errno : 0;
}

int ipc_listen_at(const struct root *root, const char *path, mode_t mode) {
        CLEANUP(ipc_address_clear) struct ipc_address address = { .dirfd = -1 };
        int r = ipc_address_at(root, path, &address);
        if (r < 0)
                return r;

        r = remove_old_socket(&address);
        if (r < 0)
                return r;

        CLEANUP(close_p) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;

        /* bind(2) gives the socket file the mode of the descriptor, less the umask; the mode that was asked for comes
         * after. Nobody can connect before listen(2), so that there is no moment with a wrong mode. */
        if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *) &address.un, sizeof address.un) < 0)
                return -errno;
        if (fchmodat(address.dirfd, address.name, mode, 0) < 0 || listen(fd, SOMAXCONN) < 0) {
                r = -errno;
                (void) unlinkat(address.dirfd, address.name, 0);
                return r;
        }
        return TAKE_FD(fd);
}
