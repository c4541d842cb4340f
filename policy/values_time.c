/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes, durations, times, dates and hours. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "parser.h"
#include "values_private.h"

#define MINUTES_PER_DAY 1440u
#define SECONDS_PER_DAY 86400

struct unit {
        const char *name;
        uint64_t factor;
};
static const struct unit size_units[] = { { "", 1 },
                                          { "KiB", UINT64_C(1) << 10 },
                                          { "MiB", UINT64_C(1) << 20 },
                                          { "GiB", UINT64_C(1) << 30 },
                                          { "TiB", UINT64_C(1) << 40 } };
static const struct unit second_units[] = { { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 } };
/* 366, so that a retention in years is never a day short. */
static const struct unit day_units[] = { { "d", 1 }, { "y", 366 } };
#define UNITS(array) (array), sizeof(array) / sizeof((array)[0])

static bool is_word(const struct token *t, const struct key *k, const char *word) {
        return (k->flags & KEY_NEVER) && t->length == strlen(word) && memcmp(t->text, word, t->length) == 0;
}

static bool is_never(const struct token *t, const struct key *k) {
        return is_word(t, k, "never");
}

static int parse_units(struct parser *p, const struct token *t, const struct key *k, const struct unit *units, size_t n,
                       void *field) {
        size_t digits = 0;
        while (digits < t->length && is_digit(t->text[digits]))
                digits++;
        uint64_t value;
        if (!number_parse(t->text, digits, &value))
                return report_expected(p, t, _(k->value->expected));
        for (size_t i = 0; i < n; i++) {
                size_t length = strlen(units[i].name);
                if (t->length - digits != length || memcmp(t->text + digits, units[i].name, length) != 0)
                        continue;
                if (__builtin_mul_overflow(value, units[i].factor, &value))
                        return report_range(p, t, k);
                return store_in_range(p, t, k, value, field);
        }
        return report_expected(p, t, _(k->value->expected));
}

/* In the greatest unit that leaves no rest. */
static void print_units(uint64_t value, const struct unit *units, size_t n, FILE *f) {
        size_t i = n - 1;
        while (i > 0 && (value == 0 || value % units[i].factor != 0))
                i--;
        (void) fprintf(f, "%" PRIu64 "%s", value / units[i].factor, units[i].name);
}

static int parse_size(struct parser *p, const struct token *t, const struct key *k, void *field) {
        if (is_word(t, k, "unlimited")) {
                store_number(field, k, UINT64_MAX);
                return 0;
        }
        return parse_units(p, t, k, UNITS(size_units), field);
}
static void print_size(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p;
        uint64_t value = load_number(field, k);
        if (value == UINT64_MAX)
                (void) fputs("unlimited", f);
        else
                print_units(value, UNITS(size_units), f);
}

static int parse_seconds(struct parser *p, const struct token *t, const struct key *k, void *field) {
        if (is_never(t, k)) {
                store_number(field, k, 0);
                return 0;
        }
        return parse_units(p, t, k, UNITS(second_units), field);
}
static void print_seconds(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p;
        uint64_t value = load_number(field, k);
        if (value == 0 && (k->flags & KEY_NEVER))
                (void) fputs("never", f);
        else
                print_units(value, UNITS(second_units), f);
}

static int parse_days(struct parser *p, const struct token *t, const struct key *k, void *field) {
        return parse_units(p, t, k, UNITS(day_units), field);
}
static void print_days(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p;
        print_units(load_number(field, k), UNITS(day_units), f);
}

