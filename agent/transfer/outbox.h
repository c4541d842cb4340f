/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent has not answered for yet. Kept over the agent's restarts and sent again, so that a record may come
 * twice (with the same id) but is never dropped. Private to agent/transfer. */
#pragma once

#include <systemd/sd-event.h>

#include "base/file.h"
#include "base/transfer.h"

#define OUTBOX_BYTES_MAX (16u * 1024u * 1024u)

struct outbox;

/* changed: called when the agent was reached (connected) or has answered. 0 or -errno. */
int outbox_new(sd_event *event, const struct root *root, void (*changed)(bool connected, void *userdata),
               void *userdata, struct outbox **ret);
struct outbox *outbox_free(struct outbox *o); /* NULL allowed */

/* t->id is chosen here. 0; -ENOBUFS: full; other -errno. */
int outbox_put(struct outbox *o, const struct transfer *t);
bool outbox_is_full(const struct outbox *o); /* three quarters: what is under way still fits */
bool outbox_is_empty(const struct outbox *o);
