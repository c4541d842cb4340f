/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Permanent neighbours: whoever is listed with one MAC address, or lies behind a router that is, is never asked for on
 * the wire, so that nobody else can answer.
 *
 * Owned by agent/network; netd.c drives it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sekisho/policy.h>

#define NEIGHBOURS_MAX 1024u

struct neighbour {
        unsigned index; /* of the interface */
        uint8_t family; /* 4 or 6 */
        uint8_t address[16];
        struct mac mac;
        bool ambiguous; /* rules name several */
};

struct route {
        struct prefix to;
        bool has_gateway;
        struct prefix gateway;
        unsigned index;
        uint32_t metric;
};

/* Pure: whom to pin, given the rules and the routes. Up to NEIGHBOURS_MAX into ret; the number. usable says which
 * interfaces count. */
size_t neighbours_wanted(const struct network_policy *p, const struct route *routes, size_t n_routes,
                         bool (*usable)(unsigned index, void *userdata), void *userdata, struct neighbour *ret);

struct mnl_socket;

struct neighbours {
        struct mnl_socket *events, *requests;
        uint32_t sequence;
        struct neighbour *pinned;
        size_t n;
};

/* 0 or -errno. */
int neighbours_open(struct neighbours *n);
void neighbours_close(struct neighbours *n); /* what is pinned stays */
int neighbours_fd(const struct neighbours *n);
/* Reads what was announced. 1: routes or pinned neighbours changed, look again; 0: nothing of interest; -errno. */
int neighbours_process(struct neighbours *n);
/* Pins and lets go. p: NULL to let all go. 0 or the first -errno. */
int neighbours_apply(struct neighbours *n, const struct network_policy *p,
                     bool (*usable)(unsigned index, void *userdata), void *userdata);
