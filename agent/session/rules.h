/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clipboard section of the policy in force, as the agent gave it, ready for decide(). Pure: no system call.
 *
 * Owned by agent/session. Without rules (NULL) everything is refused.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <sekisho/decision.h>

#include "base/cleanup.h"

#define FLOW_TYPES_ALL ((1u << FLOW_TYPE_MAX) - 1u)

struct rules;

/* reply: of JoinSession; borrowed. resolve: what a program's path leads to, links followed, free(); NULL: as it is. 0;
 * -EBADMSG: not such a reply; -ENOMEM. */
int rules_new(const json_t *reply, char *(*resolve)(const char *path), struct rules **ret);
struct rules *rules_free(struct rules *r); /* NULL allowed */
DEFINE_FREEP(struct rules, rules_free)

/* The zone of a program (path), or NULL: in none, which is also the answer for "". Valid as long as the rules. */
const char *rules_zone(const struct rules *r, const char *program);

/* The section observes, and has no zones: there is nothing to see, and the clipboard is left alone. */
bool rules_leave_alone(const struct rules *r);
bool rules_enforce(const struct rules *r);         /* NULL: true */
uint32_t rules_clear_after(const struct rules *r); /* seconds; 0: never */

/* zones may be NULL: in none. */
void rules_judge(const struct rules *r, const struct paste_facts *facts, struct verdict *ret);
/* What may pass from one to the other, taken by itself and at its smallest: mask of types. */
uint32_t rules_types(const struct rules *r, const char *from, const char *to);
/* What may pass to anybody. Where nothing is enforced: everything. */
uint32_t rules_types_from(const struct rules *r, const char *from);
/* No flow from there lets more bytes of this type pass. UINT64_MAX: no limit. */
uint64_t rules_limit_from(const struct rules *r, const char *from, enum flow_type type);
