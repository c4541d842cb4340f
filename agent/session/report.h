/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Refused pastes on their way to the agent. The first of its kind goes at once; the same again within a second is
 * counted and told when the second is over. Owned by agent/session.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "clip.h"

struct reports;

struct report {
        enum selection selection;
        struct paste_facts facts; /* borrowed texts */
        const char *from_program, *to_program;
        bool is_focused;
};

int reports_new(sd_event *event, struct reports **ret); /* 0 or -errno */
struct reports *reports_free(struct reports *r);        /* NULL allowed; tells what is left */
void reports_set_link(struct reports *r, struct link *l);
void reports_add(struct reports *r, const struct report *p);
