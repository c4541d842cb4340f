/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "sys/packet.h"

#define WAITING_MAX 64u /* the oldest are kept: they say how it began */

struct channel {
        struct channel_env env;
        int listener, agent; /* -1: none */
        sd_event_source *calls, *messages;
        struct network_message told; /* the last thing, if it was a state */
        struct network_message waiting[WAITING_MAX];
        size_t n_waiting;
};

static void hang_up(struct channel *c) {
        c->messages = sd_event_source_disable_unref(c->messages);
        close_p(&c->agent);
        c->agent = -1;
        c->told = (struct network_message){ .kind = NETWORK_KIND_MAX }; /* nothing */
}

/* An agent that does not read has to call again. */
static bool tell(struct channel *c, const struct network_message *m) {
        if (c->agent >= 0 && send(c->agent, m, sizeof *m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t) sizeof *m)
                return true;
        hang_up(c);
        return false;
}

static void answer(struct channel *c, enum network_kind kind, int error) {
        struct network_message m = { .kind = kind, .error = error };
        c->env.state(c->env.userdata, &m);
        (void) tell(c, &m);
        c->told = m;
}

/* Not again what it has: nothing else wakes an agent that has nothing to do. */
void channel_state(struct channel *c) {
        struct network_message m = { .kind = NETWORK_STATE };
        c->env.state(c->env.userdata, &m);
        if (c->agent < 0 || memcmp(&m, &c->told, sizeof m) == 0)
                return;
        if (tell(c, &m))
                c->told = m;
}

void channel_trouble(struct channel *c, const char *code, const char *detail) {
        struct network_message m = { .kind = NETWORK_TROUBLE };
        (void) snprintf(m.code, sizeof m.code, "%s", code);
        (void) snprintf(m.detail, sizeof m.detail, "%s", detail);
        if ((c->agent < 0 || !tell(c, &m)) && c->n_waiting < WAITING_MAX)
                c->waiting[c->n_waiting++] = m;
}

static int on_message(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct channel *c = userdata;
        struct network_message m;
        CLEANUP(close_p) int attached = -1;
        (void) s;
        (void) revents;
        ssize_t n = packet_receive_with(fd, &m, sizeof m, &attached);
        if (n == -EAGAIN || n == -EINTR)
                return 0;
        if (n <= 0 || !network_message_is_valid(&m, (size_t) n))
                hang_up(c);
        else if (m.kind == NETWORK_RELOAD)
                answer(c, NETWORK_LOADED, c->env.reload(c->env.userdata));
        else if (m.kind == NETWORK_DRY_RUN && attached >= 0)
                answer(c, NETWORK_TRIED, c->env.try_policy(attached, c->env.userdata));
        else
                hang_up(c);
        return 0;
}

static int on_call(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct channel *c = userdata;
        (void) s;
        (void) revents;
        CLEANUP(close_p) int caller = packet_accept(fd);
        if (caller < 0)
                return 0;
        hang_up(c);
        if (sd_event_add_io(c->env.event, &c->messages, caller, EPOLLIN, on_message, c) < 0)
                return 0;
        c->agent = TAKE_FD(caller);
        channel_state(c);
        size_t told = 0;
        while (told < c->n_waiting && tell(c, &c->waiting[told]))
                told++;
        for (size_t i = told; i < c->n_waiting; i++)
                c->waiting[i - told] = c->waiting[i];
        c->n_waiting -= told;
        return 0;
}

static void channel_p(struct channel **c) {
        (void) channel_free(*c);
}

int channel_new(const struct channel_env *env, struct channel **ret) {
        CLEANUP(channel_p) struct channel *c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;
        c->env = *env;
        c->agent = -1;
        c->listener = packet_listen(env->root, NETWORK_SOCKET);
        if (c->listener < 0)
                return c->listener;
        int r = sd_event_add_io(env->event, &c->calls, c->listener, EPOLLIN, on_call, c);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

struct channel *channel_free(struct channel *c) {
        if (!c)
                return NULL;
        hang_up(c);
        (void) sd_event_source_disable_unref(c->calls);
        close_p(&c->listener);
        free(c);
        return NULL;
}
