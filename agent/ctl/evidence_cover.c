/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cover sheet: what happened, for whoever has to report it within days. */
#include <string.h>

#include "era.h"
#include "evidence.h"
#include "html.h"
#include "summary.h"
#include "talk.h"

#define ROWS_MAX 60u /* of each table; events.csv has all */

/* Why a login was refused, as the verifier says it. */
static const char *reason_text(const char *word) {
        static const struct {
                const char *word, *text;
        } words[] = {
                { "wrong-code", N_("wrong code") },
                { "wrong-password", N_("wrong password") },
                { "no-code", N_("no code was given") },
                { "replayed", N_("code was used before") },
                { "throttled", N_("too many attempts, had to wait") },
                { "locked", N_("locked out") },
                { "not-enrolled", N_("no second factor") },
                { "outside-hours", N_("outside the hours") },
                { "blocked", N_("forbidden by the policy") },
                { "guard-required", N_("the guard did not run") },
                { "escort-refused", N_("the escort was refused") },
                { "state-damaged", N_("state of the second factor damaged") },
        };
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                if (strcmp(words[i].word, word) == 0)
                        return _(words[i].text);
        return word;
}

struct rows {
        FILE *f;
        bool has_bytes, last_is_reason;
        size_t fields, n;
};

static void put_row(const struct group *g, void *userdata) {
        struct rows *r = userdata;
        char text[ERA_MAX];
        if (r->n++ >= ROWS_MAX)
                return;
        fputs("<tr>", r->f);
        for (size_t i = 0; i < r->fields; i++)
                summary_cell(r->f,
                             !g->fields[i]                             ? ""
                             : r->last_is_reason && i + 1 == r->fields ? reason_text(g->fields[i])
                                                                       : g->fields[i],
                             90);
        html_elementf(r->f, "td", "n", "%llu", (unsigned long long) g->count);
        if (r->has_bytes)
                html_elementf(r->f, "td", "n", "%llu", (unsigned long long) g->bytes);
        html_element(r->f, "td", "w", iso_moment(g->first, text));
        html_element(r->f, "td", "w", iso_moment(g->last, text));
        fputs("</tr>\n", r->f);
}

/* heads: of the fields alone. */
static void put_groups(FILE *f, const char *title, const struct groups *g, const char *const *heads, size_t fields,
                       bool has_bytes, bool has_reason) {
        const char *all[GROUP_FIELDS + 4];
        size_t n = 0;
        struct rows r = { f, has_bytes, has_reason, fields, 0 };
        html_section(f, title);
        if (groups_size(g) == 0) {
                html_element(f, "p", NULL, _("There was none."));
                return;
        }
        for (size_t i = 0; i < fields; i++)
                all[n++] = heads[i];
        all[n++] = _("Count");
        if (has_bytes)
                all[n++] = _("Bytes");
        all[n++] = _("First");
        all[n++] = _("Last");
        html_table_begin(f, NULL, all, n);
        groups_each(g, put_row, &r);
        html_table_end(f);
        if (r.n > ROWS_MAX || g->more > 0)
                html_element(f, "p", "small", _("There are more: events.csv has every one."));
}

static const char *what_text(const char *what) {
        return strcmp(what, "policy") == 0  ? _("policy")
               : strcmp(what, "trust") == 0 ? _("trust document")
               : strcmp(what, "grant") == 0 ? _("login grant")
                                            : _("file");
}

static const char *outcome_text(const char *code) {
        return strcmp(code, "document-installed") == 0 ? _("accepted")
               : strcmp(code, "document-refused") == 0 ? _("REFUSED")
                                                       : _("in force again");
}

