/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The storage guard: what a disk that was let in may be used for, and by whom. */
#pragma once

#include "guard.h"

extern const struct guard_ops storage_guard_ops;
