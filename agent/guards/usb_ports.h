/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ports' default: what arrives, arrives shut. Private to the USB guard. */
#pragma once

#include "base/file.h"

/* Writes 0 to authorized_default of usbcore (controllers to come) and of every controller, where it is not 0 already,
 * and reads it back. 0; -EPERM: the kernel kept another value; other -errno: of the first that failed, the rest was
 * tried. */
int usb_ports_shut(const struct root *root);

/* Writes 1 to interface_authorized_default of every controller where it is not 1: what is opened whole then comes with
 * its interfaces, and the floor may open a keyboard when we are gone. Not while a device is being opened in part. 0 or
 * -errno of the first that failed. */
int usb_ports_reset_interfaces(const struct root *root);
