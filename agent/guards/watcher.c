/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watcher.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/packet.h"

#define GRACE_USEC  UINT64_C(30000000) /* the watcher starts after us, or again */
#define AT_ONE_TIME 32                 /* messages, before devices have their turn */

/* A fake machine has a watcher only when its test starts one. */
static void expect_watcher(struct watcher *w) {
        if (!w->env->root->is_machine)
                return;
        (void) sd_event_source_set_time_relative(w->absent, GRACE_USEC);
        (void) sd_event_source_set_enabled(w->absent, SD_EVENT_ONESHOT);
}

static void hang_up(struct watcher *w) {
        w->messages = sd_event_source_disable_unref(w->messages);
        close_p(&w->caller);
        w->caller = -1;
        expect_watcher(w);
}

static int on_absent(sd_event_source *s, uint64_t usec, void *userdata) {
        struct watcher *w = userdata;
        (void) s;
        (void) usec;
        w->env->trouble(w->guard, w->kind->unwatched, "nobody watches", w->env->userdata);
        return 0;
}

static int on_message(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct watcher *w = userdata;
        (void) s;
        (void) revents;
        for (int i = 0; i < AT_ONE_TIME; i++) {
                static char bytes[WATCHER_MESSAGE_MAX];
                uint64_t id;
                ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_TRUNC);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return 0;
                /* Nonsense ends the connection, and so does a record that cannot be written: the watcher keeps what is
                 * not answered for, and comes again. */
                if (n <= 0 || n > (ssize_t) sizeof bytes || w->kind->take(w->guard, bytes, (size_t) n, &id) < 0 ||
                    send(fd, &id, sizeof id, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
                        hang_up(w);
                        return 0;
                }
        }
        return 0;
}

static int on_call(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct watcher *w = userdata;
        (void) s;
        (void) revents;
        CLEANUP(close_p) int caller = packet_accept(fd);
        if (caller < 0)
                return 0;
        hang_up(w);
        int r = sd_event_add_io(w->env->event, &w->messages, caller, EPOLLIN, on_message, w);
        if (r >= 0)
                /* After devices, for which a person waits. */
                r = sd_event_source_set_priority(w->messages, SD_EVENT_PRIORITY_NORMAL + 10);
        if (r < 0) {
                w->messages = sd_event_source_disable_unref(w->messages);
                return 0;
        }
        w->caller = TAKE_FD(caller);
        (void) sd_event_source_set_enabled(w->absent, SD_EVENT_OFF);
        return 0;
}

void watcher_stop(struct watcher *w) {
        if (!w->guard)
                return;
        w->messages = sd_event_source_disable_unref(w->messages);
        w->calls = sd_event_source_disable_unref(w->calls);
        w->absent = sd_event_source_disable_unref(w->absent);
        close_p(&w->caller);
        close_p(&w->listener);
        w->guard = NULL;
}

int watcher_start(struct watcher *w, struct guard *guard, const struct guard_env *env,
                  const struct watcher_kind *kind) {
        *w = (struct watcher){ .guard = guard, .env = env, .kind = kind, .listener = -1, .caller = -1 };
        w->listener = packet_listen(env->root, kind->socket);
        int r = w->listener;
        if (r >= 0)
                r = sd_event_add_io(env->event, &w->calls, w->listener, EPOLLIN, on_call, w);
        if (r >= 0)
                r = sd_event_add_time_relative(env->event, &w->absent, CLOCK_MONOTONIC, GRACE_USEC, 0, on_absent, w);
        if (r >= 0)
                r = sd_event_source_set_enabled(w->absent, env->root->is_machine ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        if (r < 0)
                watcher_stop(w);
        return r < 0 ? r : 0;
}
