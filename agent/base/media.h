/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mark of a disk that is media: how it is to be held, as the agent decided.
 *
 * Owned by base; written by the storage guard, read by the udev helper (sekisho-media), which holds the disk by it also
 * while no agent is there. A disk on a bus that media come by and without a mark is shut. Marks live in memory and name
 * the disk by its directory in sysfs, so that a disk that takes the name of another never takes its mark.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "file.h"

#define MEDIA_MARKS    "run/sekisho/media"
#define MEDIA_NAME_MAX 64 /* "sda", with its NUL */

enum media_access {
        MEDIA_SHUT, /* zero: what is forgotten is shut */
        MEDIA_READ_ONLY,
        MEDIA_OPEN,
        MEDIA_ACCESS_MAX,
        MEDIA_ACCESS_INVALID = -22,
};

struct media_hold {
        uint64_t inode; /* of the disk's directory in sysfs */
        enum media_access access;
        bool encrypted; /* only LUKS volumes; the rest of the disk is shut */
        char *users;    /* "yamada group:joho": only they; NULL: anyone. Owned */
};

/* The name of a whole disk as the kernel makes them, and nothing that leads elsewhere. */
bool media_name_is_valid(const char *name);

/* Writes the mark of a disk, readable by all. 0 or -errno. */
int media_mark_write(const struct root *root, const char *disk, const struct media_hold *hold);

/* *ret: free it with media_hold_clear(). 0; -ENOENT: there is none; -EBADMSG: it is damaged; -EINVAL: no name of a
 * disk; other -errno. */
int media_mark_read(const struct root *root, const char *disk, struct media_hold *ret);

int media_mark_remove(const struct root *root, const char *disk); /* 0 (also when there is none) or -errno */

/* "8:1", as sysfs and mountinfo write the number of a device. False: it is none. */
bool media_parse_number(const char *text, dev_t *ret);

/* A property that the udev rules gave a block device at its last event, from udev's database. number: "8:1". 0;
 * -ENOENT: it has none; other -errno. */
int media_property(const struct root *root, const char *number, const char *name, char *ret, size_t size);

bool media_hold_same(const struct media_hold *a, const struct media_hold *b);
void media_hold_clear(struct media_hold *h);
const char *media_access_name(enum media_access a); /* "read-only" */
