/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From records to rules: what is proposed, in which shape, and what is not. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/learn.h"

#define SERVER_MAC "02:00:00:00:00:02"

static struct learned l;

static int set_up(void **state) {
        (void) state;
        memset(&l, 0, sizeof l);
        return 0;
}

static int tear_down(void **state) {
        (void) state;
        learned_clear(&l);
        return 0;
}

struct seen {
        const char *direction, *protocol, *peer;
        int port;
        const char *mac, *program;
        int uid, count, first;
        bool held;
        const char *kind, *layer;
};

static void see(struct seen s) {
        bool icmp = strncmp(s.protocol, "icmp", 4) == 0;
        json_t *n =
                json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o, s:s?, s:s?, s:o, s:i, s:i, s:i, s:s, s:s}", "kind",
                          s.kind ? s.kind : "flow", "direction", s.direction ? s.direction : "out", "protocol",
                          s.protocol, "peer", s.peer, "port", icmp || s.port < 0 ? json_null() : json_integer(s.port),
                          "type", icmp ? json_integer(s.port) : json_null(), "mac", s.mac, "program", s.program, "uid",
                          s.uid ? json_integer(s.uid) : json_null(), "count", s.count ? s.count : 1, "first",
                          s.first ? s.first : 1000, "last", s.first ? s.first + 10 : 1010, "interface", "eno1", "layer",
                          s.layer ? s.layer : "inet");
        assert_non_null(n);
        json_t *event = json_pack("{s:{s:{s:b, s:o}}}", "unmapped", "sekisho", "enforce", s.held, "network", n);
        assert_int_equal(learn_add(&l, event, false), 0);
        json_decref(event);
}

static void assert_prefixes(const struct learn_rule *r, const char *wanted) {
        char text[1024] = "", buffer[INET6_ADDRSTRLEN];
        for (size_t i = 0; i < r->n_prefixes; i++) {
                const struct prefix *p = &r->prefixes[i];
                size_t used = strlen(text);
                (void) snprintf(text + used, sizeof text - used, "%s%s/%u", i ? " " : "",
                                inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->address, buffer, sizeof buffer),
                                p->length);
        }
        assert_string_equal(text, wanted);
}

static void assert_ports(const struct learn_rule *r, const char *wanted) {
        char text[1024] = "";
        for (size_t i = 0; i < r->n_ports; i++) {
                size_t used = strlen(text);
                (void) snprintf(text + used, sizeof text - used, "%s%u", i ? " " : "", r->ports[i].first);
                used = strlen(text);
                if (r->ports[i].last != r->ports[i].first)
                        (void) snprintf(text + used, sizeof text - used, "-%u", r->ports[i].last);
        }
        assert_string_equal(text, wanted);
}

static enum learn_verdict verdict_of(const char *peer) {
        char buffer[INET6_ADDRSTRLEN];
        for (size_t i = 0; i < l.n_flows; i++) {
                const struct prefix *p = &l.flows[i].peer;
                if (p->family &&
                    strcmp(peer, inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->address, buffer, sizeof buffer)) ==
                            0 &&
                    l.flows[i].direction == LEARN_OUT)
                        return l.flows[i].verdict;
        }
        fail_msg("no flow to %s", peer);
        return LEARN_VERDICT_MAX;
}

static void one_server(void **state) {
        (void) state;
        see((struct seen){
                .protocol = "tcp", .peer = "10.0.0.2", .port = 443, .uid = 1000, .program = "/usr/bin/a", .count = 5 });
        see((struct seen){ .protocol = "tcp",
                           .peer = "10.0.0.2",
                           .port = 443,
                           .uid = 1001,
                           .program = "/usr/bin/b",
                           .first = 9000 });
        /* The same packets, as they left. */
        see((struct seen){
                .protocol = "tcp", .peer = "10.0.0.2", .port = 443, .mac = SERVER_MAC, .layer = "egress", .count = 4 });
        assert_int_equal(learn_finish(&l), 0);
        assert_int_equal(l.n_rules, 1);
        const struct learn_rule *r = &l.rules[0];
        assert_prefixes(r, "10.0.0.2/32");
        assert_ports(r, "443");
        assert_int_equal(r->protocol, PROTOCOL_TCP);
        assert_int_equal(r->n_macs, 1);
        assert_int_equal(r->macs[0].octets[5], 2);
        assert_int_equal(r->who.count, 6);
        assert_int_equal(r->who.n_uids, 2);
        assert_int_equal(r->who.n_programs, 2);
        assert_int_equal(r->who.first, 1000);
        assert_int_equal(r->who.last, 9010);
        assert_int_equal(l.n_interfaces, 1);
}

