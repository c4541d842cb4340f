/* SPDX-License-Identifier: GPL-2.0-or-later */
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

#include "index.h"
#include "verdicts.h"

#define NOW 1000

/* --- the property: the index answers as a walk does --- */

static uint64_t random_state;

static uint32_t random_below(uint32_t n) { /* xorshift64*; good enough to choose among a few */
        random_state ^= random_state >> 12;
        random_state ^= random_state << 25;
        random_state ^= random_state >> 27;
        return (uint32_t) ((random_state * UINT64_C(2685821657736338717)) >> 33) % n;
}

static const char *const SERIALS[] = { "", "A", "AA", "B" };
static uint8_t digests[3][DIGEST_SIZE]; /* 0 and 1 agree in the bytes that the index hashes */
static const struct interface_triple ALPHABET[] = { { 3, 1, 1 },    { 3, 1, 2 },    { 3, 0, 0 }, { 8, 6, 0x50 },
                                                    { 0x0b, 0, 0 }, { 0x0a, 0, 0 }, { 2, 2, 1 }, { 9, 0, 0 } };
static const uint32_t MASKS[] = { B(KEYBOARD),          B(HID) | B(KEYBOARD) | B(MOUSE),
                                  B(STORAGE),           B(SMARTCARD) | B(STORAGE),
                                  B(SERIAL) | B(MODEM), B(NETWORK) };
static const struct hours_span RANDOM_SPANS[] = { { 0x7f, 0, 720 }, { 0x15, 1200, 300 } };

static void random_rule(struct device_rule *r, uint32_t line) {
        *r = (struct device_rule){ .id = "r", .line = line };
        r->has_vendor = random_below(4) != 0;
        r->vendor = (uint16_t) random_below(3);
        r->has_product = random_below(2);
        r->product = (uint16_t) random_below(3);
        r->serial = random_below(3) ? NULL : SERIALS[random_below(N(SERIALS))];
        r->descriptors = random_below(4) ? NULL : digests[random_below(N(digests))];
        r->classes = random_below(3) ? MASKS[random_below(N(MASKS))] : 0;
        r->buses = random_below(3) ? 0 : 1u << random_below(2);
        r->action = (uint8_t) random_below(3);
        r->interfaces = (uint8_t) random_below(2);
        if (random_below(3) == 0)
                r->hours = (struct hours){ RANDOM_SPANS, random_below(3) };
}

static void random_device(struct device_facts *d) {
        *d = (struct device_facts){ .bus = (enum bus) random_below(2) };
        d->vendor = (uint16_t) random_below(4);
        d->product = (uint16_t) random_below(4);
        (void) snprintf(d->serial, sizeof d->serial, "%s", SERIALS[random_below(N(SERIALS))]);
        d->n_interfaces = (uint16_t) random_below(4);
        for (unsigned i = 0; i < d->n_interfaces; i++)
                d->interfaces[i] = ALPHABET[random_below(random_below(2) ? 3 : N(ALPHABET))];
        d->descriptors_valid = random_below(20) != 0;
        d->has_digest = random_below(4) != 0;
        memcpy(d->digest, digests[random_below(N(digests))], DIGEST_SIZE);
        d->present_at_boot = random_below(4) == 0;
        d->is_root_hub = random_below(50) == 0;
}

/* Two permits, for what the devices may be, now and then. */
static void random_grants(struct context *c) {
        static struct permit permits[2];
        static struct permit_grant grants[2];
        static const char *const users[] = { "yamada" };
        if (random_below(4) == 0)
                return;
        for (size_t i = 0; i < 2; i++) {
                struct device_rule r;
                random_rule(&r, 1);
                r.has_vendor = random_below(3) == 0;
                r.has_product = false;
                r.serial = NULL;
                r.descriptors = random_below(3) ? NULL : r.descriptors;
                r.buses = 0;
                if (random_below(4) == 0)
                        r.classes = B(STORAGE) | B(OPTICAL); /* as real ones are */
                r.action = random_below(2) ? ACTION_ALLOW : ACTION_READ_ONLY;
                r.interfaces = INTERFACES_ALL;
                r.users = (struct strings){ users, 1 };
                permits[i] = (struct permit){ .id = "p", .ticket = "t", .expires = random_below(3000), .rule = r };
                grants[i] = (struct permit_grant){ &permits[i], random_below(4) ? "" : "1-2" };
        }
        c->grants = grants;
        c->n_grants = 1 + random_below(2);
}

static void random_context(struct context *c) {
        *c = (struct context){ .now = (int64_t) random_below(3000),
                               .weekday = (uint8_t) random_below(7),
                               .minute = (uint16_t) random_below(1440),
                               .working_keyboards = random_below(3) };
        random_grants(c);
}

enum { POLICIES = 3000, DEVICES = 80, RULES_MAX = 200 };

