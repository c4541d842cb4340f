/* SPDX-License-Identifier: GPL-2.0-or-later */
/* login: the keys, and which combinations contradict themselves. */
#include "parser.h"
#include "shadow.h"
#include "values.h"

#define LOGIN_ACTIONS (1u << ACTION_REQUIRED | 1u << ACTION_EXEMPT | 1u << ACTION_BLOCK)

enum { RULE_ID, RULE_NOTE, RULE_SERVICES, RULE_USERS, RULE_GROUPS, RULE_ACTION, RULE_ESCORT, RULE_HOURS, RULE_UNTIL };
static const struct key rule_keys[] = {
        [RULE_ID] = { "id", &value_id, FIELD(login_rule, id), .flags = KEY_REQUIRED | KEY_UNIQUE, .scope = SCOPE_LOGIN,
                      .widens = WIDENS_NO,
                      .description = N_("What the rule is called in records and answers. Unique in its section.") },
        [RULE_NOTE] = { "note", &value_text, FIELD(login_rule, note), .widens = WIDENS_NO,
                        .description = N_("For people; shown beside a decision.") },
        [RULE_SERVICES] = { "services", &value_service, .shape = SHAPE_LIST, ROWS(login_rule, services),
                            .flags = KEY_NONEMPTY, .widens = WIDENS_FREE,
                            .description = N_("PAM services. Absent: any.") },
        [RULE_USERS] = { "users", &value_user, .shape = SHAPE_LIST, ROWS(login_rule, users), .flags = KEY_NONEMPTY,
                         .widens = WIDENS_FREE, .description = N_("User names. Absent: any.") },
        [RULE_GROUPS] = { "groups", &value_group, .shape = SHAPE_LIST, ROWS(login_rule, groups), .flags = KEY_NONEMPTY,
                          .widens = WIDENS_FREE, .description = N_("Group names. Absent: any.") },
        [RULE_ACTION] = { "action", &value_enum, FIELD(login_rule, action), .flags = KEY_REQUIRED,
                          .names = &action_names, .valid = LOGIN_ACTIONS, .widens = WIDENS_RANK, .rank = action_rank,
                          .description = N_("required (a second factor), exempt (none), or block.") },
        [RULE_ESCORT] = { "escort", &value_principal, .shape = SHAPE_LIST, ROWS(login_rule, escort),
                          .flags = KEY_NONEMPTY, .widens = WIDENS_FREE,
                          .description =
                                  N_("Who must be present and authenticate too; user names and group:NAME. Absent: "
                                     "nobody.") },
        [RULE_HOURS] = { "hours", &value_hours, .shape = SHAPE_LIST, ROWS(login_rule, hours), .flags = KEY_NONEMPTY,
                         .widens = WIDENS_FREE,
                         .description =
                                 N_("When those whom the rule means may log in, in local time. Absent: always.") },
        [RULE_UNTIL] = { "until", &value_until, FIELD(login_rule, until), .flags = KEY_NEVER, .fallback = "never",
                         .description = N_("The rule holds until the end of this day (in the UTC offset of "
                                           "header.issued), or until this time.") },
};

static int check_rule(struct parser *p, void *object, const struct seen *s) {
        const struct login_rule *r = object;
        if (!IS_GOOD(s, RULE_ACTION))
                return 0;
        if (r->action != ACTION_REQUIRED && r->escort.n > 0)
                key_error(p, s, RULE_ESCORT,
                          _("\"escort\" needs action: required, for the escort shows a second factor"));
        if (r->action == ACTION_EXEMPT && !(s->given & (1u << RULE_SERVICES | 1u << RULE_USERS | 1u << RULE_GROUPS)))
                key_error(p, s, RULE_ID, _("this rule exempts everyone; name services, users or groups"));
        if (r->action == ACTION_BLOCK && r->hours.n > 0)
                key_warning(p, s, RULE_HOURS,
                            _("\"hours\" has no effect on a rule that blocks: it blocks at all hours"));
        return s->good == s->given ? shadow_login(p, r, s->places[RULE_ID]) : 0;
}

