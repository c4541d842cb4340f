/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Problems with the key path at which the parser stands. Private to the policy library. */
#pragma once

#include <assert.h>
#include <sekisho/error.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

struct place { /* both from 1; 0 = the file as a whole */
        unsigned line, column;
};

#define REPORT_STEPS_MAX 16 /* more than the greatest depth of a document */
#define QUOTE_MAX        96

struct report_step {
        const char *key; /* NULL: an index */
        uint32_t index;
};

struct report {
        struct problems *problems;
        struct report_step steps[REPORT_STEPS_MAX];
        unsigned depth;
        bool no_memory; /* a problem could not be stored */
};

/* key: borrowed until report_leave(). In line: they frame each key and row that is read. */
static inline void report_enter(struct report *r, const char *key, uint32_t index) {
        assert(r->depth < REPORT_STEPS_MAX);
        r->steps[r->depth++] = (struct report_step){ .key = key, .index = index };
}

static inline void report_leave(struct report *r) {
        assert(r->depth > 0);
        r->depth--;
}

/* Adds a problem at the present path, or at the given one. Always 1, so that "return report(...)" says "refused". */
int report_error(struct report *r, struct place at, const char *format, ...) __attribute__((format(printf, 3, 4)));
int report_warning(struct report *r, struct place at, const char *format, ...) __attribute__((format(printf, 3, 4)));
int report_error_path(struct report *r, struct place at, const char *path, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

int report_va(struct report *r, enum severity severity, struct place at, const char *path, const char *format,
              va_list arguments) __attribute__((format(printf, 5, 0)));

/* True when nothing more is kept: spares the work of a good message for the millionth problem of a hostile file. */
bool report_is_full(const struct report *r);

/* s[0..length) cut to fit, at the end of a character, for use in a message. Returns buffer. */
const char *report_quote(char buffer[static QUOTE_MAX], const char *s, size_t length);
