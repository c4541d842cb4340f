/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "verdicts.h"

#define NOW  1000 /* the hour of the tables: Wednesday 10:00 */
#define LATE 5000 /* the policy has expired */

static const struct hours_span OFFICE_SPANS[] = { { 0x1f, 510, 1035 } };
#define OFFICE                                                                                                         \
        { OFFICE_SPANS, 1 }

/* --- connections --- */

static const struct prefix PREFIXES[] = { { 4, 24, { 10, 20, 30 } },
                                          { 6, 48, { 0x20, 0x01, 0x0d, 0xb8, 0, 0x20 } },
                                          { 4, 21, { 10, 30, 8 } },
                                          { 4, 0, { 0 } } };
static const struct port_range PORTS[] = { { 443, 443 }, { 8443, 8450 } };
static const struct mac HOPS[] = { { { 0x52, 0x54, 0, 0x12, 0x34, 0x56 } } };
static const struct network_rule OUT[] = {
        { "juki", "note", PREFIXES, 2, PORTS, 2, HOPS, 1, PROTOCOL_TCP, 30 },
        { "odd", NULL, PREFIXES + 2, 1, NULL, 0, NULL, 0, PROTOCOL_ICMP, 31 },
};
static const struct network_rule IN[] = { { "ssh", NULL, PREFIXES + 3, 1, PORTS, 1, NULL, 0, PROTOCOL_TCP, 40 } };

static const struct connect_row {
        const char *name;
        struct prefix address;
        uint16_t port;
        enum protocol protocol;
        bool inbound, hop, other_hop, default_allow;
        const struct network_rule *rule;
        const char *mismatch; /* of the first rule */
} connects[] = {
        { "listed", { 4, 32, { 10, 20, 30, 7 } }, 443, PROTOCOL_TCP, false, true, false, false, &OUT[0], NULL },
        { "range, first", { 4, 32, { 10, 20, 30, 7 } }, 8443, PROTOCOL_TCP, false, true, false, false, &OUT[0], NULL },
        { "range, last", { 4, 32, { 10, 20, 30, 7 } }, 8450, PROTOCOL_TCP, false, true, false, false, &OUT[0], NULL },
        { "range, behind", { 4, 32, { 10, 20, 30, 7 } }, 8451, PROTOCOL_TCP, false, true, false, false, NULL, "ports" },
        { "other net", { 4, 32, { 10, 20, 31, 7 } }, 443, PROTOCOL_TCP, false, true, false, false, NULL, "to" },
        { "IPv6",
          { 6, 128, { 0x20, 1, 0xd, 0xb8, 0, 0x20, 1 } },
          443,
          PROTOCOL_TCP,
          false,
          true,
          false,
          false,
          &OUT[0],
          NULL },
        { "IPv6, other net",
          { 6, 128, { 0x20, 1, 0xd, 0xb8, 0, 0x21 } },
          443,
          PROTOCOL_TCP,
          false,
          true,
          false,
          false,
          NULL,
          "to" },
        { "udp", { 4, 32, { 10, 20, 30, 7 } }, 443, PROTOCOL_UDP, false, true, false, false, NULL, "protocol" },
        { "no next hop",
          { 4, 32, { 10, 20, 30, 7 } },
          443,
          PROTOCOL_TCP,
          false,
          false,
          false,
          false,
          NULL,
          "next-hop" },
        { "other next hop",
          { 4, 32, { 10, 20, 30, 7 } },
          443,
          PROTOCOL_TCP,
          false,
          true,
          true,
          false,
          NULL,
          "next-hop" },
        { "odd prefix, in",
          { 4, 32, { 10, 30, 15, 255 } },
          0,
          PROTOCOL_ICMP,
          false,
          false,
          false,
          false,
          &OUT[1],
          "to" },
        { "odd prefix, behind",
          { 4, 32, { 10, 30, 16, 0 } },
          0,
          PROTOCOL_ICMP,
          false,
          false,
          false,
          false,
          NULL,
          "to" },
        { "not a full address", { 4, 24, { 10, 20, 30 } }, 443, PROTOCOL_TCP, false, true, false, false, NULL, "to" },
        { "inbound", { 4, 32, { 10, 20, 1, 5 } }, 443, PROTOCOL_TCP, true, false, false, false, &IN[0], NULL },
        { "inbound, IPv6 is not in 0.0.0.0/0",
          { 6, 128, { 0 } },
          443,
          PROTOCOL_TCP,
          true,
          false,
          false,
          false,
          NULL,
          "from" },
        { "default allow", { 4, 32, { 8, 8, 8, 8 } }, 53, PROTOCOL_UDP, false, false, false, true, NULL, "to" },
};

static void hear_first(const char *rule, uint32_t line, const char *mismatch, void *userdata) {
        (void) rule;
        const char **first = userdata;
        if (line == OUT[0].line || line == IN[0].line)
                *first = mismatch;
}

