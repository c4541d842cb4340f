/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define NESTING_MAX 130 /* a prefix of each length, 0 to 128 */

/* A prefix of a rule, with the rule's service. */
struct item {
        struct prefix prefix;
        uint32_t service;
};

static int compare_ports(const void *a, const void *b) {
        const struct port_range *x = a, *y = b;
        return x->first != y->first ? (x->first < y->first ? -1 : 1) : (x->last > y->last) - (x->last < y->last);
}
static int compare_macs(const void *a, const void *b) {
        return memcmp(a, b, sizeof(struct mac));
}
static int compare_numbers(const void *a, const void *b) {
        uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;
        return (x > y) - (x < y);
}
/* A prefix comes before those that lie in it. */
static int compare_items(const void *a, const void *b) {
        const struct item *x = a, *y = b;
        int c = memcmp(x->prefix.address, y->prefix.address, sizeof x->prefix.address);
        return c != 0 ? c : (x->prefix.length > y->prefix.length) - (x->prefix.length < y->prefix.length);
}

/* Sorted, with neighbours joined: [443, 8443-8450]. */
static int intern_ports(struct plan *p, const struct network_rule *r, uint32_t *ret) {
        CLEANUP(free_p) struct port_range *list = calloc(r->n_ports + 1, sizeof *list);
        if (!list)
                return -ENOMEM;
        if (r->n_ports)
                memcpy(list, r->ports, r->n_ports * sizeof *list);
        qsort(list, r->n_ports, sizeof *list, compare_ports);
        size_t n = 0;
        for (uint32_t i = 0; i < r->n_ports; i++) {
                if (n > 0 && (unsigned) list[n - 1].last + 1 >= list[i].first) {
                        if (list[i].last > list[n - 1].last)
                                list[n - 1].last = list[i].last;
                } else {
                        list[n++] = list[i];
                }
        }
        return interner_put(&p->ports, list, n * sizeof *list, ret);
}

static int intern_macs(struct plan *p, const struct network_rule *r, uint32_t *ret) {
        CLEANUP(free_p) struct mac *list = calloc(r->n_next_hops + 1, sizeof *list);
        if (!list)
                return -ENOMEM;
        if (r->n_next_hops)
                memcpy(list, r->next_hops, r->n_next_hops * sizeof *list);
        qsort(list, r->n_next_hops, sizeof *list, compare_macs);
        size_t n = 0;
        for (uint32_t i = 0; i < r->n_next_hops; i++)
                if (n == 0 || compare_macs(&list[n - 1], &list[i]) != 0)
                        list[n++] = list[i];
        return interner_put(&p->macs, list, n * sizeof *list, ret);
}

static int intern_service(struct plan *p, struct plan_direction *d, const struct network_rule *r, uint32_t *ret) {
        struct plan_service s = { .protocol = r->protocol };
        int e = intern_ports(p, r, &s.ports);
        if (e == 0)
                e = intern_macs(p, r, &s.macs);
        return e < 0 ? e : interner_put(&d->services, &s, sizeof s, ret);
}

/* ---- the sweep ---- */

struct open_prefix {
        uint8_t last[16]; /* its last address */
        uint32_t class;
};

struct sweep {
        struct plan_direction *direction;
        struct plan_map *map;
        unsigned bytes; /* of an address */
        struct open_prefix stack[NESTING_MAX];
        size_t depth;
};

static void last_address(const struct prefix *p, unsigned bytes, uint8_t ret[static 16]) {
        memcpy(ret, p->address, 16);
        for (unsigned bit = p->length; bit < 8 * bytes; bit++)
                ret[bit / 8] = (uint8_t) (ret[bit / 8] | 0x80u >> bit % 8);
}

/* False behind the last address of all. */
static bool next_address(const uint8_t address[static 16], unsigned bytes, uint8_t ret[static 16]) {
        memcpy(ret, address, 16);
        for (unsigned i = bytes; i-- > 0;)
                if (++ret[i] != 0)
                        return true;
        return false;
}

static uint32_t class_now(const struct sweep *s) {
        return s->depth ? s->stack[s->depth - 1].class : PLAN_NOTHING;
}

/* At one address the last word counts, and an edge between equal pieces is none. */
static void edge(struct sweep *s, const uint8_t start[static 16]) {
        struct plan_map *m = s->map;
        if (m->n > 0 && memcmp(m->edges[m->n - 1].start, start, 16) == 0)
                m->n--;
        uint32_t class = class_now(s), before = m->n > 0 ? m->edges[m->n - 1].class : PLAN_NOTHING;
        if (class == before)
                return;
        struct plan_edge *e = &m->edges[m->n++];
        memcpy(e->start, start, 16);
        e->class = class;
}

