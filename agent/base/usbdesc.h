/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the raw descriptors of a USB device, as the kernel shows them in sysfs `descriptors`:
 * the 18-byte device descriptor, then every configuration with all its interfaces and alternate settings.
 *
 * Owned by base (libc only), because the keyboard floor in the initramfs and the agent must judge a device by the same
 * reading. The bytes come from the device: every length is a claim.
 * Source: USB 2.0 section 9.5 and 9.6; kernel drivers/usb/core/sysfs.c (descriptors_read).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <sekisho/device.h>

#define USBDESC_MAX 65536u /* bytes; more than any device that the kernel accepts in practice; else invalid */

enum usbdesc_outcome {
        USBDESC_OK = 0,
        USBDESC_TRUNCATED = 1, /* ends inside a descriptor, or before everything that it promises is there */
        USBDESC_BAD_LENGTH,    /* bLength of 0 or 1, or too short for its type */
        USBDESC_BAD_TYPE,      /* not one device descriptor, first; or not a configuration where one is due */
        USBDESC_BAD_COUNT,     /* more configurations than promised, none, or more interfaces than the kernel takes */
        USBDESC_TOO_MANY,      /* more than DEVICE_INTERFACES_MAX distinct triples, or than USBDESC_MAX bytes */
};

struct usbdesc {
        uint16_t vendor, product;
        uint8_t device_class;
        uint8_t n_configurations;
        struct interface_triple interfaces[DEVICE_INTERFACES_MAX]; /* distinct, in order of appearance */
        uint16_t n_interfaces;
};

/* 0 or a positive enum usbdesc_outcome; *ret is set only on 0. Never reads outside bytes[0..size). What is refused,
 * what is tolerated, and why: first comment of usbdesc.c. */
int usbdesc_parse(const uint8_t *bytes, size_t size, struct usbdesc *ret);

/* Whether every alternate setting of one interface of one configuration is among listed[0..n). bytes: as
 * usbdesc_parse() has accepted them; of others, and of an interface that is not there: false. */
bool usbdesc_interface_within(const uint8_t *bytes, size_t size, uint8_t configuration, uint8_t interface,
                              const struct interface_triple *listed, size_t n);

/* English word for records: "truncated", "bad-length", ... */
const char *usbdesc_outcome_name(int outcome);
