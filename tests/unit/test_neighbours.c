/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom to pin, and whether who is known is listed: rows of routes and rules. */
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

struct scene {
        struct network_policy policy;
        struct route routes[ROWS_MAX];
        struct network_rule rules[ROWS_MAX];
        struct prefix prefixes[ROWS_MAX];
        struct mac macs[ROWS_MAX][2];
        size_t n_routes;
};

static void make_scene(const char *const *routes, const char *const *rules, struct scene *ret) {
        *ret = (struct scene){ .n_routes = 0 };
        ret->policy.rules = ret->rules;
        for (size_t i = 0; i < ROWS_MAX && routes[i]; i++) {
                char to[64], gateway[64];
                unsigned index, metric;
                assert_int_equal(sscanf(routes[i], "%63s %63s %u %u", to, gateway, &index, &metric), 4);
                ret->routes[i] = (struct route){ .to = parse(to), .index = index, .metric = metric };
                ret->routes[i].has_gateway = strcmp(gateway, "-") != 0;
                if (ret->routes[i].has_gateway) {
                        ret->routes[i].gateway = parse(gateway);
                        ret->routes[i].gateway.length = 0; /* as read from the kernel */
                }
                ret->n_routes = i + 1;
        }
        for (uint32_t i = 0; i < ROWS_MAX && rules[i]; i++) {
                char to[64];
                unsigned octets[2];
                int n = sscanf(rules[i], "%63s %u %u", to, &octets[0], &octets[1]);
                assert_true(n >= 1);
                ret->prefixes[i] = parse(to);
                for (int k = 0; k < n - 1; k++)
                        ret->macs[i][k] = (struct mac){ { 2, 0, 0, 0, 0, (uint8_t) octets[k] } };
                ret->rules[i] = (struct network_rule){ .prefixes = &ret->prefixes[i],
                                                       .n_prefixes = 1,
                                                       .next_hops = ret->macs[i],
                                                       .n_next_hops = (uint32_t) (n - 1) };
                ret->policy.n_rules = i + 1;
        }
}

static void pins(void **state) {
        const struct row *row = *state;
        static struct neighbour found[NEIGHBOURS_MAX];
        struct scene s;
        make_scene(row->routes, row->rules, &s);
        size_t n = neighbours_wanted(&s.policy, s.routes, s.n_routes, usable, NULL, found);
        for (size_t i = 0; i < n; i++) {
                char address[INET6_ADDRSTRLEN], text[128];
                (void) inet_ntop(found[i].family == 4 ? AF_INET : AF_INET6, found[i].address, address, sizeof address);
                (void) snprintf(text, sizeof text, "%u %s %u", found[i].index, address, found[i].mac.octets[5]);
                assert_non_null(row->expected[i]);
                assert_string_equal(text, row->expected[i]);
        }
        assert_null(row->expected[n]);
}

/* ---- comparing ---- */

