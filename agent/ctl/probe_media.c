/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions: rules and permits that open media, and what was copied by them. */
#include <inttypes.h>
#include <string.h>

#include "era.h"
#include "inspect.h"
#include "probe_files.h"
#include "talk.h"
#include "when.h"

#define MEDIA (CLASS_BIT(CLASS_STORAGE) | CLASS_BIT(CLASS_OPTICAL) | CLASS_BIT(CLASS_PHONE))

const char *media_text(const struct tally_media *m, char *buffer, size_t size) {
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
        double amount = (double) m->bytes;
        size_t u = 0;
        while (amount >= 1024 && u < sizeof units / sizeof *units - 1) {
                amount /= 1024;
                u++;
        }
        (void) snprintf(buffer, size, _("files: %llu, %.*f %s"), (unsigned long long) m->files, u == 0 ? 0 : 1, amount,
                        units[u]);
        return buffer;
}

/* ---- rules ---- */

static void look_at_rule(const struct policy *p, const struct device_rule *r, struct finding *f) {
        bool writes = r->action == ACTION_ALLOW;
        if (r->action == ACTION_BLOCK || (r->classes != 0 && !(r->classes & MEDIA)))
                return;
        if (r->classes == 0)
                say(f, FIT_UNKNOWN,
                    _("Rule %s (line %u) names no class: whether it opens a medium depends on what is plugged in"),
                    r->id, r->line);
        else if (writes && r->encrypted != ENCRYPTED_LUKS)
                say(f, FIT_NO, _("Rule %s (line %u) opens media for writing without encryption"), r->id, r->line);
        else if (p->header.expires == POLICY_NEVER)
                say(f, FIT_NO, _("Rule %s (line %u) opens media without an end: the policy never expires"), r->id,
                    r->line);
        else
                say(f, FIT_YES, _("Rule %s (line %u): opens media until the policy expires"), r->id, r->line);
}

void probe_rules(const struct inspection *n, struct finding *f) {
        const struct policy *p = n->policy;
        if (!p) {
                say(f, FIT_UNKNOWN, _("The policy in force cannot be read."));
                return;
        }
        if (p->devices.default_action != ACTION_BLOCK)
                say(f, FIT_NO, _("What no rule lists is allowed."));
        for (uint32_t i = 0; i < p->devices.n_rules; i++)
                look_at_rule(p, &p->devices.rules[i], f);
        if (!f->said)
                say(f, FIT_YES, _("No rule opens media; permits only do."));
}

/* ---- permits ---- */

static bool is_state(const json_t *permit, const char *state) {
        return strcmp(talk_string(permit, "state"), state) == 0;
}

static bool may_open(const json_t *permit) {
        return is_state(permit, "live") || is_state(permit, "ready") || is_state(permit, "sealed");
}

static void note_longest(const struct inspection *n, struct finding *f) {
        const json_t *longest = NULL;
        int64_t latest = 0, expires;
        size_t k, open = 0;
        json_t *p;
        json_array_foreach(json_object_get(n->permits, "permits"), k, p) {
                if (!may_open(p))
                        continue;
                open++;
                if (when_moment(talk_string(p, "expires"), &expires) && (!longest || expires > latest)) {
                        longest = p;
                        latest = expires;
                }
        }
        if (longest)
                note(f, _("Exceptions that are open or may be used: %zu; the longest: %s (%s), until %s"), open,
                     talk_string(longest, "id"), talk_string(longest, "ticket"), talk_string(longest, "expires"));
}

static void look_at_permit(const struct inspection *n, const json_t *p, struct finding *f) {
        const char *id = talk_string(p, "id"), *ticket = talk_string(p, "ticket");
        int64_t expires = 0;
        bool live = is_state(p, "live");
        if (!may_open(p))
                return;
        if (!when_moment(talk_string(p, "expires"), &expires))
                say(f, FIT_UNKNOWN, _("%s (%s): its end cannot be read"), id, ticket);
        else if (expires <= n->now)
                say(f, FIT_NO, _("%s (%s): may still open something, although it ended at %s"), id, ticket,
                    talk_string(p, "expires"));
        else if (!*ticket)
                say(f, FIT_NO, _("%s: has no application number"), id);
        else if (live)
                say(f, FIT_YES, _("%s (%s): open, %lld min left, approved by %s"), id, ticket,
                    (talk_integer(p, "left") + 59) / 60, talk_string(p, "approver"));
        else
                say(f, FIT_YES, _("%s (%s): not used yet, until %s"), id, ticket, talk_string(p, "expires"));
}

