/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hosts that are called at the same port by the same next hop become prefixes; ports of the same prefixes become one
 * rule. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "learn.h"

#define TOGETHER_LEAST 3u /* hosts that lie close become a prefix from so many on */
#define SPARSE_MOST    8u /* and the prefix has at most so many addresses for each of them */
#define SPARSE6_LEAST  8u /* IPv6: so many hosts of one /64 stand for all of it */

static bool has_ports(enum protocol p) {
        return p != PROTOCOL_ICMP && p != PROTOCOL_ICMPV6;
}

static int compare_macs(const struct mac *a, unsigned n_a, const struct mac *b, unsigned n_b) {
        if (n_a != n_b)
                return n_a < n_b ? -1 : 1;
        return memcmp(a, b, (n_a < LEARN_MACS_MAX ? n_a : LEARN_MACS_MAX) * sizeof *a);
}

static int compare_mac(const void *a, const void *b) {
        return memcmp(a, b, sizeof(struct mac));
}

/* By protocol, port, next hops, address. */
static int compare_proposed(const void *a, const void *b) {
        const struct learn_flow *x = *(struct learn_flow *const *) a, *y = *(struct learn_flow *const *) b;
        int r = (int) x->protocol - (int) y->protocol;
        if (r == 0 && has_ports(x->protocol))
                r = (int) x->port - (int) y->port;
        if (r == 0)
                r = compare_macs(x->macs, x->n_macs, y->macs, y->n_macs);
        return r != 0 ? r : memcmp(&x->peer, &y->peer, sizeof x->peer);
}

static void merge_who(struct learn_who *into, const struct learn_who *from) {
        for (unsigned i = 0; i < from->n_uids && i < LEARN_WHO_MAX; i++) {
                bool known = false;
                for (unsigned k = 0; k < into->n_uids && k < LEARN_WHO_MAX; k++)
                        known = known || into->uids[k] == from->uids[i];
                if (!known && into->n_uids < LEARN_WHO_MAX)
                        into->uids[into->n_uids] = from->uids[i];
                into->n_uids += !known;
        }
        for (unsigned i = 0; i < from->n_programs && i < LEARN_WHO_MAX; i++) {
                bool known = false;
                for (unsigned k = 0; k < into->n_programs && k < LEARN_WHO_MAX; k++)
                        known = known || into->programs[k] == from->programs[i];
                if (!known && into->n_programs < LEARN_WHO_MAX)
                        into->programs[into->n_programs] = from->programs[i];
                into->n_programs += !known;
        }
        into->count += from->count;
        if (into->first == 0 || from->first < into->first)
                into->first = from->first;
        if (from->last > into->last)
                into->last = from->last;
}

/* ---- prefixes ---- */

static unsigned common_bits(const uint8_t *a, const uint8_t *b, unsigned most) {
        unsigned n = 0;
        while (n < most && ((a[n / 8] ^ b[n / 8]) >> (7 - n % 8) & 1) == 0)
                n++;
        return n;
}

static struct prefix cut(const struct prefix *p, unsigned length) {
        struct prefix r = { .family = p->family, .length = (uint8_t) length };
        for (unsigned i = 0; i < length; i++)
                r.address[i / 8] = (uint8_t) (r.address[i / 8] | (p->address[i / 8] & (0x80 >> i % 8)));
        return r;
}

/* Hosts [first, first + n) of one /24 or /64, in order: one prefix for all of them, where they lie close. */
static bool lie_close(struct learn_flow *const *hosts, size_t n, struct prefix *ret) {
        const struct prefix *a = &hosts[0]->peer, *b = &hosts[n - 1]->peer;
        if (a->family == 6) {
                *ret = cut(a, 64);
                return n >= SPARSE6_LEAST;
        }
        unsigned length = common_bits(a->address, b->address, 32);
        *ret = cut(a, length);
        return n >= TOGETHER_LEAST && (UINT32_C(1) << (32 - length)) <= SPARSE_MOST * n;
}

static size_t neighbours(struct learn_flow *const *hosts, size_t n) {
        const struct prefix *a = &hosts[0]->peer;
        unsigned bits = a->family == 4 ? 24 : 64;
        size_t i = 1;
        while (i < n && hosts[i]->peer.family == a->family &&
               common_bits(a->address, hosts[i]->peer.address, bits) == bits)
                i++;
        return i;
}

/* r->prefixes has room for n. */
static void put_prefixes(struct learn_rule *r, struct learn_flow *const *hosts, size_t n) {
        for (size_t i = 0; i < n;) {
                size_t near = neighbours(hosts + i, n - i);
                if (lie_close(hosts + i, near, &r->prefixes[r->n_prefixes])) {
                        r->n_prefixes++;
                } else {
                        for (size_t k = 0; k < near; k++)
                                r->prefixes[r->n_prefixes++] = hosts[i + k]->peer;
                }
                i += near;
        }
}

