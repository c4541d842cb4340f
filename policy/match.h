/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether one device rule matches one device. Private to the policy library: the linear walk asks key by key, the index
 * has already looked at the keys that it hashes and asks for the rest.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sekisho/policy.h>

/* A device, made ready for being compared with many rules. Lives on the stack of one decision. */
struct device_view {
        const struct device_facts *facts;
        size_t serial_length;
        unsigned n_masks;
        uint32_t masks[DEVICE_INTERFACES_MAX]; /* distinct interface_classes() of its interfaces */
};

/* facts: n_interfaces within bounds; borrowed. */
void device_view_init(struct device_view *v, const struct device_facts *facts);

/* The first key of the rule's match that the device does not have, in the order of the manual; NULL when it matches. */
const char *device_rule_mismatch(const struct device_rule *r, const struct device_view *v);

/* Devices on a virtual controller (usbip) come from elsewhere: only a rule that names the bus opens one, while a rule
 * that blocks reaches them like all others. */
bool device_rule_reaches_virtual(const struct device_rule *r);

/* The keys that the index does not hash: bus and class. */
bool device_rule_matches_rest(const struct device_rule *r, const struct device_view *v);
