/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of a box of hardware tokens. What must hold: either something is wrong with it, or each row names a user and
 * a secret that appear once, and its numbers are in range. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/tokens.h"
#include "fuzz.h"

static void check_row(const struct tokens *t, size_t i) {
        const struct token *row = &t->rows[i];
        REQUIRE(*row->user && row->secret && row->serial && row->line > 1);
        REQUIRE(strspn(row->secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == strlen(row->secret));
        REQUIRE(strlen(row->secret) >= 16 && strlen(row->secret) <= 103); /* 10 to 64 bytes */
        REQUIRE(row->digits == 0 || (row->digits >= 6 && row->digits <= 8));
        REQUIRE(row->period == 0 || (row->period >= 15 && row->period <= 300));
        for (size_t k = 0; k < i && i < 100; k++)
                REQUIRE(strcmp(t->rows[k].user, row->user) != 0 && strcmp(t->rows[k].secret, row->secret) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct tokens t;
        if (tokens_parse((const char *) data, size, &t) != 0)
                return 0;
        REQUIRE(t.n > 0 || t.n_problems > 0);
        for (size_t i = 0; i < t.n && t.n_problems == 0; i++)
                check_row(&t, i);
        for (size_t i = 0; i < t.n_problems; i++)
                REQUIRE(t.problems[i].line > 0 && *t.problems[i].text);
        tokens_clear(&t);
        return 0;
}