static void identify_rule(const struct policy *p, const void *row, FILE *f) {
        (void) p;
        (void) fputs(((const struct login_rule *) row)->id, f);
}
static enum action rule_action(const void *row) {
        return (enum action)((const struct login_rule *) row)->action;
}

/* Names are interned: equal ones are the same pointer. */
static bool lists_disjoint(const struct strings *a, const struct strings *b) {
        for (uint32_t i = 0; i < a->n; i++)
                for (uint32_t k = 0; k < b->n; k++)
                        if (a->list[i] == b->list[k])
                                return false;
        return a->n > 0 && b->n > 0;
}

/* A user may be in several groups, so that disjoint groups say nothing. */
static bool rules_conflict(const void *a, const void *b) {
        const struct login_rule *x = a, *y = b;
        bool same_effect = x->action == y->action && x->escort.list == y->escort.list && x->hours.list == y->hours.list;
        return !same_effect && !lists_disjoint(&x->users, &y->users) && !lists_disjoint(&x->services, &y->services);
}

static const struct mapping rule_mapping = {
        TABLE_OF(rule_keys),
        .has_line = true,
        .size = sizeof(struct login_rule),
        .line_offset = offsetof(struct login_rule, line),
        .check = check_rule,
        .identify = identify_rule,
        .action = rule_action,
        .conflict = rules_conflict,
};

static const struct key second_factor_keys[] = {
        { "default", &value_enum, FIELD(policy, login.default_action), .names = &action_names, .valid = LOGIN_ACTIONS,
          .fallback = "required", .widens = WIDENS_RANK, .rank = action_rank,
          .description = N_("What holds for a login that no rule matches.") },
        { "rules", .shape = SHAPE_ROWS, .mapping = &rule_mapping, ROWS(policy, login.rules),
          .description = N_("Rules for logins; the first that matches decides.") },
};
static const struct mapping second_factor_mapping = { TABLE_OF(second_factor_keys) };

static const struct key totp_keys[] = {
        { "digits", &value_number, FIELD(policy, login.totp_digits), .fallback = "6", .min = 6, .max = 8,
          .widens = WIDENS_DOWN, .description = N_("Digits of a code.") },
        { "period", &value_seconds, FIELD(policy, login.totp_period), .fallback = "30s", .min = 15, .max = 300,
          .widens = WIDENS_UP, .description = N_("How long a code lasts.") },
        { "algorithm", &value_enum, FIELD(policy, login.totp_algorithm), .names = &otp_algorithm_names,
          .fallback = "sha1", .widens = WIDENS_NO, .description = N_("Hash of the code (RFC 6238).") },
        { "skew", &value_number, FIELD(policy, login.totp_skew), .fallback = "1", .min = 0, .max = 10,
          .widens = WIDENS_UP, .description = N_("Codes accepted before and after the present one.") },
};
static const struct mapping totp_mapping = { TABLE_OF(totp_keys) };

enum { THROTTLE_FREE, THROTTLE_MAX_DELAY, THROTTLE_STOP_AFTER };
static const struct key throttle_keys[] = {
        [THROTTLE_FREE] = { "free", &value_number, FIELD(policy, login.throttle_free), .fallback = "3", .min = 0,
                            .max = 20, .widens = WIDENS_UP, .description = N_("Wrong codes before waiting begins.") },
        [THROTTLE_MAX_DELAY] = { "max-delay", &value_seconds, FIELD(policy, login.throttle_max_delay),
                                 .fallback = "15min", .min = 1, .max = 86400, .widens = WIDENS_DOWN,
                                 .description = N_("The longest wait between two codes.") },
        [THROTTLE_STOP_AFTER] = { "stop-after", &value_number, FIELD(policy, login.throttle_stop_after),
                                  .fallback = "50", .min = 1, .max = 100, .widens = WIDENS_UP,
                                  .description = N_("Wrong codes in a row after which only an admin can unlock.") },
};

static int check_throttle(struct parser *p, void *object, const struct seen *s) {
        const struct login_policy *l = &((const struct policy *) object)->login;
        bool given = IS_GOOD(s, THROTTLE_FREE) || IS_GOOD(s, THROTTLE_STOP_AFTER);
        if (given && l->throttle_stop_after <= l->throttle_free)
                key_error(p, s, IS_GIVEN(s, THROTTLE_STOP_AFTER) ? THROTTLE_STOP_AFTER : THROTTLE_FREE,
                          _("\"stop-after\" must be greater than \"free\""));
        return 0;
}
static const struct mapping throttle_mapping = { TABLE_OF(throttle_keys), .check = check_throttle };

