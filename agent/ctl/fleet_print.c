/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fleet_print.h"

#include <inttypes.h>
#include <string.h>

#include "csv.h"
#include "era.h"
#include "html.h"
#include "screen.h"

/* ---- judging ---- */

static bool is_stale(const struct fleet_view *v, const struct fleet_terminal *t) {
        return t->last / 1000 < v->stale;
}

static bool is_behind(const struct fleet_view *v, const struct fleet_terminal *t) {
        return t->policy < v->policy;
}

void fleet_view_init(struct fleet_view *v, const struct fleet *f, int64_t stale) {
        *v = (struct fleet_view){ .fleet = f, .stale = stale };
        for (size_t i = 0; i < f->n; i++)
                v->policy = f->list[i]->policy > v->policy ? f->list[i]->policy : v->policy;
        for (size_t i = 0; i < f->n; i++) {
                const struct fleet_terminal *t = f->list[i];
                v->n_stale += is_stale(v, t);
                v->n_behind += is_behind(v, t);
                v->n_broken += fleet_chain(t) == FLEET_CHAIN_BROKEN;
                v->n_gaps += fleet_gaps(t) > 0;
                v->records += t->records;
                v->twice += t->twice;
                v->missing += fleet_missing(t);
                v->open += fleet_open_permits(t);
                v->overdue += fleet_overdue_permits(t, f->now);
                v->n_overflow += t->permits_overflow;
                for (int d = 0; d < FLEET_DENIED_MAX; d++)
                        v->denied[d] += t->denied[d];
        }
}

bool fleet_view_falls_short(const struct fleet_view *v) {
        return v->n_stale + v->n_behind + v->n_broken + v->n_gaps + v->overdue + v->n_overflow > 0 || v->fleet->bad > 0;
}

/* ---- words ---- */

static const struct {
        const char *code, *text;
        enum tone tone;
} chains[FLEET_CHAIN_MAX] = {
        [FLEET_CHAIN_WHOLE] = { "whole", N_("whole"), TONE_GOOD },
        [FLEET_CHAIN_LATER] = { "later", N_("whole, but for its beginning"), TONE_NOTE },
        [FLEET_CHAIN_GAPS] = { "gaps", N_("GAPS"), TONE_BAD },
        [FLEET_CHAIN_BROKEN] = { "broken", N_("ALTERED"), TONE_BAD },
};

static const struct {
        const char *code, *text;
} denials[FLEET_DENIED_MAX] = {
        [FLEET_DENIED_DEVICE] = { "devices", N_("devices") },
        [FLEET_DENIED_NETWORK] = { "network", N_("network") },
        [FLEET_DENIED_CLIPBOARD] = { "clipboard", N_("clipboard") },
        [FLEET_DENIED_LOGIN] = { "logins", N_("logins") },
        [FLEET_DENIED_DOCUMENT] = { "documents", N_("documents") },
};

static const char *name_of(const struct fleet_terminal *t) {
        return *t->hostname ? t->hostname : t->uid;
}

/* Where the first thing is that is wrong: "agent 17"; "" where nothing is. */
static void place_of(const struct fleet_terminal *t, char *ret, size_t size) {
        ret[0] = '\0';
        for (size_t i = 0; i < t->n_logs; i++) {
                const struct fleet_log *l = t->logs[i];
                uint64_t seq = l->broken_at > 0 ? l->broken_at : l->n > 1 ? l->pieces[0].last + 1 : 0;
                if (seq > 0) {
                        (void) snprintf(ret, size, "%s %" PRIu64, l->name, seq);
                        return;
                }
        }
}

/* ---- table ---- */

static void print_totals(const struct fleet_view *v) {
        printf(_("terminals: %zu; not seen lately: %zu; policy behind %llu: %zu; records altered: %zu; with gaps: %zu"),
               v->fleet->n, v->n_stale, (unsigned long long) v->policy, v->n_behind, v->n_broken, v->n_gaps);
        putchar('\n');
        printf(_("records: %llu; came twice: %llu; missing: %llu; lines that are no records: %llu"),
               (unsigned long long) v->records, (unsigned long long) v->twice, (unsigned long long) v->missing,
               (unsigned long long) v->fleet->bad);
        putchar('\n');
        printf(_("permits in use: %zu; media overdue: %zu; denied:"), v->open, v->overdue);
        for (int d = 0; d < FLEET_DENIED_MAX; d++)
                printf("%s %s %" PRIu64, d > 0 ? "," : "", _(denials[d].text), v->denied[d]);
        putchar('\n');
        if (v->n_overflow > 0) {
                printf(_("terminals with more permits out than are counted: %zu"), v->n_overflow);
                putchar('\n');
        }
        putchar('\n');
}

