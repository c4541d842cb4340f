/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who gets in, and by what. */
#include <errno.h>
#include <string.h>

#include "findings.h"
#include "inspect.h"
#include "login_report.h"
#include "login_state.h"
#include "talk.h"

#define NAMED_MAX 20u /* ways in that are named one by one */

void probe_second_factor(const struct inspection *n, struct finding *f) {
        enum login_switch state = login_switch_state(n->invocation);
        if (state == LOGIN_OFF)
                say(f, FIT_NO, _("It is not switched on: PAM does not ask for it."));
        else if (state != LOGIN_ON)
                say(f, FIT_UNKNOWN, _("The configuration of PAM cannot be read."));
        if (!n->verifier) {
                say(f, FIT_NO, _("The verifier of second factors does not answer."));
                return;
        }
        if (strcmp(talk_string(n->verifier, "mode"), mode_name(MODE_ENFORCE)) != 0)
                say(f, FIT_NO, _("The policy only observes logins."));
        size_t k;
        json_t *finding;
        json_array_foreach(json_object_get(n->verifier, "attention"), k, finding) {
                const char *code = talk_string(finding, "code"), *sentence = findings_sentence(code);
                /* Those two have items of their own. */
                if (strcmp(talk_string(finding, "severity"), "short") == 0 && strcmp(code, "break-glass") != 0 &&
                    strcmp(code, "locked") != 0)
                        say(f, FIT_NO, "%s", sentence ? sentence : code);
        }
        if (!f->said)
                say(f, FIT_YES, _("On; second factors in force: %lld"), talk_integer(n->verifier, "enrolled"));
}

/* ---- ways in ---- */

static void name_way(const struct login_entry *e, struct finding *f) {
        const struct login_way *w = NULL;
        for (size_t i = 0; i < e->n_ways && !w; i++)
                w = e->ways[i].verdict == e->verdict ? &e->ways[i] : NULL;
        enum fit fit = e->verdict == LOGIN_UNKNOWN ? FIT_UNKNOWN : FIT_NO;
        if (w && w->n_places > 0)
                say(f, fit, "%s: %s (%s:%u %s)", e->name, login_verdict_text(e->verdict), w->places[0].file,
                    w->places[0].line, w->places[0].what);
        else
                say(f, fit, "%s: %s (%s)", e->name, login_verdict_text(e->verdict), e->file);
}

void probe_logins(const struct inspection *n, struct finding *f) {
        CLEANUP(logins_clear) struct login_report report = { .n = 0 };
        int r = logins_check(n->root, n->policy, n->now, &report);
        size_t bad = 0, exempt = 0;
        if (r < 0) {
                say(f, FIT_UNKNOWN, _("The configuration of logins cannot be read: %s."), strerror(-r));
                return;
        }
        for (size_t i = 0; i < report.n; i++) {
                const struct login_entry *e = &report.entries[i];
                exempt += e->verdict == LOGIN_EXEMPT;
                if (!login_falls_short(e->verdict))
                        continue;
                if (bad++ < NAMED_MAX)
                        name_way(e, f);
                else
                        f->fit = e->verdict == LOGIN_UNKNOWN ? f->fit : FIT_NO;
        }
        if (bad > NAMED_MAX)
                note(f, _("and %zu more: sekishoctl login check"), bad - NAMED_MAX);
        if (bad == 0)
                say(f, FIT_YES, _("Ways in that were looked at: %zu; exempt by the policy: %zu"), report.n, exempt);
}

/* ---- what the record says of logins ---- */

static void look_at_escort(const struct inspection *n, const struct login_rule *r, struct finding *f) {
        const json_t *seen = json_object_get(n->tally.escorts, r->id);
        long long without = talk_integer(seen, "without"), with = talk_integer(seen, "with");
        if (without > 0)
                say(f, FIT_NO, _("Rule %s: logins without an escort: %lld"), r->id, without);
        else if (!seen && n->tally.more_escorts > 0)
                say(f, FIT_UNKNOWN, _("Rule %s: too many rules to count the logins of each"), r->id);
        else
                say(f, FIT_YES, _("Rule %s: logins with an escort: %lld, without: 0"), r->id, with);
}

