/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a watcher (a process that sees and tells, as sekisho-transferd) has to tell the agent, and the agent has not
 * answered for yet. Kept over the agent's restarts and sent again, so that a record may come twice (with the same id)
 * but is never dropped. Owned by agent/sys; guards/watcher.h is the other end. */
#pragma once

#include <systemd/sd-event.h>

#include "base/file.h"

#define OUTBOX_MESSAGE_MAX 32768u

struct outbox_kind {
        const char *socket; /* below the root */
        size_t bytes_max;   /* that wait */
        /* Bytes used in buffer, or -errno. */
        int (*encode)(const void *message, uint64_t id, void *buffer, size_t size);
};

struct outbox;

/* kind: borrowed. changed: called when the agent was reached (connected) or has answered. 0 or -errno. */
int outbox_new(sd_event *event, const struct root *root, const struct outbox_kind *kind,
               void (*changed)(bool connected, void *userdata), void *userdata, struct outbox **ret);
struct outbox *outbox_free(struct outbox *o); /* NULL allowed */

/* The message's id is chosen here. 0; -ENOBUFS: full; other -errno. */
int outbox_put(struct outbox *o, const void *message);
bool outbox_is_full(const struct outbox *o); /* three quarters: what is under way still fits */
bool outbox_is_empty(const struct outbox *o);
