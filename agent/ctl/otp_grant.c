/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grants by telephone: written at the help desk, from what the person says on the phone; signed there (sekishoctl
 * sign); installed on the person's terminal. */
#include <fcntl.h>
#include <sekisho/grant.h>
#include <sekisho/terminal.h>
#include <sodium.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "base/timesource.h"
#include "options.h"
#include "otp.h"
#include "policy_file.h"
#include "screen.h"
#include "signed_file.h"
#include "talk.h"

#define VALID_DEFAULT 3600 /* seconds */

static enum outcome read_valid(const char *text, int64_t *ret) {
        static const struct {
                const char *unit;
                int seconds;
        } units[] = { { "min", 60 }, { "h", 3600 } };
        char *end = NULL;
        long n = text ? strtol(text, &end, 10) : 0;
        if (!text) {
                *ret = VALID_DEFAULT;
                return OUTCOME_YES;
        }
        for (size_t k = 0; k < sizeof units / sizeof units[0]; k++)
                if (end != text && strcmp(end, units[k].unit) == 0 && n > 0 && n <= GRANT_LIFE_MAX / units[k].seconds) {
                        *ret = n * units[k].seconds;
                        return OUTCOME_YES;
                }
        complain(_("--valid needs a time like 30min or 2h, at most 24h."));
        return OUTCOME_BAD;
}

/* A terminal is its machine id. By default this one. */
static enum outcome read_terminal(const struct invocation *i, char *ret, size_t size) {
        const char *given = i->values[GRANT_TERMINAL];
        if (given) {
                (void) snprintf(ret, size, "%s", given);
                return OUTCOME_YES;
        }
        CLEANUP(close_p) int etc = root_openat(&i->root, "etc", O_PATH | O_DIRECTORY, 0);
        if (etc < 0 || file_read_line_at(etc, "machine-id", ret, size - 1) <= 0) {
                complain(_("Say with --terminal which terminal it is for: its /etc/machine-id."));
                return OUTCOME_BAD;
        }
        return OUTCOME_YES;
}

static enum outcome read_fleet(const struct invocation *i, char *ret, size_t size) {
        if (i->values[GRANT_FLEET]) {
                (void) snprintf(ret, size, "%s", i->values[GRANT_FLEET]);
                return OUTCOME_YES;
        }
        CLEANUP(json_decrefp) json_t *status = NULL;
        CLEANUP(free_p) char *error = NULL;
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        if (ipc_client_connect_at(&i->root, AGENT_SOCKET, TALK_USEC, &client) < 0 ||
            ipc_client_call(client, AGENT_METHOD(AGENT_GET_STATUS), NULL, &status, &error) != 0) {
                complain(_("The agent cannot be asked here; say with --fleet which fleet it is for."));
                return OUTCOME_BAD;
        }
        (void) snprintf(ret, size, "%s", talk_string(json_object_get(status, "policy"), "fleet"));
        return OUTCOME_YES;
}

/* As a double-quoted scalar (YAML 1.2, 7.3.1). What is no text is found when the document is read back. */
static void put_quoted(FILE *f, const char *key, const char *text) {
        fprintf(f, "%s: \"", key);
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        fputc('\\', f);
                fputc(*text == '\n' || *text == '\r' ? ' ' : *text, f);
        }
        fputs("\"\n", f);
}

struct answers {
        char terminal[80], fleet[80];
        int64_t valid;
        char *reason, *approver, *nonce;
};

static void answers_clear(struct answers *a) {
        free(a->reason);
        free(a->approver);
        free(a->nonce);
}

static enum outcome read_text(const char *given, const char *question, char **ret) {
        if (!given)
                return ask_line(question, NULL, ret);
        *ret = strdup(given);
        return *ret ? OUTCOME_YES : OUTCOME_BAD;
}

/* The number is the code of a login once the grant is there: it is asked for, and no argument. */
static enum outcome read_answers(const struct invocation *i, struct answers *a) {
        enum outcome outcome = read_valid(i->values[GRANT_VALID], &a->valid);
        if (outcome == OUTCOME_YES)
                outcome = read_terminal(i, a->terminal, sizeof a->terminal);
        if (outcome == OUTCOME_YES)
                outcome = read_fleet(i, a->fleet, sizeof a->fleet);
        if (outcome == OUTCOME_YES)
                outcome =
                        read_text(i->values[GRANT_REASON], _("Reason, with the number of the application"), &a->reason);
        if (outcome == OUTCOME_YES)
                outcome = read_text(i->values[GRANT_APPROVER], _("Approved by"), &a->approver);
        if (outcome == OUTCOME_YES)
                outcome = ask_line(_("The number that the terminal shows"), NULL, &a->nonce);
        return outcome;
}

