/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <time.h>

#include "options.h"
#include "record.h"
#include "screen.h"
#include "when.h"

struct showing {
        const struct invocation *invocation;
        uint64_t seq;    /* 0 = all */
        const char *log; /* of that number; or NULL: all logs */
        enum outcome outcome;
        bool found, damaged;
};

static int hear(json_t *event, const char *line, size_t size, void *userdata) {
        (void) line, (void) size;
        struct showing *s = userdata;
        if (!event) {
                /* Once is enough: verify tells the places. */
                if (!s->damaged)
                        (void) record_print(s->invocation, NULL);
                s->damaged = true;
                return 0;
        }
        if (s->log && strcmp(record_log(event), s->log) != 0)
                return 0;
        if (s->seq == 0) {
                s->outcome = record_print(s->invocation, event);
        } else if (record_seq(event) == s->seq) {
                s->found = true;
                s->outcome = screen_json(json_incref(event));
                return 1;
        }
        return s->outcome != OUTCOME_YES;
}

static bool read_number(const char *text, uint64_t *ret) {
        size_t n = strlen(text);
        if (n == 0 || n > 16 || strspn(text, "0123456789") != n)
                return false;
        *ret = strtoull(text, NULL, 10);
        return *ret > 0;
}

enum outcome run_audit_show(const struct invocation *i) {
        struct showing s = { .invocation = i, .outcome = OUTCOME_YES };
        int64_t since = INT64_MIN;
        const char *given = i->values[SHOW_SINCE];
        if (given && !when_since(given, (int64_t) time(NULL), &since)) {
                complain(_("'%s' is not understood; expected: 90s, 15min, 1h, 30d, or 2026-11-23T09:00:00+09:00."),
                         given);
                return OUTCOME_BAD;
        }
        given = i->values[SHOW_SEQ];
        if (given && !read_number(given, &s.seq)) {
                complain(_("'%s' is not the number of a record."), given);
                return OUTCOME_BAD;
        }
        s.log = i->values[SHOW_LOG] ? i->values[SHOW_LOG] : s.seq > 0 ? AGENT_LOG : NULL;

        enum outcome outcome = record_read(i, since, hear, &s);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (s.seq != 0 && !s.found) {
                complain(_("There is no record with the number %s."), given);
                return OUTCOME_NO;
        }
        return s.outcome;
}
