/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "summary.h"

#include <inttypes.h>
#include <string.h>

#include "base/timesource.h"
#include "era.h"
#include "html.h"
#include "inspect.h"
#include "screen.h"
#include "talk.h"

struct telling {
        void (*each)(const char *label, const char *value, bool bad, void *userdata);
        void *userdata;
};

static void tell(const struct telling *w, const char *label, uint64_t n, bool bad) {
        char value[SUMMARY_VALUE];
        (void) snprintf(value, sizeof value, "%" PRIu64, n);
        w->each(label, value, bad && n > 0, w->userdata);
}

static void tell_media(const struct telling *w, const char *label, const struct tally_media *m, bool bad) {
        char value[SUMMARY_VALUE];
        w->each(label, media_text(m, value, sizeof value), bad && m->files > 0, w->userdata);
}

static uint64_t missing(const struct tally *t) {
        uint64_t n = 0;
        for (size_t i = 0; i < t->n_logs; i++)
                n += t->logs[i].missing > 0 ? t->logs[i].missing : t->logs[i].gaps;
        return n;
}

void summary_each(const struct tally *t, void (*each)(const char *label, const char *value, bool bad, void *userdata),
                  void *userdata) {
        const struct telling w = { each, userdata };
        tell(&w, _("Devices kept out"), t->n_denied, false);
        tell(&w, _("Devices let through, as only observed"), t->n_observed, true);
        tell(&w, _("Media opened by a permit"), t->opened_by_permit, false);
        tell(&w, _("Media opened by a rule"), t->opened_by_rule, true);
        tell_media(&w, _("Copied to media with a permit"), &t->with_permit, false);
        tell_media(&w, _("Copied to media without a permit"), &t->by_rule, true);
        tell_media(&w, _("Copied outside office hours"), &t->out_of_hours, true);
        tell(&w, _("Days with copies in bulk"), t->bulk_days, true);
        tell(&w, _("Logins with a second factor"), t->logins_accepted, false);
        tell(&w, _("Logins refused"), t->logins_refused, false);
        tell(&w, _("Logins exempt from the second factor"), t->logins_exempt, false);
        tell(&w, _("Emergency logins"), t->break_glass, true);
        tell(&w, _("Logins with an escort"), t->escorted, false);
        tell(&w, _("Lock-outs after wrong codes"), t->lockouts, true);
        tell(&w, _("Sessions outside office hours"), t->sessions_out_of_hours, true);
        tell(&w, _("Packets held back"), t->blocked, false);
        tell(&w, _("Packets let through, as only observed"), t->observed_flows, true);
        tell(&w, _("Pastes refused"), t->pastes_refused, false);
        tell(&w, _("Policies put in force"), t->policies, false);
        tell(&w, _("Documents refused"), t->documents_refused, true);
        tell(&w, _("Permits that came"), t->permits_installed, false);
        tell(&w, _("Media confirmed as back"), t->permits_closed, false);
        tell(&w, _("Starts of the agent"), t->starts, false);
        tell(&w, _("Starts without a stop before"), t->unclean, true);
        tell(&w, _("Records"), t->records, false);
        tell(&w, _("Records missing or damaged"), missing(t) + t->damaged, true);
}

/* ---- on a screen ---- */

static void put_row(const char *label, const char *value, bool bad, void *userdata) {
        screen_table_add(userdata, TONE_FAINT, label);
        screen_table_add(userdata, bad ? TONE_BAD : TONE_PLAIN, value);
}

enum outcome summary_print(const struct tally *t) {
        CLEANUP(screen_table_freep) struct screen_table *table = screen_table_new(2, NULL);
        summary_each(t, put_row, table);
        return screen_table_print(table, 2);
}

/* ---- JSON ---- */

static json_t *media_json(const struct tally_media *m) {
        return json_pack("{s:I, s:I}", "files", (json_int_t) m->files, "bytes", (json_int_t) m->bytes);
}

static json_t *days_json(const uint32_t *days, size_t n) {
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++)
                (void) json_array_append_new(list, json_integer(days[i]));
        return list;
}

