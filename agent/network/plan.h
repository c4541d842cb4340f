/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network section of a policy, turned around: from rules with addresses to addresses with services.
 *
 * Owned by agent/network. Pure: no system call, no clock. The kernel's interval sets hold no overlapping prefixes, so
 * the whole address space is cut where a prefix begins or ends, and each piece has the services of every prefix that
 * holds it. n prefixes make at most 2n + 1 pieces, in n log n steps (and one union for each prefix that lies in
 * another).
 */
#pragma once

#include <stdbool.h>

#include <sekisho/policy.h>

#include "interner.h"

#define PLAN_NOTHING UINT32_MAX

enum { PLAN_OUT, PLAN_IN, PLAN_DIRECTIONS };
enum { PLAN_IPV4, PLAN_IPV6, PLAN_FAMILIES };

/* What may be reached there. Equal services are one. */
struct plan_service {
        enum protocol protocol;
        uint32_t ports; /* number in plan.ports; that blob is a list of struct port_range; none: any */
        uint32_t macs;  /* number in plan.macs: a list of struct mac; none: any */
};

/* From this address up to the next edge's. */
struct plan_edge {
        uint8_t start[16]; /* network order; 4 bytes count for IPv4 */
        uint32_t class;    /* number in plan_direction.classes, PLAN_NOTHING */
};

struct plan_map {
        struct plan_edge *edges;
        size_t n;
};

struct plan_direction {
        struct interner services; /* blobs are struct plan_service */
        struct interner classes;  /* blobs are lists of numbers of services, ascending */
        struct plan_map maps[PLAN_FAMILIES];
};

struct plan {
        struct interner ports, macs;
        struct plan_direction directions[PLAN_DIRECTIONS];
};

/* 0 or -ENOMEM. */
int plan_make(const struct network_policy *p, struct plan *ret);
void plan_clear(struct plan *p);
