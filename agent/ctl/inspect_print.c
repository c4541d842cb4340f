/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The self-inspection on a terminal, as JSON and as CSV. */
#include <stdio.h>
#include <string.h>

#include "base/timesource.h"
#include "csv.h"
#include "era.h"
#include "inspect.h"
#include "screen.h"
#include "talk.h"

static const enum tone tones[FIT_MAX] = {
        [FIT_NO] = TONE_BAD, [FIT_UNKNOWN] = TONE_NOTE, [FIT_YES] = TONE_GOOD, [FIT_NONE] = TONE_FAINT
};

/* Each line of evidence on a line of its own, below the item. */
static void print_evidence(const struct finding *f) {
        for (const char *line = f->evidence ? f->evidence : ""; *line;) {
                size_t n = strcspn(line, "\n");
                CLEANUP(free_p) char *text = screen_text_n(line, n);
                printf("      %s%s%s\n", screen_tone(TONE_FAINT), text ? text : "", screen_reset());
                line += n + (line[n] == '\n');
        }
}

static size_t widest_fit(void) {
        size_t widest = 0;
        for (int f = 0; f < FIT_MAX; f++) {
                size_t width = screen_width(fit_text((enum fit) f));
                widest = width > widest ? width : widest;
        }
        return widest;
}

enum outcome inspection_print(const struct inspection_report *r) {
        enum part part = PART_MAX;
        size_t widest = widest_fit();
        for (size_t i = 0; i < r->n; i++) {
                const struct result *result = &r->results[i];
                if (!result->item->probe)
                        continue;
                if (result->item->part != part)
                        printf("%s%s%s%s\n", i > 0 ? "\n" : "", screen_tone(TONE_BOLD), part_text(result->item->part),
                               screen_reset());
                part = result->item->part;
                const char *fit = fit_text(result->finding.fit);
                printf("  %s%s%s%*s  %s\n", screen_tone(tones[result->finding.fit]), fit, screen_reset(),
                       (int) (widest - screen_width(fit)), "", _(result->item->title));
                print_evidence(&result->finding);
        }
        putchar('\n');
        for (int f = 0; f < FIT_MAX; f++)
                printf("%s%s: %zu", f > 0 ? ", " : "", fit_text((enum fit) f), r->counts[f]);
        putchar('\n');
        return OUTCOME_YES;
}

/* ---- JSON ---- */

static json_t *lines_of(const char *text) {
        json_t *lines = json_array();
        for (const char *line = text ? text : ""; *line;) {
                size_t n = strcspn(line, "\n");
                CLEANUP(free_p) char *printable = screen_text_n(line, n);
                (void) json_array_append_new(lines, json_string(printable ? printable : ""));
                line += n + (line[n] == '\n');
        }
        return lines;
}

static json_t *item_json(const struct result *r) {
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "id", r->item->id, "result",
                         r->item->probe ? fit_name(r->finding.fit) : "people", "clause", r->item->clause, "title",
                         _(r->item->title), "text", r->item->probe ? fit_text(r->finding.fit) : "", "evidence",
                         lines_of(r->finding.evidence));
}

json_t *inspection_json(const struct inspection *n, const struct inspection_report *r) {
        char host[256], id[64], when[40] = "";
        json_t *list = json_array(), *counts = json_object();
        (void) time_format(n->now, when, sizeof when);
        for (size_t i = 0; i < r->n; i++)
                (void) json_array_append_new(list, item_json(&r->results[i]));
        for (int f = 0; f < FIT_MAX; f++)
                (void) json_object_set_new(counts, fit_name((enum fit) f), json_integer((json_int_t) r->counts[f]));
        CLEANUP(free_p) char *printable = screen_text(terminal_name(n->root, host, sizeof host));
        const json_t *policy = json_object_get(n->status, "policy");
        return json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:I, s:s}, s:b, s:o, s:o}", "made", when, "terminal",
                         printable ? printable : "", "machine_id", terminal_id(n->root, id, sizeof id), "version",
                         SEKISHO_VERSION, "policy", "fleet", talk_string(policy, "fleet"), "serial",
                         (json_int_t) talk_integer(policy, "serial"), "sha256", talk_string(policy, "sha256"),
                         "all_fit", (int) inspection_all_fit(r), "counts", counts, "items", list);
}

/* ---- CSV ---- */

void inspection_csv(FILE *f, const struct inspection *n, const struct inspection_report *r) {
        const char *const heads[] = { _("No."),    _("Part"),     _("Item"),    _("Result"), _("Evidence"),
                                      _("Clause"), _("Terminal"), _("Made at"), _("Item id") };
        struct csv csv = csv_begin(f);
        char host[256];
        for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
                csv_cell(&csv, heads[i]);
        csv_end_row(&csv);
        CLEANUP(free_p) char *terminal = screen_text(terminal_name(n->root, host, sizeof host));
        for (size_t i = 0; i < r->n; i++) {
                const struct item *item = r->results[i].item;
                const char *evidence = r->results[i].finding.evidence;
                csv_number(&csv, i + 1);
                csv_cell(&csv, item->probe ? part_text(item->part) : _("For people"));
                csv_cell(&csv, _(item->title));
                csv_cell(&csv, item->probe ? fit_text(r->results[i].finding.fit) : "");
                csv_cell(&csv, evidence ? evidence : "");
                csv_cell(&csv, item->clause);
                csv_cell(&csv, terminal ? terminal : "");
                csv_moment(&csv, n->now);
                csv_cell(&csv, item->id);
                csv_end_row(&csv);
        }
}
