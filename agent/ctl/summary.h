/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sums of a span in words: for a screen, a page, and JSON. Private to agent/ctl. */
#pragma once

#include <stdio.h>

#include "ctl.h"
#include "tally.h"

#define SUMMARY_VALUE 96

/* Calls each with every sum. label: translated. bad: somebody ought to look into it. */
void summary_each(const struct tally *t, void (*each)(const char *label, const char *value, bool bad, void *userdata),
                  void *userdata);

enum outcome summary_print(const struct tally *t);
/* New reference; NULL: no memory. */
json_t *summary_json(const struct tally *t);

/* ---- parts of pages; f: within a page of html.h ---- */

/* The four big figures. */
void summary_figures(FILE *f, const struct tally *t);
/* All sums, as a table of three pairs of columns. */
void summary_table(FILE *f, const struct tally *t);
/* Permits that were in use or came in the span, at most so many rows; how many there were besides. */
void summary_permits(FILE *f, const struct tally *t, size_t rows);

/* What a person wrote, cut to so many columns, so that a page keeps its length. Into a cell. */
void summary_cell(FILE *f, const char *text, size_t columns);
