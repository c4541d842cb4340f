/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/packet.h"

#define GRACE_USEC  UINT64_C(30000000) /* the watcher starts after us, or again */
#define AT_ONE_TIME 32                 /* messages, before devices have their turn */

struct transfer_guard {
        struct guard base;
        struct guard_env env;
        int listener, watcher; /* -1: none */
        sd_event_source *calls, *messages, *absent;
};

static void trouble(struct transfer_guard *g, const char *code, const char *detail) {
        g->env.trouble(&g->base, code, detail, g->env.userdata);
}

/* A fake machine has a watcher only when its test starts one. */
static void expect_watcher(struct transfer_guard *g) {
        if (!g->env.root->is_machine)
                return;
        (void) sd_event_source_set_time_relative(g->absent, GRACE_USEC);
        (void) sd_event_source_set_enabled(g->absent, SD_EVENT_ONESHOT);
}

static void hang_up(struct transfer_guard *g) {
        g->messages = sd_event_source_disable_unref(g->messages);
        close_p(&g->watcher);
        g->watcher = -1;
        expect_watcher(g);
}

static int on_absent(sd_event_source *s, uint64_t usec, void *userdata) {
        struct transfer_guard *g = userdata;
        (void) s;
        (void) usec;
        trouble(g, "transfer-unwatched", "nobody watches");
        return 0;
}

static bool is_known(const char *code) {
        return strcmp(code, "transfers-lost") == 0 || strcmp(code, "transfer-unwatched") == 0;
}

/* 0: answered for; -errno: the message stays the watcher's, which says it again. */
static int take(struct transfer_guard *g, const struct transfer *t) {
        switch (t->kind) {
        case TRANSFER_WATCHING:
                trouble(g, "transfer-watched", "");
                return 0;
        case TRANSFER_TROUBLE:
                if (!is_known(t->code))
                        return -EBADMSG;
                trouble(g, t->code, t->detail);
                return 0;
        default:
                return g->env.transferred(&g->base, t, g->env.userdata);
        }
}

static int on_message(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct transfer_guard *g = userdata;
        (void) s;
        (void) revents;
        for (int i = 0; i < AT_ONE_TIME; i++) {
                static char bytes[TRANSFER_MESSAGE_MAX];
                struct transfer t;
                ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_TRUNC);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return 0;
                /* Nonsense ends the connection, and so does a record that cannot be written: the watcher keeps what is
                 * not answered for, and comes again. */
                if (n <= 0 || n > (ssize_t) sizeof bytes || transfer_decode(bytes, (size_t) n, &t) < 0 ||
                    take(g, &t) < 0 || send(fd, &t.id, sizeof t.id, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
                        hang_up(g);
                        return 0;
                }
        }
        return 0;
}

static int on_call(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct transfer_guard *g = userdata;
        (void) s;
        (void) revents;
        CLEANUP(close_p) int caller = packet_accept(fd);
        if (caller < 0)
                return 0;
        /* The newest is the living one. */
        hang_up(g);
        int r = sd_event_add_io(g->env.event, &g->messages, caller, EPOLLIN, on_message, g);
        if (r >= 0)
                /* After devices, for which a person waits. */
                r = sd_event_source_set_priority(g->messages, SD_EVENT_PRIORITY_NORMAL + 10);
        if (r < 0) {
                g->messages = sd_event_source_disable_unref(g->messages);
                return 0;
        }
        g->watcher = TAKE_FD(caller);
        (void) sd_event_source_set_enabled(g->absent, SD_EVENT_OFF);
        return 0;
}

static int transfer_apply(struct guard *base, const struct verdict *v) {
        (void) base;
        (void) v;
        return 1; /* it has no subjects */
}

static int transfer_resync(struct guard *base) {
        (void) base;
        return 0;
}

static int transfer_instance(const struct guard *base, uint64_t handle, char ret[GUARD_INSTANCE_MAX]) {
        (void) base;
        (void) handle;
        (void) ret;
        return 1;
}

static void transfer_stop(struct guard *base) {
        struct transfer_guard *g = (struct transfer_guard *) base;
        if (!g)
                return;
        (void) sd_event_source_disable_unref(g->messages);
        (void) sd_event_source_disable_unref(g->calls);
        (void) sd_event_source_disable_unref(g->absent);
        close_p(&g->watcher);
        close_p(&g->listener);
        free(g);
}

static void stop_p(struct transfer_guard **g) {
        if (*g)
                transfer_stop(&(*g)->base);
}

static int transfer_start(const struct guard_env *env, struct guard **ret) {
        CLEANUP(stop_p) struct transfer_guard *g = calloc(1, sizeof *g);
        if (!g)
                return -ENOMEM;
        g->base.ops = &transfer_guard_ops;
        g->env = *env;
        g->watcher = -1;
        g->listener = packet_listen(env->root, TRANSFER_SOCKET);
        if (g->listener < 0)
                return g->listener;
        int r = sd_event_add_io(env->event, &g->calls, g->listener, EPOLLIN, on_call, g);
        if (r >= 0)
                r = sd_event_add_time_relative(env->event, &g->absent, CLOCK_MONOTONIC, GRACE_USEC, 0, on_absent, g);
        if (r >= 0)
                r = sd_event_source_set_enabled(g->absent, env->root->is_machine ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = &TAKE_PTR(g)->base;
        return 0;
}

const struct guard_ops transfer_guard_ops = {
        .name = "transfer",
        .start = transfer_start,
        .apply = transfer_apply,
        .resync = transfer_resync,
        .instance = transfer_instance,
        .stop = transfer_stop,
};
