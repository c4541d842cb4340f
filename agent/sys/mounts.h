/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/self/mountinfo. Owned by agent/sys. Source of the format: proc(5), Documentation/filesystems/proc.rst 3.5. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mount_entry {
        uint64_t id;
        dev_t device; /* of its files; for some filesystems (btrfs) not that of a disk */
        char *root;   /* what of the filesystem is mounted: "/" unless it is a bind mount */
        char *point;
        char *filesystem; /* "vfat" */
        char *source;     /* "/dev/sdb1" */
};

struct mount_table {
        struct mount_entry *list;
        size_t n;
};

/* text: the whole file, NUL-terminated; changed. Lines that are none are passed over. 0 or -ENOMEM; the texts of *ret
 * lie in text. */
int mounts_parse(char *text, struct mount_table *ret);
void mounts_clear(struct mount_table *t);
