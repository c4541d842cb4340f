/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a permit opens, and what it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sekisho/permit.h>

#include "verdicts.h"

#define NOW 1000

static const struct interface_triple STICK[] = { { 8, 6, 0x50 } };
static const uint8_t DIGEST[DIGEST_SIZE] = { 1, 2, 3 }, OTHER_DIGEST[DIGEST_SIZE] = { 1, 2, 4 };
static const char *const OFFICE_USERS[] = { "yamada", "group:joho" };
enum { EXPIRED = 1, NO_POLICY = 2, OBSERVE = 4 }; /* of a policy */
enum { OTHER = 1, NO_DIGEST = 2, INVALID = 4 };   /* of a device */

#define TODAY     (NOW + 100)
#define YESTERDAY (NOW - 100)
static const char *const YAMADA[] = { "yamada" };
/* Which medium it is for is device_rule_mismatch()'s business, of which the rows above are full. */
#define PERMIT(ends, what, volumes)                                                                                    \
        {                                                                                                              \
                .id = "p", .ticket = "t", .expires = (ends), .rule = {                                                 \
                        .id = "p",                                                                                     \
                        .vendor = 0x0781,                                                                              \
                        .product = 0x5591,                                                                             \
                        .has_vendor = true,                                                                            \
                        .has_product = true,                                                                           \
                        .serial = "4C53",                                                                              \
                        .descriptors = DIGEST,                                                                         \
                        .classes = B(STORAGE) | B(OPTICAL),                                                            \
                        .users = { YAMADA, 1 },                                                                        \
                        .action = (what),                                                                              \
                        .encrypted = (volumes)                                                                         \
                }                                                                                                      \
        }
static const struct permit READING = PERMIT(TODAY, ACTION_READ_ONLY, ENCRYPTED_ANY),
                           WRITING = PERMIT(TODAY, ACTION_ALLOW, ENCRYPTED_LUKS),
                           OVER = PERMIT(YESTERDAY, ACTION_READ_ONLY, ENCRYPTED_ANY);

/* What the only rule, for any storage, says; 0: there is none. */
#define RULE_ALLOW                                                                                                     \
        { .id = "r", .classes = B(STORAGE), .action = ACTION_ALLOW }
#define RULE_BLOCK                                                                                                     \
        { .id = "r", .classes = B(STORAGE), .action = ACTION_BLOCK }
#define RULE_READ_ONLY                                                                                                 \
        { .id = "r", .classes = B(STORAGE), .action = ACTION_READ_ONLY }
#define RULE_JOHO                                                                                                      \
        {                                                                                                              \
                .id = "r", .classes = B(STORAGE), .action = ACTION_READ_ONLY, .users = { OFFICE_USERS, 2 }             \
        }
#define RULE_LUKS                                                                                                      \
        { .id = "r", .classes = B(STORAGE), .action = ACTION_ALLOW, .encrypted = ENCRYPTED_LUKS }

