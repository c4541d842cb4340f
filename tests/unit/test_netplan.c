/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan of the network's rules: what it says of an address is what a walk over the rules says. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sekisho/decision.h>

#include "network/plan.h"

#define RULES_MAX    12u
#define PREFIXES_MAX 4u
#define ROUNDS       400
#define QUESTIONS    200

static const struct port_range port_lists[][3] = {
        { { 443, 443 } }, { { 80, 90 }, { 85, 100 }, { 101, 101 } }, { { 1, 65535 } }, { { 65535, 65535 }, { 22, 22 } }
};
static const uint32_t n_ports[] = { 1, 3, 1, 2 };
static const struct mac mac_list[] = { { { 2, 0, 0, 0, 0, 9 } }, { { 2, 0, 0, 0, 0, 1 } }, { { 2, 0, 0, 0, 0, 9 } } };

static uint32_t pick(uint32_t n) {
        return (uint32_t) random() % n;
}

/* Few bits vary, so that prefixes meet, nest and touch. */
static struct prefix random_prefix(bool whole) {
        struct prefix p = { .family = pick(2) ? 4 : 6 };
        unsigned bits = p.family == 4 ? 32 : 128;
        static const uint8_t bytes[] = { 0, 10, 255, 128 };
        for (unsigned i = 0; i < bits / 8; i++)
                p.address[i] = pick(3) ? (i == 0 ? 10 : 0) : bytes[pick(4)];
        p.length = (uint8_t) (whole ? bits : pick(4) ? bits - pick(10) : pick(bits + 1));
        for (unsigned bit = p.length; bit < bits; bit++)
                p.address[bit / 8] = (uint8_t) (p.address[bit / 8] & ~(0x80u >> bit % 8));
        return p;
}

static uint32_t class_at(const struct plan_map *m, const uint8_t address[16]) {
        uint32_t class = PLAN_NOTHING;
        for (size_t i = 0; i < m->n && memcmp(m->edges[i].start, address, 16) <= 0; i++)
                class = m->edges[i].class;
        return class;
}

static bool service_allows(const struct plan *p, const struct plan_service *s, const struct connect_facts *f) {
        const struct blob *ports = &p->ports.list[s->ports], *macs = &p->macs.list[s->macs];
        bool port = ports->size == 0, mac = macs->size == 0;
        for (size_t i = 0; i < ports->size / sizeof(struct port_range); i++) {
                const struct port_range *r = &((const struct port_range *) ports->bytes)[i];
                port = port || (f->port >= r->first && f->port <= r->last);
        }
        for (size_t i = 0; i < macs->size / sizeof(struct mac); i++)
                mac = mac || memcmp(&((const struct mac *) macs->bytes)[i], &f->next_hop, sizeof f->next_hop) == 0;
        return s->protocol == f->protocol && port && mac;
}

static bool plan_allows(const struct plan *p, const struct connect_facts *f) {
        const struct plan_direction *d = &p->directions[f->inbound ? PLAN_IN : PLAN_OUT];
        uint32_t class = class_at(&d->maps[f->address.family == 4 ? PLAN_IPV4 : PLAN_IPV6], f->address.address);
        if (class == PLAN_NOTHING)
                return false;
        const struct blob *b = &d->classes.list[class];
        for (size_t i = 0; i < b->size / sizeof(uint32_t); i++)
                if (service_allows(p, d->services.list[((const uint32_t *) b->bytes)[i]].bytes, f))
                        return true;
        return false;
}

static void make_rules(struct network_rule *rules, struct prefix prefixes[][PREFIXES_MAX], uint32_t n) {
        for (uint32_t i = 0; i < n; i++) {
                uint32_t ports = pick(4);
                rules[i] = (struct network_rule){ .id = "r",
                                                  .prefixes = prefixes[i],
                                                  .n_prefixes = 1 + pick(PREFIXES_MAX),
                                                  .ports = port_lists[ports],
                                                  .n_ports = n_ports[ports],
                                                  .next_hops = mac_list,
                                                  .n_next_hops = pick(2) ? 3 : 0,
                                                  .protocol = (enum protocol) pick(2) };
                for (uint32_t k = 0; k < rules[i].n_prefixes; k++)
                        prefixes[i][k] = random_prefix(false);
        }
}

