/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy would have decided about records that our own writer's code makes: what comes out differently, what
 * does not, and what cannot be judged again. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sekisho/permit.h>

#include "audit/audit.h"
#include "ctl/facts.h"
#include "ctl/replay.h"

#define MONDAY_NINE INT64_C(1795392000) /* 2026-11-23T00:00:00Z, 09:00 in Japan */

static const struct audit_terminal terminal = { "0123456789abcdef0123456789abcdef", "madoguchi-03", "0.1.0" };

static const struct device_facts stick = { .bus = BUS_USB,
                                           .vendor = 0x0781,
                                           .product = 0x5591,
                                           .serial = "4C\\53\xff",
                                           .name = "SanDisk \x1b[31mUltra",
                                           .port = "1-2",
                                           .interfaces = { { 8, 6, 0x50 } },
                                           .n_interfaces = 1,
                                           .descriptors_valid = true,
                                           .has_digest = true,
                                           .digest = { 1, 2, 3 } };
static const struct device_facts keyboard = { .bus = BUS_USB,
                                              .vendor = 0x046d,
                                              .product = 0xc31c,
                                              .name = "Keyboard",
                                              .port = "1-3",
                                              .interfaces = { { 3, 1, 1 } },
                                              .n_interfaces = 1,
                                              .descriptors_valid = true,
                                              .present_at_boot = false };

static struct policy *parse(const char *sections) {
        char *text = NULL;
        assert_true(asprintf(&text,
                             "sekisho: 1\nheader: {fleet: f, serial: 7, issued: 2026-01-01T00:00:00+09:00, expires: "
                             "never, target: [all]}\n%s",
                             sections) > 0);
        struct problems problems = { 0 };
        struct policy *p = NULL;
        if (policy_parse(text, strlen(text), &problems, &p) != 0)
                for (size_t i = 0; i < problems.n; i++)
                        print_error("%s\n", problems.list[i].message);
        problems_clear(&problems);
        free(text);
        assert_non_null(p);
        return p;
}

static void say(struct replay *r, json_t *event) {
        assert_non_null(event);
        char *line = json_dumps(event, JSON_COMPACT);
        assert_non_null(line);
        assert_int_equal(replay_line(r, line, strlen(line)), 0);
        free(line);
        json_decref(event);
}

static json_t *device_at(int64_t now, const struct device_facts *d, enum action action, enum reason reason,
                         bool enforce) {
        const struct verdict v = { .action = action, .reason = reason, .enforce = enforce, .policy_serial = 1 };
        return audit_event_device(&terminal, now, AUDIT_DEVICE_CONNECT, d, &v, NULL);
}

static json_t *device(const struct device_facts *d, enum action action, enum reason reason, bool enforce) {
        return device_at(MONDAY_NINE, d, action, reason, enforce);
}

static json_t *connection(const char *peer, uint8_t protocol, uint16_t port, enum blocked_direction direction,
                          const char *interface, bool observed) {
        struct blocked b = { .id = 1,
                             .kind = BLOCKED_FLOW,
                             .direction = direction,
                             .observed = observed,
                             .family = 4,
                             .has_protocol = true,
                             .protocol = protocol,
                             .has_port = true,
                             .port = port,
                             .uid = 1000,
                             .pid = 5,
                             .login_uid = -1,
                             .session = -1,
                             .count = 3,
                             .bytes = 180,
                             .interface = interface,
                             .layer = "inet",
                             .program = "/usr/bin/curl",
                             .command = "curl",
                             .has_mac = true,
                             .mac = { { 2, 0, 0, 0, 0, 2 } } };
        assert_int_equal(inet_pton(AF_INET, peer, b.peer), 1);
        const struct verdict v = { .action = ACTION_BLOCK, .reason = REASON_DEFAULT, .enforce = !observed };
        return audit_event_blocked(&terminal, MONDAY_NINE, &b, &v);
}

static json_t *login(const char *user, const char *service, const char *outcome, enum action action) {
        const struct audit_login l = { .phase = "auth",
                                       .outcome = outcome,
                                       .user = user,
                                       .uid = 1000,
                                       .service = service,
                                       .factor = "totp",
                                       .by = -1 };
        const struct verdict v = { .action = action, .reason = REASON_DEFAULT, .enforce = true };
        return audit_event_login(&terminal, MONDAY_NINE, &l, &v);
}

