/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule set as text, one object a line, in an order of its own, without the generation's number: so that what a policy
 * compiles to and what the kernel holds can be laid side by side.
 *
 * Owned by agent/network.
 */
#pragma once

#include <stdio.h>

#include "ruleset.h"

struct lines {
        char **list; /* sorted; rules of a chain keep their order */
        size_t n, allocated;
};
void ruleset_lines_clear(struct lines *l);

/* 0 or -ENOMEM. */
int ruleset_lines(const struct ruleset *rs, struct lines *ret);

/* Calls each for every line that only one of the two has: sign '+' (only b) or '-' (only a). Number of such lines. */
size_t lines_compare(const struct lines *a, const struct lines *b, void (*each)(char sign, const char *line, void *),
                     void *userdata);
