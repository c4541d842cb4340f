/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pam_sekisho.so: asks for the code, and asks the verifier about it. Decides nothing, keeps nothing.
 *
 * Runs inside sshd, sudo, su, login, greeters and screen lockers, with their privileges or with none, in their threads:
 * no statics, no environment, no signals, no child processes. */
#include <errno.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "base/cleanup.h"
#include "code.h"
#include "pam_client.h"
#include "pam_hash.h"
#include "pam_messages.h"
#include "pam_options.h"

#define DATA_CODE    "sekisho_code"
#define FAIL_USEC    2000000u
#define TEXT_MAX     512u
#define READ_SECONDS 6 /* to read why not, before the console is cleared for the next one */
#define EXPORTED     __attribute__((visibility("default")))

struct request {
        pam_handle_t *pam;
        struct pam_options options;
        const char *user, *service, *tty, *rhost;
        bool japanese, silent, console;
};

static void json_p(json_t **j) {
        json_decref(*j);
}

/* Answers may be secrets, and are the module's to free. */
static void secret_p(char **s) {
        if (*s)
                explicit_bzero(*s, strlen(*s));
        free(*s);
}

static const char *item(pam_handle_t *pam, int type) {
        const void *value = NULL;
        return pam_get_item(pam, type, &value) == PAM_SUCCESS ? value : NULL;
}

static int begin(pam_handle_t *pam, int flags, int argc, const char **argv, struct request *ret) {
        struct request q = { .pam = pam };
        const char *unknown = NULL;
        if (pam_options_parse(argc, argv, &q.options, &unknown) != 0) {
                pam_syslog(pam, LOG_ERR, "unknown option: %.100s", unknown);
                return PAM_SERVICE_ERR;
        }
        int r = pam_get_user(pam, &q.user, NULL);
        if (r != PAM_SUCCESS || !q.user || !*q.user)
                return r == PAM_SUCCESS ? PAM_USER_UNKNOWN : r;
        q.service = item(pam, PAM_SERVICE);
        q.tty = item(pam, PAM_TTY);
        q.rhost = item(pam, PAM_RHOST);
        q.console = !pam_shows_japanese(q.service, q.tty, item(pam, PAM_XDISPLAY));
        q.japanese = q.options.language == LANGUAGE_JAPANESE || (q.options.language == LANGUAGE_AUTO && !q.console);
        q.silent = q.options.quiet || ((unsigned) flags & PAM_SILENT);
        *ret = q;
        return PAM_SUCCESS;
}

/* ---- the conversation ---- */

static void say(const struct request *q, enum message m, const char *first, const char *second) {
        char text[TEXT_MAX];
        if (q->silent)
                return;
        message_fill(m, q->japanese, first ? first : "", second ? second : "", text, sizeof text);
        int style = m == MESSAGE_ENROL || m == MESSAGE_REENROL ? PAM_TEXT_INFO : PAM_ERROR_MSG;
        (void) pam_prompt(q->pam, style, NULL, "%s", text);
}

static const char *text_of(const json_t *reply, const char *name) {
        return json_string_value(json_object_get(reply, name));
}

static void say_reason(const struct request *q, const json_t *reply) {
        const char *reason = text_of(reply, "reason"), *contact = text_of(reply, "contact");
        enum message m = message_of(reason ? reason : "");
        if (m == MESSAGE_PHONE)
                say(q, m, text_of(reply, "nonce"), contact);
        else
                say(q, m, contact, NULL);
}

/* One prompt. *ret NULL: cancelled. An answer that is too long to be one is cut short here, and so is none. */
static int ask(const struct request *q, enum message m, bool echo, char **ret) {
        char *answer = NULL;
        char text[TEXT_MAX];
        message_fill(m, q->japanese, "", "", text, sizeof text);
        int r = pam_prompt(q->pam, echo ? PAM_PROMPT_ECHO_ON : PAM_PROMPT_ECHO_OFF, &answer, "%s", text);
        if (r != PAM_SUCCESS)
                return r;
        if (answer && strnlen(answer, CODE_TYPED_MAX + 1) > CODE_TYPED_MAX) {
                explicit_bzero(answer, strlen(answer));
                answer[0] = '\0';
        }
        *ret = answer;
        return PAM_SUCCESS;
}

/* ---- asking the verifier ---- */

static json_t *parameters_of(const struct request *q) {
        return json_pack("{s:s, s:s, s:s*, s:s*}", "user", q->user, "service", q->service ? q->service : "", "tty",
                         q->tty, "rhost", q->rhost);
}

