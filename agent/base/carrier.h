/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a disk hangs on: the device whose door it came through, told from the kernel's path of it, and whether that is
 * the machine's own or something that people carry.
 *
 * Owned by base; used by the bus and storage guards, by the watch on what is written, and by the udev helpers.
 * Source: Documentation/ABI sysfs-bus-pci ("removable"), sysfs-bus-mmc ("type"); SPC-4 6.6.2 (RMB).
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "door.h"
#include "file.h"

enum carrier_bus {
        CARRIER_NONE, /* nothing that a door could be shut of: mapped, on the board */
        CARRIER_USB,  /* the USB guard's */
        CARRIER_SCSI,
        CARRIER_MMC,
        CARRIER_PCI,  /* NVMe, virtio */
        CARRIER_BARE, /* a floppy, a Memory Stick: carried, without a door of its own */
        CARRIER_BUS_MAX,
};

struct carrier {
        enum carrier_bus bus;
        char name[64];       /* the kernel's: "0:0:0:0", "mmc0:0001", "0000:00:1f.2", "1-2.3" */
        char path[PATH_MAX]; /* "/devices/...", of the carrier itself */
};

/* "scsi", "mmc", "pci": the subsystem in sysfs; "" for those without a door. */
const char *carrier_subsystem(enum carrier_bus b);

/* path: "/devices/.../block/sda/sda1", or of any device. Disks of an NVMe subsystem with several controllers have a
 * path of their own; of these the first controller counts. 0; -EINVAL: no path of a device. */
int carrier_find(const struct root *root, const char *path, struct carrier *ret);

/* Whether it is carried in and out whatever was there at boot: USB, SD cards, optical and removable disks, floppies,
 * what is plugged into a port on the outside (Thunderbolt, FireWire). Not so is what the running system stands on. */
bool carrier_is_carried(const struct root *root, const struct carrier *c);

/* Whether what hangs on it is media: carried, or come after boot. */
bool carrier_is_media(const struct root *root, const struct carrier *c);

/* The inode of its directory, by which marks know it. 0 or -errno. */
int carrier_inode(const struct root *root, const struct carrier *c, uint64_t *ret);
