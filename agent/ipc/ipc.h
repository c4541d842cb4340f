/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Varlink over AF_UNIX: NUL-terminated JSON objects on a stream socket (varlink.org, "Protocol").
 *
 * Owned by agent/ipc; used by agent.c, ctl/, session/ and the PAM module. JSON by jansson with JSON_REJECT_DUPLICATES.
 * The peer is not trusted: message size, depth, number of calls in flight and of connections (per uid and in all) are
 * capped, a slow reader is cut off, and who may call what stands in the method table.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/file.h"

#define IPC_MESSAGE_MAX             (40u * 1024u * 1024u) /* a policy of 32 MiB, escaped */
#define IPC_MESSAGE_ORDINARY_MAX    (64u * 1024u)         /* from a peer that is not root: it has no document to send */
#define IPC_DEPTH_MAX               16u                   /* nested objects and arrays */
#define IPC_STREAM_MAX              (1024u * 1024u)       /* unread replies of a "more" call; then it is cut off */
#define IPC_CONNECTIONS_MAX         64u
#define IPC_CONNECTIONS_FOR_ROOT    8u /* of these, kept free for root */
#define IPC_CONNECTIONS_PER_UID_MAX 16u
#define IPC_FRAME_USEC              10000000u /* from a frame's first byte to its last */
#define IPC_DRAIN_USEC              30000000u /* from the first byte that the peer does not take to the last */

/* Errors of org.varlink.service; the server sends them by itself. */
#define IPC_ERROR_INTERFACE_NOT_FOUND    "org.varlink.service.InterfaceNotFound"
#define IPC_ERROR_METHOD_NOT_FOUND       "org.varlink.service.MethodNotFound"
#define IPC_ERROR_METHOD_NOT_IMPLEMENTED "org.varlink.service.MethodNotImplemented"
#define IPC_ERROR_INVALID_PARAMETER      "org.varlink.service.InvalidParameter"
#define IPC_ERROR_PERMISSION_DENIED      "org.varlink.service.PermissionDenied"
#define IPC_ERROR_EXPECTED_MORE          "org.varlink.service.ExpectedMore"

/* ---- interface description and permissions, as data ---- */

enum ipc_permission {
        IPC_ANYONE,
        IPC_AUDITOR, /* root, or a member of the group named in ipc_server_options.auditor_group */
        IPC_ROOT,    /* uid 0, or the uid that the server runs as (the same, but for a fake machine) */
};

/* What a method takes. Checked by the server before the handler is called: every parameter that is not optional is
 * there, each has its type, and there is no other; else InvalidParameter with the name. Handlers only
 * json_object_get(). */
enum ipc_type {
        IPC_BOOL,
        IPC_INT,
        IPC_STRING,
        IPC_STRING_LIST,
        IPC_OBJECT,
        IPC_TYPE_MAX,
};

struct ipc_param {
        const char *name; /* NULL ends a list */
        enum ipc_type type;
        bool optional;
};

struct ipc_call;

struct ipc_method {
        const char *name; /* "GetStatus" */
        enum ipc_permission permission;
        bool more; /* a stream of replies: must be called with "more" (else ExpectedMore) */
        /* parameters: borrowed object, never NULL. Must reply exactly once (ipc_reply, ipc_error), now or later;
         * with more: any number of ipc_reply_continues() first. < 0: connection is closed. */
        int (*call)(struct ipc_call *call, json_t *parameters, void *userdata); /* NULL: MethodNotImplemented */
        const struct ipc_param *params;                                         /* NULL: takes none */
};

struct ipc_interface {
        const char *name;        /* "org.sekisho.Agent" */
        const char *description; /* Varlink IDL, as GetInterfaceDescription returns it */
        const struct ipc_method *methods;
        size_t n_methods;
};

/* ---- server ---- */

