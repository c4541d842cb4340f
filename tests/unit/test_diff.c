/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The difference of two policies, in meaning: what changed, and whether it may allow more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <sekisho/policy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOP                                                                                                            \
        "sekisho: 1\n"                                                                                                 \
        "header: {fleet: f, serial: 1, issued: 2026-11-23T09:00:00+09:00, expires: never, target: [all]}\n"
#define D(rules)    TOP "devices: {rules: [" rules "]}\n"
#define A           "{id: a, action: allow, match: {vendor: 0781}}"
#define B           "{id: b, action: block, match: {vendor: 0781, serial: x}}"
#define C           "{id: c, action: block, match: {vendor: 0782}}"
#define CLIP(flows) TOP "clipboard: {zones: [{id: x, programs: [/x]}, {id: y, programs: [/y]}], flows: [" flows "]}\n"
#define L(rules)    TOP "login: {second-factor: {rules: [" rules "]}}\n"
#define N(rule)     TOP "network: {interfaces: {allow: []}, rules: [{id: n, " rule "}]}\n"

/* expected: one line per change, "KIND PATH: BEFORE -> AFTER", with "!" behind it when it widens. */
static const struct row {
        const char *name, *before, *after, *expected;
} rows[] = {
        { "same", TOP, TOP, "" },
        { "only written otherwise", TOP "devices: {}\nmode: enforce\n", "---\n" TOP "mode: 'enforce' # x\n", "" },
        { "members in another order", TOP "audit: {send: [audit, journal]}\n", TOP, "" },
        { "contact", TOP, TOP "contact: x\n", "+ contact: - -> x\n" },
        { "header", TOP,
          "sekisho: 1\nheader: {fleet: f, serial: 2, issued: 2026-11-23T00:00:00Z, expires: 2027-01-01T00:00:00Z, "
          "target: [all]}\n",
          "~ header.serial: 1 -> 2\n~ header.expires: never -> 2027-01-01T00:00:00Z\n" },
        { "observe", TOP, TOP "mode: observe\n",
          "~ mode: enforce -> observe\n~ devices.mode: enforce -> observe!\n~ network.mode: enforce -> observe!\n"
          "~ clipboard.mode: enforce -> observe!\n~ login.mode: enforce -> observe!\n" },
        { "enforce one", TOP "mode: observe\n", TOP "mode: observe\ndevices: {mode: enforce}\n",
          "~ devices.mode: observe -> enforce\n" },
        { "default opens", TOP, TOP "devices: {default: allow}\n", "~ devices.default: block -> allow!\n" },
        { "default shuts", TOP "devices: {default: allow}\n", TOP, "~ devices.default: allow -> block\n" },
        { "keyboards any", TOP, TOP "devices: {keyboards: any}\n", "~ devices.keyboards: present -> any!\n" },
        { "keyboards listed", TOP, TOP "devices: {keyboards: listed}\n", "~ devices.keyboards: present -> listed\n" },

        { "allow added", D(""), D(A), "+ devices.rules[a]: - -> allow!\n" },
        { "allow removed", D(A), D(""), "- devices.rules[a]: allow -> -\n" },
        { "block added", D(""), D(C), "+ devices.rules[c]: - -> block\n" },
        { "block removed", D(C), D(""), "- devices.rules[c]: block -> -!\n" },
        { "action opens", D(A), D("{id: a, action: block, match: {vendor: 0781}}"),
          "~ devices.rules[a].action: allow -> block\n" },
        { "read-only to allow", D("{id: a, action: read-only, match: {class: [storage]}}"),
          D("{id: a, action: allow, match: {class: [storage]}}"), "~ devices.rules[a].action: read-only -> allow!\n" },
        { "serial added to allow", D(A), D("{id: a, action: allow, match: {vendor: 0781, serial: x}}"),
          "+ devices.rules[a].match.serial: - -> x\n" },
        { "serial removed from allow", D("{id: a, action: allow, match: {vendor: 0781, serial: x}}"), D(A),
          "- devices.rules[a].match.serial: x -> -!\n" },
        { "serial added to block", D(C), D("{id: c, action: block, match: {vendor: 0782, serial: x}}"),
          "+ devices.rules[c].match.serial: - -> x!\n" },
        { "product changed", D("{id: a, action: allow, match: {vendor: 0781, product: 0001}}"),
          D("{id: a, action: allow, match: {vendor: 0781, product: 0002}}"),
          "~ devices.rules[a].match.product: 0001 -> 0002!\n" },
        { "class removed from allow", D("{id: a, action: allow, match: {class: [hid, mouse]}}"),
          D("{id: a, action: allow, match: {class: [mouse]}}"),
          "~ devices.rules[a].match.class: [mouse, hid] -> [mouse]\n" },
        { "class added to allow", D("{id: a, action: allow, match: {class: [mouse]}}"),
          D("{id: a, action: allow, match: {class: [hid, mouse]}}"),
          "~ devices.rules[a].match.class: [mouse] -> [mouse, hid]!\n" },
        { "class removed from block", D("{id: a, action: block, match: {class: [hid, mouse]}}"),
          D("{id: a, action: block, match: {class: [mouse]}}"),
          "~ devices.rules[a].match.class: [mouse, hid] -> [mouse]!\n" },
        { "hours removed from allow", D("{id: a, action: allow, match: {vendor: 0781}, hours: [Mon-Tue 08:00-09:00]}"),
          D(A), "- devices.rules[a].hours: [Mon,Tue 08:00-09:00] -> -!\n" },
        { "hours added to allow", D(A), D("{id: a, action: allow, match: {vendor: 0781}, hours: [Mon 08:00-09:00]}"),
          "+ devices.rules[a].hours: - -> [Mon 08:00-09:00]\n" },
        { "luks dropped", D("{id: a, action: allow, match: {class: [storage]}, encrypted: luks}"),
          D("{id: a, action: allow, match: {class: [storage]}}"), "~ devices.rules[a].encrypted: luks -> any!\n" },
        { "note", D(A), D("{id: a, note: n, action: allow, match: {vendor: 0781}}"),
          "+ devices.rules[a].note: - -> n\n" },
        { "order that matters", D(A "," B), D(B "," A), "~ devices.rules[b].position: 2 -> 1!\n" },
        { "order that does not", D(A "," C), D(C "," A), "" },

        { "network added", N("to: [10.0.0.0/8], protocol: tcp, ports: [443]"),
          N("to: [10.0.0.0/8], protocol: tcp, ports: [443, 80-81]"),
          "~ network.rules[n].ports: [443] -> [443, 80-81]!\n" },
        { "network removed", N("to: [10.0.0.0/8, \"::/0\"], protocol: tcp, ports: [443]"),
          N("to: [10.0.0.0/8], protocol: tcp, ports: [443]"),
          "~ network.rules[n].to: [10.0.0.0/8, ::/0] -> [10.0.0.0/8]\n" },
        { "next hop removed", N("to: [10.0.0.0/8], protocol: icmp, next-hop: [52:54:00:12:34:56]"),
          N("to: [10.0.0.0/8], protocol: icmp"), "- network.rules[n].next-hop: [52:54:00:12:34:56] -> -!\n" },
        { "interface added", TOP "network: {interfaces: {allow: [a]}}\n",
          TOP "network: {interfaces: {allow: [a, b]}}\n", "~ network.interfaces.allow: [a] -> [a, b]!\n" },

        { "flow added", CLIP(""), CLIP("{from: x, to: y, allow: [text]}"), "+ clipboard.flows[x:y]: - -> allow!\n" },
        { "flow limited", CLIP("{from: x, to: y, allow: [text]}"),
          CLIP("{from: x, to: y, allow: [text], max-bytes: 4KiB, my-number: block}"),
          "~ clipboard.flows[x:y].max-bytes: unlimited -> 4KiB\n~ clipboard.flows[x:y].my-number: allow -> block\n" },
        { "second flow", CLIP("{from: x, to: y, allow: [text]}"),
          CLIP("{from: x, to: y, allow: [text]}, {from: x, to: y, allow: [image]}"),
          "+ clipboard.flows[x:y#2]: - -> allow!\n" },

        { "exempt added", L(""), L("{id: e, action: exempt, users: [a]}"),
          "+ login.second-factor.rules[e]: - -> exempt!\n" },
        { "required removed", L("{id: r, action: required, users: [a]}"), L(""),
          "- login.second-factor.rules[r]: required -> -!\n" },
        { "login order", L("{id: r, action: required, users: [a]}, {id: e, action: exempt, services: [cron]}"),
          L("{id: e, action: exempt, services: [cron]}, {id: r, action: required, users: [a]}"),
          "~ login.second-factor.rules[e].position: 2 -> 1!\n" },
        { "login order, other users", L("{id: r, action: required, users: [a]}, {id: e, action: exempt, users: [b]}"),
          L("{id: e, action: exempt, users: [b]}, {id: r, action: required, users: [a]}"), "" },
        { "guard-required gone", TOP "login: {guard-required: {except: [a]}}\n", TOP,
          "- login.guard-required: {} -> -!\n- login.guard-required.except: [a] -> -\n" },
        { "screen-lock", TOP, TOP "login: {screen-lock: never}\n", "~ login.screen-lock: 5min -> never!\n" },
        { "throttle", TOP, TOP "login: {throttle: {stop-after: 60}}\n", "~ login.throttle.stop-after: 50 -> 60!\n" },
        { "audit", TOP, TOP "audit: {retain: 30d}\n", "~ audit.retain: 7y -> 30d\n" },
};

