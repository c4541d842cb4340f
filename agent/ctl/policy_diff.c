/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "policy_diff.h"
#include "policy_file.h"
#include "screen.h"

static void print_change(const struct policy_change *c) {
        enum tone tone = c->widens ? TONE_BAD : c->kind == '+' ? TONE_GOOD : TONE_PLAIN;
        printf("%s%c %s", screen_tone(tone), c->kind, c->widens ? "! " : "  ");
        screen_put(TONE_PLAIN, c->path);
        if (c->before) {
                fputs(": ", stdout);
                screen_put(TONE_PLAIN, c->before);
        }
        if (c->after) {
                fputs(c->before ? " -> " : ": ", stdout);
                screen_put(TONE_PLAIN, c->after);
        }
        printf("%s\n", tone == TONE_PLAIN ? "" : screen_reset());
}

static int hear(const struct policy_change *c, void *userdata) {
        struct differences *d = userdata;
        d->n++;
        d->n_widening += c->widens;
        if (!d->list) {
                print_change(c);
                return 0;
        }
        char kind[2] = { c->kind, '\0' };
        json_t *entry = json_pack("{s:s, s:s, s:s?, s:s?, s:b}", "kind", kind, "path", c->path, "before", c->before,
                                  "after", c->after, "widens", (int) c->widens);
        return json_array_append_new(d->list, entry) < 0 ? -ENOMEM : 0;
}

int differences_find(const struct policy *before, const struct policy *after, struct differences *d) {
        return policy_diff(before, after, hear, d);
}

static void print_summary(const struct differences *d) {
        if (d->n == 0)
                puts(_("The two mean the same."));
        else if (d->n_widening > 0)
                printf(_("Differences: %zu; of these may open something that was shut (marked !): %zu"), d->n,
                       d->n_widening),
                        putchar('\n');
        else
                printf(_("Differences: %zu; none opens anything that was shut"), d->n), putchar('\n');
}

enum outcome run_policy_diff(const struct invocation *i) {
        CLEANUP(policy_freep) struct policy *before = NULL;
        CLEANUP(policy_freep) struct policy *after = NULL;
        enum outcome outcome = policy_file_load(i->arguments[0], &before);
        enum outcome second = policy_file_load(i->arguments[1], &after);
        if (outcome != OUTCOME_YES || second != OUTCOME_YES)
                return outcome != OUTCOME_YES ? outcome : second;

        struct differences d = { .list = i->json ? json_array() : NULL };
        int r = differences_find(before, after, &d);
        if (r < 0) {
                json_decref(d.list);
                complain("%s", strerror(-r));
                return OUTCOME_BAD;
        }
        if (i->json) {
                outcome = screen_json(
                        json_pack("{s:b, s:b, s:o}", "same", d.n == 0, "widens", d.n_widening > 0, "changes", d.list));
        } else {
                print_summary(&d);
        }
        return outcome != OUTCOME_YES ? outcome : d.n == 0 ? OUTCOME_YES : OUTCOME_NO;
}
