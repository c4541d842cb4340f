/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `screen-lock` of the policy: no screen is open for longer than that while nobody is there.
 *
 * Owned by agent.c and its helpers. A desktop's own locker comes first; when it did not lock in time, logind is asked
 * to have the session locked, and LockedHint, or the session's helper for lockers that do not set it, says whether it
 * is. One that stays open is recorded, its user is told, and it is asked again; where the policy says `without-helper:
 * end-session`, it is ended.
 */
#pragma once

#include "agent.h"
#include "sys/sessions.h"

#define SCREEN_GRACE_USEC UINT64_C(10000000) /* that a locker may take */
#define SCREEN_AGAIN_USEC UINT64_C(60000000) /* between two requests to one that stays open */
/* A desktop that says "idle" may have waited before: what it says counts at once, unless the helper measures. */
#define SCREEN_FRESH_USEC UINT64_C(15000000)

/* What is known of a session beside what logind says. Times: microseconds of CLOCK_MONOTONIC, 0: never. */
struct screen {
        char id[32];
        uint64_t told;     /* when the helper measured last */
        uint64_t measured; /* by then nobody had been there for so long */
        bool told_locked;
        bool was_locked; /* LockedHint, when it was looked at last */
        uint64_t asked;  /* to lock, since it is open with nobody there */
        bool failed;     /* and it did not */
        bool seen;
};

enum screen_step {
        SCREEN_WAIT,
        SCREEN_LOCK,  /* ask for it */
        SCREEN_STAYS, /* it was asked, and is open */
        SCREEN_STEP_MAX,
};
/* limit: microseconds; 0: nothing has to lock. Pure. *ret_due: when to look again; UINT64_MAX: something will be heard.
 */
enum screen_step screen_step(const struct session_info *i, const struct screen *s, uint64_t limit, uint64_t now,
                             uint64_t *ret_due);

/* Whether a desktop's screen was open for too long, in a sleep of so many microseconds that is over now: the clocks of
 * desktops and helpers stand still meanwhile. (A text session's does not: logind goes by the wall clock.) Pure. */
bool screen_oversleeps(const struct session_info *i, const struct screen *s, uint64_t limit, uint64_t asleep,
                       uint64_t now);

struct screens;
int screen_lock_new(struct agent *a); /* 0 or -ENOMEM */
void screen_lock_free(struct agent *a);
/* After sessions or the policy changed. */
void screen_lock_look(struct agent *a);
/* After what may have been a sleep of the machine. One that oversleeps is asked to lock, once: somebody has woken the
 * machine, so that a locker without a word for logind is not heard of, and may be there already. */
void screen_lock_woke(struct agent *a);
/* The helper of a session of that uid says that nobody has been there for so many seconds. 0; -EPERM: it is not his. */
int screen_lock_report(struct agent *a, int64_t uid, const char *session, int64_t seconds, bool locked);
