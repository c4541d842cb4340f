/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keyboards that come while people work: what decide() has to know about them, and the lock that comes first. Owned by
 * agent.c and its helpers.
 *
 * A device that can type and was plugged in after the start opens only when nothing that a person left open can hear
 * it: every session at a seat is locked first. Where that cannot be had, it stays shut, unless it is the last one.
 */
#pragma once

#include <sekisho/decision.h>

#include "registry.h"

struct agent;
struct keyboard_watch;

int keyboards_new(struct agent *a); /* sets a->keyboards. 0 or -errno */
void keyboards_free(struct agent *a);

/* The way back from `keyboards: listed` is being taken. */
bool keyboards_fallback(const struct agent *a);

/* Fills what a verdict on s depends on beside its facts. */
void keyboards_context(const struct agent *a, const struct subject *s, struct context *ret);

enum keyboards_lock {
        KEYBOARDS_LOCK_NEEDLESS, /* or done: it may open */
        KEYBOARDS_LOCK_ASKED,    /* the answer comes by and by, and takes s through agent_decide_on() again */
        KEYBOARDS_LOCK_REFUSED,  /* something stays open on the screen; it is asked again at the next look */
};

/* Call when s, decided, is about to open. */
enum keyboards_lock keyboards_lock_first(struct agent *a, struct subject *s);
