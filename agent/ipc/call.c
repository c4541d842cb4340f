/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a frame to a handler, and from a handler to a reply. */
#include <errno.h>
#include <string.h>

#include "connection.h"
#include "ipc.h"
#include "params.h"

uid_t ipc_call_uid(const struct ipc_call *c) {
        return c->connection->uid;
}

pid_t ipc_call_pid(const struct ipc_call *c) {
        return c->connection->pid;
}

void ipc_call_on_gone(struct ipc_call *c, void (*gone)(struct ipc_call *c, void *userdata), void *userdata) {
        c->gone = gone;
        c->userdata = userdata;
}

/* Queues a message, or drops the connection: a reply that is lost in silence would leave the peer waiting for ever. */
static int queue(struct ipc_connection *c, json_t *message, size_t cap) {
        int r = ipc_message_add(&c->out, message, cap);
        if (r < 0)
                ipc_connection_close(c);
        else
                ipc_connection_flush(c);
        if (r == -ENOBUFS || (r == 0 && c->dead))
                return -EPIPE;
        return r;
}

static int finish(struct ipc_call *call, json_t *message) {
        struct ipc_connection *c = call->connection;
        bool oneway = call->oneway;
        c->call = NULL;
        free(call);

        ipc_connection_enter(c);
        int r = 0;
        if (oneway)
                json_decref(message);
        else
                r = queue(c, message, IPC_MESSAGE_MAX + IPC_STREAM_MAX);
        ipc_connection_leave(c);
        return r;
}

static json_t *or_empty(json_t *parameters) {
        return parameters ? parameters : json_object();
}

int ipc_reply(struct ipc_call *c, json_t *parameters) {
        return finish(c, json_pack("{s:o}", "parameters", or_empty(parameters)));
}

int ipc_error(struct ipc_call *c, const char *error, json_t *parameters) {
        return finish(c, json_pack("{s:s, s:o}", "error", error, "parameters", or_empty(parameters)));
}

int ipc_reply_continues(struct ipc_call *call, json_t *parameters) {
        if (!call->more) {
                json_decref(parameters);
                return -EINVAL;
        }
        struct ipc_connection *c = call->connection;
        ipc_connection_enter(c);
        int r = queue(c, json_pack("{s:o, s:b}", "parameters", or_empty(parameters), "continues", 1), IPC_STREAM_MAX);
        ipc_connection_leave(c);
        return r;
}

static bool is_permitted(const struct ipc_connection *c, enum ipc_permission permission) {
        switch (permission) {
        case IPC_ANYONE:
                return true;
        case IPC_AUDITOR:
                return c->is_auditor;
        case IPC_ROOT:
                return c->is_root;
        }
        return false;
}

static const struct ipc_served *find_interface(const struct ipc_server *s, const char *name, size_t length) {
        for (size_t i = 0; i < s->n_served; i++) {
                const char *candidate = s->served[i].interface->name;
                if (strlen(candidate) == length && memcmp(candidate, name, length) == 0)
                        return &s->served[i];
        }
        return NULL;
}

static const struct ipc_method *find_method(const struct ipc_interface *interface, const char *name) {
        for (size_t i = 0; i < interface->n_methods; i++)
                if (strcmp(interface->methods[i].name, name) == 0)
                        return &interface->methods[i];
        return NULL;
}

static void refuse(struct ipc_call *call, const char *error, const char *key, const char *value) {
        (void) ipc_error(call, error, key ? json_pack("{s:s}", key, value) : NULL);
}

static void run(struct ipc_call *call, const struct ipc_request *q, const struct ipc_method *method, void *userdata) {
        struct ipc_connection *c = call->connection;

        /* Who may call comes first: a caller without permission learns nothing about what the method takes. */
        if (!is_permitted(c, method->permission)) {
                refuse(call, IPC_ERROR_PERMISSION_DENIED, NULL, NULL);
                return;
        }
        if (!method->call) {
                refuse(call, IPC_ERROR_METHOD_NOT_IMPLEMENTED, "method", q->method);
                return;
        }
        if (method->more && !q->more) {
                refuse(call, IPC_ERROR_EXPECTED_MORE, NULL, NULL);
                return;
        }

        CLEANUP(json_decrefp) json_t *none = q->parameters ? NULL : json_object();
        json_t *parameters = q->parameters ? q->parameters : none;
        if (!parameters) {
                ipc_connection_close(c);
                return;
        }
        const char *wrong = ipc_params_check(method->params, parameters);
        if (wrong) {
                refuse(call, IPC_ERROR_INVALID_PARAMETER, "parameter", wrong);
                return;
        }
        call->more = method->more;
        if (method->call(call, parameters, userdata) < 0)
                ipc_connection_close(c);
}

static void route(struct ipc_call *call, const struct ipc_request *q) {
        if (q->upgrade) {
                refuse(call, IPC_ERROR_INVALID_PARAMETER, "parameter", "upgrade");
                return;
        }
        size_t length;
        const char *name;
        if (ipc_method_split(q->method, &length, &name) < 0) {
                refuse(call, IPC_ERROR_INVALID_PARAMETER, "parameter", "method");
                return;
        }
        const struct ipc_served *served = find_interface(call->connection->server, q->method, length);
        if (!served) {
                (void) ipc_error(call, IPC_ERROR_INTERFACE_NOT_FOUND,
                                 json_pack("{s:s%}", "interface", q->method, length));
                return;
        }
        const struct ipc_method *method = find_method(served->interface, name);
        if (!method) {
                refuse(call, IPC_ERROR_METHOD_NOT_FOUND, "method", q->method);
                return;
        }
        run(call, q, method, served->userdata);
}

void ipc_connection_dispatch(struct ipc_connection *c, const char *bytes, size_t size) {
        json_t *message;
        struct ipc_request q;
        if (ipc_message_parse(bytes, size, &message) < 0) {
                ipc_connection_close(c);
                return;
        }
        struct ipc_call *call = NULL;
        if (ipc_request_read(message, &q) == 0)
                call = calloc(1, sizeof *call);
        if (!call) {
                ipc_connection_close(c);
        } else {
                *call = (struct ipc_call){ .connection = c, .oneway = q.oneway, .more = q.more };
                c->call = call;
                route(call, &q);
        }
        json_decref(message);
}
