/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of a new permit, from answers as people give them. Private to agent/ctl. */
#pragma once

#include <sekisho/permit.h>

#include "ctl.h"

struct draft {
        char id[65];
        char code[PERMIT_CODE_CHARS + 1]; /* "": it needs none */
        char *text;
        size_t size;
};

/* values: by position in the options of permit new; those that a permit needs are there. OUTCOME_YES, or another after
 * a complaint. */
enum outcome draft_make(const struct invocation *i, const char *const *values, struct draft *ret);
void draft_clear(struct draft *d); /* wipes the code */

/* What there is to choose from, on stderr. */
void draft_show_media(const struct invocation *i);
void draft_show_ends(void);

/* "fiscal-year" (or 年度末: the next 31 March), "2026-12-31" (its last second), "7d", "4h" from now, or RFC 3339.
 * Seconds since the epoch. */
bool draft_end(const char *text, int64_t now, int64_t *ret);
