/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "index.h"
#include "verdicts.h"

#define NOW 1000 /* the hour of the tables: Wednesday 10:00 */

static const struct interface_triple KEYBOARD[] = { { 3, 1, 1 }, { 3, 0, 0 } }, STICK[] = { { 8, 6, 0x50 } },
                                     READER[] = { { 0x0b, 0, 0 } }, HUB[] = { { 9, 0, 1 } },
                                     BADUSB[] = { { 3, 1, 1 }, { 8, 6, 0x50 } },
                                     FAKE_READER[] = { { 0x0b, 0, 0 }, { 8, 6, 0x50 } };
static const uint8_t DIGEST[DIGEST_SIZE] = { 1, 2, 3 }, OTHER_DIGEST[DIGEST_SIZE] = { 1, 2, 4 };
static const struct hours_span OFFICE_SPANS[] = { { 0x1f, 510, 1035 } };
static const char *const OFFICE_USERS[] = { "yamada", "group:joho" };
static const struct hours_span NIGHT_SPANS[] = { { 1u << 2, 1320, 360 } }; /* Wednesday 22:00 to Thursday 06:00 */
#define OFFICE                                                                                                         \
        { OFFICE_SPANS, 1 }
#define NIGHT                                                                                                          \
        { NIGHT_SPANS, 1 }

enum {
        R_READER,
        R_STICK,
        R_CLONE,
        R_OFFICE,
        R_BLOCKED_KEYBOARD,
        R_LISTED_KEYBOARD,
        R_MATCHING,
        R_MATCHING_BLOCK,
        R_NIGHT,
        R_VIRTUAL
};
static const struct device_rule RULES[] = {
        [R_READER] = { .id = "reader",
                       .note = "n",
                       .line = 10,
                       .buses = 1u << BUS_USB,
                       .classes = B(SMARTCARD),
                       .vendor = 0x04e6,
                       .product = 0x5116,
                       .has_vendor = true,
                       .has_product = true,
                       .action = ACTION_ALLOW },
        [R_STICK] = { .id = "stick",
                      .line = 11,
                      .classes = B(STORAGE),
                      .vendor = 0x0781,
                      .product = 0x5591,
                      .has_vendor = true,
                      .has_product = true,
                      .serial = "4C53",
                      .descriptors = DIGEST,
                      .action = ACTION_READ_ONLY },
        [R_CLONE] = { .id = "clone", .line = 12, .serial = "4C53", .action = ACTION_BLOCK },
        [R_OFFICE] = { .id = "office",
                       .line = 13,
                       .vendor = 0x1111,
                       .has_vendor = true,
                       .action = ACTION_ALLOW,
                       .hours = OFFICE,
                       .users = { OFFICE_USERS, 2 },
                       .encrypted = ENCRYPTED_LUKS },
        [R_BLOCKED_KEYBOARD] = { .id = "no-keyboard",
                                 .line = 14,
                                 .vendor = 0x2222,
                                 .has_vendor = true,
                                 .action = ACTION_BLOCK },
        [R_LISTED_KEYBOARD] = { .id = "keyboard",
                                .line = 15,
                                .vendor = 0x3333,
                                .has_vendor = true,
                                .classes = B(KEYBOARD) | B(HID),
                                .action = ACTION_ALLOW,
                                .hours = OFFICE },
        [R_MATCHING] = { .id = "matching",
                         .line = 16,
                         .vendor = 0x4444,
                         .has_vendor = true,
                         .classes = B(SMARTCARD),
                         .interfaces = INTERFACES_MATCHING,
                         .action = ACTION_ALLOW },
        [R_MATCHING_BLOCK] = { .id = "matching-block",
                               .line = 17,
                               .vendor = 0x5555,
                               .has_vendor = true,
                               .classes = B(STORAGE),
                               .interfaces = INTERFACES_MATCHING,
                               .action = ACTION_BLOCK },
        [R_NIGHT] = { .id = "night",
                      .line = 18,
                      .vendor = 0x6666,
                      .has_vendor = true,
                      .action = ACTION_ALLOW,
                      .hours = NIGHT },
        [R_VIRTUAL] = { .id = "virtual",
                        .line = 19,
                        .vendor = 0x7777,
                        .has_vendor = true,
                        .buses = UINT32_C(1) << BUS_VHCI,
                        .action = ACTION_ALLOW },
};

