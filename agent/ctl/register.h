/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The media register, put together from the record: one row for each time that a medium was open, matched to the permit
 * that opened it, and one for each permit that never was used. Private to agent/ctl. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define REGISTER_TEXT_MAX 64

struct opening {
        char port[REGISTER_TEXT_MAX];
        json_t *facts;  /* of the medium; NULL: the row is about a permit alone */
        json_t *device; /* the terminal that recorded it */
        char *permit;   /* id; NULL: a rule opened it, or nothing was enforced */
        char *rule;     /* or NULL */
        char *action;
        bool observed; /* nothing was enforced */
        bool is_open;
        int64_t opened, shut; /* milliseconds since the epoch; 0: not known */
        const char *why_shut; /* "unplugged", "decided", or NULL */
        uint64_t files, bytes;
};

struct register_book {
        struct opening *list;
        size_t n, n_allocated;
        json_t *permits;  /* id -> what is known of it */
        bool failed;      /* memory ran out: it is not complete */
        uint64_t damaged; /* lines that could not be read */
};

/* 0 or -ENOMEM */
int register_new(struct register_book *ret);
void register_clear(struct register_book *b);
/* One record, in their order; NULL: a damaged line. */
void register_hear(struct register_book *b, const json_t *event);
/* Permits as the agent lists them: what the record that was heard does not know any more. */
void register_add_permits(struct register_book *b, const json_t *permits);
/* Rows for permits that opened nothing. */
void register_finish(struct register_book *b);
/* Those that were opened since then, and permits that opened nothing, as CSV. media_export.c */
void register_csv(FILE *f, const struct register_book *b, int64_t since);
/* What is known of the row's permit; NULL: there is none. */
const json_t *register_permit(const struct register_book *b, const struct opening *o);
