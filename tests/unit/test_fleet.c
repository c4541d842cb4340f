/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fleet from lines in any order: what is missing, what came twice, what was altered; and what each terminal says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "ctl/fleet.h"

#define NOW   INT64_C(1795392000) /* 2026-11-23T00:00:00Z */
#define LINES 64

/* A chain of lines; letters in a row of the table below are its records, 'a' the first. */
static char *chain[LINES + 1], *forged[LINES + 1];

static char *line(const char *uid, int seq, const char *prev, const char *code, int64_t second, json_t *more) {
        json_t *own = json_pack("{s:s, s:i, s:s, s:i}", "log", "agent", "seq", seq, "prev", prev, "policy_serial", 7);
        if (more)
                (void) json_object_update_new(own, more);
        json_t *event = json_pack("{s:I, s:{s:s, s:{s:s}}, s:{s:s, s:s}, s:{s:o}}", "time", (json_int_t) second * 1000,
                                  "metadata", "event_code", code, "product", "version", "0.1.0", "device", "hostname",
                                  "madoguchi", "uid", uid, "unmapped", "sekisho", own);
        char *text = json_dumps(event, JSON_COMPACT);
        json_decref(event);
        assert_non_null(text);
        return text;
}

static int make_chain(void **state) {
        (void) state;
        char head[CHAIN_HEX + 1];
        memcpy(head, chain_zeros, sizeof head);
        for (int i = 1; i <= LINES; i++) {
                forged[i] = line("m1", i, head, "device-allowed", NOW - 1000 + i, NULL);
                chain[i] = line("m1", i, head, "device-refused", NOW - 1000 + i, NULL);
                chain_hash(chain[i], strlen(chain[i]), head);
        }
        return 0;
}

static int free_chain(void **state) {
        (void) state;
        for (int i = 1; i <= LINES; i++) {
                free(chain[i]);
                free(forged[i]);
        }
        return 0;
}

static const struct row {
        const char *name, *lines; /* 'a' to 'z': records 1 to 26; capitals: the same, altered */
        uint64_t records, twice, missing;
        size_t gaps;
        enum fleet_chain chain;
} rows[] = {
        { "in order", "abcdef", 6, 0, 0, 0, FLEET_CHAIN_WHOLE },
        { "without its beginning", "def", 3, 0, 0, 0, FLEET_CHAIN_LATER },
        { "a gap", "abcf", 4, 0, 2, 1, FLEET_CHAIN_GAPS },
        { "two gaps", "abdefh", 6, 0, 2, 2, FLEET_CHAIN_GAPS },
        { "a gap that is filled later", "abcfgde", 7, 0, 0, 0, FLEET_CHAIN_WHOLE },
        { "backwards", "fedcba", 6, 0, 0, 0, FLEET_CHAIN_WHOLE },
        { "the newer half first", "defabc", 6, 0, 0, 0, FLEET_CHAIN_WHOLE },
        { "all twice", "abcdabcd", 4, 4, 0, 0, FLEET_CHAIN_WHOLE },
        { "each twice", "aabbcc", 3, 3, 0, 0, FLEET_CHAIN_WHOLE },
        { "sent again from the middle", "abcdefcdefgh", 8, 4, 0, 0, FLEET_CHAIN_WHOLE },
        { "sent again over a gap", "abefabcdefg", 7, 4, 0, 0, FLEET_CHAIN_WHOLE },
        { "one altered", "abCdef", 6, 0, 0, 0, FLEET_CHAIN_BROKEN },
        { "the last altered cannot be seen", "abcdeF", 6, 0, 0, 0, FLEET_CHAIN_WHOLE },
        { "the last altered, and followed", "abcdeFg", 7, 0, 0, 0, FLEET_CHAIN_BROKEN },
        { "the first altered", "Abc", 3, 0, 0, 0, FLEET_CHAIN_BROKEN },
        { "came again altered", "abcC", 3, 1, 0, 0, FLEET_CHAIN_BROKEN },
        { "altered within what comes again", "abcdefbCdef", 6, 5, 0, 0, FLEET_CHAIN_BROKEN },
        { "an altered end in what comes again", "abcdefdeF", 6, 3, 0, 0, FLEET_CHAIN_BROKEN },
        { "an altered line fills the gap", "abdeC", 5, 0, 0, 0, FLEET_CHAIN_BROKEN },
        { "beside an altered line a gap", "abDg", 4, 0, 3, 2, FLEET_CHAIN_GAPS },
        { "swapped lines are the same record", "acbd", 4, 0, 0, 0, FLEET_CHAIN_WHOLE },
};