static json_t *make_refused(void) {
        return device(&stick, ACTION_BLOCK, REASON_DEFAULT, true);
}
static json_t *make_observed(void) {
        return device(&stick, ACTION_BLOCK, REASON_DEFAULT, false);
}
static json_t *make_allowed(void) {
        return device(&stick, ACTION_ALLOW, REASON_RULE, true);
}
static json_t *make_by_permit(void) {
        return device(&stick, ACTION_READ_ONLY, REASON_PERMIT, true);
}
static json_t *make_in_the_evening(void) {
        return device_at(MONDAY_NINE + 12 * 3600, &stick, ACTION_ALLOW, REASON_RULE, true);
}
static json_t *make_effect(void) {
        const struct verdict v = { .action = ACTION_BLOCK, .enforce = true };
        return audit_event_device(&terminal, MONDAY_NINE, AUDIT_DEVICE_CONNECT, &stick, &v, "as-decided");
}
static json_t *make_last_keyboard(void) {
        return device(&keyboard, ACTION_ALLOW, REASON_FLOOR_LAST_KEYBOARD, true);
}
static json_t *make_fifth_keyboard(void) {
        return device(&keyboard, ACTION_BLOCK, REASON_TOO_MANY_KEYBOARDS, true);
}
static json_t *make_keyboard(void) {
        return device(&keyboard, ACTION_ALLOW, REASON_KEYBOARDS_ANY, true);
}
static json_t *make_web(void) {
        return connection("10.20.30.5", 6, 443, BLOCKED_OUT, "eno1", false);
}
static json_t *make_web_observed(void) {
        return connection("10.20.30.5", 6, 443, BLOCKED_OUT, "eno1", true);
}
static json_t *make_web_elsewhere(void) {
        return connection("10.20.30.5", 6, 443, BLOCKED_OUT, "wlan0", false);
}
static json_t *make_ping(void) {
        return connection("10.20.30.5", 1, 8, BLOCKED_OUT, "eno1", false);
}
static json_t *make_inbound(void) {
        return connection("10.20.1.5", 6, 22, BLOCKED_IN, "eno1", false);
}
static json_t *make_forward(void) {
        return connection("10.20.30.5", 6, 443, BLOCKED_FORWARD, "eno1", false);
}
static json_t *make_login(void) {
        return login("yamada", "sshd", "accepted", ACTION_REQUIRED);
}
static json_t *make_cron(void) {
        return login("root", "cron", "exempt", ACTION_EXEMPT);
}
static json_t *make_domain_login(void) {
        return login("CITY\\yamada", "sshd", "accepted", ACTION_REQUIRED);
}
static json_t *make_trouble(void) {
        const struct audit_login l = { .phase = "auth", .outcome = "trouble", .user = "", .uid = -1, .by = -1 };
        return audit_event_login(&terminal, MONDAY_NINE, &l, NULL);
}

static json_t *make_paste(void) {
        const struct paste p = { .uid = 1000,
                                 .session = "3",
                                 .selection = "clipboard",
                                 .from_program = "/usr/bin/firefox-esr",
                                 .to_program = "",
                                 .facts = { .from = "a", .to = "b", .types = 1u << FLOW_TEXT, .bytes = 100 },
                                 .count = 1 };
        const struct verdict v = { .action = ACTION_BLOCK, .reason = REASON_DEFAULT, .enforce = true };
        return audit_event_paste(&terminal, MONDAY_NINE, &p, &v);
}

#define CLIPBOARD(rest)                                                                                                \
        "clipboard:\n  default: block\n  zones:\n    - {id: a, programs: [/usr/bin/a]}\n    - {id: b, programs: "      \
        "[/usr/bin/b]}\n  flows:\n    - {from: a, to: b, allow: [" rest
#define DEVICES(rules) "devices:\n  rules:\n" rules
#define STICK_RULE     "    - {id: s, match: {bus: usb, vendor: 0781, product: 5591}, action: allow"
#define NETWORK(rest)  "network:\n  default: block\n  interfaces: {allow: [" rest
#define LOGIN(rules)   "login:\n  second-factor:\n    default: required\n    rules:\n" rules

