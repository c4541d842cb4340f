/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The members of a record that a reader wants, as parts of its line, in one pass. Private to agent/ctl.
 *
 * Whoever reads millions of records has no time to build a tree of each. A line in the writer's own form is scanned
 * once; any other goes through the JSON parser first, so that the answer is always the parser's (duplicates refused).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define FIELDS_MAX 40u

struct field_path {
        const char *key;
        int parent; /* index of an earlier path, -1: the record itself */
};

enum field_type {
        FIELD_ABSENT,
        FIELD_STRING,
        FIELD_INTEGER,
        FIELD_TRUE,
        FIELD_FALSE,
        FIELD_OBJECT,
        FIELD_OTHER, /* null, an array, a number with a fraction */
};

struct field {
        enum field_type type;
        bool escaped;     /* a string with escapes in it */
        const char *text; /* within the line, or a copy of it: until the next fields_read(); of a string: its inside */
        size_t size;
};

struct fields {
        const struct field_path *paths;
        unsigned n;
        int first[FIELDS_MAX + 1], next[FIELDS_MAX]; /* children of a path, at [path + 1] */
        size_t sizes[FIELDS_MAX];                    /* of their keys */
        struct field values[FIELDS_MAX];
        char *copy;
};

/* paths are borrowed. */
void fields_init(struct fields *f, const struct field_path *paths, unsigned n);
void fields_clear(struct fields *f);

/* False: not a JSON object, or not one that a record could be. */
bool fields_read(struct fields *f, const char *line, size_t size);

/* The scan alone. True: the parser would read the same; false: unsure. For tests and the fuzzer. */
bool fields_scan(struct fields *f, const char *line, size_t size, bool is_parsers_own);

bool field_is(const struct field *f, const char *text);
/* Whole numbers; false: it is none. */
bool field_integer(const struct field *f, int64_t *ret);
/* A string into buffer, NUL-terminated; false: it is none, holds a NUL, or does not fit. */
bool field_text(const struct field *f, char *buffer, size_t size);
