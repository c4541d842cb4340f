/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the bytes of a medium come from: a USB stick, or the image of one. Owned by agent/medium.
 *
 * This room is what reads a medium that is otherwise shut: one process, sekisho-reader, which the agent starts for one
 * medium, and which can do nothing but read it and write what it found to its standard output. Nothing of it is trusted
 * afterwards; whether a document is good its signatures say.
 */
#pragma once

#include <stdint.h>

#define SECTOR_MAX 4096u

struct source {
        uint32_t sector; /* bytes: 512, 1024, 2048 or 4096 */
        uint64_t n;      /* sectors */
        /* Reads count sectors from first on, all of which exist. 0 or -errno. */
        int (*read)(struct source *s, uint64_t first, uint32_t count, uint8_t *buffer);
        int fd;
        uint64_t budget; /* sectors that may still be read: a medium must not keep us busy for ever */
};

/* Checks the bounds and the budget, and reads. 0; -ERANGE: there are no such sectors, -EDQUOT: enough; other -errno. */
int source_read(struct source *s, uint64_t first, uint32_t count, uint8_t *buffer);

/* A regular file or block device. 0 or -errno. */
int source_open_image(int fd, struct source *ret);

/* A USB device whose mass storage interface is claimed through fd (usbfs). 0 or -errno; -ENOMEDIUM: nothing is in it.
 */
int source_open_usb(int fd, struct source *ret);
/* Claims the device's first mass storage interface of the Bulk-Only kind. authorized: its file in sysfs of that name,
 * into which "1" is written just before, so that no driver comes first; -1: it is so already. 0 or -errno. */
int source_claim_usb(int fd, int authorized);
