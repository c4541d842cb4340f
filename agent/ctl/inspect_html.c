/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The self-inspection on paper. */
#include <stdlib.h>
#include <string.h>

#include "audit/mask.h"
#include "era.h"
#include "html.h"
#include "inspect.h"
#include "probe_files.h"
#include "talk.h"

const char *terminal_name(const struct root *root, char *buffer, size_t size) {
        char line[PROBE_LINE];
        (void) look_line(root, "etc/hostname", line);
        (void) snprintf(buffer, size, "%.*s", (int) size - 1, *line ? line : "-");
        mask_numbers(buffer);
        return buffer;
}

const char *terminal_id(const struct root *root, char *buffer, size_t size) {
        char line[PROBE_LINE];
        (void) look_line(root, "etc/machine-id", line);
        line[strspn(line, "0123456789abcdef")] = 0;
        (void) snprintf(buffer, size, "%.*s", (int) size - 1, *line ? line : "-");
        return buffer;
}

void report_head(FILE *f, const struct inspection *n, const char *const *seals, size_t n_seals) {
        char text[256], when[ERA_MAX];
        const json_t *policy = json_object_get(n->status, "policy");
        fputs("<div class=\"head\">", f);
        html_table_begin(f, "pairs", NULL, 0);
        html_pair(f, _("Terminal"), terminal_name(n->root, text, sizeof text));
        html_pair(f, _("Machine id"), terminal_id(n->root, text, sizeof text));
        html_pair(f, _("Made at"), era_moment(n->now, when));
        (void) snprintf(text, sizeof text, policy ? _("%s, serial %lld, until %s") : "-", talk_string(policy, "fleet"),
                        talk_integer(policy, "serial"), talk_string(policy, "expires"));
        html_pair(f, _("Policy"), text);
        (void) snprintf(text, sizeof text, "Sekisho %s", SEKISHO_VERSION);
        html_pair(f, _("Made by"), text);
        html_table_end(f);
        fputs("<div class=\"seals\">", f);
        for (size_t i = 0; i < n_seals; i++)
                html_seal(f, seals[i]);
        fputs("</div></div>\n", f);
}

/* ---- charts ---- */

#define BARS_MAX 6u /* kinds that have a bar of their own */

static int by_value(const void *a, const void *b) {
        uint64_t x = ((const struct chart_bar *) a)->value, y = ((const struct chart_bar *) b)->value;
        return (x < y) - (x > y);
}

void report_charts(FILE *f, const struct tally *t) {
        struct chart_bar bars[CLASS_MAX];
        size_t n = 0;
        for (int c = 0; c < CLASS_MAX; c++)
                if (t->denied[c] > 0)
                        bars[n++] = (struct chart_bar){ class_text((enum device_class) c), t->denied[c] };
        qsort(bars, n, sizeof *bars, by_value);
        for (; n > BARS_MAX; n--)
                bars[BARS_MAX - 1] = (struct chart_bar){ _("others"), bars[BARS_MAX - 1].value + bars[n - 1].value };
        if (n == 0)
                bars[n++] = (struct chart_bar){ _("none"), 0 };
        fputs("<div class=\"charts\">\n", f);
        chart_bars(f, _("Devices kept out, by kind"), bars, n);
        chart_days(f, _("Devices kept out, by day"), t->from_day, t->devices_by_day, t->n_days);
        chart_days(f, _("Logins refused, by day"), t->from_day, t->logins_by_day, t->n_days);
        chart_days(f, _("Packets held back by the network rules, by day"), t->from_day, t->network_by_day, t->n_days);
        fputs("</div>\n", f);
}

/* ---- the parts ---- */

static void put_sums(FILE *f, const struct inspection_report *r) {
        static const enum fit order[] = { FIT_YES, FIT_NO, FIT_UNKNOWN, FIT_NONE };
        fputs("<div class=\"sums\">", f);
        for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
                fputs("<div>", f);
                html_text(f, fit_text(order[i]));
                html_elementf(f, "b", order[i] == FIT_NO && r->counts[FIT_NO] > 0 ? "bad" : NULL, "%zu",
                              r->counts[order[i]]);
                fputs("</div>", f);
        }
        fputs("</div>\n", f);
}

