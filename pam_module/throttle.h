/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long wrong codes make one wait. Private to pam_module. Pure: the boot clock and the boot's id are arguments. */
#pragma once

#include <sekisho/policy.h>

#include "state.h"

enum throttle_answer {
        THROTTLE_GO = 0,
        THROTTLE_WAIT = 1, /* too early */
        THROTTLE_LOCKED,   /* only an admin ends it */
};

/* Seconds to wait after so many wrong codes in a row. */
uint32_t throttle_delay(const struct login_policy *p, uint32_t failures);

/* A boot that is not the one of the state: the wait begins anew, because its clock did. True: *s has changed. */
bool throttle_rearm(struct otp_state *s, const struct login_policy *p, const uint8_t *boot_id, uint64_t boot_usec);

enum throttle_answer throttle_ask(const struct otp_state *s, const struct login_policy *p, uint64_t boot_usec);

/* Counts one wrong code, before it is known to be wrong. */
void throttle_charge(struct otp_state *s, const struct login_policy *p, uint64_t boot_usec);
