/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CSV (RFC 4180), UTF-8 with BOM, so that a spreadsheet shows Japanese as it is. Private to agent/ctl.
 *
 * What a spreadsheet would take for a formula is made text, since names and serial numbers come from devices; a control
 * character is written as \xNN, so that a cell is one line and a terminal does nothing. */
#pragma once

#include <stdint.h>
#include <stdio.h>

struct csv {
        FILE *file; /* borrowed */
        size_t column;
};

/* Writes the BOM. */
struct csv csv_begin(FILE *f);
void csv_cell(struct csv *c, const char *text);
void csv_number(struct csv *c, uint64_t n);
void csv_moment(struct csv *c, int64_t seconds); /* RFC 3339; 0 and before: empty */
void csv_end_row(struct csv *c);