static char *compose(const char *user, const struct answers *a) {
        char *text = NULL, issued[40], expires[40], day[16];
        size_t size;
        const time_t now = time(NULL);
        struct tm tm;
        FILE *f = open_memstream(&text, &size);
        if (!f || time_format(now, issued, sizeof issued) < 0 ||
            time_format(now + a->valid, expires, sizeof expires) < 0 || !localtime_r(&now, &tm) ||
            strftime(day, sizeof day, "%Y%m%d", &tm) == 0) {
                if (f)
                        fclose(f);
                free(text);
                return NULL;
        }
        fprintf(f,
                "sekisho-grant: 1\nheader:\n  fleet: %s\n  id: g%s-%08x\n  issued: %s\n  expires: %s\n  target: "
                "[host:%s]\n",
                a->fleet, day, randombytes_random(), issued, expires, a->terminal);
        fprintf(f, "user: %s\nnonce: %s\n", user, a->nonce);
        put_quoted(f, "reason", a->reason);
        put_quoted(f, "approver", a->approver);
        if (fclose(f) == 0)
                return text;
        free(text);
        return NULL;
}

static enum outcome write_new(const char *path, const char *text) {
        CLEANUP(close_p) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        int r = fd < 0 ? -errno : file_write_all(fd, text, strlen(text));
        if (r == 0)
                return OUTCOME_YES;
        complain("%s: %s", path, strerror(-r));
        if (fd >= 0)
                (void) unlink(path);
        return r == -EACCES || r == -EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
}

enum outcome run_otp_grant(const struct invocation *i) {
        CLEANUP(answers_clear) struct answers answers = { 0 };
        enum outcome outcome = read_answers(i, &answers);
        if (outcome != OUTCOME_YES)
                return outcome;
        const char *path = i->arguments[1];
        CLEANUP(free_p) char *text = compose(i->arguments[0], &answers);
        CLEANUP(problems_clear) struct problems problems = { 0 };
        struct grant *grant = NULL;
        int r = text ? grant_parse(text, strlen(text), &problems, &grant) : -ENOMEM;
        policy_file_print_problems(stderr, path, &problems);
        if (r != 0)
                return OUTCOME_BAD;
        outcome = write_new(path, text);
        char expires[40] = "";
        (void) time_format(grant->expires, expires, sizeof expires);
        (void) grant_free(grant);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (i->json)
                return screen_json(
                        json_pack("{s:s, s:s, s:s}", "file", path, "user", i->arguments[0], "expires", expires));
        printf(_("Written, good until %s. Now: sekishoctl sign %s --key KEY; then, on the terminal: sekishoctl otp "
                 "install %s"),
               expires, path, path);
        putchar('\n');
        return OUTCOME_YES;
}

enum outcome run_otp_install(const struct invocation *i) {
        CLEANUP(signed_file_clear) struct signed_file f = { 0 };
        CLEANUP(json_decrefp) json_t *reply = NULL;
        enum outcome outcome = signed_file_read(i->arguments[0], &f);
        if (outcome == OUTCOME_YES)
                outcome = signed_file_check(&f);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (f.kind->role != TRUST_ROLE_PERMIT || strcmp(f.kind->name, "grant") != 0) {
                complain(_("%s: this is no grant."), i->arguments[0]);
                return OUTCOME_BAD;
        }
        json_t *parameters = json_pack("{s:s%, s:s%}", "document", f.document.bytes, f.document.size, "signature",
                                       f.signatures.bytes ? f.signatures.bytes : "", f.signatures.size);
        if (!parameters) {
                complain("%s: %s", i->arguments[0], strerror(EINVAL));
                return OUTCOME_BAD;
        }
        outcome = otp_call(i, OTP_GRANT, parameters, &reply);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (i->json)
                return screen_json(json_incref(reply));
        printf(_("%s may log in once, until %s, with the password and the number as the code. Tell them now."),
               talk_string(reply, "user"), talk_string(reply, "expires"));
        putchar('\n');
        return OUTCOME_YES;
}