static void chains(void **state) {
        const struct row *r = *state;
        struct fleet f;
        fleet_init(&f, NOW);
        for (const char *p = r->lines; *p; p++) {
                const char *text = *p >= 'a' ? chain[*p - 'a' + 1] : forged[*p - 'A' + 1];
                assert_int_equal(fleet_line(&f, text, strlen(text)), FLEET_LINE_GOOD);
        }
        assert_int_equal(fleet_finish(&f), 0);
        assert_int_equal(f.n, 1);
        const struct fleet_terminal *t = f.list[0];
        assert_int_equal(t->records, r->records);
        assert_int_equal(t->twice, r->twice);
        assert_int_equal(fleet_missing(t), r->missing);
        assert_int_equal(fleet_gaps(t), r->gaps);
        assert_int_equal(fleet_chain(t), r->chain);
        fleet_clear(&f);
}

static void any_order(void **state) {
        (void) state;
        srand(5);
        for (int round = 0; round < 200; round++) {
                struct fleet f;
                int order[2 * LINES];
                fleet_init(&f, NOW);
                for (int i = 0; i < 2 * LINES; i++)
                        order[i] = i % LINES + 1;
                for (int i = 2 * LINES - 1; i > 0; i--) {
                        int k = rand() % (i + 1), swap = order[i];
                        order[i] = order[k];
                        order[k] = swap;
                }
                for (int i = 0; i < 2 * LINES; i++)
                        assert_int_equal(fleet_line(&f, chain[order[i]], strlen(chain[order[i]])), FLEET_LINE_GOOD);
                assert_int_equal(fleet_finish(&f), 0);
                assert_int_equal(f.list[0]->records, LINES);
                assert_int_equal(f.list[0]->twice, LINES);
                assert_int_equal(f.list[0]->broken, 0);
                assert_int_equal(fleet_chain(f.list[0]), FLEET_CHAIN_WHOLE);
                fleet_clear(&f);
        }
}

static struct fleet said;
static int said_seq;

static void say(const char *uid, const char *code, int64_t second, json_t *more) {
        char *text = line(uid, ++said_seq, chain_zeros, code, second, more);
        assert_int_equal(fleet_line(&said, text, strlen(text)), FLEET_LINE_GOOD);
        free(text);
}

static json_t *permit(const char *id) {
        return json_pack("{s:i, s:{s:s, s:i}}", "policy_serial", 0, "permit", "id", id, "return_within", 3600);
}

