/* SPDX-License-Identifier: GPL-2.0-or-later */
/* permit install, activate, close: each hands something to the agent, which decides. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "options.h"
#include "refusals.h"
#include "screen.h"
#include "signed_file.h"
#include "talk.h"

static const struct {
        const char *reason;
        enum outcome outcome;
        const char *text;
} refusals[] = {
        { "problems", OUTCOME_BAD, N_("The agent found mistakes in it.") },
        { "signatures", OUTCOME_NO, N_("Its signatures do not suffice.") },
        { "fleet", OUTCOME_NO, N_("It is of another fleet.") },
        { "target", OUTCOME_NO, N_("It is not meant for this terminal.") },
        { "known", OUTCOME_NO, N_("This terminal has taken a permit of this id before; each is used once.") },
        { "expired", OUTCOME_NO, N_("It has expired.") },
        { "issued-in-future", OUTCOME_NO, N_("It was issued in the future; is the clock right?") },
        { "not-stored", OUTCOME_NO, N_("It could not be stored; nothing has changed.") },
        { "disk-full", OUTCOME_NO,
          N_("The disk is full, and it would open what is shut. Make room first, then install it again.") },
        { "unknown", OUTCOME_NO, N_("This terminal has no permit of this id; 'sekishoctl permit list' shows them.") },
        { "user", OUTCOME_NOT_PERMITTED, N_("It is for others.") },
        { "state", OUTCOME_NO, N_("It does not wait for this; 'sekishoctl permit list' shows what it waits for.") },
        { "form", OUTCOME_BAD, N_("What was given cannot be right: a code has 16 letters and digits.") },
        { "code", OUTCOME_NO, N_("The code is wrong.") },
        { "not-confirmed", OUTCOME_NO,
          N_("It is over, but not closed: confirm that the medium is back and erased, with --returned and --erased.") },
};

static enum outcome refused(const json_t *details) {
        const char *reason = talk_string(details, "reason");
        for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
                if (strcmp(refusals[i].reason, reason) != 0)
                        continue;
                complain(_("The permit: %s"), _(refusals[i].text));
                if (strcmp(reason, "code") == 0)
                        complain(_("Tries left: %lld"), talk_integer(details, "tries"));
                if (strcmp(reason, "signatures") == 0)
                        refusal_complain_signatures(details);
                return refusals[i].outcome;
        }
        complain(_("The permit: %s"), reason);
        return OUTCOME_NO;
}

static enum outcome call(const struct invocation *i, const char *method, json_t *parameters, json_t **ret) {
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        if (!parameters) {
                complain("%s", strerror(ENOMEM));
                return OUTCOME_BAD;
        }
        enum outcome outcome = talk_open(i, TALK_INSTALL_USEC, &client);
        if (outcome != OUTCOME_YES) {
                json_decref(parameters);
                return outcome;
        }
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        int r = ipc_client_call(client, method, parameters, &reply, &error);
        if (r == 1 && strcmp(error, AGENT_ERROR_PERMIT_REFUSED) == 0)
                return refused(reply);
        if (r != 0)
                return talk_failed(r, error, reply);
        *ret = TAKE_PTR(reply);
        return OUTCOME_YES;
}

/* What holds now, in one line. */
static enum outcome report(const struct invocation *i, const json_t *reply) {
        static const struct {
                const char *state, *text;
        } sentences[] = {
                { "sealed", N_("it waits for its code; type it with: sekishoctl permit activate ID") },
                { "ready", N_("it waits for its medium, and its time begins when that is plugged in.") },
                { "live", N_("it is open: its medium was let in, its time runs.") },
                { "used", N_("it is over; its medium is not back yet.") },
                { "closed", N_("it is closed: its medium is back and erased.") },
                { "lapsed", N_("it is over, and was not used.") },
        };
        const json_t *permit = json_object_get(reply, "permit");
        if (i->json)
                return screen_json(json_incref((json_t *) permit));
        CLEANUP(free_p) char *id = screen_text(talk_string(permit, "id"));
        const char *name = id ? id : "";
        for (size_t k = 0; k < sizeof sentences / sizeof *sentences; k++)
                if (strcmp(sentences[k].state, talk_string(permit, "state")) == 0)
                        printf(_("Permit %s: %s"), name, _(sentences[k].text)), putchar('\n');
        return ferror(stdout) ? OUTCOME_BAD : OUTCOME_YES;
}

enum outcome run_permit_install(const struct invocation *i) {
        const char *path = i->arguments[0];
        CLEANUP(signed_file_clear) struct signed_file f = { 0 };
        CLEANUP(json_decrefp) json_t *reply = NULL;
        enum outcome outcome = signed_file_read(path, &f);
        if (outcome == OUTCOME_YES && strcmp(f.kind->name, "permit") != 0) {
                complain(_("%s: this is no permit."), path);
                outcome = OUTCOME_BAD;
        }
        if (outcome == OUTCOME_YES)
                outcome = signed_file_check(&f);
        if (outcome == OUTCOME_YES && !f.signatures.bytes) {
                complain(_("%s: there is no signature beside it: %s.sig"), path, path);
                outcome = OUTCOME_NO;
        }
        if (outcome != OUTCOME_YES)
                return outcome;
        json_t *parameters = json_pack("{s:s%, s:s%}", "text", f.document.bytes, f.document.size, "signatures",
                                       f.signatures.bytes, f.signatures.size);
        outcome = call(i, AGENT_METHOD(AGENT_INSTALL_PERMIT), parameters, &reply);
        return outcome == OUTCOME_YES ? report(i, reply) : outcome;
}

/* Not as an argument: those are seen by everybody on the machine, and kept by shells. */
enum outcome run_permit_activate(const struct invocation *i) {
        CLEANUP(free_p) char *code = NULL;
        CLEANUP(json_decrefp) json_t *reply = NULL;
        enum outcome outcome = ask_line(_("Code"), NULL, &code);
        if (outcome != OUTCOME_YES)
                return outcome;
        outcome = call(i, AGENT_METHOD(AGENT_ACTIVATE_PERMIT),
                       json_pack("{s:s, s:s}", "id", i->arguments[0], "code", code), &reply);
        sodium_memzero(code, strlen(code));
        return outcome == OUTCOME_YES ? report(i, reply) : outcome;
}

enum outcome run_permit_close(const struct invocation *i) {
        const char *by = i->values[CLOSE_BY];
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *asked = NULL;
        if (!by) {
                enum outcome outcome = ask_line(_("Who confirms it"), NULL, &asked);
                if (outcome != OUTCOME_YES)
                        return outcome;
                by = asked;
        }
        enum outcome outcome =
                call(i, AGENT_METHOD(AGENT_CLOSE_PERMIT),
                     json_pack("{s:s, s:s, s:b, s:b}", "id", i->arguments[0], "by", by, "returned",
                               i->values[CLOSE_RETURNED] != NULL, "erased", i->values[CLOSE_ERASED] != NULL),
                     &reply);
        return outcome == OUTCOME_YES ? report(i, reply) : outcome;
}
