/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records that the sinks have not had yet: a device waits for its own record, not for journald. Private to agent/audit.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "audit/chain.h"
#include "audit/sinks.h"

#define SINK_QUEUE_MAX 64u /* a storm goes out in between */

struct sink_queue {
        struct {
                json_t *event; /* owned */
                char head[CHAIN_HEX + 1];
        } list[SINK_QUEUE_MAX];
        size_t n;
};

/* event: a reference is kept. False: it is full. */
bool sink_queue_add(struct sink_queue *q, json_t *event, const char *head);
/* Sends all, in their order, and is empty. */
void sink_queue_send(struct sink_queue *q, struct sinks *s);