/* ---- rules ---- */

static int make_rule(struct learn_flow *const *hosts, size_t n, struct learn_rule *ret) {
        struct learn_rule r = { .protocol = hosts[0]->protocol, .n_hosts = n, .n_macs = hosts[0]->n_macs };
        memcpy(r.macs, hosts[0]->macs, sizeof r.macs);
        r.prefixes = calloc(n, sizeof *r.prefixes);
        r.ports = calloc(1, sizeof *r.ports);
        if (!r.prefixes || !r.ports) {
                free(r.prefixes);
                free(r.ports);
                return -ENOMEM;
        }
        put_prefixes(&r, hosts, n);
        if (has_ports(r.protocol))
                r.ports[r.n_ports++] = (struct port_range){ hosts[0]->port, hosts[0]->port };
        for (size_t i = 0; i < n; i++)
                merge_who(&r.who, &hosts[i]->who);
        *ret = r;
        return 0;
}

static bool same_but_port(const struct learn_flow *x, const struct learn_flow *y) {
        return x->protocol == y->protocol && (!has_ports(x->protocol) || x->port == y->port) &&
               compare_macs(x->macs, x->n_macs, y->macs, y->n_macs) == 0;
}

static int compare_rules(const void *a, const void *b) {
        const struct learn_rule *x = a, *y = b;
        int r = (int) x->protocol - (int) y->protocol;
        if (r == 0)
                r = compare_macs(x->macs, x->n_macs, y->macs, y->n_macs);
        if (r == 0 && x->n_prefixes != y->n_prefixes)
                r = x->n_prefixes < y->n_prefixes ? -1 : 1;
        return r != 0 ? r : memcmp(x->prefixes, y->prefixes, x->n_prefixes * sizeof *x->prefixes);
}

static int compare_first_port(const void *a, const void *b) {
        const struct learn_rule *x = a, *y = b;
        int r = compare_rules(a, b);
        return r != 0 || x->n_ports == 0 ? r : (int) x->ports[0].first - (int) y->ports[0].first;
}

static void join_range(struct learn_rule *r, struct port_range p) {
        struct port_range *last = &r->ports[r->n_ports - 1];
        if (p.first == last->last + 1u)
                last->last = p.last;
        else
                r->ports[r->n_ports++] = p;
}

/* Rules that differ in the port alone. They are in the order of their ports. */
static int join_ports(struct learned *l) {
        if (l->n_rules == 0)
                return 0;
        qsort(l->rules, l->n_rules, sizeof *l->rules, compare_first_port);
        size_t kept = 0;
        for (size_t i = 1; i < l->n_rules; i++) {
                struct learn_rule *into = &l->rules[kept], *from = &l->rules[i];
                if (compare_rules(into, from) != 0 || from->n_ports == 0) {
                        l->rules[++kept] = *from;
                        continue;
                }
                struct port_range *grown = reallocarray(into->ports, into->n_ports + 1, sizeof *grown);
                if (!grown)
                        return -ENOMEM;
                into->ports = grown;
                join_range(into, from->ports[0]);
                merge_who(&into->who, &from->who);
                free(from->ports);
                free(from->prefixes);
                from->ports = NULL;
                from->prefixes = NULL;
        }
        l->n_rules = kept + 1;
        return 0;
}

int learn_rules(struct learned *l) {
        struct learn_flow **proposed = calloc(l->n_flows ? l->n_flows : 1, sizeof *proposed);
        l->rules = calloc(l->n_flows ? l->n_flows : 1, sizeof *l->rules);
        int r = proposed && l->rules ? 0 : -ENOMEM;
        size_t n = 0;
        for (size_t i = 0; r == 0 && i < l->n_flows; i++) {
                struct learn_flow *f = &l->flows[i];
                if (f->verdict != LEARN_PROPOSED)
                        continue;
                qsort(f->macs, f->n_macs < LEARN_MACS_MAX ? f->n_macs : LEARN_MACS_MAX, sizeof *f->macs, compare_mac);
                proposed[n++] = f;
        }
        if (r == 0 && n > 0)
                qsort(proposed, n, sizeof *proposed, compare_proposed);
        for (size_t i = 0, behind; r == 0 && i < n; i = behind) {
                for (behind = i + 1; behind < n && same_but_port(proposed[i], proposed[behind]);)
                        behind++;
                r = make_rule(proposed + i, behind - i, &l->rules[l->n_rules]);
                l->n_rules += r == 0;
        }
        free(proposed);
        return r < 0 ? r : join_ports(l);
}