static void test_connect(void **state) {
        const struct connect_row *row = *state;
        /* Expired: listed paths stay, so that work goes on. */
        const struct policy p = { .header = { .serial = 3, .expires = NOW },
                                  .network = { .default_action = row->default_allow ? ACTION_ALLOW : ACTION_BLOCK,
                                               .rules = OUT,
                                               .n_rules = N(OUT),
                                               .inbound = IN,
                                               .n_inbound = N(IN) } };
        struct facts f = { .kind = FACTS_CONNECT };
        f.connect = (struct connect_facts){ .protocol = row->protocol,
                                            .address = row->address,
                                            .port = row->port,
                                            .inbound = row->inbound,
                                            .has_next_hop = row->hop,
                                            .next_hop = HOPS[0] };
        if (row->other_hop)
                f.connect.next_hop.octets[5] ^= 1;
        const struct context c = { .now = LATE };
        struct verdict v;
        decide_both(&p, &f, &c, &v);
        assert_ptr_equal(v.rule, row->rule ? row->rule->id : NULL);
        assert_int_equal(v.line, row->rule ? row->rule->line : 0);
        assert_int_equal(v.explicit_rule, row->rule != NULL);
        assert_int_equal(v.reason, row->rule ? REASON_RULE : REASON_DEFAULT);
        assert_int_equal(v.action, row->rule || row->default_allow ? ACTION_ALLOW : ACTION_BLOCK);
        const char *first = "nobody said anything";
        decide_linear(&p, &f, &c, &v, hear_first, &first);
        if (row->mismatch)
                assert_string_equal(first, row->mismatch);
        else
                assert_null(first);
}

/* --- pastes --- */

static const struct clipboard_zone ZONES[] = { { .id = "juminhyo" }, { .id = "office" } };
#define T(x) (1u << FLOW_##x)
static const struct clipboard_flow FLOWS[] = {
        { NULL, 0, 0, T(TEXT) | T(IMAGE), UINT64_MAX, false, 50 },
        { "note", 0, 1, T(TEXT), 4096, true, 51 },
        { NULL, 0, 1, T(IMAGE), UINT64_MAX, false, 52 },
};

static const struct paste_row {
        const char *name, *from, *to;
        uint32_t types;
        uint64_t bytes;
        bool my_number, default_allow;
        enum action action;
        enum reason reason;
        uint32_t line;
} pastes[] = {
        { "same zone", "juminhyo", "juminhyo", T(TEXT), 1 << 20, true, false, ACTION_ALLOW, REASON_RULE, 50 },
        { "text", "juminhyo", "office", T(TEXT), 4096, false, false, ACTION_ALLOW, REASON_RULE, 51 },
        { "text, one byte more", "juminhyo", "office", T(TEXT), 4097, false, false, ACTION_BLOCK, REASON_TOO_LARGE,
          51 },
        { "text with My Number", "juminhyo", "office", T(TEXT), 12, true, false, ACTION_BLOCK, REASON_MY_NUMBER, 51 },
        { "image, second flow", "juminhyo", "office", T(IMAGE), 1 << 20, true, false, ACTION_ALLOW, REASON_RULE, 52 },
        { "files", "juminhyo", "office", T(FILES), 1, false, false, ACTION_BLOCK, REASON_TYPE_NOT_LISTED, 51 },
        { "files, default allow", "juminhyo", "office", T(FILES), 1, false, true, ACTION_BLOCK, REASON_TYPE_NOT_LISTED,
          51 },
        { "text and image at once", "juminhyo", "office", T(TEXT) | T(IMAGE), 1, false, false, ACTION_BLOCK,
          REASON_TYPE_NOT_LISTED, 51 },
        { "any type", "juminhyo", "office", 0, 1, false, false, ACTION_ALLOW, REASON_RULE, 51 },
        { "back", "office", "juminhyo", T(TEXT), 1, false, false, ACTION_BLOCK, REASON_DEFAULT, 0 },
        { "unknown zone", "games", "office", T(TEXT), 1, false, false, ACTION_BLOCK, REASON_DEFAULT, 0 },
        { "both unknown", "games", "games", T(TEXT), 1, false, false, ACTION_BLOCK, REASON_DEFAULT, 0 },
        { "no zone", NULL, "office", T(TEXT), 1, false, false, ACTION_BLOCK, REASON_DEFAULT, 0 },
        { "back, default allow", "office", "juminhyo", T(TEXT), 1, false, true, ACTION_ALLOW, REASON_DEFAULT, 0 },
};

static void test_paste(void **state) {
        const struct paste_row *row = *state;
        const struct policy p = { .header = { .serial = 4, .expires = NOW },
                                  .clipboard = { .default_action = row->default_allow ? ACTION_ALLOW : ACTION_BLOCK,
                                                 .zones = ZONES,
                                                 .n_zones = N(ZONES),
                                                 .flows = FLOWS,
                                                 .n_flows = N(FLOWS) } };
        const struct facts f = { .kind = FACTS_PASTE,
                                 .paste = { row->from, row->to, row->types, row->bytes, row->my_number } };
        const struct context c = { .now = LATE };
        struct verdict v;
        decide_both(&p, &f, &c, &v);
        assert_int_equal(v.action, row->action);
        assert_int_equal(v.reason, row->reason);
        assert_int_equal(v.line, row->line);
        assert_int_equal(v.explicit_rule, row->line != 0);
}

