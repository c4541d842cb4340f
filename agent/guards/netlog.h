/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard of what the network rules held back: it hears of it from sekisho-netlogd, which reads the kernel's packet
 * log, and passes it on. It opens and shuts nothing. Owned by agent/guards; named by table.c and its tests only. */
#pragma once

#include "guard.h"

extern const struct guard_ops netlog_guard_ops;
