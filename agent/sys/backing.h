/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which piece of hardware a block device rests on: through partitions, and through mappers (LUKS, LVM) to what is
 * below.
 *
 * Owned by agent/sys. Source: Documentation/ABI/stable/sysfs-block, sysfs-devices; the kernel's own path of the disk
 * says where it is plugged in.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/file.h"

#define BACKING_NAME_MAX 64

struct backing {
        bool is_medium; /* something that people carry, or that came after boot: base/carrier.h, or removable */
        char port[BACKING_NAME_MAX]; /* what it hangs on: "1-2.3", "mmc0:0001"; "" if there is none */
        char disk[BACKING_NAME_MAX]; /* the block device itself, "sdb1", "dm-0" */
};

/* 0; -ENOENT: there is no such block device; other -errno. A mapper over several disks is a medium when one of them is;
 * that one is named. */
int backing_find(const struct root *root, dev_t device, struct backing *ret);
