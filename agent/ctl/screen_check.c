/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the policy's screen-lock can rest on a locker of this terminal. Needs no agent. */
#include <sekisho/policy.h>

#include "lockers/lockers.h"
#include "login_report.h"
#include "policy_file.h"
#include "screen.h"
#include "talk.h"

static const struct {
        const char *text;
        enum tone tone;
} times[LOCKER_TIME_MAX] = {
        [LOCKER_USERS] = { N_("each user's own"), TONE_PLAIN },
        [LOCKER_IN_TIME] = { N_("in time"), TONE_GOOD },
        [LOCKER_LATER] = { N_("later; the agent is first"), TONE_NOTE },
        [LOCKER_OFF] = { N_("never; the agent alone"), TONE_NOTE },
};

static enum outcome print_json(const struct locker_report *r, unsigned limit) {
        json_t *list = json_array();
        for (size_t i = 0; i < r->n; i++) {
                const struct locker_finding *f = &r->list[i];
                (void) json_array_append_new(list, json_pack("{s:s, s:b, s:b, s:s, s:i, s:s, s:i}", "program",
                                                             f->program, "hears", f->hears, "tells", f->tells, "time",
                                                             locker_time_name(f->time), "seconds", (int) f->seconds,
                                                             "file", f->file, "line", (int) f->line));
        }
        return screen_json(json_pack("{s:i, s:b, s:o}", "screen_lock", (int) limit, "suffices",
                                     limit == 0 || lockers_suffice(r), "lockers", list));
}

static enum outcome print_table(const struct locker_report *r) {
        const char *const heads[] = { _("LOCKER"), _("HEARS OF LOGIND"), _("SAYS IT LOCKED"), _("BY ITSELF"), "" };
        CLEANUP(screen_table_freep) struct screen_table *t = screen_table_new(5, heads);
        for (size_t i = 0; i < r->n; i++) {
                const struct locker_finding *f = &r->list[i];
                screen_table_add(t, TONE_BOLD, f->program);
                screen_table_add(t, f->hears ? TONE_GOOD : TONE_BAD, f->hears ? _("yes") : _("no"));
                screen_table_add(t, f->tells ? TONE_GOOD : TONE_BAD, f->tells ? _("yes") : _("no"));
                screen_table_add(t, times[f->time].tone, _(times[f->time].text));
                if (*f->file)
                        screen_table_addf(t, TONE_FAINT, "%s:%u", f->file, f->line);
                else
                        screen_table_add(t, TONE_FAINT, "");
        }
        return r->n > 0 ? screen_table_print(t, 0) : OUTCOME_YES;
}

enum outcome run_screen_check(const struct invocation *i) {
        CLEANUP(policy_freep) struct policy *policy = NULL;
        login_policy_in_force(i, &policy);
        unsigned limit = policy && policy->login.mode == MODE_ENFORCE ? policy->login.screen_lock : 0;
        struct locker_report r;
        lockers_check(&i->root, limit, &r);
        enum outcome outcome = i->json ? print_json(&r, limit) : print_table(&r);
        if (outcome != OUTCOME_YES || limit == 0 || lockers_suffice(&r))
                return outcome;
        if (!i->json)
                printf("%s\n", _("No locker is installed that locks when logind asks and says so."));
        return OUTCOME_NO;
}
