/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom to pin: rows of routes and rules. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "network/neighbours.h"

#define ROWS_MAX 4

static const struct row {
        const char *name;
        const char *routes[ROWS_MAX];   /* "PREFIX [via GATEWAY] INDEX METRIC" */
        const char *rules[ROWS_MAX];    /* "PREFIX LAST-OCTET-OF-MAC..." */
        const char *expected[ROWS_MAX]; /* "INDEX ADDRESS LAST-OCTET" */
} rows[] = {
        { "a host on the link", { "10.0.0.0/24 - 2 0" }, { "10.0.0.5/32 7" }, { "2 10.0.0.5 7" } },
        { "a network on the link names nobody", { "10.0.0.0/24 - 2 0" }, { "10.0.0.0/28 7" }, { NULL } },
        { "behind a router",
          { "10.0.0.0/24 - 2 0", "0.0.0.0/0 10.0.0.1 2 0" },
          { "10.9.0.0/16 8" },
          { "2 10.0.0.1 8" } },
        { "both",
          { "10.0.0.0/24 - 2 0", "0.0.0.0/0 10.0.0.1 2 0" },
          { "10.9.0.0/16 8", "10.0.0.5/32 7" },
          { "2 10.0.0.1 8", "2 10.0.0.5 7" } },
        { "the longer route",
          { "0.0.0.0/0 10.0.0.1 2 0", "10.9.0.0/16 10.0.0.2 2 0" },
          { "10.9.1.1/32 8" },
          { "2 10.0.0.2 8" } },
        { "the cheaper route",
          { "0.0.0.0/0 10.0.0.1 2 100", "0.0.0.0/0 10.0.0.2 2 50" },
          { "10.9.1.1/32 8" },
          { "2 10.0.0.2 8" } },
        { "two rules, one router, two addresses: not pinned",
          { "0.0.0.0/0 10.0.0.1 2 0" },
          { "10.9.0.0/16 8", "10.8.0.0/16 9" },
          { NULL } },
        { "two next hops: not pinned", { "10.0.0.0/24 - 2 0" }, { "10.0.0.5/32 7 8" }, { NULL } },
        { "no next hop: not pinned", { "10.0.0.0/24 - 2 0" }, { "10.0.0.5/32" }, { NULL } },
        { "no route", { "10.1.0.0/24 - 2 0" }, { "10.0.0.5/32 7" }, { NULL } },
        { "not an interface of ours", { "10.0.0.0/24 - 3 0" }, { "10.0.0.5/32 7" }, { NULL } },
        { "a prefix larger than the route", { "10.0.0.0/24 - 2 0" }, { "10.0.0.0/8 7" }, { NULL } },
        { "a group has no neighbour", { "0.0.0.0/0 - 2 0" }, { "224.0.0.1/32 7", "255.255.255.255/32 7" }, { NULL } },
        { "IPv6",
          { "2001:db8::/64 - 2 0", "::/0 fe80::1 2 0" },
          { "2001:db8::5/128 7", "2001:db8:9::/48 8" },
          { "2 2001:db8::5 7", "2 fe80::1 8" } },
};

static struct prefix parse(const char *text) {
        char address[64];
        struct prefix p = { .family = strchr(text, ':') ? 6 : 4 };
        (void) snprintf(address, sizeof address, "%s", text);
        char *slash = strchr(address, '/');
        p.length = slash ? (uint8_t) strtoul(slash + 1, NULL, 10) : p.family == 4 ? 32 : 128;
        if (slash)
                *slash = '\0';
        assert_int_equal(inet_pton(p.family == 4 ? AF_INET : AF_INET6, address, p.address), 1);
        return p;
}

static bool usable(unsigned index, void *userdata) {
        (void) userdata;
        return index == 2;
}

static void pins(void **state) {
        const struct row *row = *state;
        struct route routes[ROWS_MAX];
        struct network_rule rules[ROWS_MAX];
        struct prefix prefixes[ROWS_MAX];
        struct mac macs[ROWS_MAX][2];
        struct network_policy p = { .rules = rules };
        static struct neighbour found[NEIGHBOURS_MAX];
        size_t n_routes = 0;
        for (; n_routes < ROWS_MAX && row->routes[n_routes]; n_routes++) {
                char to[64], gateway[64];
                unsigned index, metric;
                assert_int_equal(sscanf(row->routes[n_routes], "%63s %63s %u %u", to, gateway, &index, &metric), 4);
                routes[n_routes] = (struct route){ .to = parse(to), .index = index, .metric = metric };
                routes[n_routes].has_gateway = strcmp(gateway, "-") != 0;
                if (routes[n_routes].has_gateway) {
                        routes[n_routes].gateway = parse(gateway);
                        routes[n_routes].gateway.length = 0; /* as read from the kernel */
                }
        }
        for (uint32_t i = 0; i < ROWS_MAX && row->rules[i]; i++) {
                char to[64];
                unsigned octets[2];
                int n = sscanf(row->rules[i], "%63s %u %u", to, &octets[0], &octets[1]);
                assert_true(n >= 1);
                prefixes[i] = parse(to);
                for (int k = 0; k < n - 1; k++)
                        macs[i][k] = (struct mac){ { 2, 0, 0, 0, 0, (uint8_t) octets[k] } };
                rules[i] = (struct network_rule){ .prefixes = &prefixes[i],
                                                  .n_prefixes = 1,
                                                  .next_hops = macs[i],
                                                  .n_next_hops = (uint32_t) (n - 1) };
                p.n_rules = i + 1;
        }
        size_t n = neighbours_wanted(&p, routes, n_routes, usable, NULL, found);
        for (size_t i = 0; i < n; i++) {
                char address[INET6_ADDRSTRLEN], text[128];
                (void) inet_ntop(found[i].family == 4 ? AF_INET : AF_INET6, found[i].address, address, sizeof address);
                (void) snprintf(text, sizeof text, "%u %s %u", found[i].index, address, found[i].mac.octets[5]);
                assert_non_null(row->expected[i]);
                assert_string_equal(text, row->expected[i]);
        }
        assert_null(row->expected[n]);
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof *rows];
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                tests[i] = (struct CMUnitTest){ .name = rows[i].name,
                                                .test_func = pins,
                                                .initial_state = (void *) (uintptr_t) &rows[i] };
        return _cmocka_run_group_tests("neighbours", tests, sizeof tests / sizeof *tests, NULL, NULL);
}