void probe_escort(const struct inspection *n, struct finding *f) {
        if (!n->policy) {
                say(f, FIT_UNKNOWN, _("The policy in force cannot be read."));
                return;
        }
        size_t rules = 0;
        for (uint32_t i = 0; i < n->policy->login.n_rules; i++)
                rules += n->policy->login.rules[i].escort.n > 0;
        if (rules == 0)
                say(f, FIT_NONE, _("The policy names nobody who needs an escort."));
        else if (!n->has_record)
                say(f, FIT_UNKNOWN, _("The record cannot be read."));
        else
                for (uint32_t i = 0; i < n->policy->login.n_rules; i++)
                        if (n->policy->login.rules[i].escort.n > 0)
                                look_at_escort(n, &n->policy->login.rules[i], f);
}

void probe_out_of_hours(const struct inspection *n, struct finding *f) {
        const struct tally *t = &n->tally;
        if (!n->has_record)
                say(f, FIT_UNKNOWN, _("The record cannot be read."));
        else if (t->sessions_out_of_hours > 0)
                say(f, FIT_NO, _("Outside Monday to Friday, %d:00 to %d:00: sessions: %llu of %llu. Ask what for."),
                    TALLY_OPENS / 60, TALLY_CLOSES / 60, (unsigned long long) t->sessions_out_of_hours,
                    (unsigned long long) t->sessions);
        else if (t->sessions == 0 && login_switch_state(n->invocation) != LOGIN_ON)
                say(f, FIT_UNKNOWN, _("Logins are not recorded as long as the second factor is not switched on."));
        else
                say(f, FIT_YES, _("Sessions in the last %d days: %llu"), INSPECT_DAYS,
                    (unsigned long long) t->sessions);
}

void probe_emergency(const struct inspection *n, struct finding *f) {
        const struct tally *t = &n->tally;
        if (!n->has_record)
                say(f, FIT_UNKNOWN, _("The record cannot be read."));
        else if (t->break_glass > 0)
                say(f, FIT_NO, _("Logins by the way for emergencies: %llu. Ask who, and why."),
                    (unsigned long long) t->break_glass);
        if (!n->users)
                say(f, FIT_UNKNOWN, _("The verifier does not answer, or not to you: run it as root."));
        size_t k;
        json_t *user;
        json_array_foreach((json_t *) n->users, k, user) if (talk_bool(user, "reenrol")) say(
                f, FIT_NO, _("%s: used a spare way in, and has not been enrolled again"), talk_string(user, "user"));
        if (!f->said)
                say(f, FIT_YES, _("Nobody has to be enrolled again."));
        if (n->has_record)
                note(f, _("In the last %d days: recovery codes used: %llu, grants used: %llu"), INSPECT_DAYS,
                     (unsigned long long) t->recovery_used, (unsigned long long) t->grants_used);
}

void probe_lockouts(const struct inspection *n, struct finding *f) {
        size_t k;
        json_t *user;
        if (!n->users) {
                say(f, FIT_UNKNOWN, _("The verifier does not answer, or not to you: run it as root."));
                return;
        }
        json_array_foreach(n->users, k, user) {
                const char *state = talk_string(user, "state"), *name = talk_string(user, "user");
                if (strcmp(state, "locked") == 0)
                        say(f, FIT_NO, _("%s: locked out after wrong codes. Did he mistype, or did somebody guess?"),
                            name);
                else if (strcmp(state, "damaged") == 0)
                        say(f, FIT_NO, _("%s: the second factor is damaged"), name);
        }
        if (!f->said)
                say(f, FIT_YES, _("Nobody is locked out."));
        if (n->has_record)
                note(f, _("In the last %d days: lock-outs: %llu, logins refused: %llu"), INSPECT_DAYS,
                     (unsigned long long) n->tally.lockouts, (unsigned long long) n->tally.logins_refused);
}
