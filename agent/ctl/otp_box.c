/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "otp_box.h"

#include <fcntl.h>
#include <sekisho/document.h>
#include <string.h>
#include <sys/stat.h>

#include "otp.h"
#include "people.h"
#include "screen.h"
#include "talk.h"
#include "tokens.h"

static enum outcome read_box(const char *path, struct tokens *ret) {
        struct document d = { 0 };
        struct stat st;
        int r = document_read(AT_FDCWD, path, TOKENS_FILE_MAX, &d);
        if (r != 0) {
                complain("%s: %s", path, r > 0 ? document_outcome_text(r) : strerror(-r));
                return r == -EACCES || r == -EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
        }
        if (stat(path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)))
                complain(_("%s: others may read these secrets (chmod 600); destroy the file when all is done."), path);
        r = tokens_parse(d.bytes, d.size, ret);
        explicit_bzero(d.bytes, d.size);
        document_clear(&d);
        if (r < 0)
                complain("%s: %s", path, strerror(-r));
        return r < 0 ? OUTCOME_BAD : OUTCOME_YES;
}

/* What the file alone cannot tell: whether these people are there, and have no token yet. */
static void check_users(const struct invocation *i, struct tokens *t, const json_t *enrolled, bool replace) {
        CLEANUP(json_decrefp) json_t *names = json_object(); /* thousands of users are looked up once each */
        size_t n;
        json_t *user;
        json_array_foreach(enrolled, n, user)(void) json_object_set(names, talk_string(user, "user"), user);
        for (size_t k = 0; k < t->n; k++) {
                const struct token *row = &t->rows[k];
                if (!*row->user)
                        continue;
                const json_t *entry = json_object_get(names, row->user);
                if (!people_exist(i, row->user))
                        tokens_problem(t, row->line, _("user: there is no account \"%s\""), row->user);
                else if (entry && !replace && strcmp(talk_string(entry, "state"), "pending") != 0)
                        tokens_problem(t, row->line, _("user: \"%s\" has a second factor already (--replace)"),
                                       row->user);
        }
        tokens_sort_problems(t);
}

static enum outcome print_problems(const struct invocation *i, const char *path, const struct tokens *t) {
        CLEANUP(json_decrefp) json_t *list = json_array();
        for (size_t k = 0; k < t->n_problems; k++)
                if (i->json)
                        (void) json_array_append_new(list, json_pack("{s:i, s:s}", "line", (int) t->problems[k].line,
                                                                     "error", t->problems[k].text));
                else
                        complain("%s:%u: %s", path, t->problems[k].line, t->problems[k].text);
        if (!i->json) {
                complain(_("%s: nobody was enrolled."), path);
                return OUTCOME_BAD;
        }
        enum outcome outcome = screen_json(json_pack("{s:i, s:O}", "enrolled", 0, "problems", list));
        return outcome == OUTCOME_YES ? OUTCOME_BAD : outcome;
}

/* NULL: in force. Else the sentence, in text. */
static const char *enroll_row(const struct invocation *i, const struct token *row, bool replace, char *text,
                              size_t size) {
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        json_t *p = json_pack("{s:s, s:s, s:b, s:b, s:s*}", "user", row->user, "secret", row->secret, "confirmed", true,
                              "replace", replace, "algorithm", row->algorithm);
        if (p && row->digits)
                (void) json_object_set_new(p, "digits", json_integer(row->digits));
        if (p && row->period)
                (void) json_object_set_new(p, "period", json_integer(row->period));
        int r = otp_try(i, OTP_ENROLL, p, &reply, &error);
        otp_wipe(json_object_get(reply, "secret"));
        otp_wipe(json_object_get(reply, "uri"));
        if (r == 0)
                return NULL;
        (void) otp_refusal(r, error, reply, text, size);
        return text;
}

struct tally {
        size_t good, bad;
};

static json_t *enroll_rows(const struct invocation *i, const struct tokens *t, bool replace, struct tally *ret) {
        json_t *list = json_array();
        for (size_t k = 0; k < t->n; k++) {
                char text[OTP_REFUSAL_MAX];
                const struct token *row = &t->rows[k];
                const char *fault = enroll_row(i, row, replace, text, sizeof text);
                *(fault ? &ret->bad : &ret->good) += 1;
                (void) json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:b, s:s*}", "line", (int) row->line,
                                                             "user", row->user, "serial", row->serial, "enrolled",
                                                             !fault, "error", fault));
                screen_progress(_("enrolling"), k + 1, t->n);
        }
        screen_progress_end();
        return list;
}

static enum outcome print_rows(const json_t *rows, const struct tally *tally) {
        const char *const heads[] = { _("LINE"), _("USER"), _("TOKEN"), _("RESULT") };
        CLEANUP(screen_table_freep) struct screen_table *table = screen_table_new(4, heads);
        size_t n;
        json_t *row;
        json_array_foreach(rows, n, row) {
                bool good = talk_bool(row, "enrolled");
                screen_table_addf(table, TONE_FAINT, "%lld", talk_integer(row, "line"));
                screen_table_add(table, TONE_PLAIN, talk_string(row, "user"));
                screen_table_add(table, TONE_PLAIN, talk_string(row, "serial"));
                screen_table_add(table, good ? TONE_GOOD : TONE_BAD, good ? _("in force") : talk_string(row, "error"));
        }
        enum outcome outcome = screen_table_print(table, 0);
        printf(_("In force: %zu; not enrolled: %zu."), tally->good, tally->bad);
        putchar('\n');
        return outcome;
}

enum outcome otp_enroll_box(const struct invocation *i, const char *path, bool replace) {
        CLEANUP(tokens_clear) struct tokens t = { 0 };
        CLEANUP(json_decrefp) json_t *enrolled = NULL;
        otp_keep_to_oneself();
        enum outcome outcome = read_box(path, &t);
        if (outcome == OUTCOME_YES)
                outcome = otp_list(i, &enrolled);
        if (outcome != OUTCOME_YES)
                return outcome;
        check_users(i, &t, enrolled, replace);
        if (t.n_problems > 0)
                return print_problems(i, path, &t);

        struct tally tally = { 0 };
        CLEANUP(json_decrefp) json_t *rows = enroll_rows(i, &t, replace, &tally);
        outcome = i->json ? screen_json(json_pack("{s:I, s:O}", "enrolled", (json_int_t) tally.good, "rows", rows))
                          : print_rows(rows, &tally);
        return outcome == OUTCOME_YES && tally.bad > 0 ? OUTCOME_NO : outcome;
}
