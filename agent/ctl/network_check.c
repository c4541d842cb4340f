/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "network_faults.h"
#include "policy_file.h"
#include "screen.h"
#include "talk.h"

static void hear(enum network_fault fault, const char *detail, void *userdata) {
        (void) json_array_append_new(userdata,
                                     json_pack("{s:s, s:s}", "fault", network_fault_word(fault), "detail", detail));
}

static void print(const json_t *list) {
        size_t n;
        json_t *fault;
        json_array_foreach(list, n, fault) {
                const char *word = talk_string(fault, "fault"), *detail = talk_string(fault, "detail");
                for (enum network_fault f = 0; f < NETWORK_FAULT_MAX; f++)
                        if (strcmp(network_fault_word(f), word) == 0)
                                screen_put(TONE_BAD, network_fault_text(f));
                if (*detail) {
                        fputs(": ", stdout);
                        screen_put(TONE_PLAIN, detail);
                }
                putchar('\n');
        }
        if (json_array_size(list) == 0)
                puts(_("What is loaded is what the policy says."));
}

/* The policy in force, when no file is given. */
static enum outcome ask_policy(const struct invocation *i, struct policy **ret) {
        CLEANUP(json_decrefp) json_t *reply = NULL;
        enum outcome outcome = talk_call(i, AGENT_METHOD(AGENT_GET_POLICY), NULL, &reply);
        if (outcome != OUTCOME_YES)
                return outcome;
        const char *source = talk_string(json_object_get(reply, "info"), "source"), *text = talk_string(reply, "text");
        if (strcmp(source, "file") != 0 && strcmp(source, "last-good") != 0) {
                complain(_("No policy was installed on this terminal, so its network is not guarded."));
                return OUTCOME_NO;
        }
        CLEANUP(problems_clear) struct problems problems = { 0 };
        if (policy_parse(text, strlen(text), &problems, ret) == 0)
                return OUTCOME_YES;
        complain(_("The policy in force cannot be read."));
        return OUTCOME_BAD;
}

enum outcome run_network_check(const struct invocation *i) {
        CLEANUP(policy_freep) struct policy *policy = NULL;
        enum outcome outcome = i->n_arguments > 0 ? policy_file_load(i->arguments[0], &policy) : ask_policy(i, &policy);
        if (outcome != OUTCOME_YES)
                return outcome;
        CLEANUP(json_decrefp) json_t *list = json_array();
        int r = network_check(&policy->network, hear, list);
        if (r == -EPERM) {
                complain(_("Only root may read the rules that are loaded."));
                return OUTCOME_NOT_PERMITTED;
        }
        if (r < 0) {
                complain(_("The rules that are loaded cannot be read: %s."), strerror(-r));
                return OUTCOME_BAD;
        }
        if (i->json)
                outcome = screen_json(json_pack("{s:b, s:O}", "agrees", r == 0, "faults", list));
        else
                print(list);
        return outcome == OUTCOME_YES && r > 0 ? OUTCOME_NO : outcome;
}
