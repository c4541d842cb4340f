/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A policy on trial: it is in force, for logins too, until its time is over; then the one before it comes back, unless
 * somebody confirms it. Time is the boot clock's: an agent that is started again takes the trial up where it was, and
 * after a reboot or a power cut the old policy holds at once.
 *
 * Owned by agent.c and its helpers. What is on disk is store.h's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "store.h"

#define TRIAL_MIN UINT64_C(60)    /* seconds */
#define TRIAL_MAX UINT64_C(86400) /* a day: what is tried for longer is watched by nobody */

struct agent;

struct trial {
        struct stored_policy before; /* what comes back, while active.trial.on */
        sd_event_source *timer;
};

/* Says in next that it is on trial for so many seconds, and keeps what is in force. 0; a positive enum install_refusal.
 */
int trial_prepare(struct agent *a, struct stored_policy *next, uint64_t seconds);
/* The policy in force is on trial from now on, and before (taken over) waits. */
void trial_begin(struct agent *a, struct stored_policy *before);
/* Back to the policy before, if one is on trial. detail, for the record: "not-confirmed", "replaced". */
void trial_return(struct agent *a, const char *detail);
/* The policy in force stays. 0; a positive enum install_refusal, which is in the record. */
int trial_confirm(struct agent *a, int64_t uid);
/* At start, before there are guards: goes on with a trial, or ends it. 0 or -ENOMEM. */
int trial_resume(struct agent *a);
/* Frees what is in memory; the trial goes on. */
void trial_free(struct agent *a);