enum { BOOT = 1, INVALID = 2, ROOT_HUB = 4, NO_DIGEST = 8, OTHER = 16 };                    /* of a device */
enum { EXPIRED = 1, NO_POLICY = 2, OBSERVE = 4, DEFAULT_ALLOW = 8, ANY = 16, LISTED = 32 }; /* of a policy */

#define D(d) d, N(d)
static const struct device_row {
        const char *name;
        const struct interface_triple *interfaces;
        uint16_t n, vendor, product;
        const char *serial;
        unsigned device, policy, keyboards;
        int weekday, minute; /* 0, 0: Wednesday 10:00 */
        enum action action;
        enum reason reason;
        int rule; /* -1: none */
} devices[] = {
        { "root hub", D(HUB), 0x1d6b, 2, "", ROOT_HUB, 0, 1, 0, 0, ACTION_ALLOW, REASON_FLOOR_HUB, -1 },
        { "root hub, invalid", D(HUB), 0x1d6b, 2, "", ROOT_HUB | INVALID, 0, 1, 0, 0, ACTION_ALLOW, REASON_FLOOR_HUB,
          -1 },
        { "hub", D(HUB), 1, 1, "", 0, 0, 1, 0, 0, ACTION_ALLOW, REASON_FLOOR_HUB, -1 },
        { "hub, expired", D(HUB), 1, 1, "", 0, EXPIRED, 1, 0, 0, ACTION_ALLOW, REASON_FLOOR_HUB, -1 },
        { "hub, no policy", D(HUB), 1, 1, "", 0, NO_POLICY, 1, 0, 0, ACTION_ALLOW, REASON_FLOOR_HUB, -1 },
        { "hub, blocked by a rule", D(HUB), 0x2222, 1, "", 0, 0, 1, 0, 0, ACTION_ALLOW, REASON_FLOOR_HUB, -1 },
        { "hub, invalid", D(HUB), 1, 1, "", INVALID, 0, 1, 0, 0, ACTION_BLOCK, REASON_DESCRIPTORS_INVALID, -1 },

        { "keyboard at boot", D(KEYBOARD), 1, 1, "", BOOT, 0, 1, 0, 0, ACTION_ALLOW, REASON_FLOOR_KEYBOARD, -1 },
        { "keyboard at boot, expired", D(KEYBOARD), 1, 1, "", BOOT, EXPIRED, 1, 0, 0, ACTION_ALLOW,
          REASON_FLOOR_KEYBOARD, -1 },
        { "keyboard at boot, no policy", D(KEYBOARD), 1, 1, "", BOOT, NO_POLICY, 1, 0, 0, ACTION_ALLOW,
          REASON_FLOOR_KEYBOARD, -1 },
        { "keyboard at boot, block rule", D(KEYBOARD), 0x2222, 1, "", BOOT, 0, 1, 0, 0, ACTION_ALLOW,
          REASON_FLOOR_KEYBOARD, -1 },
        { "keyboard at boot, invalid", D(KEYBOARD), 1, 1, "", BOOT | INVALID, 0, 0, 0, 0, ACTION_BLOCK,
          REASON_DESCRIPTORS_INVALID, -1 },
        { "keyboard at boot, listed only", D(KEYBOARD), 1, 1, "", BOOT, LISTED, 1, 0, 0, ACTION_BLOCK, REASON_DEFAULT,
          -1 },
        { "keyboard later", D(KEYBOARD), 1, 1, "", 0, 0, 1, 0, 0, ACTION_BLOCK, REASON_DEFAULT, -1 },
        { "keyboard later, no policy", D(KEYBOARD), 1, 1, "", 0, NO_POLICY, 1, 0, 0, ACTION_BLOCK, REASON_NO_POLICY,
          -1 },
        { "keyboard later, the only one", D(KEYBOARD), 1, 1, "", 0, 0, 0, 0, 0, ACTION_ALLOW,
          REASON_FLOOR_LAST_KEYBOARD, -1 },
        { "keyboard later, the only one, no policy", D(KEYBOARD), 1, 1, "", 0, NO_POLICY, 0, 0, 0, ACTION_ALLOW,
          REASON_FLOOR_LAST_KEYBOARD, -1 },
        { "keyboard listed only, the only one", D(KEYBOARD), 1, 1, "", BOOT, LISTED, 0, 0, 0, ACTION_ALLOW,
          REASON_FLOOR_LAST_KEYBOARD, -1 },
        { "keyboard, block rule", D(KEYBOARD), 0x2222, 1, "", 0, 0, 1, 0, 0, ACTION_BLOCK, REASON_RULE,
          R_BLOCKED_KEYBOARD },
        { "keyboard, block rule, the only one", D(KEYBOARD), 0x2222, 1, "", 0, 0, 0, 0, 0, ACTION_ALLOW,
          REASON_FLOOR_LAST_KEYBOARD, -1 },
        { "keyboard, any", D(KEYBOARD), 1, 1, "", 0, ANY, 1, 0, 0, ACTION_ALLOW, REASON_KEYBOARDS_ANY, -1 },
        { "keyboard, any, block rule", D(KEYBOARD), 0x2222, 1, "", 0, ANY, 1, 0, 0, ACTION_ALLOW, REASON_KEYBOARDS_ANY,
          -1 },
        { "keyboard, any, invalid", D(KEYBOARD), 1, 1, "", INVALID, ANY, 0, 0, 0, ACTION_BLOCK,
          REASON_DESCRIPTORS_INVALID, -1 },
        { "keyboard listed", D(KEYBOARD), 0x3333, 1, "", 0, LISTED, 1, 0, 0, ACTION_ALLOW, REASON_RULE,
          R_LISTED_KEYBOARD },
        { "keyboard listed, the only one", D(KEYBOARD), 0x3333, 1, "", 0, LISTED, 0, 0, 0, ACTION_ALLOW, REASON_RULE,
          R_LISTED_KEYBOARD },
        { "keyboard listed, at night", D(KEYBOARD), 0x3333, 1, "", 0, LISTED, 1, 2, 1400, ACTION_BLOCK,
          REASON_OUTSIDE_HOURS, R_LISTED_KEYBOARD },
        { "keyboard listed, at night, the only one", D(KEYBOARD), 0x3333, 1, "", 0, LISTED, 0, 2, 1400, ACTION_ALLOW,
          REASON_FLOOR_LAST_KEYBOARD, -1 },
        { "keyboard with storage at boot", D(BADUSB), 1, 1, "", BOOT, 0, 1, 0, 0, ACTION_BLOCK, REASON_DEFAULT, -1 },
        { "keyboard with storage, the only one", D(BADUSB), 1, 1, "", BOOT, 0, 0, 0, 0, ACTION_BLOCK, REASON_DEFAULT,
          -1 },
        { "keyboard with storage, any", D(BADUSB), 1, 1, "", BOOT, ANY, 0, 0, 0, ACTION_BLOCK, REASON_DEFAULT, -1 },

        { "reader", D(READER), 0x04e6, 0x5116, "", 0, 0, 1, 0, 0, ACTION_ALLOW, REASON_RULE, R_READER },
        { "reader, observed", D(READER), 0x04e6, 0x5116, "", 0, OBSERVE, 1, 0, 0, ACTION_ALLOW, REASON_RULE, R_READER },
        { "reader, other product", D(READER), 0x04e6, 0x5117, "", 0, 0, 1, 0, 0, ACTION_BLOCK, REASON_DEFAULT, -1 },
        { "reader, invalid", D(READER), 0x04e6, 0x5116, "", INVALID, 0, 1, 0, 0, ACTION_BLOCK,
          REASON_DESCRIPTORS_INVALID, -1 },
        { "reader, expired", D(READER), 0x04e6, 0x5116, "", 0, EXPIRED, 1, 0, 0, ACTION_BLOCK, REASON_POLICY_EXPIRED,
          R_READER },
        { "reader with storage", D(FAKE_READER), 0x04e6, 0x5116, "", 0, 0, 1, 0, 0, ACTION_BLOCK, REASON_DEFAULT, -1 },
        { "reader without interfaces", READER, 0, 0x04e6, 0x5116, "", 0, 0, 1, 0, 0, ACTION_BLOCK, REASON_DEFAULT, -1 },
        { "matching, reader", D(READER), 0x4444, 1, "", 0, 0, 1, 0, 0, ACTION_ALLOW, REASON_RULE, R_MATCHING },
        { "matching, reader with storage", D(FAKE_READER), 0x4444, 1, "", 0, 0, 1, 0, 0, ACTION_ALLOW, REASON_RULE,
          R_MATCHING },
        { "matching, storage alone", D(STICK), 0x4444, 1, "", 0, 0, 1, 0, 0, ACTION_BLOCK, REASON_DEFAULT, -1 },
        { "matching block, reader", D(READER), 0x5555, 1, "", 0, 0, 1, 0, 0, ACTION_BLOCK, REASON_DEFAULT, -1 },
        { "matching block, reader with storage", D(FAKE_READER), 0x5555, 1, "", 0, 0, 1, 0, 0, ACTION_BLOCK,
          REASON_RULE, R_MATCHING_BLOCK },

        { "stick", D(STICK), 0x0781, 0x5591, "4C53", 0, 0, 1, 0, 0, ACTION_READ_ONLY, REASON_RULE, R_STICK },
        { "stick, expired", D(STICK), 0x0781, 0x5591, "4C53", 0, EXPIRED, 1, 0, 0, ACTION_BLOCK, REASON_POLICY_EXPIRED,
          R_STICK },
        { "stick, clone with other descriptors", D(STICK), 0x0781, 0x5591, "4C53", OTHER, 0, 1, 0, 0, ACTION_BLOCK,
          REASON_RULE, R_CLONE },
        { "stick, clone, expired", D(STICK), 0x0781, 0x5591, "4C53", OTHER, EXPIRED, 1, 0, 0, ACTION_BLOCK, REASON_RULE,
          R_CLONE },
        { "stick without digest", D(STICK), 0x0781, 0x5591, "4C53", NO_DIGEST, 0, 1, 0, 0, ACTION_BLOCK, REASON_RULE,
          R_CLONE },
        { "stick, serial longer", D(STICK), 0x0781, 0x5591, "4C530", 0, 0, 1, 0, 0, ACTION_BLOCK, REASON_DEFAULT, -1 },
        { "stick, serial in small letters", D(STICK), 0x0781, 0x5591, "4c53", 0, 0, 1, 0, 0, ACTION_BLOCK,
          REASON_DEFAULT, -1 },
        { "stick, no serial", D(STICK), 0x0781, 0x5591, "", 0, 0, 1, 0, 0, ACTION_BLOCK, REASON_DEFAULT, -1 },
        { "stranger, default allow", D(STICK), 9, 9, "", 0, DEFAULT_ALLOW, 1, 0, 0, ACTION_ALLOW, REASON_DEFAULT, -1 },
        { "stranger, default allow, expired", D(STICK), 9, 9, "", 0, DEFAULT_ALLOW | EXPIRED, 1, 0, 0, ACTION_BLOCK,
          REASON_POLICY_EXPIRED, -1 },
        { "stranger, default allow, invalid", D(STICK), 9, 9, "", INVALID, DEFAULT_ALLOW, 1, 0, 0, ACTION_BLOCK,
          REASON_DESCRIPTORS_INVALID, -1 },
        { "stranger, no policy", D(STICK), 9, 9, "", 0, NO_POLICY, 1, 0, 0, ACTION_BLOCK, REASON_NO_POLICY, -1 },

        { "hours, first minute", D(STICK), 0x1111, 1, "", 0, 0, 1, 4, 510, ACTION_ALLOW, REASON_RULE, R_OFFICE },
        { "hours, minute before", D(STICK), 0x1111, 1, "", 0, 0, 1, 4, 509, ACTION_BLOCK, REASON_OUTSIDE_HOURS,
          R_OFFICE },
        { "hours, last minute", D(STICK), 0x1111, 1, "", 0, 0, 1, 4, 1034, ACTION_ALLOW, REASON_RULE, R_OFFICE },
        { "hours, minute after", D(STICK), 0x1111, 1, "", 0, 0, 1, 4, 1035, ACTION_BLOCK, REASON_OUTSIDE_HOURS,
          R_OFFICE },
        { "hours, Saturday", D(STICK), 0x1111, 1, "", 0, 0, 1, 5, 600, ACTION_BLOCK, REASON_OUTSIDE_HOURS, R_OFFICE },
        { "hours, outside and expired", D(STICK), 0x1111, 1, "", 0, EXPIRED, 1, 5, 600, ACTION_BLOCK,
          REASON_OUTSIDE_HOURS, R_OFFICE },
        { "night, before", D(STICK), 0x6666, 1, "", 0, 0, 1, 2, 1319, ACTION_BLOCK, REASON_OUTSIDE_HOURS, R_NIGHT },
        { "night, begins", D(STICK), 0x6666, 1, "", 0, 0, 1, 2, 1320, ACTION_ALLOW, REASON_RULE, R_NIGHT },
        { "night, next morning", D(STICK), 0x6666, 1, "", 0, 0, 1, 3, 359, ACTION_ALLOW, REASON_RULE, R_NIGHT },
        { "night, over", D(STICK), 0x6666, 1, "", 0, 0, 1, 3, 360, ACTION_BLOCK, REASON_OUTSIDE_HOURS, R_NIGHT },
        { "night, the morning of its own day", D(STICK), 0x6666, 1, "", 0, 0, 1, 2, 100, ACTION_BLOCK,
          REASON_OUTSIDE_HOURS, R_NIGHT },
        { "night, the next evening", D(STICK), 0x6666, 1, "", 0, 0, 1, 3, 1330, ACTION_BLOCK, REASON_OUTSIDE_HOURS,
          R_NIGHT },
};

