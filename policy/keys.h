/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key table: what a document may contain. Private to the policy library.
 *
 * One row per key says what it is called, how its value is read, where it goes, what it defaults to and what it means.
 * The parser, the JSON Schema, the suggestions for misspelt keys and the difference of two policies all walk these
 * tables: adding a key is one line here (in its section_*.c) and one paragraph in sekisho-policy(5), which a test
 * compares. */
#pragma once

#include <sekisho/policy.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "i18n.h"
#include "names.h"
#include "report.h"

struct parser;
struct token;
struct key;

/* A type of value: one scalar. */
struct value {
        const char *expected; /* "four hexadecimal digits, as in 0781"; marked N_() */
        const char *pattern;  /* for the schema; NULL = none */
        bool digits;          /* may look like a number to other YAML tools */
        uint16_t size;        /* of an element of a list */

        /* 0; 1: not valid, reported; -ENOMEM. field is written only on 0. */
        int (*parse)(struct parser *p, const struct token *t, const struct key *k, void *field);
        /* For the difference: how a person writes it. */
        void (*print)(const struct policy *p, const struct key *k, const void *field, FILE *f);
};

enum shape {
        SHAPE_SCALAR,
        SHAPE_LIST, /* of scalars, into a struct list */
        SHAPE_MASK, /* list of names, into bits */
        SHAPE_MAP,  /* into the same object */
        SHAPE_ROWS, /* list of maps, into a struct list */
};

/* How every list of the model is laid out: pointer, then count. */
struct list {
        const void *rows;
        uint32_t n;
};
/* Without the padding at its end: in the model another field may begin there. */
#define LIST_BYTES (offsetof(struct list, n) + sizeof(uint32_t))

enum key_flags {
        KEY_REQUIRED = 1,
        KEY_NONEMPTY = 2,   /* the list must have a member */
        KEY_SINGLE_OK = 4,  /* one value may stand without brackets */
        KEY_NEVER = 8,      /* "never", for a size "unlimited", is a value too */
        KEY_UNIQUE = 16,    /* no two rows of the section have the same */
        KEY_OFFSET = 32,    /* this time's UTC offset is the one of all dates of the document */
        KEY_WARN_GONE = 64, /* a section: leaving it out is worth a warning */
};

/* When does a change of the value allow what was not allowed? */
enum widens {
        WIDENS_ANY = 0, /* cannot be told: assume the worst */
        WIDENS_NO,
        WIDENS_UP,   /* a greater number, or a later name of the enum */
        WIDENS_DOWN, /* a smaller one */
        WIDENS_RANK, /* a greater rank[] */
        WIDENS_MORE, /* a list of what is allowed: a new member */
        WIDENS_FREE, /* a list of conditions, one of which must hold: a new member, or no member at all */
};

struct key {
        const char *name;
        const struct value *value;
        const struct mapping *mapping; /* SHAPE_MAP, SHAPE_ROWS */
        const struct names *names;     /* enums */
        const char *fallback;    /* value when the key is absent, as it would be written; lists: separated by spaces */
        const char *needs;       /* key of the same mapping without which this one means nothing */
        const char *description; /* marked N_() */
        const uint8_t *rank;
        uint64_t min, max;
        uint32_t valid; /* enums: mask of the names that are valid here; 0 = all */
        uint16_t offset, width;
        uint16_t present; /* offset of a bool that is set when the key is given; 0 = none */
        uint8_t shape, flags, widens;
        uint8_t scope; /* of KEY_UNIQUE */
};

/* Where the keys of one mapping stood. Index = number of the key in the table. */
#define KEYS_MAX 16
struct seen {
        uint32_t given, good;   /* masks; good: given, and its value was read without error */
        unsigned next;          /* behind the last that was found where it was looked for first */
        bool wrong_start;       /* the first key was not the one that it must be */
        const struct key *keys; /* the table */
        struct place start, places[KEYS_MAX];
};
#define IS_GOOD(seen, key)  (((seen)->good >> (key)) & 1u)
#define IS_GIVEN(seen, key) (((seen)->given >> (key)) & 1u)

enum scope { SCOPE_DEVICES, SCOPE_NETWORK, SCOPE_ZONES, SCOPE_LOGIN, SCOPE_PROGRAMS, SCOPE_FLOWS, SCOPE_MAX };

struct mapping {
        const struct key *keys;
        unsigned n;
        bool first_key; /* keys[0] must be the first in the file */
        bool has_line;
        uint16_t size;        /* of a row */
        uint16_t line_offset; /* rows: where the line of keys[0] goes, if has_line */

        /* Contradictions between keys. Reports; returns 0 or -ENOMEM. May be NULL. */
        int (*check)(struct parser *p, void *object, const struct seen *seen);
        /* Rows: what a person calls it, into f; and what it lets through. For the difference. */
        void (*identify)(const struct policy *p, const void *row, FILE *f);
        enum action (*action)(const void *row);
        /* Rows of which the first match decides: whether swapping the two may change an answer. NULL: never. */
        bool (*conflict)(const void *a, const void *b);
};

#define FIELD(type, member) .offset = offsetof(struct type, member), .width = sizeof(((struct type *) 0)->member)
#define ROWS(type, member)  .offset = offsetof(struct type, member), .width = LIST_BYTES
#define TABLE_OF(array)     .keys = (array), .n = sizeof(array) / sizeof((array)[0])

extern const struct mapping policy_mapping, header_mapping, devices_mapping, network_mapping, clipboard_mapping,
        login_mapping, audit_mapping, terminal_mapping;

extern const uint8_t action_rank[ACTION_MAX];

static inline void *field_of(void *object, const struct key *k) {
        return (char *) object + k->offset;
}
static inline const void *field_of_const(const void *object, const struct key *k) {
        return (const char *) object + k->offset;
}

/* Integers of any width: enums, counts and bools are fields of 1 to 8 bytes. */
void store_number(void *field, const struct key *k, uint64_t value);
uint64_t load_number(const void *field, const struct key *k);
