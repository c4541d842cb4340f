/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conditions under which a rule opens, and which the guards that run cannot hold. Owned by agent.c and its helpers. */
#pragma once

#include <sekisho/decision.h>

/* A rule that lets a device in read-only, for some users or encrypted needs a guard beyond the port to be true. Returns
 * the untranslated name of the first such condition, or NULL when v can be enforced as it is. To open the port all the
 * same would be to allow more than the rule says. */
const char *condition_not_held(const struct policy *p, const struct verdict *v);
