/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arbitrary lines as the record of a fleet: whatever they say, the pieces of each log ascend and do not touch, and
 * every line was counted. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/fleet.h"
#include "fuzz.h"

#define NOW INT64_C(1795392000) /* 2026-11-23T00:00:00Z */

static void check_log(const struct fleet_log *l) {
        REQUIRE(l->n > 0 && l->n <= FLEET_PIECES_MAX && chain_log_valid(l->name, strlen(l->name)));
        for (size_t i = 0; i < l->n; i++) {
                REQUIRE(l->pieces[i].first > 0 && l->pieces[i].first <= l->pieces[i].last);
                REQUIRE(i == 0 || l->pieces[i - 1].last + 1 < l->pieces[i].first);
        }
}

static uint64_t check_terminal(const struct fleet_terminal *t) {
        REQUIRE(t->n_logs > 0 && t->n_logs <= FLEET_LOGS_MAX && t->n_permits <= FLEET_PERMITS_MAX);
        for (size_t i = 0; i < t->n_logs; i++)
                check_log(t->logs[i]);
        REQUIRE(fleet_open_permits(t) + fleet_overdue_permits(t, NOW) <= t->n_permits);
        REQUIRE((fleet_gaps(t) > 0) == (fleet_missing(t) > 0));
        REQUIRE(fleet_chain(t) < FLEET_CHAIN_MAX);
        return t->records + t->twice;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct fleet f;
        fleet_init(&f, NOW);
        while (size > 0) {
                const uint8_t *end = memchr(data, '\n', size);
                size_t n = end ? (size_t) (end - data) : size;
                /* A copy of its own size, so that a byte too far is seen. */
                char *line = malloc(n ? n : 1);
                REQUIRE(line);
                memcpy(line, data, n);
                int r = fleet_line(&f, line, n);
                REQUIRE(r == FLEET_LINE_GOOD || r == FLEET_LINE_BAD);
                free(line);
                n += end != NULL;
                data += n;
                size -= n;
        }
        REQUIRE(fleet_finish(&f) == 0);
        uint64_t lines = f.bad;
        for (size_t i = 0; i < f.n; i++)
                lines += check_terminal(f.list[i]);
        REQUIRE(lines == f.lines);
        fleet_clear(&f);
        return 0;
}
