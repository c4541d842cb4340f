/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ports' default: what arrives, arrives shut. Private to the USB guard. */
#pragma once

#include "base/file.h"

/* Writes 0 to authorized_default of usbcore (controllers to come) and of every controller, where it is not 0 already,
 * and reads it back. 0; -EPERM: the kernel kept another value; other -errno: of the first that failed, the rest was
 * tried. */
int usb_ports_shut(const struct root *root);
