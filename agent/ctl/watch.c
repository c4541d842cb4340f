/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "connection.h"
#include "screen.h"
#include "subject.h"
#include "talk.h"

static const struct {
        const char *event, *text;
} events[] = {
        { "decision", N_("decided") },  { "effect", N_("done") },           { "gone", N_("unplugged") },
        { "policy", N_("new policy") }, { "permit", N_("permit refused") }, { "trouble", N_("trouble") },
        { "blocked", N_("network") },   { "paste", N_("paste") },
};

static const char *event_text(const char *event) {
        for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
                if (strcmp(events[i].event, event) == 0)
                        return _(events[i].text);
        return event;
}

static void print_device(const char *event, const json_t *d) {
        fputs("  ", stdout);
        if (strcmp(event, "effect") == 0)
                screen_put(subject_effect_is_good(d) ? TONE_PLAIN : TONE_BAD, subject_effect(d));
        else
                screen_put(subject_tone(d), subject_verdict(d));
        fputs("  ", stdout);
        CLEANUP(free_p) char *name = subject_name(d);
        screen_put(TONE_PLAIN, name ? name : "");
        CLEANUP(free_p) char *id = NULL;
        if (asprintf(&id, " [%s:%s, %s]  ", talk_string(d, "vendor"), talk_string(d, "product"),
                     talk_string(d, "port")) >= 0)
                screen_put(TONE_FAINT, id);
        CLEANUP(free_p) char *why = subject_why(d);
        screen_put(TONE_PLAIN, why ? why : "");
}

/* The detail of a permit's event; one that was refused on arrival has its reason there, and no permit. */
static const struct {
        const char *detail, *text;
        enum tone tone;
} steps[] = {
        { "installed", N_("permit installed"), TONE_NOTE }, { "activated", N_("permit opened by its code"), TONE_NOTE },
        { "used", N_("permit in use"), TONE_GOOD },         { "ending", N_("permit ends soon"), TONE_BAD },
        { "ended", N_("permit over"), TONE_NOTE },          { "closed", N_("medium back"), TONE_GOOD },
        { "refused", N_("wrong code"), TONE_BAD },
};

/* What became of a permit; on its way to its end, how long that is. */
static void print_permit(const json_t *permit, const char *detail) {
        CLEANUP(free_p) char *text = NULL;
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
                if (strcmp(steps[i].detail, detail) == 0)
                        screen_put(steps[i].tone, _(steps[i].text));
        fputs("  ", stdout);
        if (asprintf(&text, "%s (%s)", talk_string(permit, "id"), talk_string(permit, "ticket")) >= 0)
                screen_put(TONE_PLAIN, text);
        long long left = talk_integer(permit, "left");
        CLEANUP(free_p) char *time_left = NULL;
        if (strcmp(talk_string(permit, "state"), "live") == 0 && asprintf(&time_left, _("  %lld s left"), left) >= 0)
                screen_put(TONE_FAINT, time_left);
}

static void print(const json_t *event) {
        const char *kind = talk_string(event, "event");
        screen_put(TONE_FAINT, talk_string(event, "time"));
        fputs("  ", stdout);
        const json_t *device = json_object_get(event, "device"), *permit = json_object_get(event, "permit");
        const char *detail = talk_string(event, "detail");
        if (json_is_object(permit))
                print_permit(permit, detail);
        else
                screen_put(strcmp(kind, "trouble") == 0 ? TONE_BAD : TONE_PLAIN, event_text(kind));
        if (json_is_object(device))
                print_device(kind, device);
        const json_t *connection = json_object_get(event, "connection");
        if (json_is_object(connection)) {
                fputs("  ", stdout);
                connection_put(connection, talk_bool(connection, "observed"));
        }
        if (*detail && !json_is_object(permit)) {
                fputs("  ", stdout);
                screen_put(TONE_PLAIN, detail);
        }
        putchar('\n');
        (void) fflush(stdout);
}

enum outcome run_watch(const struct invocation *i) {
        /* There may be nothing to tell for days. */
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        enum outcome outcome = talk_open(i, UINT64_MAX, &client);
        if (outcome != OUTCOME_YES)
                return outcome;
        int r = ipc_client_call_more(client, AGENT_METHOD(AGENT_WATCH), NULL);
        if (r < 0)
                return talk_failed(r, NULL, NULL);

        do {
                CLEANUP(json_decrefp) json_t *event = NULL;
                CLEANUP(free_p) char *error = NULL;
                r = ipc_client_next(client, &event, &error);
                if (r == 1 || r < 0)
                        return talk_failed(r, error, event);
                if (i->json)
                        outcome = screen_json_line(json_incref(event));
                else
                        print(event);
        } while (r == 0 && outcome == OUTCOME_YES && !ferror(stdout));
        return outcome;
}
