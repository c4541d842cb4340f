/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit_fixture.h"

#define P       "00000000000000000000000000000000000000000000000000000000000000ab"
#define CHAIN   "\"log\":\"agent\",\"seq\":7,\"prev\":\"" P "\""
#define L(rest) "{\"unmapped\":{\"sekisho\":{" rest "}}}"

/* scan: whether the fast way is expected to know. It must never say yes where the parser says no. */
static const struct {
        const char *line;
        enum audit_fault fault;
        bool scan;
} rows[] = {
        { L(CHAIN), AUDIT_OK, true },
        { "{\"time\":1,\"unmapped\":{\"sekisho\":{" CHAIN ",\"x\":[1,-2,true,false,null,{},[]]}}}", AUDIT_OK, true },
        { " " L(CHAIN), AUDIT_OK, false },
        { L(CHAIN) "\r", AUDIT_OK, false },
        { "{\"a\":1.5,\"unmapped\":{\"sekisho\":{" CHAIN "}}}", AUDIT_OK, false },
        { "{\"unmapped\":{\"sekisho\":{\"l\\u006fg\":\"agent\",\"seq\":7,\"prev\":\"" P "\"}}}", AUDIT_OK, false },
        { "{\"a\":\"\\\"\\\\\\n\",\"unmapped\":{\"sekisho\":{" CHAIN "}}}", AUDIT_OK, true },
        { "{\"a\":\"\\u0001\",\"unmapped\":{\"sekisho\":{" CHAIN "}}}", AUDIT_OK, false },
        { "{\"a\":\"窓口\",\"unmapped\":{\"sekisho\":{" CHAIN "}}}", AUDIT_OK, true },
        { L("\"log\":\"agent\",\"seq\":9007199254740991,\"prev\":\"" P "\""), AUDIT_OK, false },
        { "", AUDIT_NOT_JSON, false },
        { "[]", AUDIT_NOT_JSON, false },
        { "7", AUDIT_NOT_JSON, false },
        { L(CHAIN) "x", AUDIT_NOT_JSON, false },
        { L(CHAIN) L(CHAIN), AUDIT_NOT_JSON, false },
        { L(CHAIN ",\"seq\":8"), AUDIT_NOT_JSON, false },       /* a second seq: which one counts? neither */
        { L(CHAIN ",\"s\\u0065q\":8"), AUDIT_NOT_JSON, false }, /* the same in disguise */
        { "{\"unmapped\":{\"sekisho\":{" CHAIN "}},\"unmapped\":{}}", AUDIT_NOT_JSON, false },
        { "{\"a\":\"\xff\",\"unmapped\":{\"sekisho\":{" CHAIN "}}}", AUDIT_NOT_JSON, false },
        { "{\"a\":\"\t\",\"unmapped\":{\"sekisho\":{" CHAIN "}}}", AUDIT_NOT_JSON, false },
        { "{\"a\":01,\"unmapped\":{\"sekisho\":{" CHAIN "}}}", AUDIT_NOT_JSON, false },
        { "{\"a\":trueish,\"unmapped\":{\"sekisho\":{" CHAIN "}}}", AUDIT_NOT_JSON, false },
        { "{\"a\":\"\\q\",\"unmapped\":{\"sekisho\":{" CHAIN "}}}", AUDIT_NOT_JSON, false },
        { "{\"a\":\"\\u0000\",\"unmapped\":{\"sekisho\":{" CHAIN "}}}", AUDIT_NOT_JSON, false },
        { L(CHAIN ","), AUDIT_NOT_JSON, false },
        { "{}", AUDIT_NO_CHAIN, false },
        { "{" CHAIN "}", AUDIT_NO_CHAIN, false }, /* at the wrong place */
        { "{\"x\":{\"sekisho\":{" CHAIN "}}}", AUDIT_NO_CHAIN, false },
        { "{\"unmapped\":[{\"sekisho\":{" CHAIN "}}]}", AUDIT_NO_CHAIN, false },
        { L("\"log\":\"agent\",\"seq\":7"), AUDIT_NO_CHAIN, false },
        { L("\"log\":\"agent\",\"seq\":\"7\",\"prev\":\"" P "\""), AUDIT_NO_CHAIN, false },
        { L("\"log\":\"agent\",\"seq\":7.0,\"prev\":\"" P "\""), AUDIT_NO_CHAIN, false },
        { L("\"log\":\"agent\",\"seq\":0,\"prev\":\"" P "\""), AUDIT_NO_CHAIN, false },
        { L("\"log\":\"agent\",\"seq\":-7,\"prev\":\"" P "\""), AUDIT_NO_CHAIN, false },
        { L("\"log\":\"agent\",\"seq\":9007199254740992,\"prev\":\"" P "\""), AUDIT_NO_CHAIN, false },
        { L("\"log\":\"\",\"seq\":7,\"prev\":\"" P "\""), AUDIT_NO_CHAIN, false },
        { L("\"log\":\"Agent 7\",\"seq\":7,\"prev\":\"" P "\""), AUDIT_NO_CHAIN, false },
        { L("\"log\":\"agent\",\"seq\":7,\"prev\":\"" P "0\""), AUDIT_NO_CHAIN, false },
        { L("\"log\":\"agent\",\"seq\":7,\"prev\":\"ab\""), AUDIT_NO_CHAIN, false },
        { L("\"log\":\"agent\",\"seq\":7,\"prev\":"
            "\"00000000000000000000000000000000000000000000000000000000000000AB\""),
          AUDIT_NO_CHAIN, false },
        { L("\"log\":null,\"seq\":7,\"prev\":null"), AUDIT_NO_CHAIN, false },
};