/* "64+": more than were counted. */
static const char *permits_text(const struct fleet_terminal *t, size_t n, char ret[static 32]) {
        (void) snprintf(ret, 32, "%zu%s", n, t->permits_overflow ? "+" : "");
        return ret;
}

enum outcome fleet_print_table(const struct fleet_view *v) {
        const char *heads[] = { _("TERMINAL"), _("LAST SEEN"), _("RECORDS"), _("TWICE"),  _("MISSING"), _("RECORD"),
                                _("AT"),       _("POLICY"),    _("VERSION"), _("DENIED"), _("PERMITS"), _("STOPS") };
        CLEANUP(screen_table_freep) struct screen_table *s = screen_table_new(sizeof heads / sizeof *heads, heads);
        print_totals(v);
        for (size_t i = 0; i < v->fleet->n; i++) {
                const struct fleet_terminal *t = v->fleet->list[i];
                char moment[ERA_MAX], place[96], open[32], late[32];
                uint64_t denied = 0, missing = fleet_missing(t);
                size_t overdue = fleet_overdue_permits(t, v->fleet->now);
                for (int d = 0; d < FLEET_DENIED_MAX; d++)
                        denied += t->denied[d];
                place_of(t, place, sizeof place);
                screen_table_add(s, TONE_PLAIN, name_of(t));
                screen_table_add(s, is_stale(v, t) ? TONE_BAD : TONE_PLAIN, iso_moment(t->last / 1000, moment));
                screen_table_addf(s, TONE_PLAIN, "%" PRIu64, t->records);
                screen_table_addf(s, TONE_FAINT, "%" PRIu64, t->twice);
                screen_table_addf(s, missing ? TONE_BAD : TONE_PLAIN, "%" PRIu64, missing);
                screen_table_add(s, chains[fleet_chain(t)].tone, _(chains[fleet_chain(t)].text));
                screen_table_add(s, TONE_BAD, place);
                screen_table_addf(s, is_behind(v, t) ? TONE_BAD : TONE_PLAIN, "%" PRIu64, t->policy);
                screen_table_add(s, TONE_PLAIN, t->version);
                screen_table_addf(s, TONE_PLAIN, "%" PRIu64, denied);
                screen_table_addf(s, overdue || t->permits_overflow ? TONE_BAD : TONE_PLAIN, "%s/%s",
                                  permits_text(t, fleet_open_permits(t), open), permits_text(t, overdue, late));
                screen_table_addf(s, t->crashes ? TONE_NOTE : TONE_PLAIN, "%" PRIu64 "/%" PRIu64, t->stops, t->crashes);
        }
        return screen_table_print(s, 0);
}

/* ---- CSV ---- */

enum outcome fleet_print_csv(const struct fleet_view *v) {
        static const char *const heads[] = {
                N_("Terminal"),
                N_("Machine id"),
                N_("First record"),
                N_("Last seen"),
                N_("Not seen lately"),
                N_("Records"),
                N_("Came twice"),
                N_("Gaps"),
                N_("Missing"),
                N_("Record"),
                N_("At"),
                N_("Time in the future"),
                N_("Policy serial"),
                N_("Policy behind"),
                N_("Version"),
                N_("Permits in use"),
                N_("Media overdue"),
                N_("Stops of the agent"),
                N_("Ends without a stop"),
        };
        char count[32];
        struct csv c = csv_begin(stdout);
        for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
                csv_cell(&c, _(heads[i]));
        for (int d = 0; d < FLEET_DENIED_MAX; d++) {
                char head[128];
                (void) snprintf(head, sizeof head, _("Denied: %s"), _(denials[d].text));
                csv_cell(&c, head);
        }
        csv_end_row(&c);
        for (size_t i = 0; i < v->fleet->n; i++) {
                const struct fleet_terminal *t = v->fleet->list[i];
                char place[96];
                place_of(t, place, sizeof place);
                csv_cell(&c, t->hostname);
                csv_cell(&c, t->uid);
                csv_moment(&c, t->first / 1000);
                csv_moment(&c, t->last / 1000);
                csv_cell(&c, is_stale(v, t) ? _("yes") : _("no"));
                csv_number(&c, t->records);
                csv_number(&c, t->twice);
                csv_number(&c, fleet_gaps(t));
                csv_number(&c, fleet_missing(t));
                csv_cell(&c, _(chains[fleet_chain(t)].text));
                csv_cell(&c, place);
                csv_number(&c, t->future);
                csv_number(&c, t->policy);
                csv_cell(&c, is_behind(v, t) ? _("yes") : _("no"));
                csv_cell(&c, t->version);
                csv_cell(&c, permits_text(t, fleet_open_permits(t), count));
                csv_cell(&c, permits_text(t, fleet_overdue_permits(t, v->fleet->now), count));
                csv_number(&c, t->stops);
                csv_number(&c, t->crashes);
                for (int d = 0; d < FLEET_DENIED_MAX; d++)
                        csv_number(&c, t->denied[d]);
                csv_end_row(&c);
        }
        return ferror(stdout) ? OUTCOME_BAD : OUTCOME_YES;
}

