/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Remote desktops: which of them carry data along, shutting that, and taking it back. */
#include <sekisho/policy.h>
#include <string.h>

#include "login_report.h"
#include "policy_file.h"
#include "remote/remote.h"
#include "screen.h"
#include "talk.h"

static const struct {
        const char *text;
        enum tone tone;
} verdicts[REMOTE_VERDICT_MAX] = {
        [REMOTE_SHUT] = { N_("shut"), TONE_GOOD },
        [REMOTE_PERMITTED] = { N_("as the policy's zones say"), TONE_NOTE },
        [REMOTE_UNKNOWN] = { N_("cannot tell"), TONE_BAD },
        [REMOTE_OPEN] = { N_("OPEN"), TONE_BAD },
};

static const char *channel_text(enum remote_channel c) {
        return c == REMOTE_CLIPBOARD ? _("clipboard") : _("folders and drives");
}

static json_t *finding_json(const struct remote_finding *f) {
        return json_pack("{s:s, s:s, s:s, s:s, s:i, s:s}", "program", f->program, "channel",
                         remote_channel_name(f->channel), "verdict", remote_verdict_name(f->verdict), "file", f->file,
                         "line", (int) f->line, "setting", f->setting);
}

static enum outcome print_json(const struct remote_report *r) {
        json_t *list = json_array();
        for (size_t i = 0; i < r->n; i++)
                (void) json_array_append_new(list, finding_json(&r->list[i]));
        return screen_json(json_pack("{s:o}", "findings", list));
}

static enum outcome print_table(const struct remote_report *r) {
        const char *const heads[] = { _("PROGRAM"), _("CARRIES"), _("STATE"), _("BECAUSE OF") };
        if (r->n == 0) {
                printf("%s\n", _("No program for remote desktops is installed that Sekisho knows."));
                return OUTCOME_YES;
        }
        CLEANUP(screen_table_freep) struct screen_table *t = screen_table_new(4, heads);
        for (size_t i = 0; i < r->n; i++) {
                const struct remote_finding *f = &r->list[i];
                screen_table_add(t, TONE_BOLD, f->program);
                screen_table_add(t, TONE_PLAIN, channel_text(f->channel));
                screen_table_add(t, verdicts[f->verdict].tone, _(verdicts[f->verdict].text));
                if (*f->file && f->line > 0)
                        screen_table_addf(t, TONE_FAINT, "%s:%u: %s", f->file, f->line, f->setting);
                else
                        screen_table_addf(t, TONE_FAINT, "%s%s%s", f->file, *f->file ? ": " : "", f->setting);
        }
        return screen_table_print(t, 0);
}

enum outcome run_remote_check(const struct invocation *i) {
        CLEANUP(policy_freep) struct policy *policy = NULL;
        login_policy_in_force(i, &policy);
        struct remote_report r;
        remote_check(&i->root, policy, &r);
        enum outcome outcome = i->json ? print_json(&r) : print_table(&r);
        for (size_t k = 0; k < r.n && outcome == OUTCOME_YES; k++)
                if (remote_falls_short(r.list[k].verdict))
                        outcome = OUTCOME_NO;
        return outcome;
}

static enum outcome report_changes(const struct invocation *i, const struct remote_changes *c, int r) {
        if (i->json) {
                json_t *list = json_array();
                for (size_t k = 0; k < c->n; k++)
                        (void) json_array_append_new(list, json_string(c->list[k]));
                enum outcome outcome = screen_json(json_pack("{s:o}", "changed", list));
                if (outcome != OUTCOME_YES)
                        return outcome;
        } else
                for (size_t k = 0; k < c->n; k++)
                        printf(_("changed: %s\n"), c->list[k]);
        if (r < 0) {
                complain(_("/%s: %s"), c->failed ? c->failed : "", strerror(-r));
                return r == -EACCES || r == -EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
        }
        if (!i->json && c->n == 0)
                printf("%s\n", _("Nothing had to be changed."));
        else if (!i->json)
                printf("%s\n", _("It holds once the terminal, or these programs and AppArmor, have started again."));
        return OUTCOME_YES;
}

enum outcome run_remote_close(const struct invocation *i) {
        struct remote_changes c;
        int r = remote_close(&i->root, &c);
        return report_changes(i, &c, r);
}

enum outcome run_remote_reopen(const struct invocation *i) {
        struct remote_changes c;
        int r = remote_reopen(&i->root, &c);
        return report_changes(i, &c, r);
}