static const struct row {
        const char *name, *policy;
        json_t *(*make)(void);
        uint64_t decisions, same, different;
        enum replay_gap gap; /* REPLAY_GAP_MAX: none */
        enum action before, after;
} rows[] = {
        { "refused, and is refused", "mode: enforce\n", make_refused, 1, 1, 0, REPLAY_GAP_MAX, 0, 0 },
        { "refused, and is allowed", DEVICES(STICK_RULE "}\n"), make_refused, 1, 0, 1, REPLAY_GAP_MAX, ACTION_BLOCK,
          ACTION_ALLOW },
        { "refused, and would be observed", "mode: observe\n", make_refused, 1, 0, 1, REPLAY_GAP_MAX, ACTION_BLOCK,
          ACTION_BLOCK },
        { "observed, and is refused", "mode: enforce\n", make_observed, 1, 0, 1, REPLAY_GAP_MAX, ACTION_BLOCK,
          ACTION_BLOCK },
        { "observed, and is observed", "mode: observe\n", make_observed, 1, 1, 0, REPLAY_GAP_MAX, 0, 0 },
        { "allowed, and is refused", "mode: enforce\n", make_allowed, 1, 0, 1, REPLAY_GAP_MAX, ACTION_ALLOW,
          ACTION_BLOCK },
        { "allowed, by observing too", "mode: observe\n" DEVICES(STICK_RULE "}\n"), make_allowed, 1, 1, 0,
          REPLAY_GAP_MAX, 0, 0 },
        { "a serial number with bytes that are no text",
          DEVICES("    - {id: s, match: {bus: usb, serial: '4C\\53'}, action: allow}\n"), make_refused, 1, 1, 0,
          REPLAY_GAP_MAX, 0, 0 },
        { "by hour", DEVICES(STICK_RULE ", hours: [Mon-Fri 08:30-17:15]}\n"), make_allowed, 1, 1, 0, REPLAY_GAP_MAX, 0,
          0 },
        { "by hour, in the evening", DEVICES(STICK_RULE ", hours: [Mon-Fri 08:30-17:15]}\n"), make_in_the_evening, 1, 0,
          1, REPLAY_GAP_MAX, ACTION_ALLOW, ACTION_BLOCK },
        { "by permit", "mode: enforce\n", make_by_permit, 1, 0, 0, REPLAY_PERMIT, 0, 0 },
        { "an effect is no decision", DEVICES(STICK_RULE "}\n"), make_effect, 0, 0, 0, REPLAY_GAP_MAX, 0, 0 },
        { "the last keyboard", "devices: {keyboards: listed}\n", make_last_keyboard, 1, 1, 0, REPLAY_GAP_MAX, 0, 0 },
        { "a keyboard", "devices: {keyboards: listed}\n", make_keyboard, 1, 0, 1, REPLAY_GAP_MAX, ACTION_ALLOW,
          ACTION_BLOCK },
        { "one keyboard too many", "devices: {keyboards: any}\n", make_fifth_keyboard, 1, 1, 0, REPLAY_GAP_MAX, 0, 0 },
        { "a connection", NETWORK("eno1]}\n"), make_web, 1, 1, 0, REPLAY_GAP_MAX, 0, 0 },
        { "a connection that is listed",
          NETWORK("eno1]}\n  rules: [{id: w, to: [10.20.30.0/24], protocol: tcp, ports: [443]}]\n"), make_web, 1, 0, 1,
          REPLAY_GAP_MAX, ACTION_BLOCK, ACTION_ALLOW },
        { "a connection that is listed, observed so far",
          NETWORK("eno1]}\n  rules: [{id: w, to: [10.20.30.0/24], protocol: tcp, ports: [443]}]\n"), make_web_observed,
          1, 0, 1, REPLAY_GAP_MAX, ACTION_BLOCK, ACTION_ALLOW },
        { "by another next hop",
          NETWORK("eno1]}\n  rules: [{id: w, to: [10.20.30.0/24], protocol: tcp, ports: [443], next-hop: "
                  "[02:00:00:00:00:03]}]\n"),
          make_web, 1, 1, 0, REPLAY_GAP_MAX, 0, 0 },
        { "by its next hop",
          NETWORK("eno1]}\n  rules: [{id: w, to: [10.20.30.0/24], protocol: tcp, ports: [443], next-hop: "
                  "[02:00:00:00:00:02]}]\n"),
          make_web, 1, 0, 1, REPLAY_GAP_MAX, ACTION_BLOCK, ACTION_ALLOW },
        { "by an interface that is not listed",
          NETWORK("eno1]}\n  rules: [{id: w, to: [10.20.30.0/24], protocol: tcp, ports: [443]}]\n"), make_web_elsewhere,
          1, 1, 0, REPLAY_GAP_MAX, 0, 0 },
        { "interfaces by address",
          NETWORK("'mac:52:54:00:12:34:56']}\n  rules: [{id: w, to: [10.20.30.0/24], protocol: tcp, ports: [443]}]\n"),
          make_web, 1, 0, 0, REPLAY_INTERFACE, 0, 0 },
        { "ping", NETWORK("eno1]}\n  rules: [{id: p, to: [10.20.30.0/24], protocol: icmp}]\n"), make_ping, 1, 0, 1,
          REPLAY_GAP_MAX, ACTION_BLOCK, ACTION_ALLOW },
        { "inbound", NETWORK("eno1]}\n  inbound: [{id: i, from: [10.20.1.5/32], protocol: tcp, ports: [22]}]\n"),
          make_inbound, 1, 0, 1, REPLAY_GAP_MAX, ACTION_BLOCK, ACTION_ALLOW },
        { "forwarded", NETWORK("eno1]}\n"), make_forward, 1, 0, 0, REPLAY_FORWARD, 0, 0 },
        { "a login", LOGIN("      - {id: c, services: [cron], action: exempt}\n"), make_login, 1, 1, 0, REPLAY_GAP_MAX,
          0, 0 },
        { "a login that would be exempt", LOGIN("      - {id: y, users: [yamada], action: exempt}\n"), make_login, 1, 0,
          1, REPLAY_GAP_MAX, ACTION_REQUIRED, ACTION_EXEMPT },
        { "cron would need a second factor", LOGIN("      - {id: y, users: [yamada], action: exempt}\n"), make_cron, 1,
          0, 1, REPLAY_GAP_MAX, ACTION_EXEMPT, ACTION_REQUIRED },
        { "a user of a domain", LOGIN("      - {id: y, users: ['CITY\\yamada'], action: exempt}\n"), make_domain_login,
          1, 0, 1, REPLAY_GAP_MAX, ACTION_REQUIRED, ACTION_EXEMPT },
        { "groups that matter", LOGIN("      - {id: g, groups: [hoshu], action: block}\n"), make_login, 1, 0, 0,
          REPLAY_GROUPS, 0, 0 },
        { "groups that change nothing",
          LOGIN("      - {id: y, users: [yamada], action: exempt}\n      - {id: g, groups: [hoshu], action: block}\n"),
          make_login, 1, 0, 1, REPLAY_GAP_MAX, ACTION_REQUIRED, ACTION_EXEMPT },
        { "a paste", CLIPBOARD("image]}\n"), make_paste, 1, 1, 0, REPLAY_GAP_MAX, 0, 0 },
        { "a paste that is listed", CLIPBOARD("text]}\n"), make_paste, 1, 0, 1, REPLAY_GAP_MAX, ACTION_BLOCK,
          ACTION_ALLOW },
        { "a paste that is too large", CLIPBOARD("text], max-bytes: 99}\n"), make_paste, 1, 1, 0, REPLAY_GAP_MAX, 0,
          0 },
        { "trouble is no decision", "mode: enforce\n", make_trouble, 0, 0, 0, REPLAY_GAP_MAX, 0, 0 },
};