static void put_documents(FILE *f, const struct evidence *e) {
        const char *const heads[] = { _("Time"), _("Document"), _("Number"), _("Result"), "SHA-256" };
        char text[ERA_MAX];
        size_t n;
        json_t *d;
        html_section(f, _("Changes of policy and trust"));
        if (json_array_size(e->tally.documents) == 0) {
                html_element(f, "p", NULL, _("There was none."));
                return;
        }
        html_table_begin(f, NULL, heads, sizeof heads / sizeof *heads);
        json_array_foreach(e->tally.documents, n, d) {
                fputs("<tr>", f);
                html_element(f, "td", "w", iso_moment(talk_integer(d, "time"), text));
                html_element(f, "td", "w", what_text(talk_string(d, "what")));
                html_elementf(f, "td", "n", "%lld", talk_integer(d, "serial"));
                fputs("<td>", f);
                html_textf(f, "%s%s%s", outcome_text(talk_string(d, "code")), *talk_string(d, "detail") ? ": " : "",
                           talk_string(d, "detail"));
                fputs("</td>", f);
                html_element(f, "td", "hash", talk_string(d, "sha256"));
                fputs("</tr>\n", f);
        }
        html_table_end(f);
        if (e->tally.more_documents > 0)
                html_elementf(f, "p", "small", _("and %llu more: events.csv has every one."),
                              (unsigned long long) e->tally.more_documents);
}

static void put_gaps(FILE *f, const struct tally *t) {
        char from[ERA_MAX], to[ERA_MAX];
        bool any = t->damaged > 0;
        for (size_t i = 0; i < t->n_logs; i++)
                if (t->logs[i].gaps > 0) {
                        any = true;
                        html_elementf(f, "p", "bad", _("Log %s: places where numbers are missing: %llu, numbers: %llu"),
                                      t->logs[i].name, (unsigned long long) t->logs[i].gaps,
                                      (unsigned long long) t->logs[i].missing);
                }
        if (t->damaged > 0)
                html_elementf(f, "p", "bad", _("Damaged lines: %llu"), (unsigned long long) t->damaged);
        for (size_t i = 1; i < t->n_runs; i++) {
                const struct tally_run *before = &t->runs[i - 1], *r = &t->runs[i];
                if (!r->start || before->start)
                        continue;
                any = true;
                html_elementf(f, "p", NULL, _("The agent was off, or the terminal: %s to %s"),
                              iso_moment(before->time, from), iso_moment(r->time, to));
        }
        if (t->more_runs > 0)
                html_elementf(f, "p", "bad", _("Older starts and stops that were not looked at: %llu"),
                              (unsigned long long) t->more_runs);
        if (t->unclean > 0)
                html_elementf(f, "p", "bad", _("Starts of the agent without a stop before (power cut, crash): %llu"),
                              (unsigned long long) t->unclean);
        if (!any && t->unclean == 0 && t->more_runs == 0)
                html_element(f, "p", NULL, _("There is no gap."));
}

static void put_chain(FILE *f, const struct evidence *e) {
        const char *const heads[] = { _("File"), _("Records"), _("Result"), _("SHA-256 of the last record") };
        size_t n;
        json_t *file;
        html_section(f, _("The record, and gaps in it"));
        put_gaps(f, &e->tally);
        html_table_begin(f, NULL, heads, sizeof heads / sizeof *heads);
        json_array_foreach(e->chain, n, file) {
                bool whole = talk_bool(file, "whole");
                fputs("<tr>", f);
                html_element(f, "td", "w small", talk_string(file, "file"));
                html_elementf(f, "td", "w", "%lld–%lld", talk_integer(file, "first_seq"),
                              talk_integer(file, "last_seq"));
                html_element(f, "td", whole ? NULL : "bad",
                             whole ? _("whole and unaltered") : talk_string(file, "fault"));
                html_element(f, "td", "hash", talk_string(file, "head"));
                fputs("</tr>\n", f);
        }
        html_table_end(f);
}

/* What has to be reported: the nine matters of the Enforcement Rules of the Act on the Protection of Personal
 * Information, Article 8(1), which for public bodies are those of Article 44; those of the rules for My Numbers are the
 * same in substance. Forms and rules change, and no program knows: the page says who has to look. */
