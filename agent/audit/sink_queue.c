/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sink_queue.h"

#include <string.h>

bool sink_queue_add(struct sink_queue *q, json_t *event, const char *head) {
        if (q->n == SINK_QUEUE_MAX)
                return false;
        q->list[q->n].event = json_incref(event);
        memcpy(q->list[q->n].head, head, sizeof q->list->head);
        q->n++;
        return true;
}

void sink_queue_send(struct sink_queue *q, struct sinks *s) {
        for (size_t i = 0; i < q->n; i++) {
                sinks_send(s, q->list[i].event, q->list[i].head);
                json_decref(q->list[i].event);
        }
        q->n = 0;
}