enum { ENROLMENT_KEY_BY, ENROLMENT_KEY_UNTIL };
static const struct key enrolment_keys[] = {
        [ENROLMENT_KEY_BY] = { "by", &value_enum, FIELD(policy, login.enrolment_by), .names = &enrolment_names,
                               .fallback = "admin", .widens = WIDENS_UP,
                               .description = N_("Who enrols a second factor: the admin, or the user (self), who then "
                                                 "needs until.") },
        [ENROLMENT_KEY_UNTIL] = { "until", &value_until, FIELD(policy, login.enrolment_until), .flags = KEY_NEVER,
                                  .fallback = "never", .widens = WIDENS_UP,
                                  .description = N_("Self-enrolment ends at the end of this day, or at this time.") },
};

static int check_enrolment(struct parser *p, void *object, const struct seen *s) {
        const struct login_policy *l = &((const struct policy *) object)->login;
        if (IS_GIVEN(s, ENROLMENT_KEY_BY) && !IS_GOOD(s, ENROLMENT_KEY_BY))
                return 0;
        if (l->enrolment_by == ENROLMENT_SELF && !IS_GIVEN(s, ENROLMENT_KEY_UNTIL))
                key_error(p, s, ENROLMENT_KEY_BY,
                          _("\"by: self\" needs \"until\": the time in which users enrol themselves must end"));
        if (l->enrolment_by == ENROLMENT_ADMIN && IS_GIVEN(s, ENROLMENT_KEY_UNTIL))
                key_error(p, s, ENROLMENT_KEY_UNTIL,
                          _("\"until\" belongs to \"by: self\"; the admin enrols without end"));
        return 0;
}
static const struct mapping enrolment_mapping = { TABLE_OF(enrolment_keys), .check = check_enrolment };

static const struct key guard_keys[] = {
        { "except", &value_principal, .shape = SHAPE_LIST, ROWS(policy, login.guard_except), .widens = WIDENS_MORE,
          .description = N_("Who may log in all the same; user names and group:NAME.") },
};

static int check_guard(struct parser *p, void *object, const struct seen *s) {
        if (((const struct policy *) object)->login.guard_except.n == 0 && !IS_GIVEN(s, 0))
                report_warning(&p->report, s->start,
                               _("nobody is excepted: when the agent fails, no admin can log in either"));
        return 0;
}
static const struct mapping guard_mapping = { TABLE_OF(guard_keys), .check = check_guard };

static const struct key login_keys[] = {
        { "mode", &value_enum, FIELD(policy, login.mode), .names = &mode_names, .widens = WIDENS_UP,
          .description =
                  N_("enforce, or observe (decide and record, block nothing), for this section. Absent: the mode "
                     "of the whole policy.") },
        { "second-factor", .shape = SHAPE_MAP, .mapping = &second_factor_mapping,
          .description = N_("Who needs a second factor, where and when.") },
        { "totp", .shape = SHAPE_MAP, .mapping = &totp_mapping, .description = N_("One-time codes (RFC 6238).") },
        { "throttle", .shape = SHAPE_MAP, .mapping = &throttle_mapping,
          .description = N_("What happens after wrong codes.") },
        { "enrolment", .shape = SHAPE_MAP, .mapping = &enrolment_mapping,
          .description = N_("How a second factor is enrolled.") },
        { "guard-required", .shape = SHAPE_MAP, .mapping = &guard_mapping,
          .present = offsetof(struct policy, login.guard_required),
          .description = N_("No login while the agent does not enforce. Absent: logins do not depend on the agent.") },
        { "screen-lock", &value_seconds, FIELD(policy, login.screen_lock), .flags = KEY_NEVER, .fallback = "5min",
          .min = 10, .max = 86400, .widens = WIDENS_ANY,
          .description = N_("The screen locks after this time without input, or never.") },
};
const struct mapping login_mapping = { TABLE_OF(login_keys) };
