/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a person is told of a refusal: what, why, whom to ask. Pure: no clock, no bus, no terminal.
 *
 * Owned by agent/notices; notify.c (desktop) and console.c (text login) show what comes out. What goes in are the
 * replies of WatchOwn (org.sekisho.Agent.varlink). Names of devices and programs are hostile text: they come out cut,
 * without what would not show, and with what may be a My Number starred out. The same thing again replaces the notice
 * about it, with a count, and many different things share one: a flood of refusals is a handful of notices.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum notice_kind {
        NOTICE_DEVICE,
        NOTICE_NETWORK,
        NOTICE_CLIPBOARD,
        NOTICE_PERMIT,
        NOTICE_SCREEN,
        NOTICE_KIND_MAX,
        NOTICE_KIND_INVALID = -22,
};

/* As the Desktop Notifications Specification numbers them. */
enum notice_urgency { NOTICE_LOW, NOTICE_NORMAL, NOTICE_CRITICAL };

#define NOTICE_SLOTS     4u /* of each kind; the last one is for what has no place in the others */
#define NOTICE_SLOTS_ALL (NOTICE_SLOTS * NOTICE_KIND_MAX)

/* How it is to be shown. */
struct notice_style {
        bool markup;         /* the body is markup: &, < and > are escaped */
        bool ascii;          /* where kanji have no shape: what is not ASCII is left out */
        uint64_t again_usec; /* between two notices in one slot */
        uint64_t quiet_usec; /* after so long without a refusal it is something new again */
};

struct notice {
        unsigned slot; /* below NOTICE_SLOTS_ALL */
        bool again;    /* replaces what this slot showed before */
        enum notice_kind kind;
        enum notice_urgency urgency;
        char *title, *body; /* body: lines */
};
void notice_clear(struct notice *n);

struct notice_board;

int notice_board_new(struct notice_board **ret); /* 0 or -ENOMEM */
struct notice_board *notice_board_free(struct notice_board *b);

/* Takes a reply of WatchOwn (borrowed). now: microseconds of any clock that does not go back. 0; 1: it is nothing to
 * show. */
int notice_board_take(struct notice_board *b, const json_t *event, uint64_t now, const struct notice_style *style);

/* The next notice that is due. 1: *ret is one (notice_clear()); 0: none now; -ENOMEM. */
int notice_board_next(struct notice_board *b, uint64_t now, const struct notice_style *style, struct notice *ret);
/* When something will be due; UINT64_MAX: never, as things are. */
uint64_t notice_board_due(const struct notice_board *b, const struct notice_style *style);
/* Who looked at it put it away: what comes next is a new one. */
void notice_board_dismiss(struct notice_board *b, unsigned slot);
/* Nobody saw it: it is due once more, as after any other notice of the slot. */
void notice_board_lost(struct notice_board *b, unsigned slot);

enum notice_kind notice_kind_from_name(const char *name); /* "device" */

/* ---- notice_text.c ---- */

/* What a slot holds. */
struct notice_facts {
        const json_t *event; /* the newest */
        unsigned count;      /* how often */
        bool others;         /* network: not only this peer */
        bool shared;         /* different things: only how many counts */
};
/* 0 or -ENOMEM. Fills in title, body and urgency. */
int notice_text(enum notice_kind kind, const struct notice_facts *f, const struct notice_style *style,
                struct notice *ret);
/* Shows hostile text: at most so many characters. */
void notice_put(FILE *f, const char *text, size_t max, const struct notice_style *style);

/* Members of an event; what is absent or of another type is "" or 0. */
const char *notice_string(const json_t *event, const char *key);
int64_t notice_number(const json_t *event, const char *key);
