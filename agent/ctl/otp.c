/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "otp.h"

#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>

#include "screen.h"
#include "talk.h"

#define CALL_USEC UINT64_C(10000000)

int otp_try(const struct invocation *i, const char *method, json_t *parameters, json_t **ret, char **ret_error) {
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        char name[64];
        (void) snprintf(name, sizeof name, "%s.%s", OTP_INTERFACE_NAME, method);
        int r = otp_client_connect(&i->root, CALL_USEC, &client);
        if (r < 0) {
                json_decref(parameters);
                return r;
        }
        return ipc_client_call(client, name, parameters, ret, ret_error);
}

static const struct {
        const char *error;
        enum outcome outcome;
        const char *text;
} refusals[] = {
        { OTP_ERROR_UNKNOWN_USER, OUTCOME_NO, N_("There is no such account.") },
        { OTP_ERROR_NOT_ENROLLED, OUTCOME_NO, N_("There is no second factor to speak of.") },
        { OTP_ERROR_ALREADY_ENROLLED, OUTCOME_NO,
          N_("There is a second factor already; root puts another in its place with --replace.") },
        { OTP_ERROR_NOT_PENDING, OUTCOME_NO, N_("No enrolment waits for its first code.") },
        { OTP_ERROR_WRONG_CODE, OUTCOME_NO, N_("That is not the code. Is the clock of the terminal right?") },
        { OTP_ERROR_NOT_PERMITTED, OUTCOME_NOT_PERMITTED,
          N_("The policy does not let users enrol themselves now. Ask the administrator.") },
        { OTP_ERROR_DAMAGED, OUTCOME_NO, N_("The second factor is damaged; enrol again with --replace.") },
        { OTP_ERROR_NOT_STORED, OUTCOME_BAD, N_("It could not be stored; nothing has changed.") },
        { IPC_ERROR_PERMISSION_DENIED, OUTCOME_NOT_PERMITTED,
          N_("That is for root, and for each user about himself only.") },
};

static const struct {
        const char *reason, *text;
} grant_refusals[] = {
        { "no-trust", N_("This terminal has no trust document, so that nobody can sign for it.") },
        { "signature", N_("It is not signed by those who may issue grants.") },
        { "problems", N_("It has mistakes; sekishoctl verify shows them.") },
        { "target", N_("It is for another terminal.") },
        { "expired", N_("It has expired.") },
        { "nonce", N_("Its number is not the one that the terminal shows now; was it used already?") },
        { "not-enrolled", N_("The user has no second factor on this terminal.") },
        { "not-stored", N_("It could not be stored; nothing has changed.") },
};

static const struct {
        int error;
        enum outcome outcome;
        const char *text;
} failures[] = {
        { -ENOENT, OUTCOME_UNREACHABLE, N_("The verifier (sekisho-otpd) is not running.") },
        { -ENOTDIR, OUTCOME_UNREACHABLE, N_("The verifier (sekisho-otpd) is not running.") },
        { -ECONNREFUSED, OUTCOME_UNREACHABLE, N_("The verifier (sekisho-otpd) is not running.") },
        { -EACCES, OUTCOME_NOT_PERMITTED, N_("You are not permitted to talk to the verifier.") },
        { -EPERM, OUTCOME_UNREACHABLE, N_("What answers in the verifier's place is not the verifier.") },
        { -ETIMEDOUT, OUTCOME_UNREACHABLE, N_("The verifier (sekisho-otpd) does not answer.") },
};

static enum outcome failure(int r, char *ret, size_t size) {
        for (size_t k = 0; k < sizeof failures / sizeof failures[0]; k++)
                if (failures[k].error == r) {
                        (void) snprintf(ret, size, "%s", _(failures[k].text));
                        return failures[k].outcome;
                }
        (void) snprintf(ret, size, _("The verifier could not be asked: %s."), strerror(-r));
        return OUTCOME_UNREACHABLE;
}

enum outcome otp_refusal(int r, const char *error, const json_t *parameters, char *ret, size_t size) {
        if (!error)
                return failure(r, ret, size);
        const char *reason = talk_string(parameters, "reason");
        for (size_t k = 0; k < sizeof grant_refusals / sizeof grant_refusals[0]; k++)
                if (strcmp(error, OTP_ERROR_GRANT_REFUSED) == 0 && strcmp(grant_refusals[k].reason, reason) == 0) {
                        (void) snprintf(ret, size, "%s", _(grant_refusals[k].text));
                        return OUTCOME_NO;
                }
        for (size_t k = 0; k < sizeof refusals / sizeof refusals[0]; k++)
                if (strcmp(error, refusals[k].error) == 0) {
                        const char *detail = talk_string(parameters, "detail");
                        (void) snprintf(ret, size, "%s%s%s%s", _(refusals[k].text), *detail ? " (" : "", detail,
                                        *detail ? ")" : "");
                        return refusals[k].outcome;
                }
        if (strcmp(error, IPC_ERROR_INVALID_PARAMETER) == 0)
                (void) snprintf(ret, size, _("This was not accepted: %s"), talk_string(parameters, "parameter"));
        else
                (void) snprintf(ret, size, _("The verifier refused: %s"), error);
        return OUTCOME_BAD;
}

enum outcome otp_call(const struct invocation *i, const char *method, json_t *parameters, json_t **ret) {
        CLEANUP(free_p) char *error = NULL;
        CLEANUP(free_p) char *user = NULL;
        CLEANUP(json_decrefp) json_t *reply = NULL;
        const char *name = json_string_value(json_object_get(parameters, "user"));
        char text[OTP_REFUSAL_MAX];
        user = name ? strdup(name) : NULL;
        int r = otp_try(i, method, parameters, &reply, &error);
        if (r == 0) {
                *ret = TAKE_PTR(reply);
                return OUTCOME_YES;
        }
        enum outcome outcome = otp_refusal(r, error, reply, text, sizeof text);
        if (user && error)
                complain("%s: %s", user, text);
        else
                complain("%s", text);
        return outcome;
}

enum outcome otp_list(const struct invocation *i, json_t **ret) {
        CLEANUP(json_decrefp) json_t *all = json_array();
        json_t *after = NULL;
        for (;;) {
                CLEANUP(json_decrefp) json_t *page = NULL;
                enum outcome outcome = otp_call(i, OTP_LIST, json_pack("{s:O*}", "after", after), &page);
                if (outcome != OUTCOME_YES)
                        return outcome;
                json_t *users = json_object_get(page, "users");
                size_t n = json_array_size(users);
                if (n == 0)
                        break;
                (void) json_array_extend(all, users);
                after = json_object_get(json_array_get(all, json_array_size(all) - 1), "uid");
        }
        *ret = TAKE_PTR(all);
        return OUTCOME_YES;
}

const json_t *otp_find(const json_t *users, const char *name) {
        size_t n;
        json_t *user;
        json_array_foreach(users, n, user) if (strcmp(talk_string(user, "user"), name) == 0) return user;
        return NULL;
}

void otp_wipe(const json_t *string) {
        if (json_is_string(string))
                explicit_bzero((char *) json_string_value(string), json_string_length(string));
}

void otp_keep_to_oneself(void) {
        (void) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

char *otp_user(const struct invocation *i) {
        if (i->n_arguments > 0)
                return strdup(i->arguments[0]);
        char buffer[4096];
        struct passwd p, *found = NULL;
        if (getpwuid_r(getuid(), &p, buffer, sizeof buffer, &found) == 0 && found)
                return strdup(p.pw_name);
        complain(_("Say which user."));
        return NULL;
}
