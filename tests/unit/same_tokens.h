/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the quick reader says of a document what libyaml says. Shared by test_quick.c and fuzz_policy.c. */
#pragma once

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"
#include "text.h"

/* One token, as text; where an end stands does not count. False: the run is over, or has gone wrong. */
static bool write_token(struct reader *r, FILE *f, bool *ret_good) {
        struct token t;
        if (reader_next(r, &t) != 0 || t.bad) {
                *ret_good = false;
                return false;
        }
        if (t.kind == TOKEN_END)
                (void) fputs("end\n", f);
        else
                (void) fprintf(f, "%u:%u kind %d \"%.*s\"\n", t.at.line, t.at.column, (int) t.kind, (int) t.length,
                               t.text);
        assert(t.text[t.length] == '\0');
        return r->depth > 0;
}

/* What a whole document is made of; NULL: it is not read to its end. free() it. */
static char *read_tokens(const char *bytes, size_t size, bool quick) {
        char *text = NULL;
        size_t length = 0;
        FILE *f = open_memstream(&text, &length);
        if (!f)
                abort();
        struct problems problems = { 0 };
        struct report report = { .problems = &problems };
        struct reader *r = calloc(1, sizeof *r);
        if (!r)
                abort();
        bool good = reader_start(r, &report, bytes, size, quick) == 0;
        while (good && write_token(r, f, &good))
                ;
        good = good && reader_finish(r) == 0 && problems.n_errors == 0;
        reader_stop(r);
        free(r);
        problems_clear(&problems);
        (void) fclose(f);
        if (good)
                return text;
        free(text);
        return NULL;
}

enum sameness { GAVE_UP, SAME, DIFFERENT };

/* GAVE_UP: the quick reader leaves it to libyaml. */
static enum sameness compare_readers(const char *bytes, size_t size) {
        struct problems problems = { 0 };
        struct report report = { .problems = &problems };
        const char *clean = NULL;
        char *owned = NULL;
        int r = text_scan(&report, bytes, size, &clean, &owned);
        free(owned);
        problems_clear(&problems);
        if (r != 0 || owned)
                return GAVE_UP;

        char *quick = read_tokens(bytes, size, true);
        if (!quick)
                return GAVE_UP;
        char *slow = read_tokens(bytes, size, false);
        enum sameness s = slow && strcmp(quick, slow) == 0 ? SAME : DIFFERENT;
        if (s == DIFFERENT)
                (void) fprintf(stderr, "quick:\n%s\nlibyaml:\n%s\n", quick, slow ? slow : "(refuses)");
        free(quick);
        free(slow);
        return s;
}
