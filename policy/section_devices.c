/* SPDX-License-Identifier: GPL-2.0-or-later */
/* devices: the keys, and which combinations contradict themselves. */
#include <errno.h>
#include <string.h>

#include "parser.h"
#include "shadow.h"
#include "values.h"

#define ALLOW_OR_BLOCK (1u << ACTION_ALLOW | 1u << ACTION_BLOCK)
#define MEDIA          (CLASS_BIT(CLASS_STORAGE) | CLASS_BIT(CLASS_OPTICAL))

const uint8_t action_rank[ACTION_MAX] = {
        [ACTION_BLOCK] = 0, [ACTION_REQUIRED] = 1, [ACTION_READ_ONLY] = 1, [ACTION_ALLOW] = 2, [ACTION_EXEMPT] = 2
};
static const uint8_t keyboards_rank[KEYBOARDS_MAX] = {
        [KEYBOARDS_LISTED] = 0, [KEYBOARDS_PRESENT] = 1, [KEYBOARDS_ANY] = 2
};

enum { MATCH_BUS, MATCH_CLASS, MATCH_VENDOR, MATCH_PRODUCT, MATCH_SERIAL, MATCH_DESCRIPTORS, MATCH_INTERFACES };
static const struct key match_keys[] = {
        [MATCH_BUS] = { "bus", &value_enum, .shape = SHAPE_MASK, .flags = KEY_NONEMPTY | KEY_SINGLE_OK,
                        .names = &bus_names, FIELD(device_rule, buses), .widens = WIDENS_FREE,
                        .description = N_("The bus, or a list of buses. Absent: any.") },
        [MATCH_CLASS] = { "class", &value_enum, .shape = SHAPE_MASK, .flags = KEY_NONEMPTY, .names = &class_names,
                          FIELD(device_rule, classes), .widens = WIDENS_FREE,
                          .description = N_("What the device may be: every interface of every configuration must be in "
                                            "one of these classes. Absent: any.") },
        [MATCH_VENDOR] = { "vendor", &value_hex16, FIELD(device_rule, vendor),
                           .present = offsetof(struct device_rule, has_vendor),
                           .description = N_("Vendor id, four hexadecimal digits. Absent: any.") },
        [MATCH_PRODUCT] = { "product", &value_hex16, FIELD(device_rule, product), .needs = "vendor",
                            .present = offsetof(struct device_rule, has_product),
                            .description = N_("Product id, four hexadecimal digits. Needs vendor. Absent: any.") },
        [MATCH_SERIAL] = { "serial", &value_serial, FIELD(device_rule, serial),
                           .description = N_("Serial number. It can be cloned: a label, not a proof. Absent: any.") },
        [MATCH_DESCRIPTORS] = { "descriptors", &value_digest, FIELD(device_rule, descriptors),
                                .description = N_("SHA-256 of the device's raw descriptors. Absent: any.") },
        [MATCH_INTERFACES] = { "interfaces", &value_enum, FIELD(device_rule, interfaces), .needs = "class",
                               .names = &interfaces_names, .fallback = "all", .widens = WIDENS_UP,
                               .description = N_("all: every interface must be in the classes, else the rule does not "
                                                 "match. matching: only the interfaces that are in them are opened.") },
};
static const struct mapping match_mapping = { TABLE_OF(match_keys) };

enum { RULE_ID, RULE_NOTE, RULE_MATCH, RULE_ACTION, RULE_USERS, RULE_HOURS, RULE_ENCRYPTED };
static const struct key rule_keys[] = {
        [RULE_ID] = { "id", &value_id, FIELD(device_rule, id), .flags = KEY_REQUIRED | KEY_UNIQUE,
                      .scope = SCOPE_DEVICES, .widens = WIDENS_NO,
                      .description = N_("What the rule is called in records and answers. Unique in its section.") },
        [RULE_NOTE] = { "note", &value_text, FIELD(device_rule, note), .widens = WIDENS_NO,
                        .description = N_("For people; shown beside a decision.") },
        [RULE_MATCH] = { "match", .shape = SHAPE_MAP, .mapping = &match_mapping, .flags = KEY_REQUIRED,
                         .description = N_("Which devices the rule is about: all keys given must fit.") },
        [RULE_ACTION] = { "action", &value_enum, FIELD(device_rule, action), .flags = KEY_REQUIRED,
                          .names = &action_names, .valid = ALLOW_OR_BLOCK | 1u << ACTION_READ_ONLY,
                          .widens = WIDENS_RANK, .rank = action_rank,
                          .description = N_("allow, block, or read-only (media that can be read but not written).") },
        [RULE_USERS] = { "users", &value_principal, .shape = SHAPE_LIST, .flags = KEY_NONEMPTY,
                         ROWS(device_rule, users), .widens = WIDENS_FREE,
                         .description = N_("Storage: who may mount and read it; user names and group:NAME. Absent: "
                                           "anyone.") },
        [RULE_HOURS] = { "hours", &value_hours, .shape = SHAPE_LIST, .flags = KEY_NONEMPTY, ROWS(device_rule, hours),
                         .widens = WIDENS_FREE,
                         .description =
                                 N_("When the rule opens, in local time; at other hours it blocks. An end before "
                                    "its start crosses midnight. Absent: always.") },
        [RULE_ENCRYPTED] = { "encrypted", &value_enum, FIELD(device_rule, encrypted), .names = &encrypted_names,
                             .fallback = "any", .widens = WIDENS_DOWN,
                             .description = N_("Storage: luks refuses a plaintext volume.") },
};

