/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The floor of time: the newest accepted step and the newest signed document. Never the raw clock, so that a clock that
 * once stood in 2099 poisons nothing. Lives in a file of the same two slots as a user's state. */
#include <stdio.h>
#include <string.h>

#include "otpd.h"

#define FLOOR_FILE   "floor"
#define FLOOR_COARSE 60 /* seconds by which it rises before it is written: what is lost in between costs nothing */

void clock_open(struct otpd *o) {
        o->floor_fd = -1;
        if (o->vault_error < 0 || o->vault.seal.n == 0)
                return;
        seal_derive(&o->vault.seal.keys[0], "floor", NULL, 0, o->floor_key);
        int r = state_load(o->vault.directory, FLOOR_FILE, o->floor_key, &o->floor_fd, &o->floor);
        if (r == STATE_DAMAGED) {
                /* Each user's own last step stays; what is lost is a bound for all of them together. */
                o->floor = (struct otp_state){ 0 };
                r = state_create(o->vault.directory, FLOOR_FILE, o->floor_key, &o->floor);
                if (r == 0)
                        r = state_load(o->vault.directory, FLOOR_FILE, o->floor_key, &o->floor_fd, &o->floor);
        }
        if (r == 0)
                time_raise_floor(&o->time, o->floor.accepted_at);
}

void clock_accepted(struct otpd *o, int64_t when) {
        time_raise_floor(&o->time, when);
        if (o->floor_fd < 0 || when < o->floor.accepted_at + FLOOR_COARSE)
                return;
        o->floor.accepted_at = when;
        (void) state_store(o->floor_fd, o->floor_key, &o->floor);
}

void clock_document(struct otpd *o, int64_t issued) {
        time_raise_floor(&o->time, issued);
}

/* In the same file, in a field that a floor has no other use for. */
void otpd_break_glass(struct otpd *o, const char *user) {
        (void) snprintf(o->break_glass_user, sizeof o->break_glass_user, "%s", user);
        o->floor.last_step = time_now(&o->time);
        if (o->floor_fd >= 0)
                (void) state_store(o->floor_fd, o->floor_key, &o->floor);
}

int64_t otpd_last_break_glass(const struct otpd *o) {
        return o->floor.last_step;
}
