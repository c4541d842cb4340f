/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When hours of the policy begin or end. Owned by loop.c. */
#pragma once

#include <sekisho/policy.h>

/* Minutes from the local minute of the day (0 to 1439) to the next one at which a span of any device rule begins or
 * ends, on whatever day of the week: 1 to 1440. 0: no rule has hours. */
unsigned hours_minutes_ahead(const struct device_policy *d, uint16_t minute);
