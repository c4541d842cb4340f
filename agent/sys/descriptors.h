/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second reader of a USB device's descriptors: libusb, which other people wrote. The one file that uses it.
 *
 * Owned by agent/sys; called in a worker process only, never in the agent: it parses hostile bytes and asks the device.
 */
#pragma once

#include <sekisho/device.h>

#define DESCRIPTORS_UNREADABLE 1

/* fd: an open usbfs node (read and write), borrowed. Fills vendor, product and interfaces of *ret: distinct triples of
 * all configurations and alternate settings. 0; DESCRIPTORS_UNREADABLE: libusb could not tell; -EOVERFLOW: more than
 * DEVICE_INTERFACES_MAX. *ret is touched on success only. */
int descriptors_read(int fd, struct device_facts *ret);

/* Whether both name the same vendor, product and set of triples, whatever their order. */
bool descriptors_agree(const struct device_facts *a, const struct device_facts *b);
