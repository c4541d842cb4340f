/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One person, one secret: shown once on the terminal, in force when a code of it verifies. */
#include <string.h>

#include "options.h"
#include "otp.h"
#include "otp_box.h"
#include "private_screen.h"
#include "screen.h"
#include "talk.h"

#define TRIES      5
#define SECRET_MAX 200u
#define CODE_MAX   64u

static void private_p(json_t **reply) {
        otp_wipe(json_object_get(*reply, "secret"));
        otp_wipe(json_object_get(*reply, "uri"));
        json_decref(*reply);
}

/* A number or nothing; the verifier says what it may be. */
static bool put_number(json_t *parameters, const char *name, const char *value) {
        char *end = NULL;
        long n = value ? strtol(value, &end, 10) : 0;
        if (value && (end == value || *end || n < 1 || n > 100000)) {
                complain(_("--%s needs a number."), name);
                return false;
        }
        return !value || json_object_set_new(parameters, name, json_integer(n)) == 0;
}

static enum outcome make_parameters(const struct invocation *i, const char *user, json_t **ret) {
        CLEANUP(json_decrefp) json_t *p = json_pack("{s:s}", "user", user);
        if (!put_number(p, "digits", i->values[ENROLL_DIGITS]) || !put_number(p, "period", i->values[ENROLL_PERIOD]))
                return OUTCOME_BAD;
        if (i->values[ENROLL_ALGORITHM])
                (void) json_object_set_new(p, "algorithm", json_string(i->values[ENROLL_ALGORITHM]));
        if (i->values[ENROLL_REPLACE])
                (void) json_object_set_new(p, "replace", json_true());
        *ret = TAKE_PTR(p);
        return OUTCOME_YES;
}

/* A hardware token's secret is typed, never given as an argument: those stand in histories and process lists. */
static enum outcome ask_secret(struct private_screen *s, json_t *parameters) {
        char typed[SECRET_MAX];
        if (private_screen_ask(s, _("Secret of the token, in base32 (does not show): "), false, typed, sizeof typed) !=
            0)
                return OUTCOME_NO;
        json_t *secret = json_string(typed);
        explicit_bzero(typed, sizeof typed);
        return secret && json_object_set_new(parameters, "secret", secret) == 0 ? OUTCOME_YES : OUTCOME_BAD;
}

static void show(struct private_screen *s, const json_t *enrolled, const char *note) {
        char grouped[SECRET_MAX * 2];
        size_t n = 0;
        private_screen_cover(s);
        if (!private_screen_picture(s, talk_string(enrolled, "uri"), 3))
                private_screen_line(s, "%s", _("This screen cannot show the picture: type the letters into the app."));
        for (const char *p = talk_string(enrolled, "secret"); *p && n + 2 < sizeof grouped; p++) {
                if (n % 5 == 4)
                        grouped[n++] = ' ';
                grouped[n++] = *p;
        }
        grouped[n] = '\0';
        private_screen_line(s, _("Or type into the app: %s"), grouped);
        explicit_bzero(grouped, sizeof grouped);
        if (note)
                private_screen_line(s, "%s", note);
        else
                private_screen_line(s, _("Digits: %lld; every %lld seconds; %s"), talk_integer(enrolled, "digits"),
                                    talk_integer(enrolled, "period"), talk_string(enrolled, "algorithm"));
}

/* Until a code verifies. YES; NO: put off, or none was right; else as otp_refusal(), with its sentence in text. */
static enum outcome confirm(const struct invocation *i, struct private_screen *s, const char *user,
                            const json_t *enrolled, bool picture, char *text, size_t size) {
        const char *note = NULL;
        for (int tries = 0; tries < TRIES; tries++) {
                CLEANUP(json_decrefp) json_t *reply = NULL;
                CLEANUP(free_p) char *error = NULL;
                char code[CODE_MAX];
                if (picture)
                        show(s, enrolled, note);
                else if (note)
                        private_screen_line(s, "%s", note);
                if (private_screen_ask(s, _("The code that it shows now (Ctrl-C: later): "), true, code, sizeof code) !=
                    0)
                        break;
                json_t *parameters = json_pack("{s:s, s:s}", "user", user, "code", code);
                explicit_bzero(code, sizeof code);
                if (!parameters) { /* no UTF-8 */
                        note = _("That is not the code.");
                        continue;
                }
                int r = otp_try(i, OTP_CONFIRM, parameters, &reply, &error);
                if (r == 0)
                        return OUTCOME_YES;
                enum outcome outcome = otp_refusal(r, error, reply, text, size);
                if (!error || strcmp(error, OTP_ERROR_WRONG_CODE) != 0)
                        return outcome;
                note = _("That is not the code. Is the clock of the terminal right?");
        }
        (void) snprintf(text, size, "%s", _("Not in force: no code has verified. Begin again when you like."));
        return OUTCOME_NO;
}

static enum outcome report(const struct invocation *i, const char *user, const json_t *enrolled) {
        if (i->json)
                return screen_json(json_pack("{s:s, s:s, s:O, s:O, s:O}", "user", user, "state", "enrolled", "digits",
                                             json_object_get(enrolled, "digits"), "period",
                                             json_object_get(enrolled, "period"), "algorithm",
                                             json_object_get(enrolled, "algorithm")));
        printf(_("The second factor of %s is in force."), user);
        putchar('\n');
        puts(_("Recovery codes for the day the token is lost: sekishoctl otp codes"));
        return OUTCOME_YES;
}

static enum outcome enroll_one(const struct invocation *i, const char *user) {
        CLEANUP(private_screen_freep) struct private_screen *s = NULL;
        CLEANUP(json_decrefp) json_t *parameters = NULL;
        CLEANUP(private_p) json_t *enrolled = NULL;
        char text[OTP_REFUSAL_MAX] = "";
        bool token = i->values[ENROLL_TOKEN] != NULL;

        otp_keep_to_oneself();
        enum outcome outcome = make_parameters(i, user, &parameters);
        if (outcome == OUTCOME_YES) /* before anything is begun that could not be shown */
                outcome = private_screen_open(&s);
        if (outcome == OUTCOME_YES && token)
                outcome = ask_secret(s, parameters);
        if (outcome == OUTCOME_YES)
                outcome = otp_call(i, OTP_ENROLL, TAKE_PTR(parameters), &enrolled);
        if (outcome != OUTCOME_YES)
                return outcome;
        outcome = confirm(i, s, user, enrolled, !token, text, sizeof text);
        s = private_screen_free(s);
        if (outcome == OUTCOME_YES)
                return report(i, user, enrolled);
        complain("%s: %s", user, text);
        return outcome;
}

enum outcome run_otp_enroll(const struct invocation *i) {
        if (i->values[ENROLL_CSV]) {
                for (int option = ENROLL_TOKEN; option <= ENROLL_ALGORITHM; option++)
                        if (i->values[option] || i->n_arguments > 0) {
                                complain(_("With --csv, users and everything about their tokens stand in the file."));
                                return OUTCOME_BAD;
                        }
                return otp_enroll_box(i, i->values[ENROLL_CSV], i->values[ENROLL_REPLACE] != NULL);
        }
        CLEANUP(free_p) char *user = otp_user(i);
        return user ? enroll_one(i, user) : OUTCOME_BAD;
}
