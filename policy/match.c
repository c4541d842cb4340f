/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "match.h"

#include <string.h>

void device_view_init(struct device_view *v, const struct device_facts *facts) {
        v->facts = facts;
        v->serial_length = strnlen(facts->serial, sizeof facts->serial);
        v->n_masks = 0;
        for (size_t i = 0; i < facts->n_interfaces; i++) {
                uint32_t mask = interface_classes(facts->bus, facts->interfaces[i]);
                unsigned k = 0;
                while (k < v->n_masks && v->masks[k] != mask)
                        k++;
                if (k == v->n_masks)
                        v->masks[v->n_masks++] = mask;
        }
}

bool device_rule_reaches_virtual(const struct device_rule *r) {
        return r->buses ? (r->buses & UINT32_C(1) << BUS_VHCI) != 0 : r->action == ACTION_BLOCK;
}

static bool bus_matches(const struct device_rule *r, const struct device_view *v) {
        if (v->facts->bus == BUS_VHCI)
                return device_rule_reaches_virtual(r);
        return r->buses == 0 || ((unsigned) v->facts->bus < BUS_MAX && (r->buses & (UINT32_C(1) << v->facts->bus)));
}

static bool class_matches(const struct device_rule *r, const struct device_view *v) {
        if (r->classes == 0)
                return true;

        unsigned n = 0;
        for (unsigned i = 0; i < v->n_masks; i++)
                n += (v->masks[i] & r->classes) != 0;

        /* One interface in the classes suffices; the verdict says which are opened. */
        if (r->interfaces == INTERFACES_MATCHING)
                return n > 0;
        return n > 0 && n == v->n_masks;
}

static bool serial_matches(const struct device_rule *r, const struct device_view *v) {
        return !r->serial ||
               (strlen(r->serial) == v->serial_length && memcmp(r->serial, v->facts->serial, v->serial_length) == 0);
}

static bool digest_matches(const struct device_rule *r, const struct device_view *v) {
        return !r->descriptors || (v->facts->has_digest && memcmp(r->descriptors, v->facts->digest, DIGEST_SIZE) == 0);
}

bool device_rule_matches_rest(const struct device_rule *r, const struct device_view *v) {
        return bus_matches(r, v) && class_matches(r, v);
}

const char *device_rule_mismatch(const struct device_rule *r, const struct device_view *v) {
        if (!bus_matches(r, v))
                return "bus";
        if (!class_matches(r, v))
                return "class";
        if (r->has_vendor && r->vendor != v->facts->vendor)
                return "vendor";
        if (r->has_product && r->product != v->facts->product)
                return "product";
        if (!serial_matches(r, v))
                return "serial";
        if (!digest_matches(r, v))
                return "descriptors";
        return NULL;
}