static void put_blanks(FILE *f) {
        const char *const rows[] = { _("1. Outline: what happened and when; when and how it was found"),
                                     _("2. Items of the personal data (My Numbers among them?)"),
                                     _("3. Number of persons"),
                                     _("4. Cause"),
                                     _("5. Secondary damage, or danger of it"),
                                     _("6. What was done towards the persons"),
                                     _("7. Publication"),
                                     _("8. Measures against recurrence"),
                                     _("9. Anything else") };
        html_section(f, _("To be filled in by the office"));
        html_element(
                f, "p", "bad",
                _("Whoever reports checks the current rules and the current form of the Personal Information "
                  "Protection Commission. This page does not know whether they have changed, and is not the form."));
        html_element(f, "p", "small",
                     _("First report: promptly, within some three to five days after the office came to know. Full "
                       "report: within 30 days, or 60 days where a wrongful purpose is possible."));
        html_element(f, "p", "small",
                     _("The matters are those of the Enforcement Rules of the Act on the Protection of Personal "
                       "Information, Article 8(1) (public bodies: Article 68 of the Act, Articles 43 and 44 of the "
                       "Rules). Where My Numbers are concerned, Article 29-4 of the My Number Act and the rules on "
                       "reports under it apply, with a form of their own."));
        fputs("<table class=\"pairs blanks\"><tbody>\n", f);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                html_pair(f, rows[i], "");
        html_table_end(f);
}

static void put_contents(FILE *f, const struct evidence *e) {
        const char *const rows[][2] = {
                { "events.csv", _("every event of the span, one a line") },
                { "media-register.csv", _("the media register") },
                { "digest-YYYY-MM.html", _("monthly reports") },
                { "inspection.html", _("self-inspection, when this was made") },
                { "policy/", _("policy and trust documents, with their signatures") },
                { "record/", _("the record itself: whole files that cover the span") },
                { "chain.json", _("what the chain of each of them is worth") },
                { "SHA256SUMS", e->is_signed ? _("SHA-256 of every file; SHA256SUMS.sig is the signature")
                                             : _("SHA-256 of every file; it is NOT signed") },
        };
        html_section(f, _("What is in this bundle, and how to check it"));
        html_table_begin(f, "pairs", NULL, 0);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                html_pair(f, rows[i][0], rows[i][1]);
        html_table_end(f);
        fputs("<pre class=\"small\">", f);
        html_text(f, "sha256sum -c SHA256SUMS");
        if (e->is_signed)
                html_text(f, "\nssh-keygen -Y verify -f ALLOWED_SIGNERS -I NAME -n " EVIDENCE_NAMESPACE
                             " -s SHA256SUMS.sig < SHA256SUMS");
        html_text(f, "\nsekishoctl audit verify record/agent/*.jsonl");
        fputs("</pre>\n", f);
}

void evidence_cover(FILE *f, const struct evidence *e) {
        const char *const seals[] = { _("Made by"), _("Section head") };
        const char *const devices[] = { _("Device"), _("Kind") },
                          *const files[] = { _("Medium"), _("Ticket or rule"), _("User") },
                          *const logins[] = { _("User"), _("Service"), _("Reason") },
                          *const network[] = { _("To"), _("Program"), _("User") };
        char from[ERA_MAX], to[ERA_MAX], span[2 * ERA_MAX + 8];
        html_begin(f, _("Evidence of an incident: cover sheet"));
        report_head(f, &e->inspection, seals, 2);
        (void) snprintf(span, sizeof span, _("%s to %s"), era_date(e->from, from), era_date(e->to - 1, to));
        html_table_begin(f, "pairs", NULL, 0);
        html_pair(f, _("Span"), span);
        html_table_end(f);
        summary_figures(f, &e->tally);
        put_groups(f, _("Files copied to media"), &e->files, files, 3, true, false);
        put_groups(f, _("Devices kept out"), &e->devices, devices, 2, false, false);
        put_groups(f, _("Logins refused"), &e->logins, logins, 3, false, true);
        put_groups(f, _("Connections held back (packets)"), &e->network, network, 3, false, false);
        html_section(f, _("Exceptions"));
        summary_permits(f, &e->tally, ROWS_MAX);
        put_documents(f, e);
        put_chain(f, e);
        html_section(f, _("In numbers"));
        summary_table(f, &e->tally);
        put_blanks(f);
        put_contents(f, e);
        html_end(f);
}
