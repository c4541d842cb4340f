/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two files of the difference share. Private to the policy library. */
#pragma once

#include "keys.h"

struct diff {
        const struct policy *before, *after;
        int (*each)(const struct policy_change *change, void *userdata);
        void *userdata;
};

/* One pair of rows with the same name. */
struct row_pair {
        const char *name;
        uint32_t before, after; /* positions */
};

/* The order of the rows that both have: reports those whose new place matters. common: in the order of after.
 * 0, -ENOMEM, or what the callback returned. */
int diff_order(const struct diff *d, const struct mapping *m, const char *path, const struct list *before,
               const struct row_pair *common, uint32_t n);

/* A path is as long as its keys and one name. parts: joined; the last is NULL. */
#define DIFF_PATH_SIZE 512
void diff_path(char path[static DIFF_PATH_SIZE], const char *const *parts);

/* One call of the callback, if the texts differ. */
int diff_tell(const struct diff *d, const char *path, const char *before, const char *after, bool widens);
