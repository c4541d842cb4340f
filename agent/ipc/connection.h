/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One peer of a server, its buffers and its call in flight. Private to agent/ipc and its tests.
 *
 * A connection may end in the middle of any callback: whoever works on one is between ipc_connection_enter() and
 * _leave(), and looks at `dead` after each step that may close it. */
#pragma once

#include "codec.h"
#include "ipc.h"

struct ipc_served {
        const struct ipc_interface *interface;
        void *userdata;
};

struct ipc_server {
        sd_event *event;
        sd_event_source *listen;
        int fd;
        char *vendor, *product, *version, *url;
        gid_t auditor_gid;
        bool has_auditor_gid;
        struct ipc_limits limits; /* none is zero, but idle_usec */
        struct ipc_served *served;
        size_t n_served;
        struct ipc_connection *connections;
        size_t n_connections;
};

struct ipc_connection {
        struct ipc_server *server; /* NULL once dead */
        struct ipc_connection *next, *previous;
        int fd;
        uid_t uid;
        pid_t pid;
        bool is_root, is_auditor;
        sd_event_source *io, *process, *timer;
        struct ipc_buffer in, out;
        uint64_t frame_deadline, drain_deadline, idle_deadline; /* CLOCK_MONOTONIC; 0 = none */
        struct ipc_call *call;                                  /* in flight; owned */
        bool reading, processing;                               /* what the event sources are set to */
        bool eof, dead;
        unsigned busy;
};

struct ipc_call {
        struct ipc_connection *connection;
        bool oneway, more;
        void (*gone)(struct ipc_call *c, void *userdata);
        void *userdata;
};

/* fd: a connected stream socket, taken over in any case. 0; -EUSERS: over a cap; -errno. */
int ipc_server_take(struct ipc_server *s, int fd);

/* One whole frame that is not yet consumed. May close the connection. call.c */
void ipc_connection_dispatch(struct ipc_connection *c, const char *bytes, size_t size);

void ipc_connection_enter(struct ipc_connection *c);
void ipc_connection_leave(struct ipc_connection *c); /* c may be freed */
void ipc_connection_close(struct ipc_connection *c); /* calls gone_fn; freed when nobody is inside */
void ipc_connection_flush(struct ipc_connection *c); /* sends what the socket takes */

extern const struct ipc_interface ipc_service_interface; /* org.varlink.service; userdata: the server. service.c */
