/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes a disk away from those who have it mounted, without losing what they have written. Private to sekisho-media.
 *
 * The agent lives in a mount namespace of its own and without capabilities; it asks over a socket, and systemd starts
 * this for one request.
 */
#pragma once

#include <stdint.h>

#include "base/file.h"

enum media_close {
        MEDIA_CLOSE_DETACH,    /* nothing of it stays mounted */
        MEDIA_CLOSE_READ_ONLY, /* what is mounted becomes read-only; what cannot is detached */
};

/* disk: "sda", whose directory in sysfs has this inode; also its partitions and what is stacked on them. What was
 * written is on the medium before anything is taken away. 0; -ENOENT: no such disk; -EBUSY: something is mounted (or
 * may be written) still; other -errno. */
int media_close(const struct root *root, const char *disk, uint64_t inode, enum media_close how);
