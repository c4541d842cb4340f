/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One USB device in sysfs: who it is, what it says of itself, and whether it is open. The USB guard's; the storage
 * guard reads a device's facts by it.
 *
 * All is read through one directory descriptor, so that a device that has gone never lends its name to the next.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sekisho/device.h>

#include "base/file.h"
#include "sys/usb_interfaces.h"

#define USB_DEVICES  "sys/bus/usb/devices"
#define USB_NAME_MAX 64 /* with its NUL; deeper than the seven tiers of USB go */

/* Two devices that differ in any of these are not the same, even under one name. */
struct usb_identity {
        uint32_t busnum, devnum;
        uint64_t inode; /* of the directory */
        uint8_t digest[DIGEST_SIZE];
};

struct usb_device {
        char name[USB_NAME_MAX];
        int fd; /* O_PATH directory; owned */
        struct usb_identity identity;
        struct device_facts facts; /* present_at_boot is left to the guard */
};

struct usb_state {
        bool authorized;                  /* what the kernel says */
        struct usb_interfaces interfaces; /* where there are any, drivers may be bound to them */
};

/* "usb1", "1-2", "1-2.3.4": a device. Interfaces ("1-2:1.0") and everything else are not. */
bool usb_name_is_device(const char *name);
/* The name of the hub that it hangs on: "1-2" for "1-2.3", "usb1" for "1-2". false for a root hub. */
bool usb_name_parent(const char *name, char ret[USB_NAME_MAX]);

/* Reads identity and descriptors, without taking the device's lock. 0; -ENOENT: there is no such device; -EAGAIN: it
 * (or the hub before it) is not complete yet; other -errno. *ret is set on 0 and -EAGAIN with fd < 0 possible on the
 * latter: free it with usb_device_clear() in any case. hub: what it hangs on, if that is known: its bus is the
 * device's; NULL: looked for. */
int usb_device_look(const struct root *root, const char *name, const struct usb_device *hub, struct usb_device *ret);

/* Reads the strings (serial, manufacturer, product) into facts. 0; -EAGAIN: the device is locked; other -errno. */
int usb_device_read_strings(struct usb_device *d);

bool usb_identity_same(const struct usb_identity *a, const struct usb_identity *b);

/* 0 or -errno (-ENOENT, -ENODEV: gone; -EBADMSG: the kernel's answer is neither 0 nor 1). */
int usb_device_state(const struct usb_device *d, const struct interface_list *listed, struct usb_state *ret);

/* Its usbfs node as O_PATH, checked to be the character device of that bus and device number. Descriptor or -errno. */
int usb_device_open_node(const struct root *root, const struct usb_device *d);

void usb_device_clear(struct usb_device *d);
