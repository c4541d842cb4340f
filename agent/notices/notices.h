/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the agent's word of a refusal to a person's eyes. Owned by agent/notices; main.c builds one.
 *
 * A connection to the agent for WatchOwn, and the places where notices are shown. An agent that is not there is tried
 * again; nothing is lost by it, because the record has it all.
 */
#pragma once

#include <systemd/sd-event.h>

#include "base/file.h"

struct notices_options {
        bool console;        /* terminals instead of the desktop */
        const char *tty;     /* this one alone; NULL: those of the user's text sessions */
        const char *session; /* as logind names it; NULL: no idle time is measured */
};

struct notices;
/* root and options: borrowed. 0 or -errno. */
int notices_new(sd_event *event, const struct root *root, const struct notices_options *options, struct notices **ret);
struct notices *notices_free(struct notices *n); /* NULL allowed */
