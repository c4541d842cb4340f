/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Putting a log together from lines in any order. Private to agent/ctl/fleet*.c. */
#pragma once

#include "fleet.h"

/* 1: the record is new; 0: it was there; -ENOMEM. hash: of the line. What does not hold together is in broken_at. */
int fleet_log_add(struct fleet_log *l, uint64_t seq, const char *prev, const char *hash, bool *ret_broken);
