/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "neighbours.h"

#include <string.h>

static bool lists(const struct network_rule *r, const struct mac *mac) {
        for (uint32_t i = 0; i < r->n_next_hops; i++)
                if (memcmp(r->next_hops[i].octets, mac->octets, sizeof mac->octets) == 0)
                        return true;
        return false;
}

struct judging {
        const struct network_policy *policy;
        const struct route *routes;
        const struct neighbour *known;
        size_t n_routes, n_known;
};

/* By way of whom a rule's destination is reached; NEIGHBOUR_FITS: ret and ret_index were found. */
static enum neighbour_verdict find_hop(const struct judging *j, const struct prefix *to, struct prefix *ret,
                                       unsigned *ret_index) {
        const struct route *r = NULL;
        if (neighbours_is_group(to))
                return NEIGHBOUR_GROUP;
        if (j->n_routes > 0 && !(r = neighbours_route(j->routes, j->n_routes, to)))
                return NEIGHBOUR_NO_ROUTE;
        bool is_one = to->length == (to->family == 4 ? 32 : 128);
        if (!is_one && !(r && r->has_gateway))
                return NEIGHBOUR_MANY;
        *ret = r && r->has_gateway ? r->gateway : *to;
        *ret_index = r ? r->index : 0;
        return NEIGHBOUR_FITS;
}

static bool same_host(const struct prefix *a, const struct prefix *b) {
        return a->family == b->family && memcmp(a->address, b->address, sizeof a->address) == 0;
}

/* Another rule may lead by way of the same host, and list the address. */
static bool is_listed(const struct judging *j, const struct prefix *hop, const struct mac *mac) {
        struct prefix other;
        unsigned index;
        for (uint32_t i = 0; i < j->policy->n_rules; i++) {
                const struct network_rule *r = &j->policy->rules[i];
                for (uint32_t k = 0; lists(r, mac) && k < r->n_prefixes; k++)
                        if (find_hop(j, &r->prefixes[k], &other, &index) == NEIGHBOUR_FITS && same_host(&other, hop))
                                return true;
        }
        return false;
}

static struct neighbour_judgement judge(const struct judging *j, const struct network_rule *rule,
                                        const struct prefix *to) {
        struct neighbour_judgement result = { .rule = rule, .to = to };
        unsigned index = 0;
        result.verdict = find_hop(j, to, &result.hop, &index);
        if (result.verdict != NEIGHBOUR_FITS)
                return result;
        result.verdict = NEIGHBOUR_SILENT;
        for (size_t i = 0; i < j->n_known && result.verdict != NEIGHBOUR_WRONG; i++) {
                const struct neighbour *x = &j->known[i];
                if (x->family != result.hop.family || memcmp(x->address, result.hop.address, sizeof x->address) != 0 ||
                    (index && x->index && index != x->index))
                        continue;
                result.mac = x->mac;
                result.verdict =
                        lists(rule, &x->mac) || is_listed(j, &result.hop, &x->mac) ? NEIGHBOUR_FITS : NEIGHBOUR_WRONG;
        }
        return result;
}

void neighbours_judge(const struct network_policy *p, const struct route *routes, size_t n_routes,
                      const struct neighbour *known, size_t n_known,
                      void (*each)(const struct neighbour_judgement *j, void *userdata), void *userdata) {
        const struct judging j = { p, routes, known, n_routes, n_known };
        for (uint32_t i = 0; i < p->n_rules; i++)
                for (uint32_t k = 0; p->rules[i].n_next_hops > 0 && k < p->rules[i].n_prefixes; k++) {
                        const struct neighbour_judgement said = judge(&j, &p->rules[i], &p->rules[i].prefixes[k]);
                        each(&said, userdata);
                }
}
