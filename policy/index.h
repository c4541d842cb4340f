/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Index over device rules, so that a decision does not depend on how many there are. Private to the policy library. */
#pragma once

#include <sekisho/policy.h>

#include "arena.h"
#include "match.h"

/* rules must outlive the index; both live in the arena. 0 or -ENOMEM. */
int device_index_build(struct arena *a, const struct device_rule *rules, uint32_t n, const struct device_index **ret);

/* The first rule that matches, as a walk in order would find it; NULL when none does. */
const struct device_rule *device_index_find(const struct device_index *index, const struct device_view *v);