static int ask_verifier(const struct request *q, const char *method, json_t *parameters, json_t **ret) {
        int r = pam_client_ask(q->options.root, method, parameters, ret);
        if (r == 0)
                return PAM_SUCCESS;
        pam_syslog(q->pam, LOG_ERR, "the verifier does not answer: %s", r < 0 ? strerrordesc_np(-r) : "refused");
        say(q, MESSAGE_UNAVAILABLE, NULL, NULL);
        return PAM_AUTHINFO_UNAVAIL;
}

static int challenge(const struct request *q, json_t **ret) {
        json_t *parameters = parameters_of(q);
        if (parameters && q->options.decoy)
                (void) json_object_set_new(parameters, "decoy", json_true());
        return ask_verifier(q, OTP_METHOD(OTP_CHALLENGE), parameters, ret);
}

/* ---- concat: password and code in one answer ---- */

static void forget_code(pam_handle_t *pam, void *data, int status) {
        (void) pam, (void) status;
        char *code = data;
        secret_p(&code);
}

/* The last digits of what was typed are the code; the rest becomes the password for the lines that follow. The code
 * waits in the handle for the line behind, so that it is not looked at before the password was right. */
static int split(const struct request *q, const json_t *challenged) {
        const char *typed = NULL;
        int r = pam_get_authtok(q->pam, PAM_AUTHTOK, &typed, NULL);
        if (r != PAM_SUCCESS || !typed)
                return r == PAM_SUCCESS ? PAM_AUTH_ERR : r;
        size_t digits = (size_t) json_integer_value(json_object_get(challenged, "digits")), n = strlen(typed);
        bool has_code = digits >= 6 && digits <= 8 && n >= digits && strspn(typed + n - digits, "0123456789") == digits;
        CLEANUP(secret_p) char *code = strdup(has_code ? typed + n - digits : "");
        CLEANUP(secret_p) char *password = strndup(typed, has_code ? n - digits : n);
        if (!code || !password)
                return PAM_BUF_ERR;
        r = pam_set_item(q->pam, PAM_AUTHTOK, password);
        if (r == PAM_SUCCESS)
                r = pam_set_data(q->pam, DATA_CODE, code, forget_code);
        if (r == PAM_SUCCESS)
                code = NULL;
        return r == PAM_SUCCESS ? PAM_IGNORE : r;
}

/* ---- authentication ---- */

static int get_code(const struct request *q, const json_t *challenged, char **ret) {
        const void *put_aside = NULL;
        if (pam_get_data(q->pam, DATA_CODE, &put_aside) == PAM_SUCCESS && put_aside) {
                *ret = strdup(put_aside);
                (void) pam_set_data(q->pam, DATA_CODE, NULL, NULL);
                return *ret ? PAM_SUCCESS : PAM_BUF_ERR;
        }
        return ask(q, MESSAGE_PROMPT, json_is_true(json_object_get(challenged, "echo")), ret);
}

/* Somebody typed the password again, or a program gave it to every prompt: no try at the code, and not sent anywhere.
 */
static bool is_password(const struct request *q, const char *code) {
        const char *password = item(q->pam, PAM_AUTHTOK);
        return password && *password && strcmp(password, code) == 0;
}

static json_t *with_text(json_t *parameters, const char *name, const char *value) {
        if (parameters && value && json_object_set_new(parameters, name, json_string(value)) < 0) {
                json_decref(parameters);
                return NULL; /* not UTF-8 */
        }
        return parameters;
}

static int verify(const struct request *q, json_t *parameters, json_t **ret) {
        if (parameters && q->options.decoy)
                (void) json_object_set_new(parameters, "decoy", json_true());
        return ask_verifier(q, OTP_METHOD(OTP_VERIFY), parameters, ret);
}

/* The second person, once the first one's code was right. */
static int converse_with_escort(const struct request *q, const char *ticket, json_t **ret) {
        CLEANUP(secret_p) char *escort = NULL;
        CLEANUP(secret_p) char *escort_code = NULL;
        int r = ask(q, MESSAGE_ESCORT_NAME, true, &escort);
        if (r == PAM_SUCCESS)
                r = ask(q, MESSAGE_ESCORT_CODE, false, &escort_code);
        if (r != PAM_SUCCESS)
                return PAM_AUTH_ERR; /* cancelled */
        json_t *parameters = with_text(with_text(parameters_of(q), "code", ""), "ticket", ticket);
        parameters = with_text(with_text(parameters, "escort", escort ? escort : ""), "escort_code",
                               escort_code ? escort_code : "");
        return verify(q, parameters, ret);
}

