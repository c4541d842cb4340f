/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's record: opening it, and one record in one line. Private to agent/ctl. */
#pragma once

#include <jansson.h>

#include "audit/audit.h"
#include "ctl.h"

#define RECORD_PATH AUDIT_DIRECTORY "/" AUDIT_FILE

/* OUTCOME_YES (*ret: a descriptor to close), or another after a complaint. */
enum outcome record_open(const struct invocation *i, int *ret);

/* event NULL: a damaged line. With --json the record itself, on one line. */
enum outcome record_print(const struct invocation *i, const json_t *event);

/* Number in the chain; 0 if the record says none. */
uint64_t record_seq(const json_t *event);
