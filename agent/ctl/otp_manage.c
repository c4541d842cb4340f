/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The help desk's verbs: end an enrolment, end a lock-out, new recovery codes. */
#include <string.h>

#include "otp.h"
#include "private_screen.h"
#include "screen.h"
#include "talk.h"

static enum outcome simple(const struct invocation *i, const char *method, const char *done, const char *word) {
        CLEANUP(json_decrefp) json_t *reply = NULL;
        const char *user = i->arguments[0];
        enum outcome outcome = otp_call(i, method, json_pack("{s:s}", "user", user), &reply);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (i->json)
                return screen_json(json_pack("{s:s, s:s}", "user", user, "state", word));
        screen_put(TONE_PLAIN, user);
        printf(": %s\n", done);
        return OUTCOME_YES;
}

enum outcome run_otp_reset(const struct invocation *i) {
        return simple(i, OTP_RESET, _("has no second factor on this terminal any more."), "removed");
}

enum outcome run_otp_unlock(const struct invocation *i) {
        return simple(i, OTP_UNLOCK, _("may try again. Codes that were used stay used."), "unlocked");
}

static void codes_p(json_t **reply) {
        size_t n;
        json_t *code;
        json_array_foreach(json_object_get(*reply, "codes"), n, code) otp_wipe(code);
        json_decref(*reply);
}

enum outcome run_otp_codes(const struct invocation *i) {
        CLEANUP(free_p) char *user = otp_user(i);
        CLEANUP(private_screen_freep) struct private_screen *s = NULL;
        CLEANUP(codes_p) json_t *reply = NULL;
        if (!user)
                return OUTCOME_BAD;
        otp_keep_to_oneself();
        enum outcome outcome = private_screen_open(&s);
        if (outcome == OUTCOME_YES)
                outcome = otp_call(i, OTP_CODES, json_pack("{s:s}", "user", user), &reply);
        if (outcome != OUTCOME_YES)
                return outcome;

        size_t n;
        json_t *code;
        char answer[8];
        private_screen_cover(s);
        private_screen_line(s, _("Recovery codes of %s. Each is good once, in place of the code of the token."), user);
        private_screen_line(s, "%s", _("Write them on paper and lock it away; they are not shown again."));
        private_screen_line(s, "%s", "");
        json_array_foreach(json_object_get(reply, "codes"), n, code)
                private_screen_line(s, "  %2zu  %s", n + 1, json_string_value(code));
        private_screen_line(s, "%s", "");
        (void) private_screen_ask(s, _("Enter wipes the screen. "), true, answer, sizeof answer);
        s = private_screen_free(s);

        n = json_array_size(json_object_get(reply, "codes"));
        if (i->json)
                return screen_json(json_pack("{s:s, s:I}", "user", user, "codes", (json_int_t) n));
        printf(_("%zu new recovery codes of %s are in force; those before are not."), n, user);
        putchar('\n');
        return OUTCOME_YES;
}
