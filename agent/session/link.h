/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection of a session's helper to the agent: the policy comes in, signs of life and reports go out. Owned by
 * agent/session. While the agent cannot be reached there are no rules, and so nothing passes.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/file.h"

struct link;

struct link_events {
        /* reply: of JoinSession, borrowed; NULL: the agent has been away for too long. */
        void (*policy)(const json_t *reply, void *userdata);
        /* Before each sign of life: whether what the session has is guarded. *ret_detail: why not, static. */
        bool (*holding)(const char **ret_detail, void *userdata);
        void *userdata;
};

/* session: as logind names it. 0 or -errno. An agent that is not there is tried again each second. */
int link_new(sd_event *event, const struct root *root, const char *session, const struct link_events *events,
             struct link **ret);
struct link *link_free(struct link *l); /* NULL allowed */

/* Sends a call that wants no reply ("ReportPaste"); "session" is added. parameters: stolen; NULL: -ENOMEM. 0 or -errno:
 * it is lost. */
int link_tell(struct link *l, const char *method, json_t *parameters);
