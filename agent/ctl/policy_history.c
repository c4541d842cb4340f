/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What became of each document that came to this terminal, out of its record. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sekisho/trust.h>

#include "options.h"
#include "record.h"
#include "refusals.h"
#include "screen.h"
#include "talk.h"
#include "when.h"

struct history {
        const struct invocation *invocation;
        json_t *list; /* with --json */
        bool found, damaged;
};

static const struct word {
        const char *word, *text;
        enum tone tone;
} outcomes[] = { { "installed", N_("accepted"), TONE_GOOD },
                 { "refused", N_("REFUSED"), TONE_BAD },
                 { "restored", N_("in force again"), TONE_NOTE } },
  whats[] = { { "policy", N_("policy"), TONE_PLAIN },   { "trust", N_("trust document"), TONE_PLAIN },
              { "permit", N_("permit"), TONE_PLAIN },   { "grant", N_("login grant"), TONE_PLAIN },
              { "receipt", N_("receipt"), TONE_PLAIN }, { "document", N_("file"), TONE_PLAIN } },
  ways[] = { { "socket", N_("by command"), TONE_FAINT },
             { "inbox", N_("by the inbox"), TONE_FAINT },
             { "medium", N_("on a medium"), TONE_FAINT } },
  details[] = { { "trial", N_("on trial"), TONE_NOTE },
                { "confirmed", N_("the trial was confirmed"), TONE_GOOD },
                { "not-confirmed", N_("the trial of another was over, and nobody had confirmed it"), TONE_NOTE },
                { "replaced", N_("another came while one was on trial"), TONE_NOTE },
                { "not-applied", N_("a new one could not be applied"), TONE_BAD },
                { "last-good", N_("the policy file was damaged; the agent's own copy holds"), TONE_BAD } };

#define PUT(table, given) put(table, sizeof(table) / sizeof *(table), given)
static bool put(const struct word *table, size_t n, const char *given) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(table[i].word, given) == 0) {
                        screen_put(table[i].tone, _(table[i].text));
                        return true;
                }
        return false;
}

static const char *signature_words(const char *state) {
        for (int s = 0; s < SIGNATURE_STATE_MAX; s++)
                if (strcmp(signature_state_name((enum signature_state) s), state) == 0)
                        return signature_state_text((enum signature_state) s);
        return state;
}

/* "    政策課長: the signature is good" */
static void print_signatures(const json_t *document) {
        size_t n;
        json_t *s;
        json_array_foreach(json_object_get(document, "signatures"), n, s) {
                const char *holder = talk_string(s, "holder"), *state = talk_string(s, "state");
                const char *key = talk_string(s, "fingerprint");
                printf("    ");
                screen_put(TONE_PLAIN, *holder ? holder : *key ? key : "?");
                printf(": ");
                screen_put(strcmp(state, "counts") == 0 ? TONE_GOOD : TONE_BAD, signature_words(state));
                putchar('\n');
        }
        long long needed = talk_integer(document, "needed");
        if (needed > 0) {
                printf("    ");
                printf(_("Signed by %lld holders; %lld are needed."), talk_integer(document, "counted"), needed);
                putchar('\n');
        }
}

static void print_reason(const json_t *document, const char *detail) {
        enum outcome ignored;
        const char *words = NULL;
        if (strcmp(talk_string(document, "outcome"), "refused") == 0)
                words = refusal_text(talk_string(document, "what"), detail, &ignored);
        if (!*detail)
                return;
        printf("    ");
        if (words)
                screen_put(TONE_PLAIN, words);
        else if (!PUT(details, detail))
                screen_put(TONE_PLAIN, detail);
        putchar('\n');
}

static void print(const json_t *event, const json_t *document, const char *detail) {
        char when[64] = "?";
        (void) time_format(json_integer_value(json_object_get(event, "time")) / 1000, when, sizeof when);
        printf("%s  ", when);
        const char *what = talk_string(document, "what");
        if (!PUT(whats, what))
                screen_put(TONE_PLAIN, what);
        if (talk_integer(document, "serial") > 0)
                printf(" %lld", talk_integer(document, "serial"));
        printf("  ");
        const char *outcome = talk_string(document, "outcome");
        if (!PUT(outcomes, outcome))
                screen_put(TONE_PLAIN, outcome);
        const char *via = talk_string(document, "via"), *name = talk_string(document, "name");
        if (*via) {
                printf("  ");
                if (!PUT(ways, via))
                        screen_put(TONE_FAINT, via);
        }
        if (*name) {
                printf("  ");
                screen_put(TONE_PLAIN, name);
        }
        putchar('\n');
        print_reason(document, detail);
        print_signatures(document);
}

static int hear(json_t *event, const char *line, size_t size, void *userdata) {
        (void) line, (void) size;
        struct history *h = userdata;
        if (!event) {
                /* Once is enough: audit verify tells the places. */
                if (!h->damaged)
                        (void) record_print(h->invocation, NULL);
                h->damaged = true;
                return 0;
        }
        const json_t *own = json_object_get(json_object_get(event, "unmapped"), "sekisho");
        const json_t *document = json_object_get(own, "document");
        if (!json_is_object(document))
                return 0;
        h->found = true;
        if (!h->list) {
                print(event, document, talk_string(own, "detail"));
                return ferror(stdout);
        }
        json_t *row =
                json_pack("{s:O?, s:O?, s:O?, s:O}", "time", json_object_get(event, "time"), "seq",
                          json_object_get(own, "seq"), "detail", json_object_get(own, "detail"), "document", document);
        return row ? json_array_append_new(h->list, row) : -ENOMEM;
}

enum outcome run_policy_history(const struct invocation *i) {
        int64_t since = INT64_MIN;
        const char *given = i->values[HISTORY_SINCE];
        if (given && !when_since(given, (int64_t) time(NULL), &since)) {
                complain(_("'%s' is not understood; expected: 90s, 15min, 1h, 30d, or 2026-11-23T09:00:00+09:00."),
                         given);
                return OUTCOME_BAD;
        }
        CLEANUP(json_decrefp) json_t *list = i->json ? json_array() : NULL;
        struct history h = { .invocation = i, .list = list };
        enum outcome outcome = record_read(i, since, hear, &h);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (i->json)
                return screen_json(json_incref(list));
        if (!h.found)
                puts(_("No document came to this terminal."));
        return OUTCOME_YES;
}
