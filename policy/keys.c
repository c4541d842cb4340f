/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keys.h"

#include <assert.h>
#include <sekisho/permit.h>
#include <string.h>

#include "parser.h"

/* The model has its lists as pointer and count; a struct list is copied over the two. */
#define IS_LIST(type, rows_, n_)                                                                                       \
        static_assert(offsetof(struct type, n_) == offsetof(struct type, rows_) + offsetof(struct list, n), #type)
IS_LIST(device_rule, users.list, users.n);
IS_LIST(device_rule, hours.list, hours.n);
IS_LIST(policy, devices.rules, devices.n_rules);
IS_LIST(policy, network.rules, network.n_rules);
IS_LIST(policy, network.inbound, network.n_inbound);
IS_LIST(policy, clipboard.zones, clipboard.n_zones);
IS_LIST(policy, clipboard.flows, clipboard.n_flows);
IS_LIST(policy, login.rules, login.n_rules);
IS_LIST(network_rule, prefixes, n_prefixes);
IS_LIST(network_rule, ports, n_ports);
IS_LIST(network_rule, next_hops, n_next_hops);

#define NEAR_MAX 24 /* no key or name is longer */

void store_number(void *field, const struct key *k, uint64_t value) {
        switch (k->width) {
        case 1: {
                uint8_t v = (uint8_t) value;
                memcpy(field, &v, sizeof v);
                break;
        }
        case 2: {
                uint16_t v = (uint16_t) value;
                memcpy(field, &v, sizeof v);
                break;
        }
        case 4: {
                uint32_t v = (uint32_t) value;
                memcpy(field, &v, sizeof v);
                break;
        }
        default:
                memcpy(field, &value, sizeof value);
                break;
        }
}

uint64_t load_number(const void *field, const struct key *k) {
        uint64_t value = 0;
        uint32_t v4;
        uint16_t v2;
        uint8_t v1;
        switch (k->width) {
        case 1:
                memcpy(&v1, field, sizeof v1);
                return v1;
        case 2:
                memcpy(&v2, field, sizeof v2);
                return v2;
        case 4:
                memcpy(&v4, field, sizeof v4);
                return v4;
        default:
                memcpy(&value, field, sizeof value);
                return value;
        }
}

const struct key *mapping_find(const struct mapping *m, const char *name, size_t length) {
        for (unsigned i = 0; i < m->n; i++)
                if (name_is(m->keys[i].name, name, length))
                        return &m->keys[i];
        return NULL;
}

static unsigned least(unsigned a, unsigned b) {
        return a < b ? a : b;
}

static int fold(char c) {
        if (c >= 'A' && c <= 'Z')
                return c - 'A' + 'a';
        return c == '_' ? '-' : c;
}

/* Optimal string alignment distance: insert, delete, replace, swap two neighbours; case and '_' for '-' are free. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m) {
        unsigned row[3][NEAR_MAX + 1];
        for (unsigned k = 0; k <= m; k++)
                row[0][k] = k;
        for (size_t i = 1; i <= n; i++) {
                unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];
                now[0] = (unsigned) i;
                for (size_t k = 1; k <= m; k++) {
                        int x = fold(a[i - 1]), y = fold(b[k - 1]);
                        now[k] = least(before[k - 1] + (x != y), least(before[k], now[k - 1]) + 1);
                        if (i > 1 && k > 1 && x == fold(b[k - 2]) && fold(a[i - 2]) == y)
                                now[k] = least(now[k], earlier[k - 2] + 1);
                }
        }
        return row[n % 3][m];
}

static void nearest(const char *candidate, const char *s, size_t length, unsigned *best, const char **ret) {
        size_t n = strlen(candidate);
        if (length == 0 || length > NEAR_MAX || n > NEAR_MAX)
                return;
        unsigned d = distance(s, length, candidate, n);
        /* Up to a third of the word may be wrong; more is a different word. */
        if (d < *best && 3 * d <= (n > 3 ? n : 3)) {
                *best = d;
                *ret = candidate;
        }
}

const char *suggest_key(const struct mapping *m, const char *s, size_t length) {
        const char *found = NULL;
        unsigned best = NEAR_MAX;
        for (unsigned i = 0; i < m->n; i++)
                nearest(m->keys[i].name, s, length, &best, &found);
        return found;
}

const char *suggest_name(const struct names *t, uint32_t valid, const char *s, size_t length) {
        const char *found = NULL;
        unsigned best = NEAR_MAX;
        for (unsigned i = 0; i < t->n; i++)
                if (valid == 0 || (valid >> i) & 1u)
                        nearest(t->list[i], s, length, &best, &found);
        return found;
}

__attribute__((format(printf, 5, 0))) static int report_key(struct parser *p, const struct seen *s, unsigned key,
                                                            enum severity severity, const char *format,
                                                            va_list arguments) {
        report_enter(&p->report, s->keys[key].name, 0);
        int r = report_va(&p->report, severity, s->places[key], NULL, format, arguments);
        report_leave(&p->report);
        return r;
}

int key_error(struct parser *p, const struct seen *s, unsigned key, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        int r = report_key(p, s, key, SEVERITY_ERROR, format, arguments);
        va_end(arguments);
        return r;
}

int key_warning(struct parser *p, const struct seen *s, unsigned key, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        int r = report_key(p, s, key, SEVERITY_WARNING, format, arguments);
        va_end(arguments);
        return r;
}
