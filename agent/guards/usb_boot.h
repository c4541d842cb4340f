/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which USB devices were there at boot, kept in run/sekisho so that a restart of the agent does not change the answer.
 * Private to the USB guard. */
#pragma once

#include <stdbool.h>

#include "usb_device.h"

#define USB_BOOT_DIRECTORY "run/sekisho"
#define USB_BOOT_FILE      "boot-devices"

struct usb_boot_entry {
        char name[USB_NAME_MAX];
        uint32_t busnum, devnum;
        uint8_t digest[DIGEST_SIZE];
};

struct usb_boot {
        struct usb_boot_entry *list;
        size_t n, n_allocated;
        bool first_scan; /* nobody has looked yet since the machine started */
        bool changed;
};

/* Reads what an earlier agent of this boot saw. No file, or another boot's: first_scan. 0 or -errno. */
int usb_boot_load(const struct root *root, struct usb_boot *ret);
bool usb_boot_has(const struct usb_boot *b, const struct usb_device *d);
int usb_boot_add(struct usb_boot *b, const struct usb_device *d); /* 0 or -ENOMEM */
/* It has gone. The kernel gives its numbers to others some time later. */
void usb_boot_remove(struct usb_boot *b, const struct usb_device *d);
/* Writes if anything changed. 0 or -errno. */
int usb_boot_save(const struct root *root, struct usb_boot *b);
void usb_boot_clear(struct usb_boot *b);
