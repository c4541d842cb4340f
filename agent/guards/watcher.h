/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A watcher: a process of root's with rights that the agent has not, which sees something and tells the agent. This is
 * the agent's end of it; sys/outbox.h is the other. Private to agent/guards.
 *
 * The watcher calls a socket, and each of its messages is one packet, answered with the 8 bytes of its id once it is in
 * the record. One watcher at a time: the newest is the living one.
 */
#pragma once

#include "guard.h"

struct watcher_kind {
        const char *socket;    /* below the root */
        const char *unwatched; /* code of the trouble when nobody has called for half a minute */
        /* 0: it is in the record, *ret_id is answered; -errno: it is not, or makes no sense; the connection ends and
         * the watcher tells it again. */
        int (*take)(struct guard *g, const void *bytes, size_t size, uint64_t *ret_id);
};

#define WATCHER_MESSAGE_MAX 32768u

struct watcher {
        struct guard *guard;
        const struct guard_env *env;
        const struct watcher_kind *kind;
        int listener, caller; /* -1: none */
        sd_event_source *calls, *messages, *absent;
};

/* guard, env and kind are borrowed for the watcher's life. 0 or -errno, then it needs no watcher_stop(). */
int watcher_start(struct watcher *w, struct guard *guard, const struct guard_env *env, const struct watcher_kind *kind);
void watcher_stop(struct watcher *w); /* of one that was zeroed and never started too */
