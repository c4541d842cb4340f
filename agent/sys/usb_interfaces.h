/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interfaces of an authorised USB device, one by one: which there are, which may be open, and opening those.
 *
 * Owned by agent/sys; the USB guard reads with it, a worker writes with it. All goes through the device's directory.
 * Source: kernel Documentation/usb/authorization.rst, "Interface authorization".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sekisho/device.h>

/* A root hub's file: what the interfaces of a device get when it is authorised. */
#define USB_INTERFACE_DEFAULT "interface_authorized_default"

struct interface_list {
        struct interface_triple list[DEVICE_INTERFACES_MAX];
        uint32_t n; /* 0: every interface is listed */
};

struct usb_interfaces {
        unsigned n;              /* there are */
        unsigned strangers_open; /* not listed, but authorised: a driver may have them */
        unsigned listed_shut;    /* listed, but not authorised */
};

/* device: directory in sysfs. An interface is listed only if all its alternate settings are, in the raw descriptors of
 * the configuration that is active. 0 or -errno. */
int usb_interfaces_read(int device, const struct interface_list *listed, struct usb_interfaces *ret);

/* Takes the strangers' authorisation away (their drivers are unbound), gives it to the listed ones, and has drivers
 * look for these (bus: directory sys/bus/usb, may be -1 where nothing is to be opened). Waits for drivers: call in a
 * worker. 0 or -errno. */
int usb_interfaces_open(int device, int bus, const struct interface_list *listed);
