/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

#define RACES_MAX 100

int root_open(const char *path, struct root *ret) {
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        *ret = (struct root){ .fd = fd, .is_machine = strcmp(path, "/") == 0 };
        return 0;
}

void root_close(struct root *r) {
        close_p(&r->fd);
        r->fd = -1;
}

int root_openat(const struct root *r, const char *path, int flags, mode_t mode) {
        while (*path == '/')
                path++;

        /* O_TMPFILE holds the bit of O_DIRECTORY; openat2(2) refuses a mode where nothing is created. */
        bool creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;

        /* Nothing leads out of "/", so the plain call means the same there; and it works where a sandbox takes
         * openat2(2) away because a filter cannot look at its mode: RestrictSUIDSGID= in systemd-udevd.service. */
        if (r->is_machine) {
                int fd = openat(r->fd, *path ? path : ".", flags | O_CLOEXEC, creates ? mode : 0);
                return fd < 0 ? -errno : fd;
        }

        struct open_how how = {
                .flags = (unsigned) (flags | O_CLOEXEC),
                .mode = creates ? mode : 0,
                .resolve = RESOLVE_IN_ROOT,
        };
        for (unsigned again = 0;;) {
                long fd = syscall(SYS_openat2, r->fd, *path ? path : ".", &how, sizeof how);
                if (fd >= 0)
                        return (int) fd;
                /* EAGAIN: somebody renamed a directory during the walk; openat2(2) says try again. Not for ever: a file
                 * under a lease says the same to O_NONBLOCK. */
                if (errno != EINTR && (errno != EAGAIN || ++again > RACES_MAX))
                        return -errno;
        }
}

int root_mkdirs(const struct root *r, const char *path, mode_t mode) {
        while (*path == '/')
                path++;

        CLEANUP(free_p) char *copy = strdup(path);
        if (!copy)
                return -ENOMEM;

        /* One component at a time, each parent opened inside the root, so that a link cannot lead out of it. */
        CLEANUP(close_p) int parent = root_openat(r, "", O_PATH | O_DIRECTORY, 0);
        if (parent < 0)
                return parent;

        char *rest = NULL;
        size_t walked = 0;
        for (char *name = strtok_r(copy, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
                if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
                        return -errno;
                walked = (size_t) (name - copy) + strlen(name);
                CLEANUP(free_p) char *prefix = strndup(path, walked);
                if (!prefix)
                        return -ENOMEM;
                int fd = root_openat(r, prefix, O_PATH | O_DIRECTORY, 0);
                if (fd < 0)
                        return fd;
                close_p(&parent);
                parent = fd;
        }
        return 0;
}

ssize_t file_read_at(int dirfd, const char *name, void *buffer, size_t cap) {
        CLEANUP(close_p) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;

        char *bytes = buffer;
        size_t n = 0;
        for (;;) {
                /* One byte beyond cap tells "exactly full" from "more than fits". */
                ssize_t r = read(fd, bytes + n, cap + 1 - n);
                if (r < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (r == 0)
                        break;
                n += (size_t) r;
                if (n > cap)
                        return -EFBIG;
        }
        bytes[n] = '\0';
        return (ssize_t) n;
}

ssize_t file_read_line_at(int dirfd, const char *name, char *buffer, size_t cap) {
        ssize_t n = file_read_at(dirfd, name, buffer, cap);
        while (n > 0 && strchr(" \t\r\n", buffer[n - 1]))
                buffer[--n] = '\0';
        return n;
}

static bool holds(int fd, const char *bytes, size_t size) {
        char buffer[16384];
        for (;;) {
                ssize_t n = read(fd, buffer, sizeof buffer);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n == 0 && size == 0;
                if ((size_t) n > size || memcmp(buffer, bytes, (size_t) n) != 0)
                        return false;
                bytes += n;
                size -= (size_t) n;
        }
}

bool file_holds_at(int dirfd, const char *name, const void *bytes, size_t size) {
        CLEANUP(close_p) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        struct stat st;
        return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && holds(fd, bytes, size);
}

int file_write_value_at(int dirfd, const char *name, const char *value) {
        CLEANUP(close_p) int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;

        size_t size = strlen(value);
        ssize_t n = write(fd, value, size);
        if (n < 0)
                return -errno;
        return (size_t) n == size ? 0 : -EIO;
}

int file_write_all(int fd, const void *bytes, size_t size) {
        const char *p = bytes;
        while (size > 0) {
                ssize_t n = write(fd, p, size);
                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                p += n;
                size -= (size_t) n;
        }
        return 0;
}

static int write_temporary(int dirfd, const char *name, const void *bytes, size_t size, mode_t mode) {
        CLEANUP(close_p) int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;

        int r = file_write_all(fd, bytes, size);
        if (r < 0)
                return r;
        if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

int file_replace_at(int dirfd, const char *name, const void *bytes, size_t size, mode_t mode) {
        if (strchr(name, '/'))
                return -EINVAL;

        CLEANUP(free_p) char *temporary = NULL;
        if (asprintf(&temporary, ".%s.new", name) < 0)
                return -ENOMEM;

        /* A leftover of a crash has this name; it is ours alone, the directory is not writable by others. */
        (void) unlinkat(dirfd, temporary, 0);

        /* Opened before anything changes, so that only the disk itself can still fail after the rename. */
        CLEANUP(close_p) int directory = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return -errno;

        int r = write_temporary(dirfd, temporary, bytes, size, mode);
        if (r == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dirfd, temporary, 0);
                return r;
        }
        return fsync(directory) < 0 ? -errno : 0;
}
