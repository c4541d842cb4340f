/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small looks at files below a root, for probes. Private to agent/ctl. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/file.h"

#define PROBE_LINE 512

/* First line of a short file, "" where it cannot be read. 0 or -errno. */
int look_line(const struct root *root, const char *path, char ret[static PROBE_LINE]);
/* At most size bytes of a short file. Their number or -errno. */
long look_bytes(const struct root *root, const char *path, void *ret, size_t size);
bool look_there(const struct root *root, const char *path);
/* Calls each with the name of every entry but those with a dot first, in any order, until it returns non-zero. Number
 * of entries, or -errno. */
int look_names(const struct root *root, const char *directory, int (*each)(const char *name, void *userdata),
               void *userdata);
/* Seconds since the epoch of its last change; 0: it is not there. */
int64_t look_changed(const struct root *root, const char *path);
/* Lines of a text file without their newline, longer ones cut, until each returns non-zero. 0 or -errno. */
int look_lines(const struct root *root, const char *path, int (*each)(char *line, void *userdata), void *userdata);
/* Whether the system runs a process of this name (comm, at most 15 bytes). Anybody may call his process so; in a
 * service's control group only the system puts one. 1, 0, -errno. */
int look_process(const struct root *root, const char *name);
/* Whether a process runs in this service: "sekisho-netlogd.service". 1, 0, -errno. */
int look_service(const struct root *root, const char *unit);
/* Whether a user runs a process of this name, which proves little of what it is. 1, 0, -errno. */
int look_own_process(const struct root *root, const char *name, uid_t uid);