void probe_exceptions(const struct inspection *n, struct finding *f) {
        size_t k;
        json_t *p;
        if (!n->permits) {
                say(f, FIT_UNKNOWN, _("The agent does not answer, or not to you: run it as root."));
                return;
        }
        json_array_foreach(json_object_get(n->permits, "permits"), k, p) look_at_permit(n, p, f);
        note_longest(n, f);
        if (!f->said)
                say(f, FIT_YES, _("No exception is open."));
}

void probe_returned(const struct inspection *n, struct finding *f) {
        size_t k, out = 0;
        json_t *p;
        if (!n->permits) {
                say(f, FIT_UNKNOWN, _("The agent does not answer, or not to you: run it as root."));
                return;
        }
        json_array_foreach(json_object_get(n->permits, "permits"), k, p) {
                if (talk_bool(p, "overdue"))
                        say(f, FIT_NO, _("%s (%s): should be back since %s; applicant: %s"), talk_string(p, "id"),
                            talk_string(p, "ticket"), talk_string(p, "return_by"), talk_string(p, "applicant"));
                out += is_state(p, "used");
        }
        if (!f->said)
                say(f, FIT_YES, _("Media that are out: %zu, none of them late"), out);
}

/* ---- copies ---- */

/* Whether what was copied was seen at all. */
static bool is_watched(const struct inspection *n, struct finding *f) {
        if (!n->has_record)
                say(f, FIT_UNKNOWN, _("The record cannot be read."));
        else if (!n->status)
                say(f, FIT_UNKNOWN, _("The agent does not answer, so that nobody watches what is copied."));
        else if (inspection_attention(n, "transfer-unwatched") ||
                 look_service(n->root, "sekisho-transferd.service") != 1)
                say(f, FIT_UNKNOWN, _("What is written to media is not watched at the moment."));
        else if (json_object_get(n->tally.troubles, "transfer-unwatched") ||
                 json_object_get(n->tally.troubles, "transfers-lost"))
                say(f, FIT_UNKNOWN, _("What is written to media was not watched all the time in the last %d days."),
                    INSPECT_DAYS);
        else if (n->tally.more_troubles > 0)
                say(f, FIT_UNKNOWN, _("There was trouble of more kinds than are counted, perhaps with this too."));
        return !f->said;
}

void probe_copies(const struct inspection *n, struct finding *f) {
        const struct tally *t = &n->tally;
        char text[64];
        bool watched = is_watched(n, f);
        if (t->by_rule.files > 0)
                say(f, FIT_NO, _("Without a permit, in the last %d days: %s"), INSPECT_DAYS,
                    media_text(&t->by_rule, text, sizeof text));
        else if (watched)
                say(f, FIT_YES, _("With a permit, in the last %d days: %s"), INSPECT_DAYS,
                    media_text(&t->with_permit, text, sizeof text));
}

void probe_bulk(const struct inspection *n, struct finding *f) {
        const struct tally *t = &n->tally;
        char text[64];
        bool watched = is_watched(n, f);
        if (t->bulk_days > 0)
                say(f, FIT_NO, _("Days with %llu files or 1 GiB and more: %llu. Ask what for."),
                    (unsigned long long) TALLY_BULK_FILES, (unsigned long long) t->bulk_days);
        if (t->out_of_hours.files > 0)
                say(f, FIT_NO, _("Outside Monday to Friday, %d:00 to %d:00: %s. Ask what for."), TALLY_OPENS / 60,
                    TALLY_CLOSES / 60, media_text(&t->out_of_hours, text, sizeof text));
        if (watched && !f->said)
                say(f, FIT_YES,
                    _("None in the last %d days (bulk: %llu files or 1 GiB a day; office hours: Monday to Friday, "
                      "%d:00 to %d:00)"),
                    INSPECT_DAYS, (unsigned long long) TALLY_BULK_FILES, TALLY_OPENS / 60, TALLY_CLOSES / 60);
}
