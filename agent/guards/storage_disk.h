/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One disk in sysfs that is media: which device it belongs to, what udev made of it, and whether it is held. Private to
 * the storage guard. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sekisho/device.h>

#include "base/file.h"
#include "base/media.h"

#define STORAGE_DISKS "sys/block"

struct storage_disk {
        char name[MEDIA_NAME_MAX]; /* "sda" */
        int fd;                    /* O_PATH directory; owned */
        uint64_t inode;            /* of the directory: two disks are not the same under one name */
        struct device_facts facts; /* of the device that it belongs to; present_at_boot is not set */
};

/* What the kernel, the nodes and udev's database say. */
struct storage_state {
        bool as_held; /* all of it is as the mark wants it */
        bool open;    /* something of it can be used */
};

/* The device's facts are read from the device that the disk hangs on. 0; 1: no medium; -ENOENT: no such disk; -EAGAIN:
 * not complete yet. *ret: free it with storage_disk_clear() in any case. */
int storage_disk_look(const struct root *root, const char *name, struct storage_disk *ret);
void storage_disk_clear(struct storage_disk *d);

/* Has udev look again at the disk, its partitions, what is stacked on them and what speaks SCSI to it. Best effort. */
void storage_disk_trigger(const struct root *root, const struct storage_disk *d);

/* Bytes that the kernel has written to it since it appeared (Documentation/block/stat.rst). 0 or -errno. */
int storage_disk_written(const struct storage_disk *d, uint64_t *ret);

/* 0; -ENOENT: it is gone; other -errno. */
int storage_disk_state(const struct root *root, const struct storage_disk *d, const struct media_hold *hold,
                       struct storage_state *ret);
