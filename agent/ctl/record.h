/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's record: reading all of it, and one record in one line. Private to agent/ctl. */
#pragma once

#include <jansson.h>

#include "audit/view.h"
#include "ctl.h"

#define AGENT_LOG "agent"

/* All logs, all segments, merged by time; see audit_read_all(). each returns 0 to go on, > 0 to end, or -errno.
 * OUTCOME_YES, or another after a complaint. */
enum outcome record_read(const struct invocation *i, int64_t since,
                         int (*each)(json_t *event, const char *line, size_t size, void *userdata), void *userdata);

/* Says why the record cannot be read: r is what audit_view_open() or audit_view_next() returned. */
enum outcome record_complain(int r);

/* event NULL: a damaged line. With --json the record itself, on one line. */
enum outcome record_print(const struct invocation *i, const json_t *event);

/* What kind of record it is, translated; its code where that is not known. */
const char *record_kind_text(const json_t *event);
/* Number in its log; 0 if the record says none. */
uint64_t record_seq(const json_t *event);
/* Name of its log, "" if the record says none. */
const char *record_log(const json_t *event);