/* Howard Hinnant, "chrono-compatible low-level date algorithms". */
int64_t days_from_date(int64_t year, unsigned month, unsigned day) {
        year -= month <= 2;
        int64_t era = (year >= 0 ? year : year - 399) / 400;
        int64_t of_era = year - era * 400;
        int64_t of_year = (153 * ((int64_t) month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t) day - 1;
        return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void date_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day) {
        days += 719468;
        int64_t era = (days >= 0 ? days : days - 146096) / 146097;
        int64_t of_era = days - era * 146097;
        int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
        int64_t month = (5 * of_year + 2) / 153;
        *ret_day = (unsigned) (of_year - (153 * month + 2) / 5 + 1);
        *ret_month = (unsigned) (month < 10 ? month + 3 : month - 9);
        *ret_year = year + era * 400 + (*ret_month <= 2);
}

/* Whether s follows the pattern: 'd' stands for a digit, anything else for itself. */
static bool follows(const char *s, size_t length, const char *pattern) {
        if (length != strlen(pattern))
                return false;
        for (size_t i = 0; i < length; i++)
                if (pattern[i] == 'd' ? !is_digit(s[i]) : s[i] != pattern[i])
                        return false;
        return true;
}

static unsigned two_digits(const char *s) {
        return (unsigned) (s[0] - '0') * 10 + (unsigned) (s[1] - '0');
}

/* s: ten characters "dddd-dd-dd". */
static bool date_parse(const char *s, int64_t *ret_days) {
        unsigned year = two_digits(s) * 100 + two_digits(s + 2), month = two_digits(s + 5), day = two_digits(s + 8);
        int64_t y;
        unsigned m, d;
        if (month < 1 || month > 12 || day < 1 || year < 1970)
                return false;
        /* A day that the month does not have comes back as a day of the next one. */
        int64_t days = days_from_date(year, month, day);
        date_from_days(days, &y, &m, &d);
        if (m != month || d != day)
                return false;
        *ret_days = days;
        return true;
}

/* RFC 3339 section 5.6 without fractions and leap seconds; the offset is demanded. */
static bool time_parse(const char *s, size_t length, int64_t *ret, int32_t *ret_offset) {
        int32_t offset = 0;
        int64_t days;
        if (length == 25 &&
            (follows(s, length, "dddd-dd-ddTdd:dd:dd+dd:dd") || follows(s, length, "dddd-dd-ddTdd:dd:dd-dd:dd"))) {
                unsigned hours = two_digits(s + 20), minutes = two_digits(s + 23);
                if (hours > 23 || minutes > 59)
                        return false;
                offset = (int32_t) (hours * 3600 + minutes * 60) * (s[19] == '-' ? -1 : 1);
        } else if (!follows(s, length, "dddd-dd-ddTdd:dd:ddZ")) {
                return false;
        }
        unsigned hour = two_digits(s + 11), minute = two_digits(s + 14), second = two_digits(s + 17);
        if (!date_parse(s, &days) || hour > 23 || minute > 59 || second > 59)
                return false;
        *ret = days * SECONDS_PER_DAY + (int64_t) (hour * 3600 + minute * 60 + second) - offset;
        *ret_offset = offset;
        return true;
}

static int parse_time(struct parser *p, const struct token *t, const struct key *k, void *field) {
        int64_t value = POLICY_NEVER;
        int32_t offset = 0;
        if (!is_never(t, k) && !time_parse(t->text, t->length, &value, &offset))
                return report_expected(p, t, _(k->value->expected));
        if (k->flags & KEY_OFFSET)
                p->utc_offset = offset;
        memcpy(field, &value, sizeof value);
        return 0;
}

static int parse_until(struct parser *p, const struct token *t, const struct key *k, void *field) {
        int64_t value = POLICY_NEVER;
        int32_t offset;
        if (is_never(t, k)) {
                memcpy(field, &value, sizeof value);
                return 0;
        }
        struct until_reference u = { .row = p->row, .at = t->at, .is_date = follows(t->text, t->length, "dddd-dd-dd") };
        if (u.is_date) {
                if (!date_parse(t->text, &value))
                        return report_expected(p, t, _(k->value->expected));
                value = (value + 1) * SECONDS_PER_DAY; /* the end of the day; the offset is subtracted later */
        } else if (!time_parse(t->text, t->length, &value, &offset)) {
                return report_expected(p, t, _(k->value->expected));
        }
        memcpy(field, &value, sizeof value);
        return buffer_append(&p->untils, &u, sizeof u);
}

static void print_time(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p, (void) k;
        int64_t value, year;
        unsigned month, day;
        memcpy(&value, field, sizeof value);
        if (value == POLICY_NEVER) {
                (void) fputs("never", f);
                return;
        }
        int64_t days = value / SECONDS_PER_DAY - (value % SECONDS_PER_DAY < 0);
        int64_t second = value - days * SECONDS_PER_DAY;
        date_from_days(days, &year, &month, &day);
        (void) fprintf(f, "%04" PRId64 "-%02u-%02uT%02" PRId64 ":%02" PRId64 ":%02" PRId64 "Z", year, month, day,
                       second / 3600, second / 60 % 60, second % 60);
}

static const char *const weekdays[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
static const struct names weekday_names = { weekdays, 7 };

/* "Mon", "Mon-Fri", "Sat-Mon"; as bits. */
static bool days_parse(const char *s, size_t length, uint8_t *days) {
        if (length != 3 && !(length == 7 && s[3] == '-'))
                return false;
        int first = names_find(&weekday_names, s, 3);
        int last = length == 7 ? names_find(&weekday_names, s + 4, 3) : first;
        if (first < 0 || last < 0)
                return false;
        for (unsigned i = (unsigned) first;; i = (i + 1) % 7) {
                *days = (uint8_t) (*days | 1u << i);
                if (i == (unsigned) last)
                        return true;
        }
}

static bool clock_parse(const char *s, uint16_t *ret) {
        if (!follows(s, 5, "dd:dd"))
                return false;
        unsigned hour = two_digits(s), minute = two_digits(s + 3);
        *ret = (uint16_t) (hour * 60 + minute);
        return minute <= 59 && *ret <= MINUTES_PER_DAY;
}

static bool span_parse(const char *s, size_t length, struct hours_span *ret) {
        const char *space = memchr(s, ' ', length);
        if (!space || s + length - space != 12 || space[6] != '-' || !clock_parse(space + 1, &ret->start) ||
            !clock_parse(space + 7, &ret->end) || ret->start == MINUTES_PER_DAY)
                return false;
        while (s < space) {
                const char *comma = memchr(s, ',', (size_t) (space - s));
                const char *end = comma ? comma : space;
                if (!days_parse(s, (size_t) (end - s), &ret->days))
                        return false;
                s = end + 1;
                if (comma && s == space)
                        return false;
        }
        return ret->days != 0;
}

static int parse_hours(struct parser *p, const struct token *t, const struct key *k, void *field) {
        struct hours_span span;
        memset(&span, 0, sizeof span); /* the padding too: equal lists are found by their bytes */
        if (!span_parse(t->text, t->length, &span))
                return report_expected(p, t, _(k->value->expected));
        if (span.start == span.end)
                return report_error(&p->report, t->at,
                                    _("the hours begin and end at the same time; the whole day is 00:00-24:00"));
        memcpy(field, &span, sizeof span);
        return 0;
}
static void print_hours(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p, (void) k;
        struct hours_span span;
        memcpy(&span, field, sizeof span);
        const char *separator = "";
        for (unsigned i = 0; i < 7; i++) {
                if (!((unsigned) span.days >> i & 1u))
                        continue;
                (void) fprintf(f, "%s%s", separator, weekdays[i]);
                separator = ",";
        }
        const unsigned start = span.start, end = span.end;
        (void) fprintf(f, " %02u:%02u-%02u:%02u", start / 60, start % 60, end / 60, end % 60);
}

#define DATE_PATTERN "[0-9]{4}-[01][0-9]-[0-3][0-9]"
#define TIME_PATTERN DATE_PATTERN "T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](Z|[+-][0-2][0-9]:[0-5][0-9])"
#define DAYS_PATTERN "(Mon|Tue|Wed|Thu|Fri|Sat|Sun)(-(Mon|Tue|Wed|Thu|Fri|Sat|Sun))?"

const struct value value_size = { N_("a size in bytes, KiB, MiB, GiB or TiB, as in 4096 or 256MiB"),
                                  "^((0|[1-9][0-9]*)([KMGT]iB)?|unlimited)$",
                                  true,
                                  0,
                                  parse_size,
                                  print_size };
const struct value value_seconds = { N_("a duration in s, min, h or d, as in 60s or 15min"),
                                     "^((0|[1-9][0-9]*)(s|min|h|d)|never)$",
                                     false,
                                     0,
                                     parse_seconds,
                                     print_seconds };
const struct value value_days = {
        N_("a duration in d or y, as in 90d or 7y"), "^(0|[1-9][0-9]*)[dy]$", false, 0, parse_days, print_days
};
const struct value value_time = { N_("a time with its UTC offset, as in 2026-11-23T09:00:00+09:00"),
                                  "^(" TIME_PATTERN "|never)$",
                                  false,
                                  0,
                                  parse_time,
                                  print_time };
const struct value value_until = { N_("a date, as in 2027-03-31, or a time with its UTC offset"),
                                   "^(" DATE_PATTERN "|" TIME_PATTERN "|never)$",
                                   false,
                                   0,
                                   parse_until,
                                   print_time };
const struct value value_hours = { N_("days and hours, as in \"Mon-Fri 08:30-17:15\" (quoted when there is a comma)"),
                                   "^" DAYS_PATTERN "(," DAYS_PATTERN ")* [0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$",
                                   false,
                                   sizeof(struct hours_span),
                                   parse_hours,
                                   print_hours };
