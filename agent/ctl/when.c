/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "when.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The shape: 'd' is a digit, all else stands for itself. */
static bool has_shape(const char *text, const char *shape) {
        for (; *shape; shape++, text++)
                if (*shape == 'd' ? !isdigit((unsigned char) *text) : *text != *shape)
                        return false;
        return true;
}

static int digits(const char *text, int n) {
        int value = 0;
        for (int i = 0; i < n; i++)
                value = 10 * value + (text[i] - '0');
        return value;
}

static bool read_offset(const char *text, int *ret) {
        if (strcmp(text, "Z") == 0) {
                *ret = 0;
                return true;
        }
        if ((!has_shape(text, "+dd:dd") && !has_shape(text, "-dd:dd")) || text[6])
                return false;
        int hours = digits(text + 1, 2), minutes = digits(text + 4, 2);
        *ret = (hours * 60 + minutes) * (text[0] == '-' ? -60 : 60);
        return hours < 24 && minutes < 60;
}

bool when_moment(const char *text, int64_t *ret) {
        int offset;
        if (!has_shape(text, "dddd-dd-ddTdd:dd:dd") || !read_offset(text + 19, &offset))
                return false;

        struct tm given = { .tm_year = digits(text, 4) - 1900,
                            .tm_mon = digits(text + 5, 2) - 1,
                            .tm_mday = digits(text + 8, 2),
                            .tm_hour = digits(text + 11, 2),
                            .tm_min = digits(text + 14, 2),
                            .tm_sec = digits(text + 17, 2) };
        struct tm normal = given;
        time_t t = timegm(&normal);
        /* timegm() turns the 31st of February into March; such a day does not exist. */
        if (normal.tm_mon != given.tm_mon || normal.tm_mday != given.tm_mday || normal.tm_hour != given.tm_hour ||
            normal.tm_min != given.tm_min || normal.tm_sec != given.tm_sec)
                return false;
        *ret = (int64_t) t - offset;
        return true;
}

bool when_since(const char *text, int64_t now, int64_t *ret) {
        static const struct {
                const char *name;
                int64_t seconds;
        } units[] = { { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 } };

        size_t n = strspn(text, "0123456789");
        if (n == 0 || n > 9)
                return when_moment(text, ret);
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
                if (strcmp(text + n, units[i].name) != 0)
                        continue;
                *ret = now - strtoll(text, NULL, 10) * units[i].seconds;
                return true;
        }
        return when_moment(text, ret);
}
