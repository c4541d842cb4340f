/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mark of a device that is no USB port's: whether its door is open, as the agent decided, and which devices are the
 * machine itself.
 *
 * Owned by base; written by the bus guard, read by the udev helpers, which hold the doors by it also while no agent is
 * there. Marks live in memory and name the device by its directory in sysfs, so that a device that takes the name of
 * another never takes its mark. Once the agent has looked at what was there at boot, a device without a mark is shut.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "file.h"

#define DOOR_MARKS    "run/sekisho/doors"
#define DOOR_NAME_MAX 96 /* "scsi:0:0:0:0", "pci:0000:00:1f.2", with its NUL */
/* What no driver is called: a PCI device that is to have this one alone gets none. */
#define DOOR_NO_DRIVER "sekisho-shut"

enum door_state {
        DOOR_SHUT, /* zero: what is forgotten is shut */
        DOOR_OPEN,
        DOOR_MACHINE, /* it was there at boot and is no medium: nobody's business */
        DOOR_STATE_MAX,
};

struct door_mark {
        uint64_t inode; /* of the device's directory in sysfs */
        enum door_state state;
        bool at_boot; /* it was there when the agent first looked */
};

/* "SUBSYSTEM:NAME", both as the kernel makes them, and nothing that leads elsewhere. False: it does not fit. */
bool door_name(const char *subsystem, const char *name, char ret[DOOR_NAME_MAX]);

/* 0 or -errno. */
int door_mark_write(const struct root *root, const char *door, const struct door_mark *mark);
/* 0; -ENOENT: there is none, or it is of another device that had the name; -EBADMSG: it is damaged; other -errno. */
int door_mark_read(const struct root *root, const char *door, uint64_t inode, struct door_mark *ret);
int door_mark_remove(const struct root *root, const char *door); /* 0 (also when there is none) or -errno */

/* Whether the first look of this boot is over: from then on, what has no mark is a newcomer. */
bool doors_are_kept(const struct root *root);
int doors_keep(const struct root *root); /* it is over. 0 or -errno */

/* What holds for the device: its mark; without one MACHINE before the first look is over, SHUT afterwards. */
enum door_state door_state(const struct root *root, const char *door, uint64_t inode);
