/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks what people have open on this terminal's seats, and makes sure that it is locked. Owned by agent/sys; used by
 * the agent before a keyboard that was plugged in may type.
 *
 * Source: org.freedesktop.login1(5): ListSessions(), LockSessions(), and each session's Class, Seat and LockedHint.
 * Asking for the lock is no lock: a locker has to hear of it, and says so by LockedHint.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/file.h"

/* How long a locker may take. */
#define SESSION_LOCK_USEC UINT64_C(5000000)

struct session_lock;

/* done is told once for each session_lock_ask(): 0: nobody has anything open here, or all of it is locked; -ETIMEDOUT:
 * something stayed open (a text console, or a locker that does not set LockedHint); other -errno: logind did not
 * answer. 0 or -ENOMEM. */
int session_lock_new(sd_event *event, const struct root *root, void (*done)(int result, void *userdata), void *userdata,
                     struct session_lock **ret);

/* Begins, unless it is at it already; done is never called from inside this call. may_lock: asks for the lock; else
 * only looks whether something is open. 0 or -errno. */
int session_lock_ask(struct session_lock *l, bool may_lock);

struct session_lock *session_lock_free(struct session_lock *l); /* NULL allowed */
