/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "record.h"
#include "screen.h"

#define LOOK_AGAIN_MS 250
#define LINES_DEFAULT 10u
#define LINES_MAX     1000000u

DEFINE_FREEP(struct audit_view, audit_view_free)

static bool read_count(const char *text, unsigned *ret) {
        size_t n = strlen(text);
        if (n == 0 || n > 7 || strspn(text, "0123456789") != n)
                return false;
        *ret = (unsigned) strtoul(text, NULL, 10);
        return *ret <= LINES_MAX;
}

enum outcome run_audit_tail(const struct invocation *i) {
        unsigned n = LINES_DEFAULT;
        const char *given = i->values[TAIL_LINES];
        if (given && !read_count(given, &n)) {
                complain(_("'%s' is not a number of records."), given);
                return OUTCOME_BAD;
        }

        CLEANUP(audit_view_freep) struct audit_view *view = NULL;
        int r = audit_view_open_last(&i->root, n, &view);
        if (r < 0)
                return record_complain(r);
        for (;;) {
                struct audit_view_line line;
                enum outcome outcome = OUTCOME_YES;
                while (outcome == OUTCOME_YES && (r = audit_view_next(view, &line)) > 0)
                        outcome = record_print(i, line.event);
                if (r < 0)
                        return record_complain(r);
                if (outcome != OUTCOME_YES || !i->values[TAIL_FOLLOW])
                        return outcome;
                (void) fflush(stdout);
                (void) poll(NULL, 0, LOOK_AGAIN_MS);
        }
}