static void replays(void **state) {
        const struct row *row = *state;
        struct policy *p = parse(row->policy);
        struct replay r;
        assert_int_equal(replay_init(&r, p, INT64_MIN), 0);
        say(&r, row->make());
        say(&r, row->make()); /* and as what is known already */
        assert_int_equal(replay_finish(&r), 0);
        assert_int_equal(r.records, 2);
        assert_int_equal(r.damaged, 0);
        assert_int_equal(r.decisions, 2 * row->decisions);
        assert_int_equal(r.same, 2 * row->same);
        assert_int_equal(r.different, 2 * row->different);
        for (int g = 0; g < REPLAY_GAP_MAX; g++)
                assert_int_equal(r.gaps[g], row->gap == (enum replay_gap) g ? 2 : 0);
        assert_int_equal(r.n_groups, row->different);
        if (row->different > 0) {
                assert_int_equal(r.groups[0]->count, 2);
                assert_int_equal(r.groups[0]->before.action, row->before);
                assert_int_equal(r.groups[0]->after.action, row->after);
        }
        replay_clear(&r);
        (void) policy_free(p);
}

/* Whatever a policy decides, it decides again. */
static void agrees_with_itself(void **state) {
        (void) state;
        struct policy *p = parse(DEVICES(STICK_RULE ", hours: [Mon-Fri 08:30-17:15]}\n"
                                                    "    - {id: k, match: {class: [keyboard]}, action: block}\n"));
        struct replay r;
        assert_int_equal(replay_init(&r, p, INT64_MIN), 0);
        for (int64_t hour = 0; hour < 24 * 14; hour++)
                for (int k = 0; k < 2; k++) {
                        struct facts f = { .kind = FACTS_DEVICE, .device = k ? keyboard : stick };
                        struct context c = { .now = MONDAY_NINE + hour * 3600 - 61, .working_keyboards = 1 };
                        struct tm tm;
                        time_t t = (time_t) c.now;
                        assert_non_null(localtime_r(&t, &tm));
                        c.weekday = (uint8_t) ((tm.tm_wday + 6) % 7);
                        c.minute = (uint16_t) (tm.tm_hour * 60 + tm.tm_min);
                        struct verdict v;
                        decide(p, &f, &c, &v);
                        say(&r, audit_event_device(&terminal, c.now, AUDIT_DEVICE_CONNECT, &f.device, &v, NULL));
                }
        assert_int_equal(r.decisions, 24 * 14 * 2);
        assert_int_equal(r.same, r.decisions);
        replay_clear(&r);
        (void) policy_free(p);
}

