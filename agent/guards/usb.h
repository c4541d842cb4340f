/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The USB guard. Owned by agent/guards; named by table.c and its tests only. */
#pragma once

#include "guard.h"

extern const struct guard_ops usb_guard_ops;