static int converse(const struct request *q, const json_t *challenged) {
        CLEANUP(secret_p) char *code = NULL;
        CLEANUP(json_p) json_t *first = NULL;
        CLEANUP(json_p) json_t *second = NULL;
        int r = get_code(q, challenged, &code);
        if (r != PAM_SUCCESS)
                return PAM_AUTH_ERR; /* cancelled */

        char folded[CODE_MAX + 1] = "";
        if (code && !is_password(q, code) && code_fold(code, folded) == CODE_OTHER)
                (void) snprintf(folded, sizeof folded, "!"); /* no code at all, but a try */
        r = verify(q, with_text(parameters_of(q), "code", folded), &first);
        explicit_bzero(folded, sizeof folded);
        const char *ticket = r == PAM_SUCCESS ? text_of(first, "ticket") : NULL;
        if (ticket)
                r = converse_with_escort(q, ticket, &second);
        if (r != PAM_SUCCESS)
                return r;

        const json_t *reply = ticket ? second : first;
        if (!json_is_true(json_object_get(reply, "accepted")) || q->options.decoy) {
                (void) pam_fail_delay(q->pam, FAIL_USEC);
                say_reason(q, reply);
                return PAM_AUTH_ERR;
        }
        if (json_is_true(json_object_get(reply, "reenrol")))
                say(q, MESSAGE_REENROL, text_of(reply, "contact"), NULL);
        return PAM_SUCCESS;
}

EXPORTED int pam_sm_authenticate(pam_handle_t *pam, int flags, int argc, const char **argv) {
        struct request q;
        CLEANUP(json_p) json_t *challenged = NULL;
        int r = begin(pam, flags, argc, argv, &q);
        if (r == PAM_SUCCESS && q.options.decoy)
                pam_hash_spend(q.user, item(pam, PAM_AUTHTOK));
        if (r == PAM_SUCCESS)
                r = challenge(&q, &challenged);
        if (r != PAM_SUCCESS)
                return r;
        if (json_is_true(json_object_get(challenged, "ask")))
                return q.options.concat ? split(&q, challenged) : converse(&q, challenged);
        if (q.options.decoy)
                return PAM_AUTH_ERR;
        const char *notice = text_of(challenged, "notice");
        if (notice && strcmp(notice, "enrol") == 0 && !q.options.concat)
                say(&q, MESSAGE_ENROL, NULL, NULL);
        return PAM_IGNORE;
}

/* The code gives no credentials. */
EXPORTED int pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv) {
        (void) pam, (void) flags, (void) argc, (void) argv;
        return PAM_SUCCESS;
}

/* ---- account and session ---- */

static int phase(const struct request *q, const char *method, json_t *parameters, int refused) {
        CLEANUP(json_p) json_t *reply = NULL;
        int r = ask_verifier(q, method, parameters, &reply);
        if (r != PAM_SUCCESS || json_is_true(json_object_get(reply, "accepted")))
                return r;
        say_reason(q, reply);
        /* Behind the auth phase login(1) ends at once, and getty clears the screen. */
        if (q->console && !q->silent)
                (void) clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ .tv_sec = READ_SECONDS }, NULL);
        return refused;
}

EXPORTED int pam_sm_acct_mgmt(pam_handle_t *pam, int flags, int argc, const char **argv) {
        struct request q;
        int r = begin(pam, flags, argc, argv, &q);
        return r == PAM_SUCCESS ? phase(&q, OTP_METHOD(OTP_ACCOUNT), parameters_of(&q), PAM_PERM_DENIED) : r;
}

/* sshd lists how somebody got in, one method a line; a key alone never saw the auth phase. */
static bool was_interactive(pam_handle_t *pam) {
        static const char wanted[] = "keyboard-interactive/pam";
        const char *line = pam_getenv(pam, "SSH_AUTH_INFO_0");
        for (; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                size_t n = strcspn(line, " \n");
                if (n == sizeof wanted - 1 && memcmp(line, wanted, n) == 0)
                        return true;
        }
        return false;
}

EXPORTED int pam_sm_open_session(pam_handle_t *pam, int flags, int argc, const char **argv) {
        struct request q;
        int r = begin(pam, flags, argc, argv, &q);
        if (r != PAM_SUCCESS)
                return r;
        json_t *parameters = parameters_of(&q);
        if (parameters && q.service && strcmp(q.service, "sshd") == 0)
                (void) json_object_set_new(parameters, "interactive", json_boolean(was_interactive(pam)));
        return phase(&q, OTP_METHOD(OTP_SESSION), parameters, PAM_SESSION_ERR);
}

EXPORTED int pam_sm_close_session(pam_handle_t *pam, int flags, int argc, const char **argv) {
        (void) pam, (void) flags, (void) argc, (void) argv;
        return PAM_SUCCESS;
}

/* Second factors are not changed with the password: `sekishoctl otp` does that. */
EXPORTED int pam_sm_chauthtok(pam_handle_t *pam, int flags, int argc, const char **argv) {
        (void) pam, (void) flags, (void) argc, (void) argv;
        return PAM_IGNORE;
}