static struct policy device_row_policy(const struct device_row *row) {
        return (struct policy){
                .header = { .serial = row->policy & NO_POLICY ? 0 : 12,
                            .expires = row->policy & EXPIRED ? NOW : NOW + 1 },
                .devices = { .mode = row->policy & OBSERVE ? MODE_OBSERVE : MODE_ENFORCE,
                             .default_action = row->policy & DEFAULT_ALLOW ? ACTION_ALLOW : ACTION_BLOCK,
                             .keyboards = row->policy & ANY      ? KEYBOARDS_ANY
                                          : row->policy & LISTED ? KEYBOARDS_LISTED
                                                                 : KEYBOARDS_PRESENT,
                             .rules = RULES,
                             .n_rules = row->policy & NO_POLICY ? 0 : N(RULES) },
        };
}

static void test_device(void **state) {
        const struct device_row *row = *state;
        struct arena *a = arena_new();
        assert_non_null(a);
        struct policy p = device_row_policy(row);
        assert_int_equal(device_index_build(a, p.devices.rules, p.devices.n_rules, &p.devices.index), 0);

        struct facts f = { .kind = FACTS_DEVICE };
        f.device = (struct device_facts){ .bus = BUS_USB,
                                          .vendor = row->vendor,
                                          .product = row->product,
                                          .n_interfaces = row->n,
                                          .descriptors_valid = !(row->device & INVALID),
                                          .has_digest = !(row->device & NO_DIGEST),
                                          .present_at_boot = row->device & BOOT,
                                          .is_root_hub = row->device & ROOT_HUB };
        (void) snprintf(f.device.serial, sizeof f.device.serial, "%s", row->serial);
        memcpy(f.device.digest, row->device & OTHER ? OTHER_DIGEST : DIGEST, DIGEST_SIZE);
        memcpy(f.device.interfaces, row->interfaces, row->n * sizeof *row->interfaces);
        bool default_time = row->weekday == 0 && row->minute == 0;
        struct context c = { .now = NOW,
                             .weekday = (uint8_t) (default_time ? 2 : row->weekday),
                             .minute = (uint16_t) (default_time ? 600 : row->minute),
                             .working_keyboards = row->keyboards };

        struct verdict v;
        decide_both(&p, &f, &c, &v);
        assert_int_equal(v.reason, row->reason);
        assert_int_equal(v.action, row->action);
        assert_int_equal(v.enforce, !(row->policy & OBSERVE));
        assert_int_equal(v.explicit_rule, row->rule >= 0);
        assert_ptr_equal(v.rule, row->rule >= 0 ? RULES[row->rule].id : NULL);
        assert_ptr_equal(v.note, row->rule >= 0 ? RULES[row->rule].note : NULL);
        assert_int_equal(v.line, row->rule >= 0 ? RULES[row->rule].line : 0);
        assert_int_equal(verdict_opens(&v), row->action != ACTION_BLOCK || (row->policy & OBSERVE));

        /* What has to be held goes with what opens, and with nothing else. */
        const struct device_rule *rule = row->rule >= 0 && row->action != ACTION_BLOCK ? &RULES[row->rule] : NULL;
        assert_int_equal(v.users.n, rule ? rule->users.n : 0);
        assert_ptr_equal(v.users.list, rule ? rule->users.list : NULL);
        assert_int_equal(v.encrypted, rule ? rule->encrypted : ENCRYPTED_ANY);
        bool conditional = rule && (rule->users.n > 0 || rule->encrypted || row->action == ACTION_READ_ONLY);
        assert_int_equal(verdict_has_conditions(&v), conditional && !(row->policy & OBSERVE));
        arena_free(a);
}

