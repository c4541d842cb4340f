/* SPDX-License-Identifier: GPL-2.0-or-later */
/* audit receipt: hands the receipt of whoever collects the record to the agent, which decides. */
#include <string.h>

#include "refusals.h"
#include "screen.h"
#include "signed_file.h"
#include "talk.h"

static enum outcome refused(const json_t *details) {
        const char *reason = talk_string(details, "reason");
        enum outcome outcome = OUTCOME_NO;
        const char *text = refusal_text("receipt", reason, &outcome);
        complain(_("The receipt: %s"), text ? text : reason);
        if (strcmp(reason, "signatures") == 0)
                refusal_complain_signatures(details);
        return outcome;
}

enum outcome run_audit_receipt(const struct invocation *i) {
        const char *path = i->arguments[0];
        CLEANUP(signed_file_clear) struct signed_file f = { 0 };
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        enum outcome outcome = signed_file_read(path, &f);
        if (outcome == OUTCOME_YES && strcmp(f.kind->name, "receipt") != 0) {
                complain(_("%s: this is no receipt."), path);
                outcome = OUTCOME_BAD;
        }
        if (outcome == OUTCOME_YES)
                outcome = signed_file_check(&f);
        if (outcome == OUTCOME_YES && !f.signatures.bytes) {
                complain(_("%s: there is no signature beside it: %s.sig"), path, path);
                outcome = OUTCOME_NO;
        }
        if (outcome == OUTCOME_YES)
                outcome = talk_open(i, TALK_INSTALL_USEC, &client);
        if (outcome != OUTCOME_YES)
                return outcome;
        json_t *parameters = json_pack("{s:s%, s:s%}", "text", f.document.bytes, f.document.size, "signatures",
                                       f.signatures.bytes, f.signatures.size);
        if (!parameters) {
                complain(_("%s: the text is not UTF-8."), path);
                return OUTCOME_BAD;
        }
        int r = ipc_client_call(client, AGENT_METHOD(AGENT_INSTALL_RECEIPT), parameters, &reply, &error);
        if (r == 1 && strcmp(error, AGENT_ERROR_RECEIPT_REFUSED) == 0)
                return refused(reply);
        if (r != 0)
                return talk_failed(r, error, reply);
        if (!i->json)
                puts(_("The receipt was accepted."));
        return OUTCOME_YES;
}
