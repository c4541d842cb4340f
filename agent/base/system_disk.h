/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the running system stands on: the disks behind its mounts, through mappers and RAID. Nobody shuts these,
 * whatever they are called. Owned by base. Source: proc(5), mountinfo.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "file.h"

/* path: "/devices/...", of a device. True when a disk below it carries a mount that is not one of media's places
 * (/media, /mnt, /run/media), or a mapper or RAID under one. What cannot be read is taken for the system's. */
bool system_stands_on(const struct root *root, const char *path);

/* The "/devices/..." path of a directory (or a link to one) below directory. 0 or -errno. */
int system_path_at(int directory, const char *name, char ret[PATH_MAX]);
