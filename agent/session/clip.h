/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is on the clipboard, where it came from, and who may have it: common to X11 and Wayland.
 *
 * Owned by agent/session; x11*.c and wayland*.c bring content and ask. Content is fetched once, when it is copied, and
 * held here; every paste is judged by decide() for the program that asks. What is refused is told to the agent, never
 * with a byte of the content.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "link.h"
#include "program.h"
#include "rules.h"
#include "targets.h"

#define CLIP_BYTES_MAX ((size_t) 512 << 20) /* of one copy, whatever the policy says */

enum selection {
        SELECTION_CLIPBOARD,
        SELECTION_PRIMARY,
        SELECTION_SECONDARY,
        SELECTION_DRAG,
        SELECTION_MAX,
};
const char *selection_name(enum selection s); /* as in reports: "drag" */

enum number { NUMBER_UNKNOWN, NUMBER_NONE, NUMBER_FOUND };

/* One selection's content. */
struct held {
        char program[PROGRAM_MAX]; /* it came from; "": not known */
        struct blob *data[FORMAT_MAX];
        enum number number[FORMAT_MAX]; /* whether a My Number is in it */
        size_t too_large[FORMAT_MAX];   /* what was not taken for its size has at least so many bytes; 0: it was */
        bool complete;
};

struct clip;

struct clip_events {
        /* The selection was emptied, or is to be refused from now on: nothing of it is handed out any more. */
        void (*cleared)(enum selection s, void *userdata);
        /* Another front brings what is held, from now on: nothing of this one's is put any more, and whoever asks
         * waits. */
        void (*begun)(enum selection s, void *userdata);
        /* What another front brought is here. */
        void (*completed)(enum selection s, void *userdata);
        /* Another front shows what it has, and the compositor has taken note of it. */
        void (*shown)(enum selection s, void *userdata);
        /* Other rules are in force. */
        void (*ruled)(void *userdata);
        void *userdata; /* by which a front is known, too */
};

int clip_new(sd_event *event, struct clip **ret);                   /* 0 or -errno */
struct clip *clip_free(struct clip *c);                             /* NULL allowed; wipes */
void clip_listen(struct clip *c, const struct clip_events *events); /* one for each front: X11, Wayland */
bool clip_has_fronts(const struct clip *c);                         /* more than one */
void clip_set_link(struct clip *c, struct link *l);                 /* borrowed; NULL: nobody is told */
void clip_set_rules(struct clip *c, const json_t *reply);           /* of JoinSession; NULL: none are in force */
const struct rules *clip_rules(const struct clip *c);

/* Mask of the formats worth fetching of what program copies: those that may pass to anybody. */
uint32_t clip_wanted(const struct clip *c, const char *program);
/* program copied something, which front (its userdata) brings: what was held is wiped. limits: how many bytes of each
 * format may ever pass. */
void clip_begin(struct clip *c, const void *front, enum selection s, const char *program, size_t limits[FORMAT_MAX]);
/* Data of one format, whole; stolen. NULL: there is none. */
void clip_put(struct clip *c, enum selection s, enum format f, struct blob *data);
/* There is more of it than may pass to anybody. */
void clip_put_too_large(struct clip *c, enum selection s, enum format f, size_t limit);
/* So large a format may become: not over its own limit, nor over what one copy may have; total: of all that has come of
 * it, own: of this format among that. */
size_t clip_room(size_t limit, size_t total, size_t own);
/* All that was fetched is here. False: it is content that was cleared before, brought back by another program: it was
 * cleared again. */
bool clip_complete(struct clip *c, enum selection s);
void clip_clear(struct clip *c, enum selection s);
/* front shows what is held, and the compositor knows. */
void clip_show(struct clip *c, const void *front, enum selection s);

/* The formats of what is held that program may have: mask. */
uint32_t clip_offer(const struct clip *c, enum selection s, const char *program);
/* Something was copied, and not cleared since. */
bool clip_has(const struct clip *c, enum selection s);
/* The formats of what was copied, as far as they were taken or were too large; FORMAT_TEXT where nobody may have any,
 * so that asking for it is seen. */
uint32_t clip_formats(const struct clip *c, enum selection s);
/* The formats that it may not have: their first targets are shown to it, so that its asking is seen. */
uint32_t clip_denied_types(const struct clip *c, enum selection s);
/* program asks for this format. New reference; NULL: refused (which is told), or there is none. is_focused: a person
 * waits for it. */
struct blob *clip_take(struct clip *c, enum selection s, enum format f, const char *program, bool is_focused);
