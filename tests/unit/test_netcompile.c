/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a policy's network section to the kernel's objects, as text: the lines that a filter lets through are exactly
 * the expected ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "network/compile.h"
#include "network/print.h"

#define HEAD                                                                                                           \
        "sekisho: 1\nheader: {fleet: f, serial: 1, issued: 2026-11-23T09:00:00+09:00, expires: never, target: "        \
        "[all]}\n"
#define ENFORCE HEAD "mode: enforce\nnetwork:\n  interfaces: {allow: [eno1]}\n"
#define OBSERVE HEAD "mode: observe\nnetwork:\n  interfaces: {allow: [eno1]}\n"
#define WEB                                                                                                            \
        "  rules:\n    - {id: web, to: [10.20.30.0/24], protocol: tcp, ports: [443], next-hop: [52:54:00:12:34:56]}\n"

static const struct row {
        const char *name, *policy, *filter; /* a beginning of lines */
        const char *lines[12];              /* with "..." they may go on */
} rows[] = {
        { "no rule: no map", ENFORCE, "inet set to4", { NULL } },
        { "an address leads to its service",
          ENFORCE WEB,
          "netdev set to4",
          { "netdev set to4 element 0a141e00 verdict -3 to-service0", "netdev set to4 element 0a141f00 end",
            "netdev set to4: key 4 bytes, flags 0xc" } },
        { "MAC, protocol and port in one rule, where frames leave",
          ENFORCE WEB,
          "netdev rule to-service0 #001",
          { "netdev rule to-service0 #001 [meta load l4proto => reg 1] [cmp eq reg 1 0x00000006]"
            " [payload load 2b @ transport header + 2 => reg 1] [cmp eq reg 1 0x0000bb01]"
            " [payload load 6b @ link header + 0 => reg 1] [cmp eq reg 1 0x12005452 0x00005634] [immediate reg 0 "
            "accept]" } },
        { "the way back needs a known connection and the rule",
          ENFORCE WEB,
          "inet rule to-service0 #002",
          { "inet rule to-service0 #002 [meta load iif => reg 1] [cmp neq reg 1 0x00000000] [meta load l4proto => reg "
            "1]"
            " [cmp eq reg 1 0x00000006] [payload load 2b @ transport header + 0 => reg 1] [cmp eq reg 1 0x0000bb01]"
            " [ct load direction => reg 1] [cmp eq reg 1 0x00000001] [immediate reg 0 accept]" } },
        { "what no rule lets pass is counted, logged and dropped",
          ENFORCE,
          "inet rule refuse-out4",
          { "inet rule refuse-out4 #001 [objref type 1 name refused-out] [log prefix sekisho inet out block group 730"
            " snaplen 128 qthreshold 0] [immediate reg 0 drop]" } },
        { "forwarding is refused whatever the rules",
          ENFORCE WEB,
          "inet rule refuse-forward6",
          { "inet rule refuse-forward6 #001 [objref type 1 name refused-forward] [log prefix sekisho inet forward block"
            " group 730 snaplen 128 qthreshold 0] [immediate reg 0 drop]" } },
        { "two lists of ports at one address: a class",
          ENFORCE "  rules:\n    - {id: a, to: [10.0.0.0/8], protocol: udp, ports: [53]}\n"
                  "    - {id: b, to: [10.0.0.1/32], protocol: tcp, ports: [1-2, 5]}\n",
          "inet set to4",
          { "inet set to4 element 0a000000 verdict -3 to-service0", "inet set to4 element 0a000001 end",
            "inet set to4 element 0a000001 verdict -3 to-class1", "inet set to4 element 0a000002 end",
            "inet set to4 element 0a000002 verdict -3 to-service0", "inet set to4 element 0b000000 end",
            "inet set to4: key 4 bytes, flags 0xc" } },
        { "the class has both services",
          ENFORCE "  rules:\n    - {id: a, to: [10.0.0.0/8], protocol: udp, ports: [53]}\n"
                  "    - {id: b, to: [10.0.0.1/32], protocol: tcp, ports: [1-2, 5]}\n",
          "inet rule to-class1",
          { "inet rule to-class1 #001 [immediate reg 0 jump -> to-service0]",
            "inet rule to-class1 #002 [immediate reg 0 jump -> to-service1]" } },
        { "ports up to the last",
          ENFORCE "  rules:\n    - {id: b, to: [10.0.0.1/32], protocol: tcp, ports: [1-2, 60000-65535]}\n",
          "inet set ports0",
          { "inet set ports0 element 0001", "inet set ports0 element 0003 end", "inet set ports0 element ea60",
            "inet set ports0: key 2 bytes, flags 0x6" } },
        { "equal services are one",
          ENFORCE "  rules:\n    - {id: a, to: [10.0.0.1/32], protocol: tcp, ports: [443]}\n"
                  "    - {id: b, to: [10.0.0.9/32], protocol: tcp, ports: [443]}\n",
          "inet chain to-",
          { "inet chain to-service0" } },
        { "DHCP's answer comes to its own port",
          ENFORCE "  rules:\n    - {id: dhcp, to: [10.0.0.1/32], protocol: udp, ports: [67]}\n",
          "inet rule to-service0 #003",
          { "inet rule to-service0 #003 [meta load iif => reg 1] [cmp neq reg 1 0x00000000] [meta load l4proto => reg "
            "1]"
            " [cmp eq reg 1 0x00000011] [payload load 2b @ transport header + 0 => reg 1] [cmp eq reg 1 0x00004300]"
            " [payload load 2b @ transport header + 2 => reg 1] [cmp eq reg 1 0x00004400] [immediate reg 0 accept]" } },
        { "who calls: his MAC, on Ethernet",
          ENFORCE "  inbound:\n    - {id: ssh, from: [10.0.0.1/32], protocol: tcp, ports: [22],"
                  " next-hop: [52:54:00:12:34:56]}\n",
          "inet rule from-service0 #001",
          { "inet rule from-service0 #001 [meta load iif => reg 1] [cmp neq reg 1 0x00000000]"
            " [meta load l4proto => reg 1] [cmp eq reg 1 0x00000006] [payload load 2b @ transport header + 2 => reg 1]"
            " [cmp eq reg 1 0x00001600] [meta load iiftype => reg 1] [cmp eq reg 1 0x00000001]"
            " [payload load 6b @ link header + 6 => reg 1] [cmp eq reg 1 0x12005452 0x00005634]"
            " [immediate reg 0 accept]" } },
        { "who was called answers, and never begins",
          ENFORCE "  inbound:\n    - {id: ssh, from: [10.0.0.1/32], protocol: tcp, ports: [22]}\n",
          "netdev rule from-service0 #001",
          { "netdev rule from-service0 #001 [meta load l4proto => reg 1] [cmp eq reg 1 0x00000006]"
            " [payload load 2b @ transport header + 0 => reg 1] [cmp eq reg 1 0x00001600]"
            " [payload load 1b @ transport header + 13 => reg 1] [bitwise reg 1 = ( reg 1 & 0x00000012 ) ^ 0x00000000]"
            " [cmp neq reg 1 0x00000002] [immediate reg 0 accept]" } },
        { "IPv6 has its own map",
          ENFORCE "  rules:\n    - {id: a, to: [\"2001:db8::/32\"], protocol: icmpv6}\n",
          "netdev set to6",
          { "netdev set to6 element 20010db8000000000000000000000000 verdict -3 to-service0",
            "netdev set to6 element 20010db9000000000000000000000000 end",
            "netdev set to6: key 16 bytes, flags 0xc" } },
        { "observing refuses nothing",
          OBSERVE WEB,
          "arp rule",
          { "arp rule output #001 [immediate reg 0 accept]",
            "arp rule refuse-out #001 [objref type 1 name refused-out] [log prefix sekisho arp out observe group 730"
            " snaplen 128 qthreshold 0] [immediate reg 0 accept]" } },
        { "observing needs no connection tracking: one rule a service",
          OBSERVE WEB,
          "inet rule to-service0 #002",
          { NULL } },
        { "observing remembers what it has logged",
          OBSERVE,
          "inet set seen",
          { "inet set seen-refuse-forward4: key 12 bytes, flags 0x30",
            "inet set seen-refuse-forward6: key 24 bytes, flags 0x30",
            "inet set seen-refuse-in4: key 12 bytes, flags 0x30", "inet set seen-refuse-in6: key 24 bytes, flags 0x30",
            "inet set seen-refuse-out4: key 12 bytes, flags 0x30",
            "inet set seen-refuse-out6: key 24 bytes, flags 0x30" } },
        { "default: allow refuses nothing, and logs nothing",
          ENFORCE "  default: allow\n",
          "inet rule refuse-out4",
          { "inet rule refuse-out4 #001 [immediate reg 0 accept]" } },
        { "but interfaces that are not listed stay shut",
          ENFORCE "  default: allow\n",
          "inet rule output4 #001",
          { "inet rule output4 #001 [meta load oif => reg 1] [lookup reg 1 set interfaces 0x1] [immediate reg 0 "
            "drop]" } },
};