static void same_as_decide(void **state) {
        (void) state;
        unsigned allowed = 0, refused = 0;
        srandom(20261128);
        for (int round = 0; round < ROUNDS; round++) {
                static struct prefix prefixes[2][RULES_MAX][PREFIXES_MAX];
                static struct network_rule rules[2][RULES_MAX];
                struct policy policy = { .network = { .n_rules = pick(RULES_MAX + 1), .n_inbound = pick(3) } };
                make_rules(rules[0], prefixes[0], policy.network.n_rules);
                make_rules(rules[1], prefixes[1], policy.network.n_inbound);
                policy.network.rules = rules[0];
                policy.network.inbound = rules[1];
                struct plan plan;
                assert_int_equal(plan_make(&policy.network, &plan), 0);
                for (int q = 0; q < QUESTIONS; q++) {
                        static const uint16_t ports[] = { 22, 79, 80, 101, 102, 443, 65535 };
                        struct facts f = { .kind = FACTS_CONNECT,
                                           .connect = { .protocol = (enum protocol) pick(2),
                                                        .address = random_prefix(true),
                                                        .port = ports[pick(7)],
                                                        .inbound = pick(4) == 0,
                                                        .has_next_hop = true,
                                                        .next_hop = mac_list[pick(2)] } };
                        struct context c = { .now = 0 };
                        struct verdict v;
                        decide(&policy, &f, &c, &v);
                        assert_int_equal(plan_allows(&plan, &f.connect), v.action == ACTION_ALLOW);
                        *(v.action == ACTION_ALLOW ? &allowed : &refused) += 1;
                }
                plan_clear(&plan);
        }
        assert_true(allowed > 1000 && refused > 1000); /* the questions had both answers */
}

/* ---- rows: where the pieces begin ---- */

static const struct row {
        const char *name;
        const char *prefixes[6]; /* a rule each */
        const char *edges[12];   /* "ADDRESS CLASS", - for nothing */
} rows[] = {
        { "none", { NULL }, { NULL } },
        { "one", { "10.0.0.0/24" }, { "10.0.0.0 0", "10.0.1.0 -" } },
        { "all", { "0.0.0.0/0" }, { "0.0.0.0 0" } },
        { "the last", { "255.255.255.255/32" }, { "255.255.255.255 0" } },
        { "the upper half", { "128.0.0.0/1" }, { "128.0.0.0 0" } },
        { "same twice", { "10.0.0.0/24", "10.0.0.0/24" }, { "10.0.0.0 0", "10.0.1.0 -" } },
        { "nested", { "10.0.0.0/8", "10.1.0.0/16" }, { "10.0.0.0 0", "10.1.0.0 1", "10.2.0.0 0", "11.0.0.0 -" } },
        { "nested at the beginning", { "10.0.0.0/8", "10.0.0.0/16" }, { "10.0.0.0 1", "10.1.0.0 0", "11.0.0.0 -" } },
        { "nested at the end", { "10.0.0.0/8", "10.255.0.0/16" }, { "10.0.0.0 0", "10.255.0.0 1", "11.0.0.0 -" } },
        { "neighbours", { "10.0.0.0/24", "10.0.1.0/24" }, { "10.0.0.0 0", "10.0.1.0 1", "10.0.2.0 -" } },
        { "three deep",
          { "0.0.0.0/0", "10.0.0.0/8", "10.0.0.1/32" },
          { "0.0.0.0 0", "10.0.0.0 1", "10.0.0.1 2", "10.0.0.2 1", "11.0.0.0 0" } },
};

static void pieces(void **state) {
        const struct row *row = *state;
        struct prefix prefixes[6];
        struct network_rule rules[6];
        struct port_range ports[6];
        struct network_policy p = { .rules = rules };
        for (uint32_t i = 0; i < 6 && row->prefixes[i]; i++) {
                char text[64];
                (void) snprintf(text, sizeof text, "%s", row->prefixes[i]);
                char *slash = strchr(text, '/');
                *slash = '\0';
                prefixes[i] = (struct prefix){ .family = 4, .length = (uint8_t) strtoul(slash + 1, NULL, 10) };
                assert_int_equal(inet_pton(AF_INET, text, prefixes[i].address), 1);
                ports[i] = (struct port_range){ (uint16_t) (1000 + i), (uint16_t) (1000 + i) };
                rules[i] = (struct network_rule){
                        .prefixes = &prefixes[i], .n_prefixes = 1, .ports = &ports[i], .n_ports = 1
                };
                p.n_rules = i + 1;
        }
        struct plan plan;
        assert_int_equal(plan_make(&p, &plan), 0);
        const struct plan_map *m = &plan.directions[PLAN_OUT].maps[PLAN_IPV4];
        for (size_t i = 0; i < m->n; i++) {
                char address[INET_ADDRSTRLEN], text[64];
                (void) inet_ntop(AF_INET, m->edges[i].start, address, sizeof address);
                if (m->edges[i].class == PLAN_NOTHING)
                        (void) snprintf(text, sizeof text, "%s -", address);
                else
                        (void) snprintf(text, sizeof text, "%s %u", address, m->edges[i].class);
                assert_non_null(row->edges[i]);
                assert_string_equal(text, row->edges[i]);
        }
        assert_null(row->edges[m->n]);
        plan_clear(&plan);
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof *rows + 1];
        size_t n = 0;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                tests[n++] = (struct CMUnitTest){ .name = rows[i].name,
                                                  .test_func = pieces,
                                                  .initial_state = (void *) (uintptr_t) &rows[i] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(same_as_decide);
        return _cmocka_run_group_tests("plan", tests, n, NULL, NULL);
}
