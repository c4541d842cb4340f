/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sekisho/permit.h>
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "screen.h"
#include "talk.h"

static const struct {
        const char *state, *text;
        enum tone tone;
        bool open; /* or may open yet */
} states[] = {
        { "sealed", N_("waits for its code"), TONE_PLAIN, true },
        { "ready", N_("waits for its medium"), TONE_NOTE, true },
        { "live", N_("OPEN"), TONE_GOOD, true },
        { "used", N_("over, medium not back"), TONE_NOTE, false },
        { "closed", N_("closed"), TONE_FAINT, false },
        { "lapsed", N_("over, not used"), TONE_FAINT, false },
};
#define STATES (sizeof states / sizeof *states)

static const struct {
        const char *end, *text;
} ends[] = {
        { "duration", N_("time is up") },          { "expired", N_("expired") },
        { "reboot", N_("terminal restarted") },    { "max-bytes", N_("too much was written") },
        { "revoked", N_("signer lost the role") }, { "tries", N_("too many wrong codes") },
        { "withdrawn", N_("withdrawn") },
};

static size_t state_of(const json_t *permit) {
        size_t i = 0;
        while (i < STATES - 1 && strcmp(states[i].state, talk_string(permit, "state")) != 0)
                i++;
        return i;
}

static const char *end_text(const json_t *permit) {
        const char *end = talk_string(permit, "end");
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
                if (strcmp(ends[i].end, end) == 0)
                        return _(ends[i].text);
        return end;
}

/* Without a choice, all. */
static bool is_wanted(const struct invocation *i, const json_t *permit) {
        bool any = i->values[LIST_OPEN] || i->values[LIST_USED] || i->values[LIST_OVERDUE];
        return !any || (i->values[LIST_OPEN] && states[state_of(permit)].open) ||
               (i->values[LIST_USED] && strcmp(talk_string(permit, "state"), "used") == 0) ||
               (i->values[LIST_OVERDUE] && talk_bool(permit, "overdue"));
}

static void add_state(struct screen_table *t, const json_t *p) {
        size_t s = state_of(p);
        const char *text = _(states[s].text);
        if (talk_bool(p, "overdue"))
                screen_table_addf(t, TONE_BAD, _("OVERDUE since %s"), talk_string(p, "return_by"));
        else if (talk_bool(p, "suspended"))
                screen_table_addf(t, TONE_BAD, _("%s (suspended: nobody's signature can be checked)"), text);
        else if (strcmp(talk_string(p, "state"), "live") == 0)
                screen_table_addf(t, states[s].tone, _("%s, %lld min left"), text, (talk_integer(p, "left") + 59) / 60);
        else if (*talk_string(p, "end") && strcmp(talk_string(p, "state"), "closed") != 0)
                screen_table_addf(t, states[s].tone, "%s: %s", text, end_text(p));
        else
                screen_table_add(t, states[s].tone, text);
}

static char *users_of(const json_t *permit) {
        char *text = NULL;
        size_t size, n;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        json_t *user;
        json_array_foreach(json_object_get(permit, "users"), n, user)
                fprintf(f, "%s%s", n > 0 ? ", " : "", json_is_string(user) ? json_string_value(user) : "?");
        return fclose(f) == 0 ? text : (free(text), NULL);
}

static void add_permit(struct screen_table *t, const json_t *p) {
        CLEANUP(free_p) char *users = users_of(p);
        screen_table_add(t, TONE_PLAIN, talk_string(p, "id"));
        add_state(t, p);
        screen_table_add(t, TONE_PLAIN, talk_string(p, "ticket"));
        screen_table_addf(t, TONE_PLAIN, "%s:%s %s", talk_string(p, "vendor"), talk_string(p, "product"),
                          talk_string(p, "serial"));
        screen_table_add(t, TONE_PLAIN, strcmp(talk_string(p, "action"), "allow") == 0 ? _("write") : _("read"));
        screen_table_add(t, TONE_PLAIN, users);
        screen_table_add(t, TONE_FAINT, talk_string(p, "expires"));
}

enum outcome run_permit_list(const struct invocation *i) {
        CLEANUP(json_decrefp) json_t *reply = NULL, *wanted = json_array();
        enum outcome outcome = talk_call(i, AGENT_METHOD(AGENT_LIST_PERMITS), NULL, &reply);
        if (outcome != OUTCOME_YES)
                return outcome;
        size_t n;
        json_t *p;
        json_array_foreach(json_object_get(reply, "permits"), n, p) if (is_wanted(i, p))(void)
                json_array_append(wanted, p);
        if (i->json)
                return screen_json(json_pack("{s:O}", "permits", wanted));

        const char *heads[] = { _("PERMIT"), _("STATE"), _("TICKET"), _("MEDIUM"), _("FOR"), _("USERS"), _("ENDS") };
        CLEANUP(screen_table_freep) struct screen_table *t = screen_table_new(sizeof heads / sizeof *heads, heads);
        json_array_foreach(wanted, n, p) add_permit(t, p);
        return screen_table_print(t, 0);
}

enum outcome run_permit_schema(const struct invocation *i) {
        (void) i;
        CLEANUP(free_p) char *text = NULL;
        if (permit_schema(&text) < 0) {
                complain("%s", strerror(ENOMEM));
                return OUTCOME_BAD;
        }
        return puts(text) < 0 ? OUTCOME_BAD : OUTCOME_YES;
}
