/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run over one document. Private to the policy library. */
#pragma once

#include "arena.h"
#include "hash.h"
#include "keys.h"
#include "reader.h"
#include "report.h"

#define NO_ROW UINT32_MAX

/* A name that can be looked up only when its section has been read, for keys may come in any order. */
struct zone_reference {
        uint32_t row;
        bool to;
        struct place at;
        const char *name; /* interned */
};
/* A date means the end of that day at the place where the policy was issued: known when the header has been read. */
struct until_reference {
        uint32_t row; /* of login.second-factor.rules; NO_ROW: login.enrolment */
        bool is_date;
        struct place at;
};

struct parser {
        struct report report;
        struct reader reader;
        bool quick; /* this run is one by quick.h */
        struct arena *arena;
        struct intern strings, blocks; /* what is equal is stored once */
        struct intern unique[SCOPE_MAX];
        struct tuple_map shadows[SCOPE_MAX];
        struct buffer device_shadows;
        uint32_t device_fields_used; /* which combinations of exact values occurred; see shadow.c */
        size_t errors_before;        /* the list of problems may come with some in it */
        struct buffer rows, items;
        struct buffer zones, untils; /* of the references above */
        uint32_t row;                /* number of the row that is being read, or NO_ROW */
        struct place no_interfaces;  /* where the network section without "interfaces" is, or 0 */
        int32_t utc_offset;          /* seconds, of header.issued */
};

/* Reads a whole document by its table into object (zeroed by the caller, in arena or not).
 * 0: read to its end, though perhaps with errors among the problems; 1: the run ended early (reported); -ENOMEM. */
int parse_document(struct parser *p, const char *bytes, size_t size, const struct mapping *m, void *object);

/* Fills what is absent with the defaults of the table. 0 or -ENOMEM. */
int parse_defaults(struct parser *p, const struct mapping *m, void *object, uint32_t given);

typedef int (*parse_reader)(struct parser *p, const char *bytes, size_t size, void *object);

struct parse_limits {
        size_t cap; /* bytes */
        enum {
                PARSE,            /* quickly, and where that gives up by libyaml */
                PARSE_QUICKLY,    /* and no further: 1, without a problem, where it gives up */
                PARSE_BY_LIBYAML, /* both for tests: they say the same */
        } way;
};

/* From bytes to a structure of its own arena, which read() fills (it calls parse_document()) and keeps: one whole run.
 * As policy_parse(). */
int parse_whole(const char *bytes, size_t size, const struct parse_limits *limits, size_t object_size,
                struct problems *problems, parse_reader read, void **ret);

bool parser_has_errors(const struct parser *p);

/* policy_parse() with other limits than its own. */
int policy_parse_limited(const char *bytes, size_t size, const struct parse_limits *limits, struct problems *problems,
                         struct policy **ret);

/* The key of that name, or NULL. */
const struct key *mapping_find(const struct mapping *m, const char *name, size_t length);

/* "did you mean": the nearest of the names to s, or NULL when none is near. */
const char *suggest_key(const struct mapping *m, const char *s, size_t length);
const char *suggest_name(const struct names *t, uint32_t valid, const char *s, size_t length);

/* Reports "X is not valid here; expected ..."; returns 1. */
int report_expected(struct parser *p, const struct token *t, const char *expected);

/* For checks: a problem with the key of that number, at its place and path. */
int key_error(struct parser *p, const struct seen *s, unsigned key, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
int key_warning(struct parser *p, const struct seen *s, unsigned key, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Equal strings and blocks share one pointer. NULL: no memory. */
const char *parser_string(struct parser *p, const char *s, size_t length);
const void *parser_block(struct parser *p, const void *bytes, size_t size);
