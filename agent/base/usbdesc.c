/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is trusted here, and why.
 *
 * The kernel's file is not what the device sent, but what the kernel made of it: the 18 bytes of the device
 * descriptor, then for each configuration exactly the descriptors that usb_parse_configuration() walked over. It has
 * cut off what did not parse, and counts the rest by its own record, not by the wTotalLength in the bytes. So the
 * file, whole, is one unbroken chain of descriptors, and an interface that a driver may bind stands in that chain.
 * This reader follows the chain, and takes every interface descriptor in it, wherever the device claims that a
 * configuration ends: no claim can hide one.
 *
 * Strict, because no honest device does it, or because it would make two readers disagree:
 *   - a chain that breaks (length 0 or 1, or beyond the end), a second device descriptor, a number of configurations
 *     other than promised, something between two configurations, an interface or configuration descriptor shorter
 *     than its fields, more interface numbers than the kernel takes (32), more distinct triples than a rule can look
 *     at.
 * Tolerant, because keyboards that are sold do it, Linux works with them, and nothing can hide behind it:
 *   - wTotalLength beyond the end of the chain, if every interface that bNumInterfaces promises is there: the kernel
 *     has cut a tail ("has 1 excess byte", "invalid descriptor of length 0, skipping remainder", "descriptor too
 *     short").
 *   - bNumInterfaces other than the number of interfaces, if wTotalLength is right: the kernel warns and counts
 *     itself.
 *   - class-specific and unknown descriptors of any type anywhere, endpoints in any number and length, descriptors
 *     that are longer than their fields, interface numbers with gaps.
 */
#include "usbdesc.h"

#include <stdbool.h>

enum { TYPE_DEVICE = 1, TYPE_CONFIGURATION = 2, TYPE_INTERFACE = 4 };        /* USB 2.0 table 9-5 */
enum { DEVICE_LENGTH = 18, CONFIGURATION_LENGTH = 9, INTERFACE_LENGTH = 9 }; /* tables 9-8, 9-10, 9-12 */
enum { KERNEL_MAX_INTERFACES = 32 };                                         /* include/linux/usb.h */

struct configuration {
        size_t start;
        unsigned total_length, promised; /* wTotalLength, bNumInterfaces: claims */
        unsigned n_numbers;              /* distinct bInterfaceNumber */
        uint8_t numbers[256 / 8];
};

static unsigned le16(const uint8_t *p) {
        return (unsigned) p[0] | (unsigned) p[1] << 8;
}

/* At the end of a configuration, be it the next one's start or the end of the bytes. */
static int configuration_close(const struct configuration *c, size_t end) {
        size_t length = end - c->start;
        if (length > c->total_length)
                return USBDESC_BAD_TYPE; /* beyond the claimed end only a configuration may stand */
        if (length < c->total_length && c->n_numbers < c->promised)
                return USBDESC_TRUNCATED;
        return USBDESC_OK;
}

static int configuration_open(const uint8_t *bytes, size_t at, struct configuration *c) {
        const uint8_t *d = bytes + at;
        if (d[0] < CONFIGURATION_LENGTH)
                return USBDESC_BAD_LENGTH;
        *c = (struct configuration){ .start = at, .total_length = le16(d + 2), .promised = d[4] };
        return USBDESC_OK;
}

static int interface_add(const uint8_t *d, struct configuration *c, struct usbdesc *u) {
        if (d[0] < INTERFACE_LENGTH)
                return USBDESC_BAD_LENGTH;

        uint8_t *word = &c->numbers[d[2] / 8], bit = (uint8_t) (1u << d[2] % 8);
        if (!(*word & bit)) {
                *word |= bit;
                if (++c->n_numbers > KERNEL_MAX_INTERFACES)
                        return USBDESC_BAD_COUNT;
        }

        for (unsigned i = 0; i < u->n_interfaces; i++) {
                const struct interface_triple *t = &u->interfaces[i];
                if (t->class == d[5] && t->subclass == d[6] && t->protocol == d[7])
                        return USBDESC_OK;
        }
        if (u->n_interfaces == DEVICE_INTERFACES_MAX)
                return USBDESC_TOO_MANY;
        u->interfaces[u->n_interfaces++] =
                (struct interface_triple){ .class = d[5], .subclass = d[6], .protocol = d[7] };
        return USBDESC_OK;
}

static int walk_configurations(const uint8_t *bytes, size_t size, struct usbdesc *u) {
        struct configuration c = { 0 };
        unsigned n = 0;
        for (size_t at = DEVICE_LENGTH; at < size;) {
                if (size - at < 2)
                        return USBDESC_TRUNCATED;
                const uint8_t *d = bytes + at;
                if (d[0] < 2)
                        return USBDESC_BAD_LENGTH;
                if (d[0] > size - at)
                        return USBDESC_TRUNCATED;

                int r = USBDESC_OK;
                if (d[1] == TYPE_CONFIGURATION) {
                        if (n > 0)
                                r = configuration_close(&c, at);
                        if (r == USBDESC_OK)
                                r = configuration_open(bytes, at, &c);
                        n++;
                } else if (n == 0 || d[1] == TYPE_DEVICE) {
                        r = USBDESC_BAD_TYPE;
                } else if (d[1] == TYPE_INTERFACE) {
                        r = interface_add(d, &c, u);
                }
                if (r != USBDESC_OK)
                        return r;
                at += d[0];
        }
        if (n < u->n_configurations)
                return USBDESC_TRUNCATED;
        if (n > u->n_configurations || n == 0)
                return USBDESC_BAD_COUNT;
        return configuration_close(&c, size);
}

int usbdesc_parse(const uint8_t *bytes, size_t size, struct usbdesc *ret) {
        if (size < DEVICE_LENGTH)
                return USBDESC_TRUNCATED;
        if (size > USBDESC_MAX)
                return USBDESC_TOO_MANY;
        if (bytes[0] != DEVICE_LENGTH)
                return USBDESC_BAD_LENGTH;
        if (bytes[1] != TYPE_DEVICE)
                return USBDESC_BAD_TYPE;

        struct usbdesc u = {
                .vendor = (uint16_t) le16(bytes + 8),
                .product = (uint16_t) le16(bytes + 10),
                .device_class = bytes[4],
                .n_configurations = bytes[17],
        };
        int r = walk_configurations(bytes, size, &u);
        if (r == USBDESC_OK)
                *ret = u;
        return r;
}

static bool is_listed(const uint8_t *d, const struct interface_triple *listed, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (listed[i].class == d[5] && listed[i].subclass == d[6] && listed[i].protocol == d[7])
                        return true;
        return false;
}

bool usbdesc_interface_within(const uint8_t *bytes, size_t size, uint8_t configuration, uint8_t interface,
                              const struct interface_triple *listed, size_t n) {
        bool inside = false, found = false;
        for (size_t at = 0; at < size;) {
                const uint8_t *d = bytes + at;
                if (size - at < 2 || d[0] < 2 || d[0] > size - at)
                        return false;
                if (d[1] == TYPE_CONFIGURATION && d[0] >= CONFIGURATION_LENGTH)
                        inside = d[5] == configuration;
                else if (inside && d[1] == TYPE_INTERFACE && d[0] >= INTERFACE_LENGTH && d[2] == interface) {
                        found = true;
                        if (!is_listed(d, listed, n))
                                return false;
                }
                at += d[0];
        }
        return found;
}

const char *usbdesc_outcome_name(int outcome) {
        static const char *const names[] = {
                [USBDESC_OK] = "ok",
                [USBDESC_TRUNCATED] = "truncated",
                [USBDESC_BAD_LENGTH] = "bad-length",
                [USBDESC_BAD_TYPE] = "bad-type",
                [USBDESC_BAD_COUNT] = "bad-count",
                [USBDESC_TOO_MANY] = "too-many",
        };
        return outcome >= 0 && (size_t) outcome < sizeof names / sizeof *names ? names[outcome] : "unknown";
}