static void test_rows(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct chain a = { 0 }, b = { 0 };
                size_t n = strlen(rows[i].line);
                assert_int_equal(chain_parse(rows[i].line, n, &a), rows[i].fault);
                assert_int_equal(chain_parse_json(rows[i].line, n, &b), rows[i].fault);
                if (rows[i].fault == AUDIT_OK)
                        assert_memory_equal(&a, &b, sizeof a);
                assert_int_equal(chain_scan(rows[i].line, n, &a), rows[i].scan);
        }
}

static void test_read(void **state) {
        (void) state;
        struct chain c;
        assert_int_equal(chain_parse(L(CHAIN), strlen(L(CHAIN)), &c), AUDIT_OK);
        assert_string_equal(c.log, "agent");
        assert_string_equal(c.prev, P);
        assert_int_equal(c.seq, 7);
}

static void test_nul_and_depth(void **state) {
        (void) state;
        struct chain c;
        char line[] = L(CHAIN) "\0";
        assert_int_equal(chain_parse(line, sizeof line - 1, &c), AUDIT_NOT_JSON); /* a NUL behind */
        line[10] = '\0';
        assert_int_equal(chain_parse(line, sizeof line - 2, &c), AUDIT_NOT_JSON); /* and one inside */

        size_t depth = AUDIT_LINE_MAX - 64;
        CLEANUP(free_p) char *deep = malloc(depth + 64);
        memset(deep, '[', depth);
        assert_int_equal(chain_parse(deep, depth, &c), AUDIT_NOT_JSON);
        memcpy(deep, "{\"a\":", 5);
        assert_int_equal(chain_parse(deep, depth, &c), AUDIT_NOT_JSON);
}

/* SHA-256 of "abc" and of nothing: FIPS 180-2 appendix B.1, NIST CAVP. */
static void test_hash(void **state) {
        (void) state;
        char hex[CHAIN_HEX + 1];
        chain_hash("abc", 3, hex);
        assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        chain_hash("", 0, hex);
        assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* What the writer writes is what the fast way knows: otherwise verification is slow and nobody notices. */
static void test_writers_form_is_scanned(void **state) {
        (void) state;
        struct machine m;
        machine_init(&m, NULL);
        machine_fill(&m, 3);
        CLEANUP(bytes_clear) struct bytes b = machine_read(&m, LOG_PATH);
        struct chain c;
        assert_true(chain_scan(b.p, (size_t) (strchr(b.p, '\n') - b.p), &c));
        machine_clear(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_read),
                cmocka_unit_test(test_nul_and_depth),
                cmocka_unit_test(test_hash),
                cmocka_unit_test(test_writers_form_is_scanned),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