static const struct compared {
        const char *name;
        const char *routes[ROWS_MAX];
        const char *rules[ROWS_MAX];
        const char *known[ROWS_MAX]; /* "INDEX ADDRESS LAST-OCTET" */
        const char *expected;        /* a letter for each destination, see VERDICTS */
} compared[] = {
        { "as listed", { "10.0.0.0/24 - 2 0" }, { "10.0.0.5/32 7" }, { "2 10.0.0.5 7" }, "F" },
        { "another", { "10.0.0.0/24 - 2 0" }, { "10.0.0.5/32 7" }, { "2 10.0.0.5 8" }, "W" },
        { "one of two", { "10.0.0.0/24 - 2 0" }, { "10.0.0.5/32 7 8" }, { "2 10.0.0.5 8" }, "F" },
        { "not known", { "10.0.0.0/24 - 2 0" }, { "10.0.0.5/32 7" }, { "2 10.0.0.6 8" }, "S" },
        { "known elsewhere only", { "10.0.0.0/24 - 2 0" }, { "10.0.0.5/32 7" }, { "3 10.0.0.5 8" }, "S" },
        { "two that are known, one of them wrong",
          { "10.0.0.0/24 - 2 0" },
          { "10.0.0.5/32 7" },
          { "2 10.0.0.5 7", "0 10.0.0.5 8" },
          "W" },
        { "no address in the rule", { "10.0.0.0/24 - 2 0" }, { "10.0.0.5/32" }, { "2 10.0.0.5 8" }, "" },
        { "another rule lists it",
          { "10.0.0.0/24 - 2 0" },
          { "10.0.0.5/32 7", "10.0.0.5/32 8" },
          { "2 10.0.0.5 8" },
          "FF" },
        { "another rule, to another host",
          { "10.0.0.0/24 - 2 0" },
          { "10.0.0.5/32 7", "10.0.0.6/32 8" },
          { "2 10.0.0.5 8" },
          "WS" },
        { "a network on the link", { "10.0.0.0/24 - 2 0" }, { "10.0.0.0/28 7" }, { "2 10.0.0.5 8" }, "M" },
        { "a router", { "0.0.0.0/0 10.0.0.1 2 0" }, { "10.9.0.0/16 8" }, { "2 10.0.0.1 8" }, "F" },
        { "a false router", { "0.0.0.0/0 10.0.0.1 2 0" }, { "10.9.0.0/16 8" }, { "2 10.0.0.1 9" }, "W" },
        { "a router that another rule lists",
          { "0.0.0.0/0 10.0.0.1 2 0" },
          { "10.9.0.0/16 8", "10.8.0.0/16 9" },
          { "2 10.0.0.1 9" },
          "FF" },
        { "no route", { "10.1.0.0/24 - 2 0" }, { "10.0.0.5/32 7" }, { "2 10.0.0.5 7" }, "N" },
        { "a group", { "0.0.0.0/0 - 2 0" }, { "224.0.0.1/32 7" }, { NULL }, "G" },
        { "no routes at all: on the link", { NULL }, { "10.0.0.5/32 7", "10.9.0.0/16 7" }, { "0 10.0.0.5 8" }, "WM" },
        { "IPv6, a host", { "2001:db8::/64 - 2 0" }, { "2001:db8::5/128 7" }, { "2 2001:db8::5 8" }, "W" },
        { "IPv6, as listed", { "2001:db8::/64 - 2 0" }, { "2001:db8::5/128 7" }, { "2 2001:db8::5 7" }, "F" },
        { "IPv6, a router", { "::/0 fe80::1 2 0" }, { "2001:db8:9::/48 8" }, { "2 fe80::1 9" }, "W" },
        { "IPv6, a group", { "::/0 fe80::1 2 0" }, { "ff02::fb/128 8" }, { NULL }, "G" },
};

static void hear(const struct neighbour_judgement *j, void *userdata) {
        static const char letters[NEIGHBOUR_VERDICT_MAX] = {
                [NEIGHBOUR_FITS] = 'F', [NEIGHBOUR_WRONG] = 'W',    [NEIGHBOUR_SILENT] = 'S',
                [NEIGHBOUR_MANY] = 'M', [NEIGHBOUR_NO_ROUTE] = 'N', [NEIGHBOUR_GROUP] = 'G',
        };
        char *said = userdata;
        assert_true(j->rule && j->to);
        said[strlen(said)] = letters[j->verdict];
}

static void compares(void **state) {
        const struct compared *row = *state;
        struct scene s;
        struct neighbour known[ROWS_MAX];
        char said[ROWS_MAX + 1] = "";
        size_t n_known = 0;
        make_scene(row->routes, row->rules, &s);
        for (; n_known < ROWS_MAX && row->known[n_known]; n_known++) {
                char address[64];
                unsigned index, octet;
                assert_int_equal(sscanf(row->known[n_known], "%u %63s %u", &index, address, &octet), 3);
                const struct prefix p = parse(address);
                known[n_known] = (struct neighbour){ .index = index,
                                                     .family = p.family,
                                                     .mac = { { 2, 0, 0, 0, 0, (uint8_t) octet } } };
                memcpy(known[n_known].address, p.address, sizeof p.address);
        }
        neighbours_judge(&s.policy, s.routes, s.n_routes, known, n_known, hear, said);
        assert_string_equal(said, row->expected);
}

int main(void) {
        enum { PINS = sizeof rows / sizeof *rows, COMPARED = sizeof compared / sizeof *compared };
        struct CMUnitTest tests[PINS + COMPARED];
        for (size_t i = 0; i < COMPARED; i++)
                tests[PINS + i] = (struct CMUnitTest){ .name = compared[i].name,
                                                       .test_func = compares,
                                                       .initial_state = (void *) (uintptr_t) &compared[i] };
        for (size_t i = 0; i < PINS; i++)
                tests[i] = (struct CMUnitTest){ .name = rows[i].name,
                                                .test_func = pins,
                                                .initial_state = (void *) (uintptr_t) &rows[i] };
        return _cmocka_run_group_tests("neighbours", tests, PINS + COMPARED, NULL, NULL);
}