struct ipc_server;
/* Zero: the IPC_* value above. */
struct ipc_limits {
        size_t message_max, message_ordinary_max; /* bytes: from root, from others */
        size_t connections_max, connections_for_root;
        size_t per_uid_max;  /* connections of one uid */
        bool root_unlimited; /* per_uid_max is not for root: every login comes as root */
        uint64_t frame_usec; /* from a frame's first byte to its last */
        uint64_t idle_usec;  /* without a call or a frame; 0: for ever */
};

struct ipc_server_options {
        const char *vendor, *product, *version, *url; /* for org.varlink.service.GetInfo */
        const char *auditor_group;                    /* name in /etc/group; NULL or unknown: root alone */
        struct ipc_limits limits;
};

/* listen_fd: a bound, listening AF_UNIX stream socket; taken over. 0 or -errno. */
int ipc_server_new(sd_event *event, int listen_fd, const struct ipc_server_options *options, struct ipc_server **ret);
/* interface and its tables must outlive the server. 0; -EEXIST: an interface of that name is there; -ENOMEM. */
int ipc_server_add(struct ipc_server *s, const struct ipc_interface *interface, void *userdata);
struct ipc_server *ipc_server_free(struct ipc_server *s); /* NULL allowed; open calls are dropped, after gone_fn */

uid_t ipc_call_uid(const struct ipc_call *c);
pid_t ipc_call_pid(const struct ipc_call *c);

/* parameters: stolen, may be NULL (= {}). 0 or -errno; after these the call is gone. */
int ipc_reply(struct ipc_call *c, json_t *parameters);
int ipc_error(struct ipc_call *c, const char *error, json_t *parameters);
/* One of many; the call stays. -EPIPE: the peer is gone or too slow, and gone_fn has been called. */
int ipc_reply_continues(struct ipc_call *c, json_t *parameters);
/* Called once when the peer of a pending call disappears; the call is freed right after. */
void ipc_call_on_gone(struct ipc_call *c, void (*gone)(struct ipc_call *c, void *userdata), void *userdata);

/* Creates, binds and listens on path (an old socket there is replaced), mode applied before anyone can connect.
 * path: inside root. A file descriptor or -errno. */
int ipc_listen_at(const struct root *root, const char *path, mode_t mode);

/* ---- client (blocking) ---- */

struct ipc_client;

/* timeout_usec: for connecting and for each reply; UINT64_MAX = wait for ever (watch). 0 or -errno
 * (-ENOENT, -ECONNREFUSED: agent not reachable; -EACCES: not permitted). */
int ipc_client_connect_at(const struct root *root, const char *path, uint64_t timeout_usec, struct ipc_client **ret);
struct ipc_client *ipc_client_free(struct ipc_client *c);
/* Who made the socket listen. 0 or -errno. */
int ipc_client_peer(const struct ipc_client *c, uid_t *ret);

DEFINE_FREEP(struct ipc_server, ipc_server_free)
DEFINE_FREEP(struct ipc_client, ipc_client_free)

/* parameters: stolen, may be NULL. *ret_reply: new reference to the reply's parameters.
 * 0; 1 when the peer answered with an error (*ret_error: its name, free(); *ret_reply: its parameters); -errno. */
int ipc_client_call(struct ipc_client *c, const char *method, json_t *parameters, json_t **ret_reply, char **ret_error);

/* A call that wants no reply. It waits, at most for the timeout, until the kernel has taken it. 0 or -errno. */
int ipc_client_tell(struct ipc_client *c, const char *method, json_t *parameters);

/* For an event loop: readable when ipc_client_next_now() may have something. */
int ipc_client_fd(const struct ipc_client *c);
/* As ipc_client_next(), but does not wait: -EAGAIN, nothing whole is there. Call until it says so. */
int ipc_client_next_now(struct ipc_client *c, json_t **ret_reply, char **ret_error);

/* A call with "more", then one ipc_client_next() per reply. next: 0 one came and more follow; 1 error as above;
 * 2 one came and it was the last; -errno. */
int ipc_client_call_more(struct ipc_client *c, const char *method, json_t *parameters);
int ipc_client_next(struct ipc_client *c, json_t **ret_reply, char **ret_error);
