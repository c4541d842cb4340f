/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device that was there at boot, went for a moment and is back on its port: a loose plug, a hub that was reset.
 * Private to the USB guard.
 *
 * It is the same as before only if everything that it says of itself is the same, and it says so soon. That proves
 * nothing (a clone says it, too), so it only keeps what being there at boot gives: it is decided on and recorded like
 * any other device, with facts.returned, and a keyboard locks the screen before it types. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "usb_device.h"

#define USB_RETURN_USEC                                                                                                \
        UINT64_C(3000000)  /* enumerating again takes one; a plug that is only loose comes back at once */
#define USB_RETURN_MAX 16u /* remembered at a time; the oldest goes */

struct usb_departed {
        char name[USB_NAME_MAX];
        struct device_facts facts;
        uint64_t at; /* boot clock */
};

struct usb_returns {
        struct usb_departed list[USB_RETURN_MAX];
        unsigned next;
};

/* d is gone. Only what was there at boot is remembered. */
void usb_return_note(struct usb_returns *r, const struct usb_device *d, uint64_t now);
/* Whether d, which has just come, was there a moment ago; once for each time that it went. */
bool usb_return_take(struct usb_returns *r, const struct usb_device *d, uint64_t now);
