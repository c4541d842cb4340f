/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard of what is written to permitted media: it hears of it from sekisho-transferd, which has the rights that the
 * agent has not, and passes it on. It opens and shuts nothing. Owned by agent/guards; named by table.c and its tests
 * only. */
#pragma once

#include "guard.h"

extern const struct guard_ops transfer_guard_ops;
