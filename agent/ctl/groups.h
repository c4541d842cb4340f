/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events that have something in common, counted together in bounded memory. Private to agent/ctl. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define GROUPS_MAX   300u
#define GROUP_FIELDS 4u

struct group {
        const char *fields[GROUP_FIELDS]; /* NULL behind the last */
        uint64_t count, bytes;
        int64_t first, last; /* seconds */
};

struct groups {
        json_t *rows;  /* private */
        uint64_t more; /* events that found no place any more */
        bool failed;
};

int groups_begin(struct groups *ret); /* 0 or -ENOMEM */
void groups_clear(struct groups *g);
/* Those with the same fields are one group. */
void groups_add(struct groups *g, const char *const fields[GROUP_FIELDS], uint64_t count, uint64_t bytes, int64_t when);
size_t groups_size(const struct groups *g);
/* In the order of their coming. */
void groups_each(const struct groups *g, void (*each)(const struct group *group, void *userdata), void *userdata);