/* ---- JSON ---- */

static json_t *logs_json(const struct fleet_terminal *t) {
        json_t *list = json_array();
        for (size_t i = 0; i < t->n_logs; i++) {
                const struct fleet_log *l = t->logs[i];
                json_t *pieces = json_array();
                for (size_t k = 0; k < l->n; k++)
                        (void) json_array_append_new(
                                pieces, json_pack("{s:I, s:I, s:s}", "first", (json_int_t) l->pieces[k].first, "last",
                                                  (json_int_t) l->pieces[k].last, "head", l->pieces[k].head));
                (void) json_array_append_new(
                        list, json_pack("{s:s, s:o, s:o, s:b}", "log", l->name, "pieces", pieces, "broken_at",
                                        l->broken_at ? json_integer((json_int_t) l->broken_at) : json_null(),
                                        "too_many_gaps", (int) l->overflow));
        }
        return list;
}

static json_t *denied_json(const uint64_t *denied) {
        json_t *j = json_object();
        for (int d = 0; d < FLEET_DENIED_MAX; d++)
                (void) json_object_set_new(j, denials[d].code, json_integer((json_int_t) denied[d]));
        return j;
}

static json_t *terminal_json(const struct fleet_view *v, const struct fleet_terminal *t) {
        return json_pack(
                "{s:s, s:s, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:o, s:I, s:b, s:s, s:I, s:I, s:b, "
                "s:I, s:I, s:o}",
                "hostname", t->hostname, "machine", t->uid, "first", (json_int_t) t->first, "last",
                (json_int_t) t->last, "stale", (int) is_stale(v, t), "records", (json_int_t) t->records, "twice",
                (json_int_t) t->twice, "gaps", (json_int_t) fleet_gaps(t), "missing", (json_int_t) fleet_missing(t),
                "altered", (json_int_t) t->broken, "future", (json_int_t) t->future, "chain",
                chains[fleet_chain(t)].code, "logs", logs_json(t), "policy_serial", (json_int_t) t->policy,
                "policy_behind", (int) is_behind(v, t), "version", t->version, "permits_open",
                (json_int_t) fleet_open_permits(t), "permits_overdue",
                (json_int_t) fleet_overdue_permits(t, v->fleet->now), "permits_more", (int) t->permits_overflow,
                "stops", (json_int_t) t->stops, "crashes", (json_int_t) t->crashes, "denied", denied_json(t->denied));
}

enum outcome fleet_print_json(const struct fleet_view *v) {
        json_t *list = json_array();
        for (size_t i = 0; i < v->fleet->n; i++)
                (void) json_array_append_new(list, terminal_json(v, v->fleet->list[i]));
        return screen_json(json_pack(
                "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "lines",
                (json_int_t) v->fleet->lines, "bad_lines", (json_int_t) v->fleet->bad, "records",
                (json_int_t) v->records, "twice", (json_int_t) v->twice, "missing", (json_int_t) v->missing,
                "policy_serial", (json_int_t) v->policy, "stale", (json_int_t) v->n_stale, "behind",
                (json_int_t) v->n_behind, "altered", (json_int_t) v->n_broken, "with_gaps", (json_int_t) v->n_gaps,
                "permits_open", (json_int_t) v->open, "permits_overdue", (json_int_t) v->overdue, "with_more_permits",
                (json_int_t) v->n_overflow, "denied", denied_json(v->denied), "terminals", list));
}

