/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard of the network: it has sekisho-netd, which has the rights that the agent has not, load what the policy in
 * force says, and hears what happens there. Owned by agent/guards; named by table.c and its tests only. */
#pragma once

#include "guard.h"

extern const struct guard_ops network_guard_ops;
