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

/* What a rule sends to, by way of whom; NULL: no route holds all of it. A route without a gateway: on the link. */
const struct route *neighbours_route(const struct route *routes, size_t n_routes, const struct prefix *to);
/* Groups and broadcasts have no neighbour. */
bool neighbours_is_group(const struct prefix *p);

/* Pure: whom to pin, given the rules and the routes. Up to NEIGHBOURS_MAX into ret; the number. usable says which
 * interfaces count. */
size_t neighbours_wanted(const struct network_policy *p, const struct route *routes, size_t n_routes,
                         bool (*usable)(unsigned index, void *userdata), void *userdata, struct neighbour *ret);

/* ---- comparing, for those who only look ---- */

enum neighbour_verdict {
        NEIGHBOUR_FITS,
        NEIGHBOUR_WRONG,    /* it has a MAC address that no rule lists that leads by way of it */
        NEIGHBOUR_SILENT,   /* its MAC address is not known */
        NEIGHBOUR_MANY,     /* several hosts on the link, each with an address of its own */
        NEIGHBOUR_NO_ROUTE, /* nothing leads there, or no one route to all of it */
        NEIGHBOUR_GROUP,    /* a group or broadcast */
        NEIGHBOUR_VERDICT_MAX,
};

struct neighbour_judgement {
        enum neighbour_verdict verdict;
        const struct network_rule *rule;
        const struct prefix *to; /* of the rule */
        struct prefix hop;       /* itself or a gateway; for FITS, WRONG and SILENT */
        struct mac mac;          /* for FITS and WRONG */
};

/* Pure: calls each for every destination of every rule that lists MAC addresses. n_routes 0: whoever is named by his
 * own address is on the link. index 0 in known: any interface. */
void neighbours_judge(const struct network_policy *p, const struct route *routes, size_t n_routes,
                      const struct neighbour *known, size_t n_known,
                      void (*each)(const struct neighbour_judgement *j, void *userdata), void *userdata);

struct neighbourhood {
        struct neighbour *known; /* with a MAC address, at the moment */
        struct route *routes;
        size_t n_known, n_routes;
};

/* Of this network namespace; needs no privilege. neighbours_forget() is due after 0. 0 or -errno. */
int neighbours_look(struct neighbourhood *ret);
void neighbours_forget(struct neighbourhood *n);

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
