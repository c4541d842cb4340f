/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "timesource.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

static int64_t wall(const struct time_source *t) {
        if (t->wall)
                return t->wall(t->userdata);

        struct timespec ts;
        return clock_gettime(CLOCK_REALTIME, &ts) < 0 ? 0 : (int64_t) ts.tv_sec;
}

int64_t time_now(const struct time_source *t) {
        int64_t now = wall(t);
        return now > t->floor ? now : t->floor;
}

bool time_behind_floor(const struct time_source *t) {
        return wall(t) < t->floor;
}

uint64_t time_boot_usec(const struct time_source *t) {
        if (t->boot)
                return t->boot(t->userdata);

        struct timespec ts;
        if (clock_gettime(CLOCK_BOOTTIME, &ts) < 0)
                return 0;
        return (uint64_t) ts.tv_sec * UINT64_C(1000000) + (uint64_t) ts.tv_nsec / 1000;
}

void time_raise_floor(struct time_source *t, int64_t seconds) {
        if (seconds > t->floor)
                t->floor = seconds;
}

int time_local(int64_t seconds, uint8_t *ret_weekday, uint16_t *ret_minute) {
        time_t when = (time_t) seconds;
        struct tm tm;
        if (!localtime_r(&when, &tm))
                return -EOVERFLOW;

        *ret_weekday = (uint8_t) ((tm.tm_wday + 6) % 7); /* tm_wday counts from Sunday */
        *ret_minute = (uint16_t) (tm.tm_hour * 60 + tm.tm_min);
        return 0;
}

int time_format(int64_t seconds, char *buffer, unsigned size) {
        time_t when = (time_t) seconds;
        struct tm tm;
        if (!localtime_r(&when, &tm))
                return -EOVERFLOW;

        long offset = tm.tm_gmtoff / 60;
        char sign = offset < 0 ? '-' : '+';
        if (offset < 0)
                offset = -offset;
        int n = snprintf(buffer, size, "%04ld-%02d-%02dT%02d:%02d:%02d%c%02ld:%02ld", tm.tm_year + 1900L, tm.tm_mon + 1,
                         tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, sign, offset / 60, offset % 60);
        return n < 0 || (unsigned) n >= size ? -ENOBUFS : 0;
}
