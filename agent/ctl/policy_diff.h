/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Differences between two policies, for `policy diff` and `policy install`. Private to agent/ctl. */
#pragma once

#include <jansson.h>
#include <sekisho/policy.h>

struct differences {
        json_t *list; /* NULL: print as they come; else: collect */
        size_t n, n_widening;
};

/* 0 or -errno. */
int differences_find(const struct policy *before, const struct policy *after, struct differences *d);
