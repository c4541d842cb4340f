/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "era.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl.h"

#define REIWA_BEFORE 2018     /* Reiwa 1 is 2019 */
#define REIWA_BEGINS 20190501 /* as a number of year, month, day */
#define YEAR_MAX     9999

static bool local(int64_t seconds, struct tm *ret) {
        time_t t = (time_t) seconds;
        return localtime_r(&t, ret) && ret->tm_year + 1900 > 0 && ret->tm_year + 1900 <= YEAR_MAX;
}

static bool in_reiwa(const struct tm *t) {
        return (t->tm_year + 1900) * 10000 + (t->tm_mon + 1) * 100 + t->tm_mday >= REIWA_BEGINS;
}

const char *iso_date(int64_t seconds, char ret[static ERA_MAX]) {
        struct tm t;
        if (!local(seconds, &t) || strftime(ret, ERA_MAX, "%Y-%m-%d", &t) == 0)
                (void) snprintf(ret, ERA_MAX, "-");
        return ret;
}

const char *iso_moment(int64_t seconds, char ret[static ERA_MAX]) {
        struct tm t;
        if (!local(seconds, &t) || strftime(ret, ERA_MAX, "%Y-%m-%d %H:%M", &t) == 0)
                (void) snprintf(ret, ERA_MAX, "-");
        return ret;
}

const char *era_date(int64_t seconds, char ret[static ERA_MAX]) {
        struct tm t;
        if (!local(seconds, &t) || !in_reiwa(&t))
                return iso_date(seconds, ret);
        /* translators: year, month, day, year of the era Reiwa */
        (void) snprintf(ret, ERA_MAX, _("%04d-%02d-%02d (Reiwa %d)"), t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                        t.tm_year + 1900 - REIWA_BEFORE);
        return ret;
}

const char *era_moment(int64_t seconds, char ret[static ERA_MAX]) {
        struct tm t;
        char date[ERA_MAX];
        if (!local(seconds, &t))
                return iso_date(seconds, ret);
        (void) snprintf(ret, ERA_MAX, "%.80s %02d:%02d", era_date(seconds, date), t.tm_hour, t.tm_min);
        return ret;
}

const char *era_month(int year, int month, char ret[static ERA_MAX]) {
        if (year * 100 + month < REIWA_BEGINS / 100)
                (void) snprintf(ret, ERA_MAX, "%04d-%02d", year, month);
        else
                /* translators: year, month, year of the era Reiwa */
                (void) snprintf(ret, ERA_MAX, _("%04d-%02d (Reiwa %d)"), year, month, year - REIWA_BEFORE);
        return ret;
}

/* "dddd-dd", "dddd-dd-dd" */
static bool has_shape(const char *text, const char *shape) {
        for (; *shape; shape++, text++)
                if (*shape == 'd' ? !isdigit((unsigned char) *text) : *text != *shape)
                        return false;
        return !*text;
}

static bool midnight(int year, int month, int day, int64_t *ret) {
        struct tm t = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_isdst = -1 };
        time_t seconds = mktime(&t);
        *ret = (int64_t) seconds;
        return seconds != (time_t) -1 && t.tm_hour == 0;
}

static int number(const char *text) {
        return (int) strtol(text, NULL, 10);
}

bool day_start(const char *text, int days, int64_t *ret) {
        if (!has_shape(text, "dddd-dd-dd"))
                return false;
        int year = number(text), month = number(text + 5), day = number(text + 8);
        struct tm t = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_isdst = -1 };
        /* mktime() turns the 31st of February into March; such a day does not exist. */
        if (mktime(&t) == (time_t) -1 || t.tm_mon != month - 1 || t.tm_mday != day || year < 1970)
                return false;
        return midnight(year, month, day + days, ret);
}

bool month_span(const char *text, int64_t *ret_from, int64_t *ret_to) {
        if (!has_shape(text, "dddd-dd"))
                return false;
        int year = number(text), month = number(text + 5);
        return year >= 1970 && month >= 1 && month <= 12 && midnight(year, month, 1, ret_from) &&
               midnight(year, month + 1, 1, ret_to);
}