static void compile_text(const char *text, struct lines *ret) {
        struct problems problems = { 0 };
        struct policy *policy = NULL;
        int r = policy_parse(text, strlen(text), &problems, &policy);
        if (r != 0 && problems.n)
                print_message("%u:%u: %s\n", problems.list[0].line, problems.list[0].column, problems.list[0].message);
        assert_int_equal(r, 0);
        problems_clear(&problems);
        struct ruleset rs;
        ruleset_init(&rs, "t", 7);
        compile_generation(&rs, &policy->network);
        assert_int_equal(ruleset_error(&rs), 0);
        assert_int_equal(ruleset_lines(&rs, ret), 0);
        ruleset_clear(&rs);
        (void) policy_free(policy);
}

static void lines_are(void **state) {
        const struct row *row = *state;
        struct lines l = { 0 };
        size_t n = 0;
        compile_text(row->policy, &l);
        for (size_t i = 0; i < l.n; i++) {
                assert_null(strstr(l.list[i], ".7")); /* the generation is no part of the meaning */
                if (strncmp(l.list[i], row->filter, strlen(row->filter)) != 0)
                        continue;
                if (!row->lines[n])
                        fail_msg("not expected: %s", l.list[i]);
                assert_string_equal(l.list[i], row->lines[n++]);
        }
        assert_null(row->lines[n]);
        ruleset_lines_clear(&l);
}

