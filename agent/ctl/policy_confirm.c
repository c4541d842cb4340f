/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "refusals.h"
#include "screen.h"
#include "talk.h"

enum outcome run_policy_confirm(const struct invocation *i) {
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        enum outcome outcome = talk_open(i, TALK_INSTALL_USEC, &client);
        if (outcome != OUTCOME_YES)
                return outcome;
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        int r = ipc_client_call(client, AGENT_METHOD(AGENT_CONFIRM_POLICY), NULL, &reply, &error);
        if (r == 1 && strcmp(error, AGENT_ERROR_POLICY_REFUSED) == 0) {
                const char *reason = talk_string(reply, "reason"), *text = refusal_text("policy", reason, &outcome);
                complain("%s", text ? text : reason);
                return outcome;
        }
        if (r != 0)
                return talk_failed(r, error, reply);
        if (i->json)
                return screen_json(json_incref(reply));
        printf(_("The policy with serial %lld stays in force."),
               talk_integer(json_object_get(reply, "info"), "serial"));
        putchar('\n');
        return OUTCOME_YES;
}
