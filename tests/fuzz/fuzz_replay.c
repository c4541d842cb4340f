/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arbitrary lines as a record that is judged again: every line is counted once, and every decision comes out the same,
 * differently, or is a gap that is told of. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/replay.h"
#include "fuzz.h"

static const char text[] =
        "sekisho: 1\n"
        "header: {fleet: f, serial: 13, issued: 2025-01-01T00:00:00+09:00, expires: never, target: [all]}\n"
        "devices:\n"
        "  default: block\n"
        "  rules: [{id: readers, match: {bus: usb, class: [smartcard]}, action: allow}]\n"
        "network:\n"
        "  default: block\n"
        "  interfaces: {allow: [eno1]}\n"
        "  rules: [{id: w, to: [10.20.0.0/25], protocol: tcp, ports: [443]}]\n"
        "login:\n"
        "  second-factor:\n"
        "    default: required\n"
        "    rules: [{id: vendors, groups: [hoshu], action: required, escort: [\"group:joho\"]}]\n";

static const struct policy *policy(void) {
        static struct policy *parsed;
        struct problems problems = { 0 };
        if (!parsed)
                REQUIRE(policy_parse(text, strlen(text), &problems, &parsed) == 0);
        problems_clear(&problems);
        return parsed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct replay r;
        uint64_t lines = 0, grouped = 0;
        REQUIRE(replay_init(&r, policy(), INT64_MIN) == 0);
        while (size > 0) {
                const uint8_t *end = memchr(data, '\n', size);
                size_t n = end ? (size_t) (end - data) : size;
                char *line = malloc(n ? n : 1);
                REQUIRE(line);
                memcpy(line, data, n);
                REQUIRE(replay_line(&r, line, n) == 0);
                free(line);
                lines++;
                n += end != NULL;
                data += n;
                size -= n;
        }
        REQUIRE(replay_finish(&r) == 0);
        REQUIRE(r.records + r.damaged == lines && r.decisions <= r.records);
        REQUIRE(r.same + r.different <= r.decisions);
        for (size_t i = 0; i < r.n_groups; i++)
                grouped += r.groups[i]->count;
        REQUIRE(grouped + r.ungrouped == r.different);
        replay_clear(&r);
        return 0;
}