static void count_difference(char sign, const char *line, void *userdata) {
        (void) line;
        *(sign == '+' ? (int *) userdata : (int *) userdata + 1) += 1;
}

static void pure(void **state) {
        (void) state;
        struct lines a = { 0 }, b = { 0 }, c = { 0 };
        int differences[2] = { 0, 0 };
        compile_text(ENFORCE WEB, &a);
        compile_text(ENFORCE WEB, &b);
        compile_text(ENFORCE, &c);
        assert_int_equal(lines_compare(&a, &b, count_difference, differences), 0);
        assert_true(lines_compare(&a, &c, count_difference, differences) > 0);
        assert_true(differences[1] > 0); /* what the empty one lacks */
        ruleset_lines_clear(&a);
        ruleset_lines_clear(&b);
        ruleset_lines_clear(&c);
}

/* One service for all: the sets grow with the prefixes, the rules do not. */
static void ten_thousand_prefixes(void **state) {
        (void) state;
        enum { N = 10000 };
        struct prefix *prefixes = calloc(N, sizeof *prefixes);
        const struct port_range port = { 443, 443 };
        for (uint32_t i = 0; i < N; i++)
                prefixes[i] = (struct prefix){ 4, 30, { 10, (uint8_t) (i >> 8), (uint8_t) i, 4 } };
        const struct network_rule rule = {
                .id = "r", .prefixes = prefixes, .n_prefixes = N, .ports = &port, .n_ports = 1
        };
        const struct network_policy p = { .rules = &rule, .n_rules = 1 };
        struct ruleset rs;
        ruleset_init(&rs, "t", 1);
        compile_generation(&rs, &p);
        assert_int_equal(ruleset_error(&rs), 0);
        assert_true(rs.objects[OBJECT_RULE].n < 120);
        struct lines l = { 0 };
        assert_int_equal(ruleset_lines(&rs, &l), 0);
        size_t n = 0;
        for (size_t i = 0; i < l.n; i++)
                n += strncmp(l.list[i], "netdev set to4 element", strlen("netdev set to4 element")) == 0;
        assert_int_equal(n, 2 * N);
        ruleset_lines_clear(&l);
        ruleset_clear(&rs);
        free(prefixes);
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof *rows + 2];
        size_t n = 0;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                tests[n++] = (struct CMUnitTest){ .name = rows[i].name,
                                                  .test_func = lines_are,
                                                  .initial_state = (void *) (uintptr_t) &rows[i] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(pure);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(ten_thousand_prefixes);
        return _cmocka_run_group_tests("compile", tests, n, NULL, NULL);
}
