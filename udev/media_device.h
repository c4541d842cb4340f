/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which disk a device belongs to, and how that disk is to be held. Private to sekisho-media. */
#pragma once

#include <stdbool.h>

#include "base/file.h"
#include "base/media.h"

struct media_device {
        bool is_media;
        bool is_block;          /* else what speaks to the same disk: scsi_generic, bsg, scsi_tape */
        bool unlocked;          /* it lies behind a dm-crypt mapping of a LUKS volume */
        char *path;             /* "/devices/.../block/sda/sda1"; owned */
        struct media_hold hold; /* of its disk; when there are several, the strictest of all */
};

/* syspath: as udev gives it ("/devices/..."), or with /sys in front. A disk that is carried or came after boot is media
 * (base/carrier.h), and so is every disk that has a mark; what is stacked on them (device mapper, md) as well. Without
 * a mark that is theirs they are shut. *ret: free it with media_device_clear(), on success. 0; -EINVAL: no path of a
 * device; other -errno. */
int media_device_find(const struct root *root, const char *syspath, struct media_device *ret);
void media_device_clear(struct media_device *d);

/* The same for a node ("/dev/sda1"). -ENOTBLK: none of a block device. */
int media_device_find_node(const struct root *root, const char *node, struct media_device *ret);

/* Its node as O_PATH, checked to be that device. Descriptor or -errno. */
int media_device_open_node(const struct root *root, const struct media_device *d);