static void check_match(struct parser *p, const struct device_rule *r, const struct seen *s) {
        bool nothing = !r->buses && !r->classes && !r->has_vendor && !r->has_product && !r->serial && !r->descriptors;
        if (nothing && r->action != ACTION_BLOCK)
                key_error(p, s, RULE_MATCH,
                          _("an empty match means every device; only a rule that blocks may say that"));
}

static void check_media(struct parser *p, const struct device_rule *r, const struct seen *s) {
        if (r->encrypted != ENCRYPTED_ANY && !(r->classes & CLASS_BIT(CLASS_STORAGE)))
                key_error(p, s, RULE_ENCRYPTED, _("\"encrypted\" is about storage; add class: [storage] to the match"));
        if (r->action == ACTION_READ_ONLY && r->classes && (r->classes & ~MEDIA))
                key_error(p, s, RULE_ACTION,
                          _("read-only is about storage; the match lists a class that cannot be read-only"));
        if (r->users.n > 0 && !(r->classes & MEDIA))
                key_warning(p, s, RULE_USERS,
                            _("\"users\" has an effect on storage only, and the match does not say class: "
                              "[storage]"));
}

static void check_block(struct parser *p, const struct seen *s) {
        if (IS_GIVEN(s, RULE_ENCRYPTED))
                key_error(p, s, RULE_ENCRYPTED, _("a rule that blocks cannot ask for an encrypted volume"));
        if (IS_GIVEN(s, RULE_USERS))
                key_warning(p, s, RULE_USERS, _("\"users\" has no effect on a rule that blocks: it blocks everyone"));
        if (IS_GIVEN(s, RULE_HOURS))
                key_warning(p, s, RULE_HOURS,
                            _("\"hours\" has no effect on a rule that blocks: it blocks at all hours"));
}

static int check_rule(struct parser *p, void *object, const struct seen *s) {
        const struct device_rule *r = object;
        /* What could not be read is not judged by what is left of it. */
        if (!IS_GOOD(s, RULE_ACTION) || !IS_GOOD(s, RULE_MATCH))
                return 0;
        check_match(p, r, s);
        if (r->action == ACTION_BLOCK)
                check_block(p, s);
        else
                check_media(p, r, s);
        return s->good == s->given ? shadow_device(p, r, s->places[RULE_ID]) : 0;
}

static void identify_rule(const struct policy *p, const void *row, FILE *f) {
        (void) p;
        (void) fputs(((const struct device_rule *) row)->id, f);
}
static enum action rule_action(const void *row) {
        return (enum action)((const struct device_rule *) row)->action;
}

static bool same_effect(const struct device_rule *a, const struct device_rule *b) {
        return a->action == b->action && a->encrypted == b->encrypted && a->hours.list == b->hours.list &&
               a->users.list == b->users.list && a->interfaces == b->interfaces;
}

/* Whether no device can match both. Of interfaces that count as several classes (CDC data, see device.h), disjoint
 * classes say nothing. */
static bool are_disjoint(const struct device_rule *a, const struct device_rule *b) {
        const uint32_t several = CLASS_BIT(CLASS_NETWORK) | CLASS_BIT(CLASS_MODEM) | CLASS_BIT(CLASS_SERIAL);
        bool classes = a->classes && b->classes && !(a->classes & b->classes) &&
                       !((a->classes & several) && (b->classes & several)) && a->interfaces == INTERFACES_ALL &&
                       b->interfaces == INTERFACES_ALL;
        return classes || (a->buses && b->buses && !(a->buses & b->buses)) ||
               (a->has_vendor && b->has_vendor && a->vendor != b->vendor) ||
               (a->has_product && b->has_product && a->product != b->product) ||
               (a->serial && b->serial && a->serial != b->serial) ||
               (a->descriptors && b->descriptors && a->descriptors != b->descriptors);
}

static bool rules_conflict(const void *a, const void *b) {
        return !same_effect(a, b) && !are_disjoint(a, b);
}

static const struct mapping rule_mapping = {
        TABLE_OF(rule_keys),
        .has_line = true,
        .size = sizeof(struct device_rule),
        .line_offset = offsetof(struct device_rule, line),
        .check = check_rule,
        .identify = identify_rule,
        .action = rule_action,
        .conflict = rules_conflict,
};

static const struct key devices_keys[] = {
        { "mode", &value_enum, FIELD(policy, devices.mode), .names = &mode_names, .widens = WIDENS_UP,
          .description =
                  N_("enforce, or observe (decide and record, block nothing), for this section. Absent: the mode "
                     "of the whole policy.") },
        { "default", &value_enum, FIELD(policy, devices.default_action), .names = &action_names,
          .valid = ALLOW_OR_BLOCK, .fallback = "block", .widens = WIDENS_RANK, .rank = action_rank,
          .description = N_("What happens to a device that no rule matches.") },
        { "keyboards", &value_enum, FIELD(policy, devices.keyboards), .names = &keyboards_names, .fallback = "present",
          .widens = WIDENS_RANK, .rank = keyboards_rank,
          .description =
                  N_("Keyboards and mice: those present at boot, any, or listed ones only. The keyboard floor holds "
                     "below all three.") },
        { "rules", .shape = SHAPE_ROWS, .mapping = &rule_mapping, ROWS(policy, devices.rules),
          .description = N_("Rules for devices; the first that matches decides.") },
};
const struct mapping devices_mapping = { TABLE_OF(devices_keys) };