static void what_is_said(void **state) {
        (void) state;
        said_seq = 0;
        fleet_init(&said, NOW);
        say("m1", "agent-start", NOW - 900, NULL);
        say("m1", "device-refused", NOW - 800, NULL);
        say("m1", "network-blocked", NOW - 800, NULL);
        say("m1", "agent-start", NOW - 700, NULL); /* it ended without a stop */
        say("m1", "agent-stop", NOW - 600, NULL);
        say("m1", "agent-start", NOW - 500, NULL);
        say("m1", "document-installed", NOW - 400, json_pack("{s:i}", "policy_serial", 9));
        say("m1", "document-refused", NOW - 300, json_pack("{s:i}", "policy_serial", 99));
        say("m1", "permit-used", NOW - 9000, permit("open"));
        say("m1", "permit-used", NOW - 9000, permit("overdue"));
        say("m1", "permit-ended", NOW - 8000, permit("overdue"));
        say("m1", "permit-used", NOW - 9000, permit("ended"));
        say("m1", "permit-ended", NOW - 100, permit("ended"));
        say("m1", "permit-used", NOW - 9000, permit("back"));
        say("m1", "permit-ended", NOW - 8000, permit("back"));
        say("m1", "permit-closed", NOW - 7000, permit("back"));
        say("m1", "permit-ended", NOW - 7000, permit("never used"));
        say("m1", "device-allowed", NOW + 10 * 86400, NULL); /* a clock that is wrong */
        say("m2", "login-refused", NOW - 5, NULL);
        assert_int_equal(fleet_finish(&said), 0);
        assert_int_equal(said.n, 2);
        const struct fleet_terminal *t = said.list[0];
        assert_string_equal(t->uid, "m1");
        assert_string_equal(t->version, "0.1.0");
        assert_int_equal(t->denied[FLEET_DENIED_DEVICE], 1);
        assert_int_equal(t->denied[FLEET_DENIED_NETWORK], 1);
        assert_int_equal(t->denied[FLEET_DENIED_DOCUMENT], 1);
        assert_int_equal(t->stops, 1);
        assert_int_equal(t->crashes, 1);
        assert_int_equal(t->policy, 9);
        assert_int_equal(t->future, 1);
        assert_int_equal(t->last, (NOW - 100) * 1000);
        assert_int_equal(fleet_open_permits(t), 1);
        assert_int_equal(fleet_overdue_permits(t, NOW), 1);
        assert_int_equal(said.list[1]->denied[FLEET_DENIED_LOGIN], 1);
        fleet_clear(&said);
}

static void hostile(void **state) {
        (void) state;
        static const char *const bad[] = {
                "",
                "{}",
                "null",
                "{\"time\":1,\"device\":{\"uid\":\"\"}}",
                "{\"time\":1,\"device\":{\"uid\":\"m\"},\"unmapped\":{\"sekisho\":{\"log\":\"agent\",\"seq\":0,"
                "\"prev\":\"\"}}}",
                "{\"time\":1,\"device\":{\"uid\":\"m\"},\"unmapped\":{\"sekisho\":{\"log\":\"../x\",\"seq\":1,\"prev\":"
                "\"0000000000000000000000000000000000000000000000000000000000000000\"}}}",
                "{\"time\":1,\"device\":{\"uid\":\"m\"},\"unmapped\":{\"sekisho\":{\"log\":\"a\",\"seq\":"
                "999999999999999999,"
                "\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\"}}}",
        };
        struct fleet f;
        fleet_init(&f, NOW);
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(fleet_line(&f, bad[i], strlen(bad[i])), FLEET_LINE_BAD);
        assert_int_equal(f.bad, sizeof bad / sizeof *bad);
        assert_int_equal(f.n, 0);
        /* Gaps without end are cut short, and said. */
        for (int i = 0; i < 1000; i++) {
                char *text = line("m1", 2 * i + 5, chain_zeros, "agent-start", NOW, NULL);
                assert_int_equal(fleet_line(&f, text, strlen(text)), FLEET_LINE_GOOD);
                free(text);
        }
        assert_int_equal(fleet_finish(&f), 0);
        assert_int_equal(f.list[0]->logs[0]->n, FLEET_PIECES_MAX);
        assert_true(f.list[0]->logs[0]->overflow);
        assert_int_equal(fleet_chain(f.list[0]), FLEET_CHAIN_BROKEN);
        fleet_clear(&f);
}

int main(void) {
        enum { ROWS = sizeof rows / sizeof *rows };
        struct CMUnitTest tests[ROWS + 3];
        for (size_t i = 0; i < ROWS; i++)
                tests[i] = (struct CMUnitTest){ rows[i].name, chains, NULL, NULL, (void *) &rows[i] };
        tests[ROWS] = (struct CMUnitTest) cmocka_unit_test(any_order);
        tests[ROWS + 1] = (struct CMUnitTest) cmocka_unit_test(what_is_said);
        tests[ROWS + 2] = (struct CMUnitTest) cmocka_unit_test(hostile);
        return cmocka_run_group_tests(tests, make_chain, free_chain);
}
