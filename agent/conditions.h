/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conditions under which a rule opens, and which the guards that run cannot hold. Owned by agent.c and its helpers. */
#pragma once

#include <sekisho/decision.h>

/* A rule that lets a device in read-only, for some users or encrypted is true only while a guard holds that on its
 * disks. media_held: there is one, and it does not fail with this device. It sees mass storage alone, so a device that
 * would open anything else under a condition stays shut. Returns the untranslated name of the first condition that
 * would not be held, or NULL when v can be enforced as it is. To open the port all the same would be to allow more than
 * the rule says. */
const char *condition_not_held(const struct device_facts *d, const struct verdict *v, bool media_held);
