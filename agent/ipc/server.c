/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "connection.h"
#include "ipc.h"

/* A storm of connections, or a process out of descriptors, takes its turns with the rest of the agent. */
#define ACCEPTS_PER_SECOND 500u

static int on_listen(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void) source, (void) events;
        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (peer >= 0)
                (void) ipc_server_take(userdata, peer);
        return 0;
}

/* A group of the system, in its own file: another source of groups may be a server that does not answer, and the agent
 * is not ready before we are. */
static void find_auditors(struct ipc_server *s, const char *group) {
        FILE *f = group ? fopen("/etc/group", "re") : NULL;
        char buffer[16384];
        struct group entry, *found = NULL;
        while (f && !s->has_auditor_gid && fgetgrent_r(f, &entry, buffer, sizeof buffer, &found) == 0)
                if (strcmp(found->gr_name, group) == 0) {
                        s->auditor_gid = found->gr_gid;
                        s->has_auditor_gid = true;
                }
        if (f)
                (void) fclose(f);
}

static char *copy_of(const char *s) {
        return strdup(s ? s : "");
}

static void set_limits(struct ipc_limits *l) {
        static const struct ipc_limits usual = { .message_max = IPC_MESSAGE_MAX,
                                                 .message_ordinary_max = IPC_MESSAGE_ORDINARY_MAX,
                                                 .connections_max = IPC_CONNECTIONS_MAX,
                                                 .connections_for_root = IPC_CONNECTIONS_FOR_ROOT,
                                                 .per_uid_max = IPC_CONNECTIONS_PER_UID_MAX,
                                                 .frame_usec = IPC_FRAME_USEC };
        l->message_max = l->message_max ? l->message_max : usual.message_max;
        l->message_ordinary_max = l->message_ordinary_max ? l->message_ordinary_max : usual.message_ordinary_max;
        l->connections_max = l->connections_max ? l->connections_max : usual.connections_max;
        l->connections_for_root = l->connections_for_root ? l->connections_for_root : usual.connections_for_root;
        l->per_uid_max = l->per_uid_max ? l->per_uid_max : usual.per_uid_max;
        l->frame_usec = l->frame_usec ? l->frame_usec : usual.frame_usec;
}

static int copy_options(struct ipc_server *s, const struct ipc_server_options *options) {
        s->vendor = copy_of(options->vendor);
        s->product = copy_of(options->product);
        s->version = copy_of(options->version);
        s->url = copy_of(options->url);
        s->limits = options->limits;
        set_limits(&s->limits);
        find_auditors(s, options->auditor_group);
        return s->vendor && s->product && s->version && s->url ? 0 : -ENOMEM;
}

static int start_listening(struct ipc_server *s) {
        int r = sd_event_add_io(s->event, &s->listen, s->fd, EPOLLIN, on_listen, s);
        if (r >= 0)
                r = sd_event_source_set_ratelimit(s->listen, 1000000, ACCEPTS_PER_SECOND);
        return r < 0 ? r : 0;
}

int ipc_server_new(sd_event *event, int listen_fd, const struct ipc_server_options *options, struct ipc_server **ret) {
        CLEANUP(ipc_server_freep) struct ipc_server *s = calloc(1, sizeof *s);
        if (!s) {
                close_p(&listen_fd);
                return -ENOMEM;
        }
        s->fd = listen_fd;
        s->event = sd_event_ref(event);

        int r = copy_options(s, options);
        if (r == 0)
                r = ipc_server_add(s, &ipc_service_interface, s);
        if (r == 0 && listen_fd >= 0)
                r = start_listening(s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

int ipc_server_add(struct ipc_server *s, const struct ipc_interface *interface, void *userdata) {
        for (size_t i = 0; i < s->n_served; i++)
                if (strcmp(s->served[i].interface->name, interface->name) == 0)
                        return -EEXIST;

        struct ipc_served *grown = realloc(s->served, (s->n_served + 1) * sizeof *grown);
        if (!grown)
                return -ENOMEM;
        s->served = grown;
        s->served[s->n_served++] = (struct ipc_served){ interface, userdata };
        return 0;
}

struct ipc_server *ipc_server_free(struct ipc_server *s) {
        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->listen);
        while (s->connections)
                ipc_connection_close(s->connections);
        close_p(&s->fd);
        free(s->served);
        free(s->vendor);
        free(s->product);
        free(s->version);
        free(s->url);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}
