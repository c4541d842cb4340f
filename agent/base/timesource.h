/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one source of time. Owned by base; injected, so that tests can lie about the clock.
 *
 * now() is the greatest of the wall clock, the saved high-water mark and the newest accepted document (policy.md):
 * setting the clock back never revives what has expired.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct time_source {
        int64_t floor;                    /* seconds since the epoch; raised by time_raise_floor(), never lowered */
        int64_t (*wall)(void *userdata);  /* NULL = CLOCK_REALTIME */
        uint64_t (*boot)(void *userdata); /* NULL = CLOCK_BOOTTIME; microseconds */
        void *userdata;
};

int64_t time_now(const struct time_source *t);        /* seconds since the epoch, >= floor */
bool time_behind_floor(const struct time_source *t);  /* the wall clock is behind the floor: CLOCK_SUSPECT */
uint64_t time_boot_usec(const struct time_source *t); /* microseconds since boot, counting suspend */
void time_raise_floor(struct time_source *t, int64_t seconds);

/* Local weekday (0 = Monday) and minute of the day of a moment. 0 or -errno. */
int time_local(int64_t seconds, uint8_t *ret_weekday, uint16_t *ret_minute);

/* RFC 3339 with offset ("2026-11-23T09:00:00+09:00") into buffer of at least 32 bytes. 0 or -errno. */
int time_format(int64_t seconds, char *buffer, unsigned size);
