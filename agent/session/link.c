/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two connections, since a call that stays open fills one: what is heard comes by the first, what is said goes by the
 * second. */
#include "link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "ipc/agent_interface.h"
#include "ipc/ipc.h"

#define BEAT_USEC    UINT64_C(1000000)
#define TIMEOUT_USEC UINT64_C(1000000)
#define AWAY_BEATS   5u /* an agent that starts again is back by then */

struct link {
        sd_event *event;
        const struct root *root;
        char *session;
        struct link_events events;
        sd_event_source *beat, *readable;
        struct ipc_client *hears, *says;
        bool heard;    /* the agent has told what may pass, on this connection */
        unsigned away; /* beats since it was last there */
};

static void disconnect(struct link *l) {
        l->readable = sd_event_source_disable_unref(l->readable);
        l->hears = ipc_client_free(l->hears);
        l->says = ipc_client_free(l->says);
        l->heard = false;
}

/* 0, or -errno: the connection is of no more use. */
static int hear(struct link *l) {
        while (l->hears) { /* what is told may end the connection */
                CLEANUP(json_decrefp) json_t *reply = NULL;
                CLEANUP(free_p) char *error = NULL;
                int r = ipc_client_next_now(l->hears, &reply, &error);
                if (r == -EAGAIN)
                        return 0;
                if (r != 0) /* it is over: refused, or another helper took our place */
                        return r < 0 ? r : -EPERM;
                l->heard = true;
                l->events.policy(reply, l->events.userdata);
        }
        return 0;
}

static int on_readable(sd_event_source *s, int fd, uint32_t events, void *userdata) {
        struct link *l = userdata;
        (void) s;
        (void) fd;
        (void) events;
        if (hear(l) < 0)
                disconnect(l);
        return 0;
}

int link_tell(struct link *l, const char *method, json_t *parameters) {
        if (!parameters || json_object_set_new(parameters, "session", json_string(l->session)) < 0) {
                json_decref(parameters);
                return -ENOMEM;
        }
        if (!l->says) {
                json_decref(parameters);
                return -ENOTCONN;
        }
        int r = ipc_client_tell(l->says, method, parameters);
        if (r < 0)
                disconnect(l);
        return r;
}

/* The agent is root's, or ours on a fake machine; nobody else tells us what may pass. */
static bool is_trusted(const struct ipc_client *c) {
        uid_t uid;
        return ipc_client_peer(c, &uid) == 0 && (uid == 0 || uid == geteuid());
}

static int connect_both(struct link *l) {
        int r = ipc_client_connect_at(l->root, AGENT_SOCKET, TIMEOUT_USEC, &l->hears);
        if (r == 0)
                r = ipc_client_connect_at(l->root, AGENT_SOCKET, TIMEOUT_USEC, &l->says);
        if (r == 0 && !(is_trusted(l->hears) && is_trusted(l->says)))
                r = -EPERM;
        if (r == 0)
                r = ipc_client_call_more(l->hears, AGENT_METHOD(AGENT_JOIN_SESSION),
                                         json_pack("{s:s}", "session", l->session));
        if (r == 0)
                r = sd_event_add_io(l->event, &l->readable, ipc_client_fd(l->hears), EPOLLIN, on_readable, l);
        if (r < 0)
                disconnect(l);
        return r;
}

static void say_alive(struct link *l) {
        const char *detail = "";
        bool holding = l->events.holding(&detail, l->events.userdata);
        (void) link_tell(l, AGENT_METHOD(AGENT_SESSION_ALIVE),
                         json_pack("{s:b, s:s}", "holding", holding, "detail", detail));
}

static int on_beat(sd_event_source *s, uint64_t usec, void *userdata) {
        struct link *l = userdata;
        (void) usec;
        if (!l->hears)
                (void) connect_both(l);
        if (l->hears)
                say_alive(l);
        l->away = l->heard ? 0 : l->away + 1;
        if (l->away == AWAY_BEATS)
                l->events.policy(NULL, l->events.userdata);
        int r = sd_event_source_set_time_relative(s, BEAT_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

int link_new(sd_event *event, const struct root *root, const char *session, const struct link_events *events,
             struct link **ret) {
        struct link *l = calloc(1, sizeof *l);
        if (!l)
                return -ENOMEM;
        l->event = event;
        l->root = root;
        l->events = *events;
        l->session = strdup(session);
        int r = l->session ? sd_event_add_time_relative(event, &l->beat, CLOCK_MONOTONIC, 0, 10000, on_beat, l)
                           : -ENOMEM;
        if (r < 0) {
                (void) link_free(l);
                return r;
        }
        *ret = l;
        return 0;
}

struct link *link_free(struct link *l) {
        if (!l)
                return NULL;
        disconnect(l);
        (void) sd_event_source_disable_unref(l->beat);
        free(l->session);
        free(l);
        return NULL;
}
