/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One month on one page, for whoever reviews it. */
#include "digest.h"

#include <string.h>
#include <time.h>

#include "era.h"
#include "html.h"
#include "options.h"
#include "record.h"
#include "screen.h"
#include "summary.h"

#define PERMIT_ROWS 6u

bool digest_month(int64_t from, int *ret_year, int *ret_month) {
        time_t t = (time_t) from;
        struct tm local;
        if (!localtime_r(&t, &local))
                return false;
        *ret_year = local.tm_year + 1900;
        *ret_month = local.tm_mon + 1;
        return true;
}

void digest_html(FILE *f, const struct inspection *n, const struct tally *t) {
        const char *const seals[] = { _("Reviewed by"), _("Section head") };
        char title[ERA_MAX * 2], month[ERA_MAX] = "";
        int year = 0, number = 0;
        if (digest_month(t->from, &year, &number))
                (void) era_month(year, number, month);
        (void) snprintf(title, sizeof title, _("Monthly report: %s"), month);
        html_begin_close(f, title);
        report_head(f, n, seals, 2);
        summary_figures(f, t);
        report_charts(f, t);
        html_section(f, _("Exceptions"));
        summary_permits(f, t, PERMIT_ROWS);
        html_section(f, _("In numbers"));
        summary_table(f, t);
        fputs("<table class=\"pairs remarks\"><tbody><tr>", f);
        html_element(f, "th", NULL, _("Remarks of the reviewer"));
        fputs("<td></td></tr></tbody></table>\n", f);
        html_end(f);
}

static int hear(json_t *event, const char *line, size_t size, void *userdata) {
        (void) line, (void) size;
        tally_hear(userdata, event);
        return 0;
}

enum outcome digest_tally(const struct invocation *i, int64_t from, int64_t to, struct tally *ret) {
        if (tally_begin(ret, from, to) < 0) {
                complain("%s", strerror(ENOMEM));
                return OUTCOME_BAD;
        }
        enum outcome outcome = record_read(i, from, hear, ret);
        tally_end(ret);
        if (outcome == OUTCOME_YES && ret->failed) {
                complain("%s", strerror(ENOMEM));
                outcome = OUTCOME_BAD;
        }
        return outcome;
}

/* The month before this one. */
static void last_month(char ret[static 16]) {
        time_t now = time(NULL);
        struct tm t;
        if (!localtime_r(&now, &t))
                t = (struct tm){ .tm_year = 70 };
        int months = (t.tm_year + 1900) * 12 + t.tm_mon - 1;
        (void) snprintf(ret, 16, "%04d-%02d", months / 12, months % 12 + 1);
}

enum outcome run_digest(const struct invocation *i) {
        const char *format = i->values[DIGEST_FORMAT], *month = i->values[DIGEST_MONTH];
        char before[16];
        int64_t from, to;
        last_month(before);
        if (format && strcmp(format, "html") != 0 && strcmp(format, "json") != 0) {
                complain(_("'%s' is no format; there are: %s."), format, "html, json");
                return OUTCOME_BAD;
        }
        if (!month_span(month ? month : before, &from, &to)) {
                complain(_("'%s' is no month; expected: 2026-11."), month ? month : before);
                return OUTCOME_BAD;
        }
        CLEANUP(tally_clear) struct tally t = { 0 };
        CLEANUP(inspection_clear) struct inspection n = { 0 };
        enum outcome outcome = digest_tally(i, from, to, &t);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (i->json || (format && strcmp(format, "json") == 0))
                return screen_json(summary_json(&t));
        if (!format)
                return summary_print(&t);
        inspection_ask(i, &n);
        digest_html(stdout, &n, &t);
        return ferror(stdout) ? OUTCOME_BAD : OUTCOME_YES;
}
