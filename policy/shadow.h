/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that can never match, because an earlier one matches all that they would. Private to the policy library.
 *
 * Found by looking up exact values, never by comparing each with each: 100,000 rules take 100,000 look-ups. What is
 * reported is certain; what only the union of several rules covers is not looked for. Each returns 0 or -ENOMEM. */
#pragma once

#include "parser.h"

int shadow_device(struct parser *p, const struct device_rule *r, struct place at);
int shadow_network(struct parser *p, const struct network_rule *r, bool inbound, struct place at);
int shadow_login(struct parser *p, const struct login_rule *r, struct place at);
