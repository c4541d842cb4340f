/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <time.h>

#include "options.h"
#include "policy_diff.h"
#include "policy_file.h"
#include "refusals.h"
#include "screen.h"
#include "signed_file.h"
#include "talk.h"
#include "when.h"

static void print_agents_problems(const json_t *problems) {
        size_t n;
        json_t *p;
        json_array_foreach(problems, n, p)
                complain("%lld:%lld: %s: %s: %s", talk_integer(p, "line"), talk_integer(p, "column"),
                         talk_string(p, "severity"), talk_string(p, "path"), talk_string(p, "message"));
}

static enum outcome refused(const json_t *details) {
        const char *reason = talk_string(details, "reason");
        enum outcome outcome;
        const char *text = refusal_text("policy", reason, &outcome);
        complain(_("The policy was refused. %s"), text ? text : reason);
        if (strcmp(reason, "serial") == 0)
                complain(_("The lowest that would be accepted: %lld"), talk_integer(details, "serial"));
        if (strcmp(reason, "signatures") == 0)
                refusal_complain_signatures(details);
        print_agents_problems(json_object_get(details, "problems"));
        return outcome;
}

/* What holds now, to tell afterwards what has changed. NULL when it cannot be had; that hinders nothing. */
static struct policy *current_policy(struct ipc_client *client) {
        CLEANUP(free_p) char *error = NULL;
        CLEANUP(json_decrefp) json_t *reply = NULL;
        if (ipc_client_call(client, AGENT_METHOD(AGENT_GET_POLICY), NULL, &reply, &error) != 0)
                return NULL;
        const char *text = talk_string(reply, "text");
        CLEANUP(problems_clear) struct problems problems = { 0 };
        struct policy *policy = NULL;
        return *text && policy_parse(text, strlen(text), &problems, &policy) == 0 ? policy : NULL;
}

static enum outcome parse(const char *path, const struct document *document, struct policy **ret) {
        CLEANUP(problems_clear) struct problems problems = { 0 };
        int r = policy_parse(document->bytes, document->size, &problems, ret);
        if (r < 0)
                complain("%s: %s", path, strerror(-r));
        policy_file_print_problems(stderr, path, &problems);
        return r == 0 ? OUTCOME_YES : OUTCOME_BAD;
}

static enum outcome report(const struct invocation *i, const json_t *reply, const struct policy *before,
                           const struct policy *after) {
        struct differences d = { .list = i->json ? json_array() : NULL };
        int r = differences_find(before ? before : policy_builtin(), after, &d);
        if (r < 0)
                complain(_("The changes could not be listed: %s."), strerror(-r));
        const json_t *info = json_object_get(reply, "info");
        if (i->json)
                return screen_json(json_pack("{s:O, s:O?, s:o}", "info", info, "warnings",
                                             json_object_get(reply, "warnings"), "changes", d.list));
        CLEANUP(free_p) char *fleet = screen_text(talk_string(info, "fleet"));
        printf(_("Policy %s, serial %lld, is in force. Changes: %zu"), fleet ? fleet : "", talk_integer(info, "serial"),
               d.n);
        putchar('\n');
        if (i->values[INSTALL_FOR])
                puts(_("It is on trial. When the time is over, or after a reboot, the policy before it comes back, "
                       "unless: "
                       "sekishoctl policy confirm"));
        return OUTCOME_YES;
}

/* seconds 0: not on trial. */
static enum outcome read_trial(const struct invocation *i, int64_t *ret) {
        const char *given = i->values[INSTALL_FOR];
        int64_t moment = 0;
        if (given && (!when_since(given, 0, &moment) || moment >= 0 || strchr(given, 'T'))) {
                complain(_("'%s' is not understood; expected a time such as: 90s, 10min, 1h"), given);
                return OUTCOME_BAD;
        }
        *ret = -moment; /* so long ago */
        return OUTCOME_YES;
}

enum outcome run_policy_install(const struct invocation *i) {
        const char *path = i->arguments[0];
        CLEANUP(document_clear) struct document document = { 0 }, signatures = { 0 };
        CLEANUP(policy_freep) struct policy *after = NULL;
        int64_t trial = 0;
        enum outcome outcome = read_trial(i, &trial);
        if (outcome == OUTCOME_YES)
                outcome = policy_file_read(path, &document);
        if (outcome == OUTCOME_YES && strcmp(path, "-") != 0)
                outcome = signature_file_read(path, &signatures);
        if (outcome == OUTCOME_YES)
                outcome = parse(path, &document, &after);
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        if (outcome == OUTCOME_YES)
                outcome = talk_open(i, TALK_INSTALL_USEC, &client);
        if (outcome != OUTCOME_YES)
                return outcome;

        CLEANUP(policy_freep) struct policy *before = current_policy(client);
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        json_t *parameters = json_pack("{s:s%}", "text", document.bytes, document.size);
        if (parameters && signatures.bytes)
                (void) json_object_set_new(parameters, "signatures", json_stringn(signatures.bytes, signatures.size));
        if (parameters && trial > 0)
                (void) json_object_set_new(parameters, "trial", json_integer(trial));
        if (!parameters) {
                complain("%s: %s", path, strerror(EINVAL));
                return OUTCOME_BAD;
        }
        int r = ipc_client_call(client, AGENT_METHOD(AGENT_INSTALL_POLICY), parameters, &reply, &error);
        if (r == 1 && strcmp(error, AGENT_ERROR_POLICY_REFUSED) == 0)
                return refused(reply);
        if (r != 0)
                return talk_failed(r, error, reply);
        return report(i, reply, before, after);
}
