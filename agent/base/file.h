/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Safe files, and the injected root through which sysfs, proc, dev, etc, run and var are reached.
 *
 * Owned by base (libc only). Every path of the product is opened through struct root, so that the whole agent runs
 * against a fake machine: `sekishod --root DIR`. Symbolic links resolve inside the root (openat2(2), RESOLVE_IN_ROOT);
 * sysfs is full of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct root {
        int fd;          /* O_PATH directory */
        bool is_machine; /* true for "/": the real machine */
};

/* path: "/" or the directory of a fake machine. 0 or -errno. */
int root_open(const char *path, struct root *ret);
void root_close(struct root *r);

/* Opens path (leading '/' optional) inside the root. A file descriptor or -errno. O_CLOEXEC is added. mode counts
 * only where flags create. Below a fake root magic links (/proc/self/fd/N) are not followed: -ELOOP or -EXDEV. */
int root_openat(const struct root *r, const char *path, int flags, mode_t mode);

/* Creates the directory and its parents (mode, less the umask, for those it creates). 0 or -errno. */
int root_mkdirs(const struct root *r, const char *path, mode_t mode);

/* Reads at most cap bytes of a (sysfs) file below dirfd in one pass; NUL-terminates, so buffer has cap + 1 bytes.
 * Number of bytes or -errno; -EFBIG when there is more. */
ssize_t file_read_at(int dirfd, const char *name, void *buffer, size_t cap);

/* The same, for one line of text: trailing white space cut. Length or -errno. */
ssize_t file_read_line_at(int dirfd, const char *name, char *buffer, size_t cap);

/* Writes value to an existing (sysfs) file in one write(2). 0 or -errno. */
int file_write_value_at(int dirfd, const char *name, const char *value);

/* Whether the regular file has just these bytes: a large one without a second copy in memory. False also on failure. */
bool file_holds_at(int dirfd, const char *name, const void *bytes, size_t size);

/* Replaces name with bytes so that a power cut leaves the old or the new file: temporary file in the same directory,
 * write, fsync, rename, fsync of the directory. name: no slash in it (-EINVAL); one writer at a time. 0 or -errno; on
 * failure nothing has changed, but for an I/O error in the last fsync: then the new file is there and may not last. */
int file_replace_at(int dirfd, const char *name, const void *bytes, size_t size, mode_t mode);

/* write(2) until all is written or an error. 0 or -errno. */
int file_write_all(int fd, const void *bytes, size_t size);
