/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monthly digest as a page, for its verb and for the evidence bundle. Private to agent/ctl. */
#pragma once

#include "inspect.h"
#include "tally.h"

/* Year and month of a moment, local. */
bool digest_month(int64_t from, int *ret_year, int *ret_month);
/* t: of a whole month. */
void digest_html(FILE *f, const struct inspection *n, const struct tally *t);
/* Reads the record of a span. OUTCOME_YES, or another after a complaint; tally_clear() in any case. */
enum outcome digest_tally(const struct invocation *i, int64_t from, int64_t to, struct tally *ret);
