/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chain fields of one line: how they are hashed and read.
 *
 * Private to agent/audit (and its tests) and to those in ctl who read raw lines. There is one reading of a line, the
 * JSON parser's (jansson, duplicates refused); chain_scan() is a fast way to the same answer for lines in the writer's
 * own form, and says "unsure" for all else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"

#define CHAIN_HEX      64u                       /* hex digits of a SHA-256 */
#define CHAIN_LOG_MAX  63u                       /* bytes of a log's name */
#define CHAIN_SEQ_LAST ((UINT64_C(1) << 53) - 1) /* exact in every JSON reader, also one that knows only doubles */

struct chain {
        uint64_t seq;
        char prev[CHAIN_HEX + 1];
        char log[CHAIN_LOG_MAX + 1];
        bool has_anchor; /* unmapped.sekisho.anchor is there: anchor.h reads it */
};

/* prev of the first line of a log. */
extern const char chain_zeros[CHAIN_HEX + 1];

/* Lower-case hex SHA-256 of a line without its newline. */
void chain_hash(const void *line, size_t size, char ret[CHAIN_HEX + 1]);

/* Whether s is a log's name that a record may carry: 1 to CHAIN_LOG_MAX of a-z, 0-9, '-'. */
bool chain_log_valid(const char *s, size_t size);

/* Reads the chain fields. AUDIT_OK, AUDIT_NOT_JSON or AUDIT_NO_CHAIN; *ret is set on AUDIT_OK only. */
enum audit_fault chain_parse(const char *line, size_t size, struct chain *ret);

/* The reference, by the JSON parser alone. */
enum audit_fault chain_parse_json(const char *line, size_t size, struct chain *ret);

/* True: the line is what chain_parse_json() would accept, and *ret is what it would read. False: unsure. */
bool chain_scan(const char *line, size_t size, struct chain *ret);
