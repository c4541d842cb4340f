/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "talk.h"

#include <string.h>

enum outcome talk_failed(int r, const char *error, const json_t *parameters) {
        if (error && strcmp(error, IPC_ERROR_PERMISSION_DENIED) == 0) {
                complain(_("The agent does not permit this to you."));
                return OUTCOME_NOT_PERMITTED;
        }
        if (error) {
                CLEANUP(free_p) char *details = parameters ? json_dumps(parameters, JSON_COMPACT) : NULL;
                complain(_("The agent refused: %s %s"), error, details ? details : "");
                return OUTCOME_BAD;
        }
        switch (r) {
        case -ENOENT:
        case -ENOTDIR:
        case -ECONNREFUSED:
                complain(_("The agent is not running."));
                return OUTCOME_UNREACHABLE;
        case -EACCES:
        case -EPERM:
                complain(_("You are not permitted to talk to the agent."));
                return OUTCOME_NOT_PERMITTED;
        case -ECONNRESET:
        case -EPIPE:
                complain(_("The agent ended the conversation."));
                return OUTCOME_UNREACHABLE;
        case -ETIMEDOUT:
                complain(_("The agent does not answer."));
                return OUTCOME_UNREACHABLE;
        default:
                complain(_("The agent could not be asked: %s."), strerror(-r));
                return OUTCOME_UNREACHABLE;
        }
}

enum outcome talk_open(const struct invocation *i, uint64_t timeout_usec, struct ipc_client **ret) {
        int r = ipc_client_connect_at(&i->root, AGENT_SOCKET, timeout_usec, ret);
        return r < 0 ? talk_failed(r, NULL, NULL) : OUTCOME_YES;
}

enum outcome talk_call(const struct invocation *i, const char *method, json_t *parameters, json_t **ret) {
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        enum outcome outcome = talk_open(i, TALK_USEC, &client);
        if (outcome != OUTCOME_YES) {
                json_decref(parameters);
                return outcome;
        }
        CLEANUP(free_p) char *error = NULL;
        CLEANUP(json_decrefp) json_t *reply = NULL;
        int r = ipc_client_call(client, method, parameters, &reply, &error);
        if (r != 0)
                return talk_failed(r, error, reply);
        *ret = TAKE_PTR(reply);
        return OUTCOME_YES;
}

const char *talk_string(const json_t *object, const char *key) {
        const char *s = json_string_value(json_object_get(object, key));
        return s ? s : "";
}

long long talk_integer(const json_t *object, const char *key) {
        return json_integer_value(json_object_get(object, key));
}

bool talk_bool(const json_t *object, const char *key) {
        return json_is_true(json_object_get(object, key));
}
