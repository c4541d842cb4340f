/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Screen lockers that are installed, and whether `screen-lock` of the policy can rest on them: told from files alone.
 *
 * Owned by nobody: a call, a report. For sekishoctl (`screen check`, `inspect`). Reads files below the root only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"

/* Its own time, as the machine's files set it for everybody. Users may have set another. */
enum locker_time {
        LOCKER_USERS,   /* nothing is set: each user's own */
        LOCKER_IN_TIME, /* within the policy's time */
        LOCKER_LATER,   /* later: the agent is first */
        LOCKER_OFF,     /* it never locks by itself */
        LOCKER_TIME_MAX,
};
const char *locker_time_name(enum locker_time t); /* "users", "in-time", "later", "off" */

struct locker_finding {
        const char *program; /* static: "gnome-shell" */
        bool hears;          /* of logind, when the agent asks for a lock */
        bool tells;          /* that it locked: by LockedHint, or so that sekisho-notices sees it */
        enum locker_time time;
        unsigned seconds; /* LOCKER_IN_TIME, LOCKER_LATER */
        char file[96];    /* that sets it; "" where none does */
        unsigned line;
};
#define LOCKERS_MAX 12u

struct locker_report {
        struct locker_finding list[LOCKERS_MAX];
        size_t n;
};

/* limit: seconds of the policy. Cannot fail: a file that cannot be read sets nothing. */
void lockers_check(const struct root *root, unsigned limit, struct locker_report *ret);
/* One of them hears of logind and tells that it locked. */
bool lockers_suffice(const struct locker_report *r);
