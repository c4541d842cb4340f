/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "neighbours.h"

#include <string.h>

static unsigned bits(uint8_t family) {
        return family == 4 ? 32 : 128;
}

static bool contains(const struct prefix *p, const struct prefix *x) {
        if (p->family != x->family || p->length > x->length)
                return false;
        size_t whole = p->length / 8;
        unsigned rest = p->length % 8;
        if (memcmp(p->address, x->address, whole) != 0)
                return false;
        return rest == 0 || ((p->address[whole] ^ x->address[whole]) >> (8 - rest)) == 0;
}

/* As the kernel would: the longest prefix, then the smallest metric. */
const struct route *neighbours_route(const struct route *routes, size_t n, const struct prefix *to) {
        const struct route *best = NULL;
        for (size_t i = 0; i < n; i++)
                if (contains(&routes[i].to, to) &&
                    (!best || routes[i].to.length > best->to.length ||
                     (routes[i].to.length == best->to.length && routes[i].metric < best->metric)))
                        best = &routes[i];
        return best;
}

bool neighbours_is_group(const struct prefix *p) {
        static const uint8_t broadcast[4] = { 255, 255, 255, 255 };
        return p->family == 4 ? p->address[0] >> 4 == 14 || memcmp(p->address, broadcast, 4) == 0
                              : p->address[0] == 0xff;
}

static size_t want(struct neighbour *list, size_t n, unsigned index, const struct prefix *p, const struct mac *mac) {
        for (size_t i = 0; i < n; i++)
                if (list[i].index == index && list[i].family == p->family &&
                    memcmp(list[i].address, p->address, sizeof p->address) == 0) {
                        list[i].ambiguous = list[i].ambiguous || memcmp(&list[i].mac, mac, sizeof *mac) != 0;
                        return n;
                }
        if (n == NEIGHBOURS_MAX)
                return n;
        list[n] = (struct neighbour){ .index = index, .family = p->family, .mac = *mac };
        memcpy(list[n].address, p->address, sizeof p->address);
        return n + 1;
}

size_t neighbours_wanted(const struct network_policy *p, const struct route *routes, size_t n_routes,
                         bool (*usable)(unsigned index, void *userdata), void *userdata, struct neighbour *ret) {
        size_t n = 0, used = 0;
        for (uint32_t i = 0; i < p->n_rules; i++)
                for (uint32_t k = 0; k < p->rules[i].n_prefixes && p->rules[i].n_next_hops == 1; k++) {
                        const struct prefix *to = &p->rules[i].prefixes[k];
                        const struct route *r = neighbours_route(routes, n_routes, to);
                        if (!r || !usable(r->index, userdata) || neighbours_is_group(to))
                                continue;
                        if (r->has_gateway)
                                n = want(ret, n, r->index, &r->gateway, &p->rules[i].next_hops[0]);
                        else if (to->length == bits(to->family))
                                n = want(ret, n, r->index, to, &p->rules[i].next_hops[0]);
                }
        for (size_t i = 0; i < n; i++)
                if (!ret[i].ambiguous)
                        ret[used++] = ret[i];
        return used;
}