/* ---- HTML ---- */

static void put_number(const char *class, uint64_t n, bool bad) {
        printf("<td class=\"%s%s\">%" PRIu64 "</td>", class, bad ? " bad" : "", n);
}

static void put_row(const struct fleet_view *v, const struct fleet_terminal *t) {
        char moment[ERA_MAX], place[96], count[32];
        uint64_t denied = 0;
        for (int d = 0; d < FLEET_DENIED_MAX; d++)
                denied += t->denied[d];
        place_of(t, place, sizeof place);
        fputs("<tr>", stdout);
        html_element(stdout, "td", NULL, name_of(t));
        html_element(stdout, "td", is_stale(v, t) ? "w bad" : "w", iso_moment(t->last / 1000, moment));
        put_number("n", t->records, false);
        put_number("n", fleet_missing(t), fleet_missing(t) > 0);
        html_elementf(stdout, "td", chains[fleet_chain(t)].tone == TONE_BAD ? "bad" : NULL, "%s%s%s",
                      _(chains[fleet_chain(t)].text), *place ? ": " : "", place);
        put_number("n", t->policy, is_behind(v, t));
        html_element(stdout, "td", NULL, t->version);
        put_number("n", denied, false);
        size_t overdue = fleet_overdue_permits(t, v->fleet->now);
        html_element(stdout, "td", t->permits_overflow ? "n bad" : "n", permits_text(t, fleet_open_permits(t), count));
        html_element(stdout, "td", overdue > 0 || t->permits_overflow ? "n bad" : "n", permits_text(t, overdue, count));
        put_number("n", t->stops + t->crashes, t->crashes > 0);
        fputs("</tr>\n", stdout);
}

static void put_sum(const char *what, uint64_t n) {
        char text[32];
        (void) snprintf(text, sizeof text, "%" PRIu64, n);
        html_pair(stdout, what, text);
}

enum outcome fleet_print_html(const struct fleet_view *v) {
        const char *heads[] = { _("Terminal"),       _("Last seen"),     _("Records"),           _("Missing"),
                                _("Record"),         _("Policy serial"), _("Version"),           _("Denied"),
                                _("Permits in use"), _("Media overdue"), _("Stops of the agent") };
        char moment[ERA_MAX];
        html_begin(stdout, _("The fleet's records"));
        html_elementf(stdout, "p", NULL, _("As of %s."), era_moment(v->fleet->now, moment));
        html_section(stdout, _("All terminals together"));
        html_table_begin(stdout, NULL, NULL, 0);
        put_sum(_("Terminals"), v->fleet->n);
        put_sum(_("Terminals that were not seen lately"), v->n_stale);
        put_sum(_("Terminals whose policy is behind"), v->n_behind);
        put_sum(_("Terminals whose record was altered"), v->n_broken);
        put_sum(_("Terminals whose record has gaps"), v->n_gaps);
        put_sum(_("Records"), v->records);
        put_sum(_("Records that are missing"), v->missing);
        put_sum(_("Lines that are no records"), v->fleet->bad);
        put_sum(_("Permits in use"), v->open);
        put_sum(_("Media overdue"), v->overdue);
        if (v->n_overflow > 0)
                put_sum(_("Terminals with more permits out than are counted"), v->n_overflow);
        html_table_end(stdout);
        struct chart_bar bars[FLEET_DENIED_MAX];
        for (int d = 0; d < FLEET_DENIED_MAX; d++)
                bars[d] = (struct chart_bar){ _(denials[d].text), v->denied[d] };
        chart_bars(stdout, _("Denied attempts"), bars, FLEET_DENIED_MAX);
        html_section(stdout, _("Each terminal"));
        html_table_begin(stdout, "small many", heads, sizeof heads / sizeof *heads);
        for (size_t i = 0; i < v->fleet->n; i++)
                put_row(v, v->fleet->list[i]);
        html_table_end(stdout);
        html_end(stdout);
        return ferror(stdout) ? OUTCOME_BAD : OUTCOME_YES;
}
