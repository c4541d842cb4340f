/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shadow.h"

#include <errno.h>

#include "i18n.h"
#include "match.h"

/* Rules with the same exact values form a chain, of which this many are compared. */
#define CHAIN_MAX 32

struct device_shadow {
        uint32_t buses, classes, line, next; /* next: number in the array + 1 */
        bool broad;                          /* one interface in the classes suffices (see match.c) */
        bool reaches_virtual;                /* matches on virtual controllers, too */
};

static void warn(struct parser *p, struct place at, uint32_t line) {
        report_warning(&p->report, at, _("this rule can never match: the rule in line %u matches all that it would"),
                       line);
}

static bool covers(const struct device_shadow *a, const struct device_shadow *b) {
        if (b->reaches_virtual && b->buses && !a->reaches_virtual)
                return false;
        if (a->buses && (!b->buses || (b->buses & ~a->buses)))
                return false;
        if (a->classes && (!b->classes || (b->classes & ~a->classes)))
                return false;
        return !a->classes || a->broad || !b->broad;
}

/* Strings and digests are interned: equal ones are the same pointer. fields: which of the exact values take part. */
enum { BY_VENDOR = 1, BY_PRODUCT = 2, BY_SERIAL = 4, BY_DIGEST = 8 };
static void device_key(const struct device_rule *r, unsigned fields, uint64_t key[static 3]) {
        key[0] = (uint64_t) fields << 32;
        if (fields & BY_VENDOR)
                key[0] |= (uint64_t) r->vendor << 16;
        if (fields & BY_PRODUCT)
                key[0] |= r->product;
        key[1] = fields & BY_SERIAL ? (uint64_t) (uintptr_t) r->serial : 0;
        key[2] = fields & BY_DIGEST ? (uint64_t) (uintptr_t) r->descriptors : 0;
}

static uint32_t find_cover(const struct parser *p, const struct tuple_entry *e, const struct device_shadow *s) {
        const struct device_shadow *all = (const void *) p->device_shadows.bytes;
        unsigned looked = 0;
        for (uint32_t i = e ? e->value : 0; i && looked < CHAIN_MAX; i = all[i - 1].next, looked++)
                if (covers(&all[i - 1], s))
                        return all[i - 1].line;
        return 0;
}

int shadow_device(struct parser *p, const struct device_rule *r, struct place at) {
        struct tuple_map *map = &p->shadows[SCOPE_DEVICES];
        unsigned given = (r->has_vendor ? BY_VENDOR : 0u) | (r->has_product ? BY_PRODUCT : 0u) |
                         (r->serial ? BY_SERIAL : 0u) | (r->descriptors ? BY_DIGEST : 0u);
        struct device_shadow s = { .buses = r->buses,
                                   .classes = r->classes,
                                   .line = r->line,
                                   .broad = r->interfaces == INTERFACES_MATCHING,
                                   .reaches_virtual = device_rule_reaches_virtual(r) };
        uint64_t key[3];

        /* An earlier rule covers this one if it names some of the same exact values, and no others. */
        for (unsigned fields = 0; fields < given; fields++) {
                if ((fields & ~given) || !((p->device_fields_used >> fields) & 1u))
                        continue;
                device_key(r, fields, key);
                uint32_t line = find_cover(p, tuple_map_find(map, key), &s);
                if (line) {
                        warn(p, at, line);
                        return 0; /* whatever it would cover, the other one covers */
                }
        }

        struct tuple_entry *e;
        device_key(r, given, key);
        if (tuple_map_get(map, key, &e) < 0)
                return -ENOMEM;
        uint32_t line = find_cover(p, e, &s);
        if (line) {
                warn(p, at, line);
                return 0;
        }
        s.next = e->value;
        if (buffer_append(&p->device_shadows, &s, sizeof s) < 0)
                return -ENOMEM;
        e->value = (uint32_t) (p->device_shadows.used / sizeof s);
        p->device_fields_used |= 1u << given;
        return 0;
}

/* value: the line of the first rule with that key. */
static int first_line(struct tuple_map *map, const uint64_t key[static 3], uint32_t line, uint32_t *ret_earlier) {
        struct tuple_entry *e;
        if (tuple_map_get(map, key, &e) < 0)
                return -ENOMEM;
        *ret_earlier = e->value;
        if (!e->value)
                e->value = line;
        return 0;
}

int shadow_network(struct parser *p, const struct network_rule *r, bool inbound, struct place at) {
        struct tuple_map *map = &p->shadows[SCOPE_NETWORK];
        uint64_t key[3] = { (uint64_t) (uintptr_t) r->prefixes, (uint64_t) (uintptr_t) r->ports, 0 };
        /* Lists are interned blocks, whose addresses are multiples of 16: the low bits are free for the rest. */
        key[0] |= (uint64_t) r->protocol << 1 | inbound;
        const struct tuple_entry *any_hop = tuple_map_find(map, key);
        uint32_t earlier = any_hop ? any_hop->value : 0;
        if (!earlier) {
                key[2] = (uint64_t) (uintptr_t) r->next_hops;
                if (first_line(map, key, r->line, &earlier) < 0)
                        return -ENOMEM;
        }
        if (earlier)
                warn(p, at, earlier);
        return 0;
}

/* A rule that ends some day leaves what it covers to the next ones; only one without end covers for good. */
int shadow_login(struct parser *p, const struct login_rule *r, struct place at) {
        struct tuple_map *map = &p->shadows[SCOPE_LOGIN];
        const uint64_t everyone[3] = { 0 };
        const uint64_t key[3] = { (uint64_t) (uintptr_t) r->services.list, (uint64_t) (uintptr_t) r->users.list,
                                  (uint64_t) (uintptr_t) r->groups.list };
        const struct tuple_entry *e = tuple_map_find(map, everyone);
        if (!e)
                e = tuple_map_find(map, key);
        if (e) {
                warn(p, at, e->value);
                return 0;
        }
        uint32_t earlier;
        return r->until == POLICY_NEVER ? first_line(map, key, r->line, &earlier) : 0;
}