static void put_columns(FILE *f, const char *const widths[], size_t n) {
        fputs("<colgroup>", f);
        for (size_t i = 0; i < n; i++)
                fprintf(f, "<col style=\"width:%s\">", widths[i]);
        fputs("</colgroup>\n", f);
}

static void put_part(FILE *f, const struct inspection_report *r, enum part part) {
        static const char *const widths[] = { "10.5mm", "52mm", "21mm", "auto", "18mm" };
        const char *const heads[] = { _("No."), _("Item"), _("Result"), _("Evidence"), _("Clause") };
        html_section(f, part_text(part));
        fputs("<table class=\"fixed\">", f);
        put_columns(f, widths, 5);
        fputs("<thead><tr>", f);
        for (size_t i = 0; i < 5; i++)
                html_element(f, "th", i == 0 ? "w" : NULL, heads[i]);
        fputs("</tr></thead>\n<tbody>\n", f);
        for (size_t i = 0; i < r->n; i++) {
                const struct item *item = r->results[i].item;
                const struct finding *finding = &r->results[i].finding;
                char class[32];
                if (!item->probe || item->part != part)
                        continue;
                (void) snprintf(class, sizeof class, "fit %s", fit_name(finding->fit));
                fputs("<tr>", f);
                html_elementf(f, "td", "n", "%zu", i + 1);
                html_element(f, "td", NULL, _(item->title));
                html_element(f, "td", class, fit_text(finding->fit));
                html_element(f, "td", "small", finding->evidence);
                html_element(f, "td", "w", item->clause);
                fputs("</tr>\n", f);
        }
        html_table_end(f);
}

/* What no program can see: room for a mark, a day and a name. */
static void put_people(FILE *f, const struct inspection_report *r) {
        static const char *const widths[] = { "10.5mm", "auto", "38mm", "40mm", "18mm" };
        const char *const heads[] = { _("No."), _("Item"), _("Result"), _("Day and name"), _("Clause") };
        html_section(f, _("What people have to look at"));
        fputs("<table class=\"fixed\">", f);
        put_columns(f, widths, 5);
        fputs("<thead><tr>", f);
        for (size_t i = 0; i < 5; i++)
                html_element(f, "th", i == 0 ? "w" : NULL, heads[i]);
        fputs("</tr></thead>\n<tbody>\n", f);
        for (size_t i = 0; i < r->n; i++) {
                const struct item *item = r->results[i].item;
                if (item->probe)
                        continue;
                fputs("<tr class=\"blank\">", f);
                html_elementf(f, "td", "n", "%zu", i + 1);
                html_element(f, "td", NULL, _(item->title));
                html_elementf(f, "td", "w", "☐ %s  ☐ %s", fit_text(FIT_YES), fit_text(FIT_NO));
                html_element(f, "td", NULL, "");
                html_element(f, "td", "w", item->clause);
                fputs("</tr>\n", f);
        }
        html_table_end(f);
}

void inspection_html(FILE *f, const struct inspection *n, const struct inspection_report *r) {
        html_begin(f, _("Self-inspection of information security"));
        const char *const seals[] = { _("Inspected by"), _("Section head") };
        report_head(f, n, seals, 2);
        put_sums(f, r);
        html_element(f, "p", "small",
                     _("Each result is what a probe of this terminal found when the report was made. What could not be "
                       "looked at is never called fit."));
        html_section(f, _("The last 30 days"));
        if (n->has_record)
                report_charts(f, &n->tally);
        else
                html_element(f, "p", "bad", _("The record cannot be read."));
        for (int part = 0; part < PART_MAX; part++)
                put_part(f, r, (enum part) part);
        put_people(f, r);
        html_element(f, "p", "small",
                     _("Clauses: basic policy of information security of Omura City, as revised on 2026-03-19."));
        html_end(f);
}