/* --- what opens in part, how many keyboards, the way back, and what comes over a network --- */

static const struct floor_row {
        const char *name;
        enum bus bus;
        const struct interface_triple *interfaces;
        uint16_t n, vendor;
        unsigned device, policy, working, late;
        bool fallback;
        enum action action;
        enum reason reason;
        uint64_t interfaces_open;
} floor_rows[] = {
        { "whole reader", BUS_USB, D(READER), 0x4444, 0, 0, 1, 0, false, ACTION_ALLOW, REASON_RULE, 0 },
        { "reader of two", BUS_USB, D(FAKE_READER), 0x4444, 0, 0, 1, 0, false, ACTION_ALLOW, REASON_RULE, 1 },
        { "reader of two, expired", BUS_USB, D(FAKE_READER), 0x4444, 0, EXPIRED, 1, 0, false, ACTION_BLOCK,
          REASON_POLICY_EXPIRED, 0 },
        { "no keyboard in it counts", BUS_USB, D(FAKE_READER), 0x4444, 0, 0, 1, 9, false, ACTION_ALLOW, REASON_RULE,
          1 },

        { "fourth keyboard", BUS_USB, D(KEYBOARD), 1, 0, ANY, 1, 3, false, ACTION_ALLOW, REASON_KEYBOARDS_ANY, 0 },
        { "fifth keyboard", BUS_USB, D(KEYBOARD), 1, 0, ANY, 1, 4, false, ACTION_BLOCK, REASON_TOO_MANY_KEYBOARDS, 0 },
        { "fifth, at boot", BUS_USB, D(KEYBOARD), 1, BOOT, ANY, 1, 4, false, ACTION_ALLOW, REASON_KEYBOARDS_ANY, 0 },
        { "fifth, listed", BUS_USB, D(KEYBOARD), 0x4321, 0, DEFAULT_ALLOW, 1, 4, false, ACTION_BLOCK,
          REASON_TOO_MANY_KEYBOARDS, 0 },
        { "fifth, and none types", BUS_USB, D(KEYBOARD), 1, 0, ANY, 0, 4, false, ACTION_ALLOW,
          REASON_FLOOR_LAST_KEYBOARD, 0 },
        { "composite with keys", BUS_USB, D(BADUSB), 1, 0, DEFAULT_ALLOW, 1, 4, false, ACTION_BLOCK,
          REASON_TOO_MANY_KEYBOARDS, 0 },
        { "a reader beside many", BUS_USB, D(READER), 1, 0, DEFAULT_ALLOW, 1, 9, false, ACTION_ALLOW, REASON_DEFAULT,
          0 },

        { "listed, at boot", BUS_USB, D(KEYBOARD), 1, BOOT, LISTED, 1, 0, false, ACTION_BLOCK, REASON_DEFAULT, 0 },
        { "listed, at boot, way back", BUS_USB, D(KEYBOARD), 1, BOOT, LISTED, 1, 0, true, ACTION_ALLOW,
          REASON_FLOOR_KEYBOARD, 0 },
        { "listed, later, way back", BUS_USB, D(KEYBOARD), 1, 0, LISTED, 1, 0, true, ACTION_BLOCK, REASON_DEFAULT, 0 },
        { "listed, the last", BUS_USB, D(KEYBOARD), 1, 0, LISTED, 0, 0, false, ACTION_ALLOW, REASON_FLOOR_LAST_KEYBOARD,
          0 },

        { "virtual root hub", BUS_VHCI, D(KEYBOARD), 1, ROOT_HUB, 0, 1, 0, false, ACTION_ALLOW, REASON_FLOOR_HUB, 0 },
        { "virtual keyboard, any", BUS_VHCI, D(KEYBOARD), 1, 0, ANY, 1, 0, false, ACTION_BLOCK,
          REASON_VIRTUAL_CONTROLLER, 0 },
        { "virtual keyboard, the last", BUS_VHCI, D(KEYBOARD), 1, BOOT, 0, 0, 0, false, ACTION_BLOCK,
          REASON_VIRTUAL_CONTROLLER, 0 },
        { "virtual, default allow", BUS_VHCI, D(STICK), 1, 0, DEFAULT_ALLOW, 1, 0, false, ACTION_BLOCK,
          REASON_VIRTUAL_CONTROLLER, 0 },
        { "virtual, rule without a bus", BUS_VHCI, D(READER), 0x4444, 0, 0, 1, 0, false, ACTION_BLOCK,
          REASON_VIRTUAL_CONTROLLER, 0 },
        { "virtual, rule with its bus", BUS_VHCI, D(READER), 0x7777, 0, 0, 1, 0, false, ACTION_ALLOW, REASON_RULE, 0 },
        { "virtual, rule that blocks", BUS_VHCI, D(FAKE_READER), 0x5555, 0, DEFAULT_ALLOW, 1, 0, false, ACTION_BLOCK,
          REASON_RULE, 0 },
};

