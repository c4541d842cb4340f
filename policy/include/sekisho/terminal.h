/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal's own facts, /etc/sekisho/terminal.yaml: which groups it belongs to, its display name,
 * and its counter.
 * Read with the same strict YAML and key table as a policy. Owned by the policy library.
 *
 *   sekisho-terminal: 1
 *   name: 市民課 3番窓口
 *   groups: [madoguchi, honcho]
 *   tpm-counter: 01800730
 */
#pragma once

#include <sekisho/policy.h>

struct terminal {
        const char *name; /* "" if absent */
        struct strings groups;
        uint32_t tpm_counter; /* NV index; 0: none is used */
        struct arena *arena;  /* private */
};

/* As policy_parse(). */
int terminal_parse(const char *bytes, size_t size, struct problems *problems, struct terminal **ret);
struct terminal *terminal_free(struct terminal *t);

/* Whether a document's target list ("all", "host:<machine-id>", "group:<name>") means this terminal. t may be NULL. */
bool terminal_is_target(const struct strings *target, const char *machine_id, const struct terminal *t);
