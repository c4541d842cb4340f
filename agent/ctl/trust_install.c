/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trust init and trust rotate: both hand a document and its signatures to the agent, which decides. */
#include <stdio.h>
#include <string.h>

#include "refusals.h"
#include "screen.h"
#include "signed_file.h"
#include "talk.h"

static enum outcome refused(const char *path, const json_t *details) {
        const char *reason = talk_string(details, "reason");
        enum outcome outcome;
        const char *text = refusal_text("trust", reason, &outcome);
        complain(_("%s: the trust document was refused. %s"), path, text ? text : reason);
        if (strcmp(reason, "version") == 0 || strcmp(reason, "signatures") == 0)
                complain(_("The version that would be accepted: %lld"), talk_integer(details, "version"));
        if (strstr(reason, "signatures"))
                refusal_complain_signatures(details);
        return outcome;
}

static enum outcome read_file(const char *path, struct signed_file *f) {
        enum outcome outcome = signed_file_read(path, f);
        if (outcome == OUTCOME_YES)
                outcome = signed_file_check(f);
        if (outcome == OUTCOME_YES && f->kind->role != TRUST_ROLE_TRUST) {
                complain(_("%s: this is no trust document."), path);
                return OUTCOME_BAD;
        }
        return outcome;
}

static enum outcome install(struct ipc_client *client, const char *path, json_t **ret) {
        CLEANUP(signed_file_clear) struct signed_file f = { 0 };
        enum outcome outcome = read_file(path, &f);
        if (outcome != OUTCOME_YES)
                return outcome;
        json_t *parameters = json_pack("{s:s%, s:s%}", "text", f.document.bytes, f.document.size, "signatures",
                                       f.signatures.bytes ? f.signatures.bytes : "", f.signatures.size);
        if (!parameters) {
                complain("%s: %s", path, strerror(EINVAL));
                return OUTCOME_BAD;
        }
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        int r = ipc_client_call(client, AGENT_METHOD(AGENT_INSTALL_TRUST), parameters, &reply, &error);
        if (r == 1 && strcmp(error, AGENT_ERROR_TRUST_REFUSED) == 0)
                return refused(path, reply);
        if (r != 0)
                return talk_failed(r, error, reply);
        *ret = TAKE_PTR(reply);
        return OUTCOME_YES;
}

static enum outcome has_trust(struct ipc_client *client, bool *ret) {
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        int r = ipc_client_call(client, AGENT_METHOD(AGENT_GET_TRUST), NULL, &reply, &error);
        if (r != 0)
                return talk_failed(r, error, reply);
        *ret = talk_bool(reply, "installed");
        return OUTCOME_YES;
}

static enum outcome install_all(const struct invocation *i, bool first) {
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        bool there = false;
        enum outcome outcome = talk_open(i, TALK_INSTALL_USEC, &client);
        if (outcome == OUTCOME_YES)
                outcome = has_trust(client, &there);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (first && there) {
                complain(_("A trust document is installed already; the next one comes by: sekishoctl trust rotate"));
                return OUTCOME_NO;
        }
        if (!first && !there) {
                complain(_("No trust document is installed yet; the first one comes by: sekishoctl trust init"));
                return OUTCOME_NO;
        }

        CLEANUP(json_decrefp) json_t *reply = NULL;
        for (int n = 0; outcome == OUTCOME_YES && n < i->n_arguments; n++) {
                json_decref(reply);
                reply = NULL;
                outcome = install(client, i->arguments[n], &reply);
        }
        if (outcome != OUTCOME_YES)
                return outcome;
        if (i->json)
                return screen_json(json_incref(reply));
        printf(_("Trust document version %lld is in force."), talk_integer(reply, "version"));
        putchar('\n');
        return OUTCOME_YES;
}

enum outcome run_trust_init(const struct invocation *i) {
        return install_all(i, true);
}
enum outcome run_trust_rotate(const struct invocation *i) {
        return install_all(i, false);
}