static struct policy *parse(const char *text) {
        struct problems problems = { 0 };
        struct policy *p = NULL;
        if (policy_parse(text, strlen(text), &problems, &p) != 0)
                fail_msg("%s: %s", problems.list[0].path, problems.list[0].message);
        problems_clear(&problems);
        return p;
}

static int write_change(const struct policy_change *c, void *userdata) {
        (void) fprintf(userdata, "%c %s: %s -> %s%s\n", c->kind, c->path, c->before ? c->before : "-",
                       c->after ? c->after : "-", c->widens ? "!" : "");
        return 0;
}

static void test_row(void **state) {
        const struct row *row = *state;
        struct policy *before = parse(row->before), *after = parse(row->after);
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        assert_int_equal(policy_diff(before, after, write_change, f), 0);
        (void) fclose(f);
        assert_string_equal(text, row->expected);
        free(text);
        (void) policy_free(before);
        (void) policy_free(after);
}

static int stop(const struct policy_change *c, void *userdata) {
        (void) c;
        ++*(int *) userdata;
        return 7;
}

static void test_stop(void **state) {
        (void) state;
        struct policy *before = parse(TOP), *after = parse(TOP "mode: observe\n");
        int calls = 0;
        assert_int_equal(policy_diff(before, after, stop, &calls), 7);
        assert_int_equal(calls, 1);
        /* The built-in policy can be compared too. */
        assert_int_equal(policy_diff(policy_builtin(), before, stop, &calls), 7);
        (void) policy_free(before);
        (void) policy_free(after);
}

static int count(const struct policy_change *c, void *userdata) {
        (void) c;
        ++*(unsigned *) userdata;
        return 0;
}

/* 20,000 rules that all overlap, turned around: ends within the test's time. */
static void test_turned(void **state) {
        (void) state;
        struct policy *policies[2];
        for (int turned = 0; turned < 2; turned++) {
                char *text = NULL;
                size_t size;
                FILE *f = open_memstream(&text, &size);
                (void) fputs(TOP "devices:\n  rules:\n", f);
                for (int i = 0; i < 20000; i++) {
                        int n = turned ? 19999 - i : i;
                        (void) fprintf(f, "    - {id: r%d, action: %s, match: {vendor: %04x}}\n", n,
                                       n % 2 ? "allow" : "block", (unsigned) n / 2);
                }
                (void) fclose(f);
                policies[turned] = parse(text);
                free(text);
        }
        unsigned n = 0;
        assert_int_equal(policy_diff(policies[0], policies[1], count, &n), 0);
        assert_true(n > 0 && n < 20000);
        (void) policy_free(policies[0]);
        (void) policy_free(policies[1]);
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof rows[0] + 2] = { cmocka_unit_test(test_stop),
                                                                      cmocka_unit_test(test_turned) };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                tests[i + 2] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