static void test_floor(void **state) {
        const struct floor_row *row = *state;
        struct arena *a = arena_new();
        assert_non_null(a);
        const struct device_row base = { .policy = row->policy };
        struct policy p = device_row_policy(&base);
        assert_int_equal(device_index_build(a, p.devices.rules, p.devices.n_rules, &p.devices.index), 0);
        struct facts f = { .kind = FACTS_DEVICE,
                           .device = { .bus = row->bus,
                                       .vendor = row->vendor,
                                       .n_interfaces = row->n,
                                       .descriptors_valid = true,
                                       .present_at_boot = row->device & BOOT,
                                       .is_root_hub = row->device & ROOT_HUB } };
        memcpy(f.device.interfaces, row->interfaces, row->n * sizeof *row->interfaces);
        const struct context c = { .now = NOW,
                                   .weekday = 2,
                                   .minute = 600,
                                   .working_keyboards = row->working,
                                   .late_keyboards = row->late,
                                   .keyboards_fallback = row->fallback };
        struct verdict v;
        decide_both(&p, &f, &c, &v);
        assert_int_equal(v.reason, row->reason);
        assert_int_equal(v.action, row->action);
        assert_int_equal(v.interfaces, row->interfaces_open);
        arena_free(a);
}

static void test_device_lies(void **state) {
        (void) state;
        const struct device_row row = { .name = "" };
        struct policy p = device_row_policy(&row);
        p.devices.keyboards = KEYBOARDS_ANY;
        struct facts f = { .kind = FACTS_DEVICE,
                           .device = { .descriptors_valid = true, .n_interfaces = 64, .vendor = 0x1111 } };
        for (size_t i = 0; i < DEVICE_INTERFACES_MAX; i++)
                f.device.interfaces[i] = (struct interface_triple){ 3, 1, 1 };
        memset(f.device.serial, 'x', sizeof f.device.serial); /* no end */
        const struct context c = { .now = NOW, .weekday = 2, .minute = 600 };
        struct verdict v;
        decide_both(&p, &f, &c, &v);
        assert_int_equal(v.reason, REASON_KEYBOARDS_ANY);
        f.device.n_interfaces = 65;
        decide_both(&p, &f, &c, &v);
        assert_int_equal(v.reason, REASON_DESCRIPTORS_INVALID);
        assert_int_equal(v.action, ACTION_BLOCK);

        f.kind = FACTS_KIND_MAX;
        decide_both(&p, &f, &c, &v);
        assert_int_equal(v.action, ACTION_BLOCK);
        assert_true(v.enforce);
}