static void groups(void **state) {
        (void) state;
        struct policy *p =
                parse(NETWORK("eno1]}\n  rules: [{id: w, to: [10.0.0.0/8], protocol: tcp, ports: [443]}]\n"));
        struct replay r;
        assert_int_equal(replay_init(&r, p, INT64_MIN), 0);
        for (int i = 0; i < 7; i++)
                say(&r, connection("10.20.30.9", 6, 443, BLOCKED_OUT, "eno1", false));
        for (int i = 0; i < 9; i++)
                say(&r, make_web());
        for (int i = 0; i < 8; i++) /* three users, then more than are shown */
                say(&r, login((char[]){ 'u', (char) ('a' + i % 8), '\0' }, "sshd", "exempt", ACTION_EXEMPT));
        assert_int_equal(replay_finish(&r), 0);
        assert_int_equal(r.n_groups, 3);
        assert_int_equal(r.groups[0]->count, 9);
        assert_string_equal(r.groups[0]->what, "tcp to 10.20.30.5 port 443, /usr/bin/curl");
        assert_string_equal(r.groups[0]->users, "uid 1000");
        assert_string_equal(r.groups[0]->rule, "w");
        assert_int_equal(r.groups[1]->count, 8);
        assert_string_equal(r.groups[1]->users, "ua, ub, uc, ud, ...");
        assert_int_equal(r.groups[2]->count, 7);
        replay_clear(&r);
        (void) policy_free(p);
}

static void since_and_damage(void **state) {
        (void) state;
        struct policy *p = parse("mode: enforce\n");
        struct replay r;
        assert_int_equal(replay_init(&r, p, MONDAY_NINE + 1), 0);
        say(&r, make_allowed());
        say(&r, make_in_the_evening());
        assert_int_equal(r.records, 1);
        assert_int_equal(replay_line(&r, "{", 1), 0);
        assert_int_equal(replay_line(&r, "{}", 2), 0);
        assert_int_equal(replay_line(&r, "{\"time\":1,\"time\":2}", 19), 0);
        assert_int_equal(r.damaged, 3);
        replay_clear(&r);
        (void) policy_free(p);
}

static void facts_survive(void **state) {
        (void) state;
        json_t *event = make_refused();
        const json_t *facts = json_object_get(json_object_get(json_object_get(event, "unmapped"), "sekisho"), "facts");
        char *text = json_dumps(facts, JSON_COMPACT);
        struct device_facts d;
        assert_true(facts_from_record(text, strlen(text), &d));
        assert_string_equal(d.serial, stick.serial);
        assert_string_equal(d.name, stick.name);
        assert_true(d.has_digest);
        assert_memory_equal(d.digest, stick.digest, DIGEST_SIZE);
        assert_int_equal(d.n_interfaces, 1);
        assert_true(d.descriptors_valid);
        assert_false(facts_from_record("{}", 2, &d));
        assert_false(facts_from_record("[", 1, &d));
        free(text);
        json_decref(event);
}

int main(void) {
        (void) setenv("TZ", "Asia/Tokyo", 1);
        tzset();
        enum { ROWS = sizeof rows / sizeof *rows };
        struct CMUnitTest tests[ROWS + 4];
        for (size_t i = 0; i < ROWS; i++)
                tests[i] = (struct CMUnitTest){ rows[i].name, replays, NULL, NULL, (void *) &rows[i] };
        tests[ROWS] = (struct CMUnitTest) cmocka_unit_test(agrees_with_itself);
        tests[ROWS + 1] = (struct CMUnitTest) cmocka_unit_test(groups);
        tests[ROWS + 2] = (struct CMUnitTest) cmocka_unit_test(since_and_damage);
        tests[ROWS + 3] = (struct CMUnitTest) cmocka_unit_test(facts_survive);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