static const struct permit_row {
        const char *name;
        const struct permit *permits[2];
        const char *ports[2];
        struct device_rule rule;
        unsigned policy, device; /* NO_POLICY, EXPIRED, OBSERVE; OTHER, NO_DIGEST, BOOT */
        enum bus bus;
        const char *serial;
        const struct permit *expected; /* NULL: the policy decides */
        enum action action;
} permit_rows[] = {
        { "opens what no rule lists", { &READING }, { "" }, { 0 }, 0, 0, BUS_USB, "4C53", &READING, ACTION_READ_ONLY },
        { "to write", { &WRITING }, { "" }, { 0 }, 0, 0, BUS_USB, "4C53", &WRITING, ACTION_ALLOW },
        { "there is none", { NULL }, { "" }, { 0 }, 0, 0, BUS_USB, "4C53", NULL, ACTION_BLOCK },
        { "opens what a rule blocks",
          { &READING },
          { "" },
          RULE_BLOCK,
          0,
          0,
          BUS_USB,
          "4C53",
          &READING,
          ACTION_READ_ONLY },
        { "needless: a rule gives more", { &READING }, { "" }, RULE_ALLOW, 0, 0, BUS_USB, "4C53", NULL, ACTION_ALLOW },
        { "needless: a rule gives the same",
          { &READING },
          { "" },
          RULE_READ_ONLY,
          0,
          0,
          BUS_USB,
          "4C53",
          NULL,
          ACTION_READ_ONLY },
        { "needless: encrypted too", { &WRITING }, { "" }, RULE_LUKS, 0, 0, BUS_USB, "4C53", NULL, ACTION_ALLOW },
        { "a rule gives less", { &WRITING }, { "" }, RULE_READ_ONLY, 0, 0, BUS_USB, "4C53", &WRITING, ACTION_ALLOW },
        { "a rule gives it to others",
          { &READING },
          { "" },
          RULE_JOHO,
          0,
          0,
          BUS_USB,
          "4C53",
          &READING,
          ACTION_READ_ONLY },
        { "a rule asks for encryption",
          { &READING },
          { "" },
          RULE_LUKS,
          0,
          0,
          BUS_USB,
          "4C53",
          &READING,
          ACTION_READ_ONLY },
        { "the first counts",
          { &WRITING, &READING },
          { "", "" },
          { 0 },
          0,
          0,
          BUS_USB,
          "4C53",
          &WRITING,
          ACTION_ALLOW },
        { "the first that matches",
          { &OVER, &READING },
          { "", "" },
          { 0 },
          0,
          0,
          BUS_USB,
          "4C53",
          &READING,
          ACTION_READ_ONLY },
        { "the first that is of use",
          { &READING, &WRITING },
          { "", "" },
          RULE_READ_ONLY,
          0,
          0,
          BUS_USB,
          "4C53",
          &WRITING,
          ACTION_ALLOW },
        { "has expired", { &OVER }, { "" }, { 0 }, 0, 0, BUS_USB, "4C53", NULL, ACTION_BLOCK },
        { "in use here", { &READING }, { "1-2" }, { 0 }, 0, 0, BUS_USB, "4C53", &READING, ACTION_READ_ONLY },
        { "in use elsewhere", { &READING }, { "1-3" }, { 0 }, 0, 0, BUS_USB, "4C53", NULL, ACTION_BLOCK },
        { "another serial", { &READING }, { "" }, { 0 }, 0, 0, BUS_USB, "4C54", NULL, ACTION_BLOCK },
        { "a clone", { &READING }, { "" }, { 0 }, 0, OTHER, BUS_USB, "4C53", NULL, ACTION_BLOCK },
        { "no descriptors", { &READING }, { "" }, { 0 }, 0, NO_DIGEST, BUS_USB, "4C53", NULL, ACTION_BLOCK },
        { "over a network", { &READING }, { "" }, { 0 }, 0, 0, BUS_VHCI, "4C53", NULL, ACTION_BLOCK },
        { "descriptors that lie", { &READING }, { "" }, { 0 }, 0, INVALID, BUS_USB, "4C53", NULL, ACTION_BLOCK },
        { "no policy at all", { &READING }, { "" }, { 0 }, NO_POLICY, 0, BUS_USB, "4C53", NULL, ACTION_BLOCK },
        { "the policy has expired", { &READING }, { "" }, { 0 }, EXPIRED, 0, BUS_USB, "4C53", NULL, ACTION_BLOCK },
        { "observe mode", { &READING }, { "" }, { 0 }, OBSERVE, 0, BUS_USB, "4C53", &READING, ACTION_READ_ONLY },
};

static void test_permit(void **state) {
        const struct permit_row *row = *state;
        struct device_rule rule = row->rule;
        struct policy p = { .header = { .serial = row->policy & NO_POLICY ? 0 : 7,
                                        .expires = row->policy & EXPIRED ? NOW : POLICY_NEVER },
                            .devices = { .mode = row->policy & OBSERVE ? MODE_OBSERVE : MODE_ENFORCE,
                                         .rules = &rule,
                                         .n_rules = rule.id != NULL } };
        struct facts f = { .kind = FACTS_DEVICE,
                           .device = { .bus = row->bus,
                                       .vendor = 0x0781,
                                       .product = 0x5591,
                                       .port = "1-2",
                                       .descriptors_valid = !(row->device & INVALID),
                                       .has_digest = !(row->device & NO_DIGEST),
                                       .n_interfaces = 1 } };
        f.device.interfaces[0] = STICK[0];
        (void) snprintf(f.device.serial, sizeof f.device.serial, "%s", row->serial);
        memcpy(f.device.digest, row->device & OTHER ? OTHER_DIGEST : DIGEST, DIGEST_SIZE);

        struct permit_grant grants[2];
        struct context c = { .now = NOW, .working_keyboards = 1, .grants = grants };
        for (; c.n_grants < 2 && row->permits[c.n_grants]; c.n_grants++)
                grants[c.n_grants] = (struct permit_grant){ row->permits[c.n_grants], row->ports[c.n_grants] };

        struct verdict v;
        decide_both(&p, &f, &c, &v);
        const struct permit *e = row->expected;
        assert_int_equal(v.action, row->action);
        assert_int_equal(v.reason == REASON_PERMIT, e != NULL);
        assert_ptr_equal(v.permit, e ? e->id : NULL);
        assert_ptr_equal(v.ticket, e ? e->ticket : NULL);
        if (e) {
                assert_null(v.rule);
                assert_false(v.explicit_rule);
                assert_ptr_equal(v.users.list, e->rule.users.list);
                assert_int_equal(v.encrypted, e->rule.encrypted);
                assert_int_equal(verdict_has_conditions(&v), v.enforce);
        }
}

int main(void) {
        struct CMUnitTest tests[N(permit_rows)];
        for (size_t i = 0; i < N(permit_rows); i++)
                tests[i] = (struct CMUnitTest){ permit_rows[i].name, test_permit, NULL, NULL,
                                                (void *) (uintptr_t) &permit_rows[i] };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