static void ports_become_ranges(void **state) {
        (void) state;
        static const int ports[] = { 8003, 8001, 8002, 443, 9000 };
        for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
                see((struct seen){ .protocol = "tcp", .peer = "10.0.0.2", .port = ports[i] });
        see((struct seen){ .protocol = "udp", .peer = "10.0.0.2", .port = 53 });
        assert_int_equal(learn_finish(&l), 0);
        assert_int_equal(l.n_rules, 2);
        assert_ports(&l.rules[0], "443 8001-8003 9000");
        assert_int_equal(l.rules[1].protocol, PROTOCOL_UDP);
}

static void hosts_that_lie_close_become_a_prefix(void **state) {
        (void) state;
        static const struct {
                const char *hosts[10], *prefixes;
        } rows[] = {
                { { "10.0.0.1", "10.0.0.2" }, "10.0.0.1/32 10.0.0.2/32" },
                { { "10.0.0.5", "10.0.0.6", "10.0.0.7" }, "10.0.0.4/30" },
                { { "10.0.0.1", "10.0.0.9", "10.0.0.17" }, "10.0.0.1/32 10.0.0.9/32 10.0.0.17/32" },
                { { "10.0.0.1", "10.0.0.9", "10.0.0.14" }, "10.0.0.0/28" },
                { { "10.0.0.1", "10.0.1.1", "10.0.2.1" }, "10.0.0.1/32 10.0.1.1/32 10.0.2.1/32" },
                { { "2001:db8::1", "2001:db8::2", "2001:db8::3" }, "2001:db8::1/128 2001:db8::2/128 2001:db8::3/128" },
                { { "2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8::5", "2001:db8::6",
                    "2001:db8::7", "2001:db8::8" },
                  "2001:db8::/64" },
                { { "10.0.0.1", "2001:db8::1" }, "10.0.0.1/32 2001:db8::1/128" },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                learned_clear(&l);
                size_t n = 0;
                for (; rows[i].hosts[n]; n++)
                        see((struct seen){ .protocol = "tcp", .peer = rows[i].hosts[n], .port = 443 });
                assert_int_equal(learn_finish(&l), 0);
                assert_int_equal(l.n_rules, 1);
                assert_prefixes(&l.rules[0], rows[i].prefixes);
                assert_int_equal(l.rules[0].n_hosts, n);
        }
}

static void another_next_hop_is_another_rule(void **state) {
        (void) state;
        see((struct seen){ .protocol = "tcp", .peer = "10.0.0.1", .port = 443, .mac = SERVER_MAC });
        see((struct seen){ .protocol = "tcp", .peer = "10.0.0.2", .port = 443, .mac = "02:00:00:00:00:03" });
        see((struct seen){ .protocol = "tcp", .peer = "10.0.0.3", .port = 443 });
        assert_int_equal(learn_finish(&l), 0);
        assert_int_equal(l.n_rules, 3);
}

