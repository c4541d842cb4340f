/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which factors each way into this machine demands. Needs no agent: where it does not answer, the policy that it
 * accepted last is read from its file. */
#include <fcntl.h>
#include <sekisho/document.h>
#include <sekisho/policy.h>
#include <string.h>
#include <time.h>

#include "login_report.h"
#include "policy_file.h"
#include "screen.h"
#include "talk.h"

static int parse(const char *bytes, size_t size, struct policy **ret) {
        CLEANUP(problems_clear) struct problems problems = { 0 };
        return policy_parse(bytes, size, &problems, ret);
}

/* 0, or 1: the agent does not say. */
static int ask_agent(const struct invocation *i, struct policy **ret) {
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        if (ipc_client_connect_at(&i->root, AGENT_SOCKET, TALK_USEC, &client) < 0 ||
            ipc_client_call(client, AGENT_METHOD(AGENT_GET_POLICY), NULL, &reply, &error) != 0)
                return 1;
        const char *text = talk_string(reply, "text");
        return *text && parse(text, strlen(text), ret) != 0;
}

static int read_file(const struct invocation *i, const char *directory, const char *name, struct policy **ret) {
        CLEANUP(document_clear) struct document d = { 0 };
        CLEANUP(close_p) int fd = root_openat(&i->root, directory, O_RDONLY | O_DIRECTORY, 0);
        return fd < 0 || document_read(fd, name, DOCUMENT_MAX, &d) != 0 || parse(d.bytes, d.size, ret) != 0;
}

/* *ret NULL: none is in force. */
void login_policy_in_force(const struct invocation *i, struct policy **ret) {
        static const struct {
                const char *directory, *name;
        } files[] = { { "var/lib/sekisho/policy", "policy.yaml" },
                      { "var/lib/sekisho/policy", "last-good.yaml" },
                      { "usr/share/sekisho", "default-policy.yaml" } };
        if (ask_agent(i, ret) == 0)
                return;
        for (size_t k = 0; k < sizeof files / sizeof *files; k++)
                if (read_file(i, files[k].directory, files[k].name, ret) == 0)
                        return;
}

enum outcome run_login_check(const struct invocation *i) {
        CLEANUP(policy_freep) struct policy *policy = NULL;
        login_policy_in_force(i, &policy);
        CLEANUP(logins_clear) struct login_report report = { .n = 0 };
        int r = logins_check(&i->root, policy, (int64_t) time(NULL), &report);
        if (r < 0) {
                complain(_("The configuration of logins cannot be read: %s."), strerror(-r));
                return r == -EACCES ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
        }
        enum outcome outcome = i->json ? screen_json(login_report_json(&report)) : login_report_print(&report);
        return outcome == OUTCOME_YES && login_report_falls_short(&report) ? OUTCOME_NO : outcome;
}