/* --- which key did not match --- */

static void first_mismatch(const char *rule, uint32_t line, const char *mismatch, void *userdata) {
        (void) line;
        char *text = userdata;
        (void) snprintf(text + strlen(text), 256 - strlen(text), "%s=%s ", rule ? rule : "-",
                        mismatch ? mismatch : "match");
}

static const struct mismatch_row {
        const char *name;
        enum bus bus;
        uint16_t vendor, product;
        const char *serial;
        unsigned device;
        const struct interface_triple *interfaces;
        const char *heard;
} mismatches[] = {
        { "bus", BUS_MMC, 0x04e6, 0x5116, "", 0, READER, "reader=bus stick=class clone=serial " },
        { "class", BUS_USB, 0x04e6, 0x5116, "", 0, STICK, "reader=class stick=vendor clone=serial " },
        { "vendor", BUS_USB, 0x04e7, 0x5116, "", 0, READER, "reader=vendor stick=class clone=serial " },
        { "product", BUS_USB, 0x04e6, 0x5117, "", 0, READER, "reader=product stick=class clone=serial " },
        { "serial", BUS_USB, 0x0781, 0x5591, "4C54", 0, STICK, "reader=class stick=serial clone=serial " },
        { "descriptors", BUS_USB, 0x0781, 0x5591, "4C53", OTHER, STICK, "reader=class stick=descriptors clone=match " },
        { "match", BUS_USB, 0x0781, 0x5591, "4C53", 0, STICK, "reader=class stick=match " },
};

