/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The usbfs node of a device that is not open, or open in part: nobody but root sends it a request. udev gives nodes
 * away (72-sekisho-closed.rules says when not); here that is read back. Private to the USB guard. */
#pragma once

#include "usb_device.h"

/* A file in here tells udev that the device of that name keeps a root-only node although it is authorised. */
#define USB_NODE_MARKS "run/sekisho/root-only"

/* Puts the mark for a device, or takes it away. 0 or -errno. */
int usb_node_mark(const struct root *root, const char *name, bool root_only);

/* Takes away marks of devices that are not there. 0 or -errno. */
int usb_node_sweep(const struct root *root);

/* Makes sure that the node belongs to root alone: owner, mode and, by the mode, every entry of an access control list.
 * 0: it does (or there is no node); -errno: it does not. */
int usb_node_close(const struct root *root, const struct usb_device *d);
