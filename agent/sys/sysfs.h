/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads sysfs through directory descriptors, never by two look-ups of the same path.
 *
 * Owned by agent/sys; used by guards. A directory descriptor of a device keeps meaning that device: when it is gone,
 * reads through it fail, even if another device has taken its name.
 *
 * Some attributes (USB strings) wait for the device's lock, which a driver that hangs in its probe may hold for ever.
 * Reads between sysfs_patience_begin() and _end() give up with -EINTR instead of taking the agent with them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/file.h"

/* Opens a directory of the injected root with O_PATH. A file descriptor or -errno. */
int sysfs_open_directory(const struct root *root, const char *path);

/* Reads at most cap bytes; NUL-terminates (buffer has cap + 1 bytes). Unlike file_read_at() a signal ends it.
 * Number of bytes or -errno; -EFBIG: there is more; -EINTR: patience is over. */
ssize_t sysfs_read_at(int dirfd, const char *name, void *buffer, size_t cap);

/* The same as one line without its trailing white space. */
ssize_t sysfs_read_line_at(int dirfd, const char *name, char *buffer, size_t cap);

/* Reads a number that fills the whole line: decimal or hexadecimal digits, nothing else. 0; -EBADMSG: not a number or
 * greater than max; other -errno of reading. */
int sysfs_read_number_at(int dirfd, const char *name, int base, uint32_t max, uint32_t *ret);

/* Calls each with every name in the directory except "." and ".."; the names are read first, so that each may take its
 * time. Order is by name. Stops at the first callback that returns non-zero and returns that. 0 or -errno. */
int sysfs_each_name(int dirfd, int (*each)(const char *name, void *userdata), void *userdata);

/* At most one at a time in the process; uses SIGALRM. usec: until blocking reads fail with -EINTR. */
void sysfs_patience_begin(uint64_t usec);
void sysfs_patience_end(void);