/* --- logins --- */

static const char *const CRON[] = { "cron", "systemd-user" }, *const HOSHU[] = { "hoshu" },
                         *const KINKYU[] = { "kinkyu" }, *const JOHO[] = { "joho" },
                         *const STAFF[] = { "staff", "hoshu" };
static const struct login_rule LOGINS[] = {
        { .id = "timers", .services = { CRON, 2 }, .until = POLICY_NEVER, .action = ACTION_EXEMPT, .line = 60 },
        { .id = "vendors",
          .groups = { HOSHU, 1 },
          .escort = { JOHO, 1 },
          .hours = OFFICE,
          .until = POLICY_NEVER,
          .action = ACTION_REQUIRED,
          .line = 61 },
        { .id = "break-glass", .users = { KINKYU, 1 }, .until = 3000, .action = ACTION_EXEMPT, .line = 62 },
        { .id = "nobody", .users = { JOHO, 1 }, .until = POLICY_NEVER, .action = ACTION_BLOCK, .line = 63 },
        { .id = "both",
          .users = { HOSHU, 1 },
          .services = { JOHO, 1 },
          .until = POLICY_NEVER,
          .action = ACTION_EXEMPT,
          .line = 64 },
};

static const struct login_row {
        const char *name, *user, *service;
        bool vendor;
        int64_t now;
        uint8_t weekday;
        uint16_t minute;
        enum action action;
        enum reason reason;
        int rule;
} logins[] = {
        { "staff", "yamada", "login", false, NOW, 2, 600, ACTION_REQUIRED, REASON_DEFAULT, -1 },
        { "timer", "yamada", "cron", false, NOW, 2, 600, ACTION_EXEMPT, REASON_RULE, 0 },
        { "timer, second name", "yamada", "systemd-user", false, LATE, 2, 600, ACTION_EXEMPT, REASON_RULE, 0 },
        { "vendor", "tanaka", "login", true, NOW, 2, 600, ACTION_REQUIRED, REASON_RULE, 1 },
        { "vendor, expired policy", "tanaka", "login", true, LATE, 2, 600, ACTION_REQUIRED, REASON_RULE, 1 },
        { "vendor at night", "tanaka", "login", true, NOW, 2, 1300, ACTION_BLOCK, REASON_OUTSIDE_HOURS, 1 },
        { "vendor on Sunday", "tanaka", "login", true, NOW, 6, 600, ACTION_BLOCK, REASON_OUTSIDE_HOURS, 1 },
        { "break-glass", "kinkyu", "login", false, 2999, 2, 600, ACTION_EXEMPT, REASON_RULE, 2 },
        { "break-glass, past its end", "kinkyu", "login", false, 3000, 2, 600, ACTION_REQUIRED, REASON_DEFAULT, -1 },
        { "blocked", "joho", "login", false, NOW, 2, 600, ACTION_BLOCK, REASON_RULE, 3 },
        { "two lists, both", "hoshu", "joho", false, NOW, 2, 600, ACTION_EXEMPT, REASON_RULE, 4 },
        { "two lists, one", "hoshu", "login", false, NOW, 2, 600, ACTION_REQUIRED, REASON_DEFAULT, -1 },
        { "no user", NULL, "login", false, NOW, 2, 600, ACTION_REQUIRED, REASON_DEFAULT, -1 },
};

static void test_login(void **state) {
        const struct login_row *row = *state;
        const struct policy p = { .header = { .serial = 5, .expires = 4000 },
                                  .login = { .mode = MODE_OBSERVE,
                                             .default_action = ACTION_REQUIRED,
                                             .rules = LOGINS,
                                             .n_rules = N(LOGINS) } };
        struct facts f = { .kind = FACTS_LOGIN, .login = { .user = row->user, .service = row->service } };
        if (row->vendor)
                f.login.groups = (struct strings){ STAFF, N(STAFF) };
        const struct context c = { .now = row->now, .weekday = row->weekday, .minute = row->minute };
        struct verdict v;
        decide_both(&p, &f, &c, &v);
        assert_int_equal(v.action, row->action);
        assert_int_equal(v.reason, row->reason);
        assert_ptr_equal(v.rule, row->rule >= 0 ? LOGINS[row->rule].id : NULL);
        assert_false(v.enforce);
}

#define ADD(rows, function)                                                                                            \
        for (size_t i = 0; i < N(rows); i++)                                                                           \
                tests[n++] = (struct CMUnitTest) {                                                                     \
                        rows[i].name, function, NULL, NULL, (void *) (uintptr_t) &rows[i]                              \
                }

int main(void) {
        struct CMUnitTest tests[N(connects) + N(pastes) + N(logins)];
        size_t n = 0;
        ADD(connects, test_connect);
        ADD(pastes, test_paste);
        ADD(logins, test_login);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