static void test_mismatch(void **state) {
        const struct mismatch_row *row = *state;
        struct policy p = { .header = { .serial = 1, .expires = POLICY_NEVER },
                            .devices = { .rules = RULES, .n_rules = R_CLONE + 1 } };
        struct facts f = { .kind = FACTS_DEVICE,
                           .device = { .bus = row->bus,
                                       .vendor = row->vendor,
                                       .product = row->product,
                                       .descriptors_valid = true,
                                       .has_digest = true,
                                       .n_interfaces = 1 } };
        f.device.interfaces[0] = row->interfaces[0];
        (void) snprintf(f.device.serial, sizeof f.device.serial, "%s", row->serial);
        memcpy(f.device.digest, row->device & OTHER ? OTHER_DIGEST : DIGEST, DIGEST_SIZE);
        char heard[256] = "";
        struct verdict v;
        const struct context c = { .now = NOW, .working_keyboards = 1 };
        decide_linear(&p, &f, &c, &v, first_mismatch, heard);
        assert_string_equal(heard, row->heard);
}

static void test_reasons(void **state) {
        (void) state;
        static const char *const codes[REASON_MAX] = {
                "rule",
                "default",
                "floor-hub",
                "floor-keyboard",
                "floor-last-keyboard",
                "keyboards-any",
                "outside-hours",
                "policy-expired",
                "descriptors-invalid",
                "no-policy",
                "too-large",
                "my-number",
                "type-not-listed",
                "too-many-keyboards",
                "virtual-controller",
                "permit",
                "interface-not-listed",
                "loopback",
                "image-restored",
        };
        for (int i = 0; i < REASON_MAX; i++) {
                assert_string_equal(reason_code((enum reason) i), codes[i]);
                assert_non_null(reason_text((enum reason) i));
                assert_int_equal(reason_text((enum reason) i)[strlen(reason_text((enum reason) i)) - 1], '.');
        }
        assert_null(reason_code(REASON_MAX));
        assert_null(reason_text(REASON_INVALID));
}

#define ADD(rows, function)                                                                                            \
        for (size_t i = 0; i < N(rows); i++)                                                                           \
                tests[n++] = (struct CMUnitTest) {                                                                     \
                        rows[i].name, function, NULL, NULL, (void *) (uintptr_t) &rows[i]                              \
                }

int main(void) {
        struct CMUnitTest tests[N(devices) + N(floor_rows) + N(mismatches) + 2];
        size_t n = 0;
        ADD(devices, test_device);
        ADD(floor_rows, test_floor);
        ADD(mismatches, test_mismatch);
        tests[n++] = (struct CMUnitTest){ "facts that lie", test_device_lies, NULL, NULL, NULL };
        tests[n++] = (struct CMUnitTest){ "reasons", test_reasons, NULL, NULL, NULL };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