static json_t *logs_json(const struct tally *t) {
        json_t *list = json_array();
        for (size_t i = 0; i < t->n_logs; i++) {
                const struct tally_log *l = &t->logs[i];
                (void) json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I}", "log", l->name, "first_seq",
                                                             (json_int_t) l->first, "last_seq", (json_int_t) l->last,
                                                             "records", (json_int_t) l->records, "missing",
                                                             (json_int_t) l->missing));
        }
        return list;
}

static json_t *denied_json(const struct tally *t) {
        json_t *kinds = json_object();
        for (int c = 0; c < CLASS_MAX; c++)
                if (t->denied[c] > 0)
                        (void) json_object_set_new(kinds, class_name((enum device_class) c),
                                                   json_integer((json_int_t) t->denied[c]));
        return kinds;
}

static json_t *moment_json(int64_t seconds) {
        char text[40];
        return time_format(seconds, text, sizeof text) < 0 ? json_null() : json_string(text);
}

json_t *summary_json(const struct tally *t) {
        json_t *devices = json_pack("{s:I, s:o, s:I, s:I, s:I, s:I, s:o}", "denied", (json_int_t) t->n_denied,
                                    "by_class", denied_json(t), "observed", (json_int_t) t->n_observed,
                                    "not_as_decided", (json_int_t) t->n_effect_wrong, "opened_by_permit",
                                    (json_int_t) t->opened_by_permit, "opened_by_rule", (json_int_t) t->opened_by_rule,
                                    "denied_by_day", days_json(t->devices_by_day, t->n_days));
        json_t *files =
                json_pack("{s:o, s:o, s:o, s:I, s:o}", "with_permit", media_json(&t->with_permit), "without_permit",
                          media_json(&t->by_rule), "out_of_hours", media_json(&t->out_of_hours), "bulk_days",
                          (json_int_t) t->bulk_days, "by_day", days_json(t->files_by_day, t->n_days));
        json_t *logins = json_pack(
                "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "accepted", (json_int_t) t->logins_accepted, "refused",
                (json_int_t) t->logins_refused, "exempt", (json_int_t) t->logins_exempt, "break_glass",
                (json_int_t) t->break_glass, "escorted", (json_int_t) t->escorted, "lock_outs",
                (json_int_t) t->lockouts, "sessions", (json_int_t) t->sessions, "sessions_out_of_hours",
                (json_int_t) t->sessions_out_of_hours, "refused_by_day", days_json(t->logins_by_day, t->n_days));
        json_t *network =
                json_pack("{s:I, s:I, s:o}", "packets_blocked", (json_int_t) t->blocked, "packets_observed",
                          (json_int_t) t->observed_flows, "blocked_by_day", days_json(t->network_by_day, t->n_days));
        json_t *documents =
                json_pack("{s:I, s:I, s:I, s:I, s:O, s:I}", "policies", (json_int_t) t->policies, "refused",
                          (json_int_t) t->documents_refused, "permits_installed", (json_int_t) t->permits_installed,
                          "permits_closed", (json_int_t) t->permits_closed, "list", t->documents, "not_listed",
                          (json_int_t) t->more_documents);
        json_t *agent = json_pack("{s:I, s:I, s:I, s:O, s:I}", "starts", (json_int_t) t->starts, "stops",
                                  (json_int_t) t->stops, "unclean", (json_int_t) t->unclean, "troubles", t->troubles,
                                  "troubles_not_listed", (json_int_t) t->more_troubles);
        json_t *record = json_pack("{s:I, s:I, s:o}", "records", (json_int_t) t->records, "damaged",
                                   (json_int_t) t->damaged, "logs", logs_json(t));
        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:O, s:I, s:o, s:o}", "from", moment_json(t->from),
                         "to", moment_json(t->to), "devices", devices, "files", files, "logins", logins, "network",
                         network, "documents", documents, "pastes_refused", (json_int_t) t->pastes_refused, "permits",
                         t->permits, "permits_not_listed", (json_int_t) t->more_permits, "agent", agent, "record",
                         record);
}

/* ---- on a page ---- */

static void put_figure(FILE *f, const char *what, uint64_t n, bool bad) {
        fputs("<div>", f);
        html_text(f, what);
        html_elementf(f, "b", bad && n > 0 ? "bad" : NULL, "%" PRIu64, n);
        fputs("</div>", f);
}

