/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sekisho/policy.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"

enum outcome run_policy_schema(const struct invocation *i) {
        (void) i; /* the same with --json: it is JSON already */
        CLEANUP(free_p) char *schema = NULL;
        int r = policy_schema(&schema);
        if (r < 0) {
                complain("%s", strerror(-r));
                return OUTCOME_BAD;
        }
        size_t n = strlen(schema);
        printf("%s%s", schema, n > 0 && schema[n - 1] == '\n' ? "" : "\n");
        return OUTCOME_YES;
}
