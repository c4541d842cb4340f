/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reaches the terminal: hostile text made harmless, widths, colours, tables, JSON. Private to agent/ctl.
 *
 * Strings of devices, files and records may hold anything; nothing of theirs is printed but through here.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ctl.h"

/* Printable copy of s (NULL: ""): control, bidirectional and invisible characters as \u{XXXX}, bytes that are not UTF-8
 * as \xXX. One line. free(); NULL: no memory. */
char *screen_text(const char *s);
char *screen_text_n(const char *s, size_t size);

/* Columns that a printable string takes: a kanji takes two. */
size_t screen_width(const char *s);

enum tone { TONE_PLAIN, TONE_GOOD, TONE_BAD, TONE_NOTE, TONE_FAINT, TONE_BOLD };

/* Escape sequence, or "" where there is to be no colour: stdout is no terminal, NO_COLOR is set, TERM is "dumb". */
const char *screen_tone(enum tone t);
const char *screen_reset(void);

/* Prints text, made printable, with a tone. */
void screen_put(enum tone t, const char *text);

/* A table: cells are copied and made printable; the last column is not padded. */
struct screen_table;
struct screen_table *screen_table_new(size_t n_columns, const char *const *heads); /* heads may be NULL */
struct screen_table *screen_table_free(struct screen_table *t);
DEFINE_FREEP(struct screen_table, screen_table_free)
void screen_table_add(struct screen_table *t, enum tone tone, const char *text); /* next cell, row by row */
void screen_table_addf(struct screen_table *t, enum tone tone, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* indent: columns before each line. OUTCOME_YES, or OUTCOME_BAD when memory ran out on the way. */
enum outcome screen_table_print(const struct screen_table *t, unsigned indent);

/* Prints and frees; NULL = out of memory. ASCII only, so that a device's name cannot reach the terminal. */
enum outcome screen_json(json_t *value);
enum outcome screen_json_line(json_t *value); /* one line, flushed */

/* One line of progress on stderr when that is a terminal; done may exceed total; total 0 = unknown. */
void screen_progress(const char *what, unsigned long long done, unsigned long long total);
void screen_progress_end(void);