/* Closes what ends before address; NULL: all. */
static void close_before(struct sweep *s, const uint8_t *address) {
        while (s->depth > 0) {
                uint8_t behind[16];
                const struct open_prefix *top = &s->stack[s->depth - 1];
                if (address && memcmp(top->last, address, 16) >= 0)
                        return;
                bool more = next_address(top->last, s->bytes, behind);
                s->depth--;
                if (more)
                        edge(s, behind);
        }
}

/* What holds around it, and the services of items[0..n), which have the same prefix. */
static int class_of(struct sweep *s, const struct item *items, size_t n, uint32_t *ret) {
        const struct blob *around = s->depth ? &s->direction->classes.list[class_now(s)] : NULL;
        size_t n_around = around ? around->size / sizeof(uint32_t) : 0, used = 0;
        CLEANUP(free_p) uint32_t *list = calloc(n_around + n, sizeof *list);
        if (!list)
                return -ENOMEM;
        if (around)
                memcpy(list, around->bytes, around->size);
        for (size_t i = 0; i < n; i++)
                list[n_around + i] = items[i].service;
        qsort(list, n_around + n, sizeof *list, compare_numbers);
        for (size_t i = 0; i < n_around + n; i++)
                if (used == 0 || list[used - 1] != list[i])
                        list[used++] = list[i];
        return interner_put(&s->direction->classes, list, used * sizeof *list, ret);
}

static int sweep(struct sweep *s, const struct item *items, size_t n) {
        s->map->edges = calloc(2 * n + 1, sizeof *s->map->edges);
        if (!s->map->edges)
                return -ENOMEM;
        for (size_t i = 0, same; i < n; i += same) {
                const struct prefix *p = &items[i].prefix;
                for (same = 1; i + same < n && compare_items(&items[i], &items[i + same]) == 0;)
                        same++;
                close_before(s, p->address);
                uint32_t class = PLAN_NOTHING;
                int r = class_of(s, &items[i], same, &class);
                if (r < 0)
                        return r;
                struct open_prefix *o = &s->stack[s->depth++];
                last_address(p, s->bytes, o->last);
                o->class = class;
                edge(s, p->address);
        }
        close_before(s, NULL);
        return 0;
}

static int make_direction(struct plan *p, struct plan_direction *d, const struct network_rule *rules,
                          uint32_t n_rules) {
        size_t total = 0;
        for (uint32_t i = 0; i < n_rules; i++)
                total += rules[i].n_prefixes;
        CLEANUP(free_p) struct item *items = calloc(total + 1, sizeof *items);
        CLEANUP(free_p) uint32_t *services = calloc(n_rules + 1u, sizeof *services);
        if (!items || !services)
                return -ENOMEM;
        int r = 0;
        for (uint32_t i = 0; i < n_rules && r == 0; i++)
                r = intern_service(p, d, &rules[i], &services[i]);

        for (int family = 0; family < PLAN_FAMILIES && r == 0; family++) {
                size_t n = 0;
                for (uint32_t i = 0; i < n_rules; i++)
                        for (uint32_t k = 0; k < rules[i].n_prefixes; k++)
                                if (rules[i].prefixes[k].family == (family == PLAN_IPV4 ? 4 : 6))
                                        items[n++] = (struct item){ rules[i].prefixes[k], services[i] };
                qsort(items, n, sizeof *items, compare_items);
                struct sweep s = { .direction = d, .map = &d->maps[family], .bytes = family == PLAN_IPV4 ? 4 : 16 };
                r = sweep(&s, items, n);
        }
        return r;
}

int plan_make(const struct network_policy *p, struct plan *ret) {
        struct plan plan = { 0 };
        int r = make_direction(&plan, &plan.directions[PLAN_OUT], p->rules, p->n_rules);
        if (r == 0)
                r = make_direction(&plan, &plan.directions[PLAN_IN], p->inbound, p->n_inbound);
        if (r < 0) {
                plan_clear(&plan);
                return r;
        }
        *ret = plan;
        return 0;
}

void plan_clear(struct plan *p) {
        interner_clear(&p->ports);
        interner_clear(&p->macs);
        for (int d = 0; d < PLAN_DIRECTIONS; d++) {
                interner_clear(&p->directions[d].services);
                interner_clear(&p->directions[d].classes);
                for (int f = 0; f < PLAN_FAMILIES; f++)
                        free(p->directions[d].maps[f].edges);
        }
        *p = (struct plan){ 0 };
}