void summary_figures(FILE *f, const struct tally *t) {
        fputs("<div class=\"sums\">", f);
        put_figure(f, _("Devices kept out"), t->n_denied, false);
        put_figure(f, _("Logins refused"), t->logins_refused, false);
        put_figure(f, _("Traffic held back"), t->blocked, false);
        put_figure(f, _("Files copied to media"), t->with_permit.files + t->by_rule.files, false);
        put_figure(f, _("of these without a permit"), t->by_rule.files, true);
        fputs("</div>\n", f);
}

struct columns {
        FILE *f;
        unsigned n;
};

static void put_cells(const char *label, const char *value, bool bad, void *userdata) {
        struct columns *c = userdata;
        if (c->n % 3 == 0)
                fputs("<tr>", c->f);
        html_element(c->f, "th", NULL, label);
        html_element(c->f, "td", bad ? "n bad" : "n", value);
        if (c->n++ % 3 == 2)
                fputs("</tr>\n", c->f);
}

void summary_table(FILE *f, const struct tally *t) {
        struct columns c = { f, 0 };
        fputs("<table class=\"fixed sumtable\"><tbody>\n", f);
        summary_each(t, put_cells, &c);
        if (c.n % 3 != 0)
                fputs(c.n % 3 == 1 ? "<td colspan=\"4\"></td></tr>\n" : "<td colspan=\"2\"></td></tr>\n", f);
        html_table_end(f);
}

void summary_cell(FILE *f, const char *text, size_t columns) {
        CLEANUP(free_p) char *printable = screen_text(text);
        char *cut = printable;
        size_t n = printable ? strlen(printable) : 0;
        while (cut && n > 0 && screen_width(cut) > columns) {
                /* Back by a whole character. */
                do
                        n--;
                while (n > 0 && ((unsigned char) cut[n] & 0xc0) == 0x80);
                cut[n] = 0;
        }
        bool is_cut = printable && strcmp(cut, text) != 0 && screen_width(printable) + 2 >= columns;
        fputs("<td>", f);
        html_textf(f, "%s%s", cut ? cut : "", is_cut ? "…" : "");
        fputs("</td>", f);
}

static const char *state_of(const json_t *permit) {
        static const struct {
                const char *code, *text;
        } states[] = {
                { "permit-installed", N_("came") },
                { "permit-activated", N_("opened by its code") },
                { "permit-used", N_("in use") },
                { "permit-ended", N_("over, medium not back") },
        };
        const char *code = talk_string(permit, "last_code");
        for (size_t i = 0; i < sizeof states / sizeof *states; i++)
                if (strcmp(states[i].code, code) == 0)
                        return _(states[i].text);
        return talk_bool(permit, "erased") ? _("back and erased") : _("closed");
}

static void put_permit(FILE *f, const char *id, const json_t *p) {
        const struct tally_media m = { .files = (uint64_t) talk_integer(p, "files"),
                                       .bytes = (uint64_t) talk_integer(p, "bytes") };
        const char *ticket = talk_string(p, "ticket");
        char text[64];
        fputs("<tr>", f);
        summary_cell(f, *ticket ? ticket : id, 24);
        summary_cell(f, talk_string(p, "applicant"), 14);
        summary_cell(f, talk_string(p, "approver"), 14);
        summary_cell(f, talk_string(p, "purpose"), 44);
        html_element(f, "td", NULL, media_text(&m, text, sizeof text));
        html_element(f, "td", strcmp(talk_string(p, "last_code"), "permit-ended") == 0 ? "bad" : NULL, state_of(p));
        fputs("</tr>\n", f);
}

void summary_permits(FILE *f, const struct tally *t, size_t rows) {
        const char *const heads[] = {
                _("Ticket"), _("Applicant"), _("Approver"), _("Purpose"), _("Copied"), _("State")
        };
        const char *id;
        json_t *permit;
        size_t n = 0;
        if (json_object_size(t->permits) == 0) {
                html_element(f, "p", NULL, _("There was none."));
                return;
        }
        html_table_begin(f, "fixed permits", heads, sizeof heads / sizeof *heads);
        json_object_foreach(t->permits, id, permit) if (n++ < rows) put_permit(f, id, permit);
        html_table_end(f);
        if (n > rows || t->more_permits > 0)
                html_elementf(f, "p", "small", _("and %llu more: sekishoctl media export"),
                              (unsigned long long) (n > rows ? n - rows : 0) + (unsigned long long) t->more_permits);
}