static void test_property(void **state) {
        (void) state;
        const char *given = getenv("SEKISHO_SEED");
        uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t) time(NULL);
        print_message("seed: SEKISHO_SEED=%llu\n", (unsigned long long) seed);
        random_state = seed * 2 + 1;
        digests[1][DIGEST_SIZE - 1] = 1;
        digests[2][0] = 1;

        static struct device_rule rules[RULES_MAX];
        unsigned seen[REASON_MAX][ACTION_MAX] = { { 0 } }, later = 0, compared = 0;
        for (unsigned i = 0; i < POLICIES; i++) {
                uint32_t n = random_below(random_below(3) ? 12 : RULES_MAX + 1);
                for (uint32_t k = 0; k < n; k++)
                        random_rule(&rules[k], k + 1);
                struct policy p = { .header = { .serial = random_below(8), .expires = 2500 } };
                p.devices = (struct device_policy){ .mode = (enum mode) random_below(MODE_MAX),
                                                    .default_action = (enum action)(random_below(5) == 0),
                                                    .keyboards = (enum keyboards) random_below(KEYBOARDS_MAX),
                                                    .rules = rules,
                                                    .n_rules = n };
                struct arena *a = arena_new();
                assert_non_null(a);
                assert_int_equal(device_index_build(a, rules, n, &p.devices.index), 0);
                for (unsigned k = 0; k < DEVICES; k++) {
                        struct facts f = { .kind = FACTS_DEVICE };
                        struct context c;
                        random_device(&f.device);
                        random_context(&c);
                        struct verdict v;
                        decide_both(&p, &f, &c, &v);
                        seen[v.reason][v.action]++;
                        later += v.line > 5;
                        compared++;
                }
                arena_free(a);
        }

        /* The comparison is worth something only if all outcomes came up, and rules deep in the list too. */
        static const struct {
                enum reason reason;
                enum action action;
        } wanted[] = {
                { REASON_RULE, ACTION_ALLOW },           { REASON_RULE, ACTION_BLOCK },
                { REASON_RULE, ACTION_READ_ONLY },       { REASON_DEFAULT, ACTION_BLOCK },
                { REASON_DEFAULT, ACTION_ALLOW },        { REASON_FLOOR_HUB, ACTION_ALLOW },
                { REASON_FLOOR_KEYBOARD, ACTION_ALLOW }, { REASON_FLOOR_LAST_KEYBOARD, ACTION_ALLOW },
                { REASON_KEYBOARDS_ANY, ACTION_ALLOW },  { REASON_OUTSIDE_HOURS, ACTION_BLOCK },
                { REASON_POLICY_EXPIRED, ACTION_BLOCK }, { REASON_DESCRIPTORS_INVALID, ACTION_BLOCK },
                { REASON_NO_POLICY, ACTION_BLOCK },      { REASON_PERMIT, ACTION_ALLOW },
                { REASON_PERMIT, ACTION_READ_ONLY },
        };
        assert_true(compared >= 200000);
        for (size_t i = 0; i < N(wanted); i++) {
                print_message("%-20s action %d: %u\n", reason_code(wanted[i].reason), wanted[i].action,
                              seen[wanted[i].reason][wanted[i].action]);
                assert_true(seen[wanted[i].reason][wanted[i].action] >= 500);
        }
        print_message("decided by a rule behind the fifth: %u of %u\n", later, compared);
        assert_true(later >= 10000);
}

/* An index whose order is wrong must not pass: the property's comparison finds it. */
static void test_property_can_fail(void **state) {
        (void) state;
        struct device_rule right[] = {
                { .id = "narrow", .line = 1, .vendor = 1, .has_vendor = true, .action = ACTION_ALLOW },
                { .id = "wide", .line = 2, .action = ACTION_BLOCK }
        };
        struct device_rule swapped[] = { right[1], right[0] };
        struct arena *a = arena_new();
        assert_non_null(a);
        struct policy p = { .header = { .serial = 1, .expires = POLICY_NEVER },
                            .devices = { .rules = right, .n_rules = 2 } };
        const struct facts f = { .kind = FACTS_DEVICE, .device = { .vendor = 1, .descriptors_valid = true } };
        const struct context c = { .now = NOW, .working_keyboards = 1 };
        struct verdict indexed, linear;
        for (int wrong = 0; wrong < 2; wrong++) {
                assert_int_equal(device_index_build(a, wrong ? swapped : right, 2, &p.devices.index), 0);
                decide(&p, &f, &c, &indexed);
                decide_linear(&p, &f, &c, &linear, NULL, NULL);
                assert_int_equal(linear.line, 1);
                assert_int_equal(indexed.line != linear.line, wrong);
        }
        arena_free(a);
}

/* Rules that share one key and differ in class only: all stay reachable, however many; rules that repeat a match do not
 * lengthen the list, and the first of them still answers. */
static void test_one_key(void **state) {
        (void) state;
        enum { MANY = 4096 };
        struct device_rule *rules = calloc(MANY, sizeof *rules);
        assert_non_null(rules);
        for (uint32_t i = 0; i < MANY; i++)
                rules[i] = (struct device_rule){ .id = "r",
                                                 .line = i + 1,
                                                 .vendor = 7,
                                                 .has_vendor = true,
                                                 .classes = i < 100 ? B(KEYBOARD) : B(HUB) << i % CLASS_MAX,
                                                 .action = ACTION_ALLOW };
        struct arena *a = arena_new();
        assert_non_null(a);
        struct policy p = { .header = { .serial = 1, .expires = POLICY_NEVER },
                            .devices = { .rules = rules, .n_rules = MANY, .keyboards = KEYBOARDS_LISTED } };
        assert_int_equal(device_index_build(a, rules, MANY, &p.devices.index), 0);
        const struct context c = { .now = NOW, .working_keyboards = 1 };
        for (size_t i = 0; i < N(ALPHABET); i++) {
                struct facts f = { .kind = FACTS_DEVICE,
                                   .device = { .vendor = 7, .descriptors_valid = true, .n_interfaces = 1 } };
                f.device.interfaces[0] = ALPHABET[i];
                struct verdict v;
                decide_both(&p, &f, &c, &v);
                assert_true(v.line > 0 || v.reason == REASON_FLOOR_HUB);
        }
        arena_free(a);
        free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                { "index equals walk", test_property, NULL, NULL, NULL },
                { "the comparison can fail", test_property_can_fail, NULL, NULL, NULL },
                { "one key, many rules", test_one_key, NULL, NULL, NULL },
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
