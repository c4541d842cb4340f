/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A paste that was refused, or would have been: as a session's helper (agent/session) tells it, and the agent records
 * it. Owned by base: plain data, for agent.c and agent/audit. Never what was on the clipboard. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sekisho/decision.h>

/* Everything in it was said by a process of the user's: true only as far as he is. Texts are borrowed, and may hold any
 * bytes. */
struct paste {
        int64_t uid;
        const char *session;      /* logind's id */
        const char *selection;    /* "clipboard", "primary", "secondary", "drag" */
        const char *from_program; /* path of the executable; "": not known */
        const char *to_program;   /* likewise */
        struct paste_facts facts; /* zones: NULL where the program belongs to none */
        bool focused;             /* it has the input focus: a person waits for the paste */
        int64_t count;            /* so many alike since the last report; at least 1 */
        bool storm;               /* too many to tell apart: only the count holds for all of them */
};
