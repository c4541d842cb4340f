/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One device of a bus that is not USB, in sysfs: who it is, what it says of itself, and whether it is open. The bus
 * guard's; the storage guard reads a disk's facts by it.
 *
 * Source: Documentation/ABI/testing/sysfs-bus-pci, sysfs-bus-mmc, sysfs-bus-thunderbolt, sysfs-block-device; SPC-4 for
 * the inquiry data and the vital product data that the SCSI layer shows.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sekisho/device.h>

#include "base/door.h"
#include "base/file.h"
#include "sys/uevent.h"

struct bus_kind {
        const char *subsystem; /* "scsi" */
        const char *devices;   /* "sys/bus/scsi/devices" */
        const char *directory; /* "sys/bus/scsi"; with drivers_autoprobe in it where closes is set */
        enum uevent_devices events;
        bool closes;       /* drivers_autoprobe = 0 keeps drivers away from newcomers; else sekisho-door does */
        const char *first; /* names of devices begin with one of these; NULL: any */
        bool radio_only;   /* part of the board: only a Bluetooth adapter is anybody's business */
};

extern const struct bus_kind bus_kinds[];
extern const size_t n_bus_kinds;
const struct bus_kind *bus_kind_of(const char *subsystem); /* or NULL */

/* Of buses that have no doors of their own, but whose devices get no driver by themselves either. */
extern const char *const bus_closed_too[];
extern const size_t n_bus_closed_too;

bool bus_name_is_device(const struct bus_kind *k, const char *name);

struct bus_device {
        const struct bus_kind *kind;
        char door[DOOR_NAME_MAX]; /* "scsi:0:0:0:0" */
        int fd;                   /* O_PATH directory; owned */
        uint64_t inode;
        bool carried; /* base/carrier.h */
        bool is_usb;  /* behind a USB port: decided there */
        struct device_facts facts;
};

/* Who it is, without its facts. 0; -ENOENT: there is no such device; -ENODEV: it has no door; other -errno. *ret:
 * bus_device_clear() in any case.
 */
int bus_device_find(const struct root *root, const struct bus_kind *kind, const char *name, struct bus_device *ret);
/* The facts of one that was found; present_at_boot is left to the guard. 0; -ENOENT: it is gone; other -errno. */
int bus_device_read(const struct root *root, const char *name, struct bus_device *d);
/* Of the unit serial number page (SPC-4 7.8.16): four bytes, the last two of them the length of the text that follows,
 * which may be padded with blanks. No page: "". False: it does not hold together; ret is "" then. */
bool bus_unit_serial(const uint8_t *page, size_t size, char *ret, size_t ret_size);

void bus_device_clear(struct bus_device *d);

/* PCI gives a newcomer its driver without being asked. Where none is bound yet, none will be, unless its door is open
 * or part of the keyboard floor: sekisho-door does the same, but udev takes its time. Best effort. */
void bus_device_hurry(const struct bus_device *d, enum door_state state);

/* Whether it has a driver (or is authorised), and whether it could get one. 0; -ENOENT: it is gone. */
int bus_device_state(const struct bus_device *d, bool *ret_open, bool *ret_may_open);
