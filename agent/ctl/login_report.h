/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each login demands, as a table and as JSON; for `login check` and for the self-inspection. Private to agent/ctl.
 */
#pragma once

#include <jansson.h>

#include "ctl.h"
#include "logins/logins.h"

/* The policy in force, from the agent or, without one, from its files. *ret NULL: none. policy_free(). */
void login_policy_in_force(const struct invocation *i, struct policy **ret);

bool login_report_falls_short(const struct login_report *r);
/* {"falls_short", "logins": [{"kind", "name", "file", "verdict", "trouble", "ways": [{"verdict", "factors", "when",
 * "unless", "exempt", "through": [{"file", "line", "what"}]}]}]}. NULL: no memory. */
json_t *login_report_json(const struct login_report *r);
enum outcome login_report_print(const struct login_report *r);
/* Translated: "password alone". */
const char *login_verdict_text(enum login_verdict v);
