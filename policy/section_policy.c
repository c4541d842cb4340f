/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The top of a policy: format, header, mode, contact, audit. */
#include <string.h>

#include "parser.h"
#include "values.h"

enum { HEADER_FLEET, HEADER_SERIAL, HEADER_ISSUED, HEADER_EXPIRES, HEADER_TARGET };
static const struct key header_keys[] = {
        [HEADER_FLEET] = { "fleet", &value_id, FIELD(policy, header.fleet), .flags = KEY_REQUIRED, .widens = WIDENS_NO,
                           .description = N_("The fleet of terminals that the policy is for.") },
        [HEADER_SERIAL] = { "serial", &value_number, FIELD(policy, header.serial), .flags = KEY_REQUIRED, .min = 1,
                            .max = (UINT64_C(1) << 53) - 1, .widens = WIDENS_NO,
                            .description = N_("Number of the policy; must be greater than the installed one.") },
        [HEADER_ISSUED] = { "issued", &value_time, FIELD(policy, header.issued), .flags = KEY_REQUIRED | KEY_OFFSET,
                            .widens = WIDENS_NO, .description = N_("When the policy was issued.") },
        [HEADER_EXPIRES] = { "expires", &value_time, FIELD(policy, header.expires), .flags = KEY_REQUIRED | KEY_NEVER,
                             .widens = WIDENS_UP, .description = N_("When its exceptions are suspended, or never.") },
        [HEADER_TARGET] = { "target", &value_target, .shape = SHAPE_LIST, ROWS(policy, header.target),
                            .flags = KEY_REQUIRED | KEY_NONEMPTY, .widens = WIDENS_NO,
                            .description = N_("Terminals it is for: all, host:MACHINE-ID, group:NAME.") },
};

static int check_header(struct parser *p, void *object, const struct seen *s) {
        const struct policy_header *h = &((const struct policy *) object)->header;
        if (IS_GOOD(s, HEADER_ISSUED) && IS_GOOD(s, HEADER_EXPIRES) && h->expires <= h->issued)
                key_error(p, s, HEADER_EXPIRES, _("\"expires\" must be later than \"issued\""));
        bool all = false;
        for (uint32_t i = 0; i < h->target.n; i++)
                all = all || strcmp(h->target.list[i], "all") == 0;
        if (all && h->target.n > 1)
                key_warning(p, s, HEADER_TARGET, _("\"all\" means every terminal; the other members have no effect"));
        return 0;
}
const struct mapping header_mapping = { TABLE_OF(header_keys), .check = check_header };

static const struct key audit_keys[] = {
        { "retain", &value_days, FIELD(policy, audit.retain_days), .fallback = "7y", .min = 1, .max = 36600,
          .widens = WIDENS_NO, .description = N_("How long the record is kept. A year counts 366 days.") },
        { "reserve", &value_size, FIELD(policy, audit.reserve), .fallback = "256MiB", .min = 1 << 20,
          .max = UINT64_C(1) << 40, .widens = WIDENS_NO,
          .description = N_("Disk space that is kept free for the record.") },
        { "send", &value_enum, .shape = SHAPE_MASK, .names = &sink_names, FIELD(policy, audit.send),
          .fallback = "journal audit", .widens = WIDENS_NO, .description = N_("Where records go besides the file.") },
};
const struct mapping audit_mapping = { TABLE_OF(audit_keys) };

static const struct key policy_keys[] = {
        { "sekisho", &value_version, .flags = KEY_REQUIRED, .min = POLICY_FORMAT, .max = POLICY_FORMAT,
          .widens = WIDENS_NO, .description = N_("Version of the format; the first key.") },
        { "header", .shape = SHAPE_MAP, .mapping = &header_mapping, .flags = KEY_REQUIRED,
          .description = N_("Which policy this is, and for whom.") },
        { "mode", &value_enum, FIELD(policy, mode), .names = &mode_names, .fallback = "enforce", .widens = WIDENS_NO,
          .description = N_("enforce, or observe (decide and record, block nothing).") },
        { "contact", &value_text, FIELD(policy, contact), .widens = WIDENS_NO,
          .description = N_("Whom to ask; shown to staff beside each block.") },
        { "devices", .shape = SHAPE_MAP, .mapping = &devices_mapping, .flags = KEY_WARN_GONE,
          .description = N_("Removable media and everything else that a port accepts.") },
        { "network", .shape = SHAPE_MAP, .mapping = &network_mapping, .flags = KEY_WARN_GONE,
          .description = N_("Communication along listed paths.") },
        { "clipboard", .shape = SHAPE_MAP, .mapping = &clipboard_mapping, .flags = KEY_WARN_GONE,
          .description = N_("Copy and paste between zones of programs.") },
        { "login", .shape = SHAPE_MAP, .mapping = &login_mapping, .flags = KEY_WARN_GONE,
          .description = N_("The second factor.") },
        { "audit", .shape = SHAPE_MAP, .mapping = &audit_mapping, .description = N_("The record.") },
};

/* A date has waited for the offset of header.issued; a time only for the comparison with it. */
static void finish_until(struct parser *p, struct policy *policy, const struct until_reference *u) {
        union {
                const struct login_rule *shown;
                struct login_rule *own; /* the rows are ours until the parse is over */
        } rules = { .shown = policy->login.rules };
        int64_t *until = u->row == NO_ROW ? &policy->login.enrolment_until : &rules.own[u->row].until;
        if (u->is_date)
                *until -= p->utc_offset;
        if (*until > policy->header.issued)
                return;
        char path[64] = "login.enrolment.until";
        if (u->row != NO_ROW)
                (void) snprintf(path, sizeof path, "login.second-factor.rules[%u].until", u->row);
        report_error_path(&p->report, u->at, path, _("this time was over when the policy was issued"));
}

static int check_policy(struct parser *p, void *object, const struct seen *s) {
        (void) s;
        struct policy *policy = object;
        enum mode *const modes[] = { &policy->devices.mode, &policy->network.mode, &policy->clipboard.mode,
                                     &policy->login.mode };
        for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
                if (*modes[i] == MODE_INVALID)
                        *modes[i] = policy->mode;
        if (!policy->contact)
                policy->contact = "";

        if (p->no_interfaces.line && policy->network.mode == MODE_ENFORCE) {
                report_enter(&p->report, "network", 0);
                report_warning(&p->report, p->no_interfaces,
                               _("no \"interfaces\" are listed, so every network interface is kept down"));
                report_leave(&p->report);
        }

        const struct until_reference *u = (const void *) p->untils.bytes;
        for (size_t i = 0; i < p->untils.used / sizeof *u; i++)
                finish_until(p, policy, &u[i]);
        return 0;
}
const struct mapping policy_mapping = { TABLE_OF(policy_keys), .first_key = true, .check = check_policy };