static void what_is_not_proposed(void **state) {
        (void) state;
        const struct {
                struct seen seen;
                enum learn_verdict verdict;
        } rows[] = {
                { { .protocol = "udp", .peer = "224.0.0.251", .port = 5353 }, LEARN_GROUP },
                { { .protocol = "udp", .peer = "255.255.255.255", .port = 67 }, LEARN_GROUP },
                { { .protocol = "udp", .peer = "ff02::fb", .port = 5353 }, LEARN_GROUP },
                { { .protocol = "protocol 47", .peer = "10.1.0.1", .port = -1 }, LEARN_PROTOCOL },
                { { .protocol = "udp", .peer = "10.1.0.2", .port = -1 }, LEARN_PROTOCOL },
                { { .protocol = "icmp", .peer = "10.1.0.3", .port = 3 }, LEARN_ANSWER },
                { { .protocol = "icmp", .peer = "10.1.0.4", .port = 8 }, LEARN_PROPOSED },
                { { .protocol = "icmpv6", .peer = "2001:db8::4", .port = 128 }, LEARN_PROPOSED },
                { { .protocol = "icmpv6", .peer = "2001:db8::5", .port = 1 }, LEARN_ANSWER },
                { { .protocol = "sctp", .peer = "10.1.0.6", .port = 9 }, LEARN_PROPOSED },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                see(rows[i].seen);
        for (int port = 1; port <= 33; port++)
                see((struct seen){ .protocol = "tcp", .peer = "10.1.0.7", .port = port });
        for (int port = 1; port <= 32; port++)
                see((struct seen){ .protocol = "tcp", .peer = "10.1.0.8", .port = port });
        see((struct seen){ .direction = "forward", .protocol = "tcp", .peer = "10.1.0.9", .port = 443 });
        see((struct seen){ .protocol = "-", .kind = "storm", .port = -1, .count = 77 });
        assert_int_equal(learn_finish(&l), 0);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_int_equal(verdict_of(rows[i].seen.peer), rows[i].verdict);
        assert_int_equal(verdict_of("10.1.0.7"), LEARN_SEARCH);
        assert_int_equal(verdict_of("10.1.0.8"), LEARN_PROPOSED);
        assert_int_equal(l.storms, 77);
        for (size_t i = 0; i < l.n_rules; i++)
                for (size_t k = 0; k < l.rules[i].n_prefixes; k++)
                        assert_false(l.rules[i].prefixes[k].family == 4 && l.rules[i].prefixes[k].address[3] == 9);
}

/* A scan from outside makes the terminal answer (RST, port unreachable): nothing that it began. */
static void a_scan_from_outside(void **state) {
        (void) state;
        for (int port = 1; port <= 20; port++) {
                see((struct seen){
                        .direction = "in", .protocol = "tcp", .peer = "10.66.0.1", .port = port, .first = 100 });
                see((struct seen){ .protocol = "tcp", .peer = "10.66.0.1", .port = 40000 + port, .first = 101 });
        }
        /* Held back in enforce mode counts as a call too. */
        see((struct seen){
                .direction = "in", .protocol = "udp", .peer = "10.66.0.2", .port = 161, .first = 100, .held = true });
        see((struct seen){ .protocol = "udp", .peer = "10.66.0.2", .port = 50000, .first = 200, .uid = 0 });
        /* Called by us first, and it called back: proposed. */
        see((struct seen){ .protocol = "tcp", .peer = "10.66.0.3", .port = 443, .first = 100 });
        see((struct seen){ .direction = "in", .protocol = "tcp", .peer = "10.66.0.3", .port = 113, .first = 200 });
        assert_int_equal(learn_finish(&l), 0);
        assert_int_equal(l.n_rules, 1);
        assert_prefixes(&l.rules[0], "10.66.0.3/32");
        assert_int_equal(verdict_of("10.66.0.1"), LEARN_ANSWER);
        assert_int_equal(verdict_of("10.66.0.2"), LEARN_ANSWER);
}

static void what_was_held_back_only_when_asked(void **state) {
        (void) state;
        see((struct seen){ .protocol = "tcp", .peer = "10.0.0.2", .port = 443, .held = true });
        assert_int_equal(learn_finish(&l), 0);
        assert_int_equal(l.n_rules + l.n_flows, 0);
        learned_clear(&l);
        json_t *event = json_pack("{s:{s:{s:b, s:{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i}}}}", "unmapped", "sekisho",
                                  "enforce", 1, "network", "kind", "flow", "direction", "out", "protocol", "tcp",
                                  "peer", "10.0.0.2", "port", 443, "count", 1, "first", 1, "last", 1);
        assert_int_equal(learn_add(&l, event, true), 0);
        json_decref(event);
        assert_int_equal(learn_finish(&l), 0);
        assert_int_equal(l.n_rules, 1);
}

static void records_that_do_not_hold_together(void **state) {
        (void) state;
        static const char *const texts[] = {
                "{}",
                "{\"unmapped\": 1}",
                "{\"unmapped\": {\"sekisho\": {\"enforce\": false, \"network\": {}}}}",
                "{\"unmapped\": {\"sekisho\": {\"enforce\": false, \"network\": {\"kind\": \"flow\", \"peer\": 7, "
                "\"port\": \"x\"}}}}",
                "{\"unmapped\": {\"sekisho\": {\"enforce\": false, \"network\": {\"kind\": \"flow\", \"direction\": "
                "\"out\", "
                "\"protocol\": \"tcp\", \"peer\": \"nowhere\", \"port\": -5, \"mac\": \"zz\", \"program\": []}}}}",
        };
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                json_t *event = json_loads(texts[i], 0, NULL);
                assert_non_null(event);
                assert_int_equal(learn_add(&l, event, true), 0);
                json_decref(event);
        }
        assert_int_equal(learn_finish(&l), 0);
        assert_int_equal(l.n_rules, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(one_server),
                TEST(ports_become_ranges),
                TEST(hosts_that_lie_close_become_a_prefix),
                TEST(another_next_hop_is_another_rule),
                TEST(what_is_not_proposed),
                TEST(a_scan_from_outside),
                TEST(what_was_held_back_only_when_asked),
                TEST(records_that_do_not_hold_together),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
