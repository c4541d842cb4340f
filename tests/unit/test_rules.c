/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clipboard section as the agent gives it: what may pass, and what is no such section. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "session/rules.h"

#define TEXT  (1u << FLOW_TEXT)
#define IMAGE (1u << FLOW_IMAGE)
#define FILES (1u << FLOW_FILES)

#define ZONES "\"zones\":[{\"id\":\"a\",\"programs\":[\"/a\",\"/a2\"]},{\"id\":\"b\",\"programs\":[\"/b\"]}],"
#define FLOWS                                                                                                          \
        "\"flows\":[{\"from\":\"a\",\"to\":\"a\",\"allow\":[\"text\",\"image\"],\"max_bytes\":0,\"my_number_block\":"  \
        "false},"                                                                                                      \
        "{\"from\":\"a\",\"to\":\"b\",\"allow\":[\"text\",\"video\"],\"max_bytes\":10,\"my_number_block\":true}],"

static struct rules *rules_of(const char *text, int expected) {
        json_t *j = json_loads(text, 0, NULL);
        struct rules *r = NULL;
        assert_int_equal(rules_new(j, NULL, &r), expected);
        json_decref(j);
        return r;
}

static struct rules *usual(const char *mode, const char *by_default) {
        char text[1024];
        (void) snprintf(text, sizeof text,
                        "{\"clipboard\":{\"mode\":\"%s\",\"default\":\"%s\"," ZONES FLOWS "\"clear_after\":60}}", mode,
                        by_default);
        return rules_of(text, 0);
}

static void test_what_passes(void **state) {
        (void) state;
        static const struct {
                const char *from, *to;
                uint32_t types;
                uint64_t bytes;
                bool number, opens;
                enum reason reason;
        } rows[] = {
                { "/a", "/a2", TEXT, 1u << 30, true, true, REASON_RULE },
                { "/a", "/a", IMAGE, 5, false, true, REASON_RULE },
                { "/a", "/a", FILES, 5, false, false, REASON_TYPE_NOT_LISTED },
                { "/a", "/b", TEXT, 10, false, true, REASON_RULE },
                { "/a", "/b", TEXT, 11, false, false, REASON_TOO_LARGE },
                { "/a", "/b", TEXT, 5, true, false, REASON_MY_NUMBER },
                { "/b", "/a", TEXT, 5, false, false, REASON_DEFAULT },
                { "/x", "/a", TEXT, 5, false, false, REASON_DEFAULT },
                { "/a", "", TEXT, 5, false, false, REASON_DEFAULT },
                { "", "", TEXT, 5, false, false, REASON_DEFAULT },
        };
        struct rules *r = usual("enforce", "block"), *observed = usual("observe", "block"),
                     *open = usual("enforce", "allow");
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const struct paste_facts f = { .from = rules_zone(r, rows[i].from),
                                               .to = rules_zone(r, rows[i].to),
                                               .types = rows[i].types,
                                               .bytes = rows[i].bytes,
                                               .has_my_number = rows[i].number };
                struct verdict v;
                rules_judge(r, &f, &v);
                assert_int_equal(verdict_opens(&v), rows[i].opens);
                assert_int_equal(v.reason, rows[i].reason);
                rules_judge(observed, &f, &v);
                assert_true(verdict_opens(&v));
                rules_judge(open, &f, &v);
                assert_int_equal(verdict_opens(&v), rows[i].opens || rows[i].reason == REASON_DEFAULT);
                rules_judge(NULL, &f, &v); /* no agent */
                assert_false(verdict_opens(&v));
        }
        (void) rules_free(r);
        (void) rules_free(observed);
        (void) rules_free(open);
}

static void test_what_is_worth_fetching(void **state) {
        (void) state;
        struct rules *r = usual("enforce", "block"), *observed = usual("observe", "block"),
                     *open = usual("enforce", "allow");
        assert_int_equal(rules_types_from(r, "a"), TEXT | IMAGE);
        assert_int_equal(rules_types_from(r, "b"), 0);
        assert_int_equal(rules_types_from(r, NULL), 0);
        assert_int_equal(rules_types_from(observed, NULL), FLOW_TYPES_ALL);
        assert_int_equal(rules_types_from(open, NULL), FLOW_TYPES_ALL);
        assert_int_equal(rules_types_from(NULL, "a"), 0);
        assert_int_equal(rules_types(r, "a", "b"), TEXT);
        assert_true(rules_limit_from(r, "a", FLOW_TEXT) == UINT64_MAX);
        assert_true(rules_limit_from(r, "b", FLOW_TEXT) == 0);
        assert_true(rules_limit_from(observed, "b", FLOW_TEXT) == UINT64_MAX);
        assert_int_equal(rules_clear_after(r), 60);
        assert_int_equal(rules_clear_after(observed), 0);
        assert_int_equal(rules_clear_after(NULL), 0);
        assert_true(rules_enforce(NULL));
        assert_false(rules_leave_alone(NULL));
        assert_false(rules_leave_alone(observed));
        (void) rules_free(r);
        (void) rules_free(observed);
        (void) rules_free(open);
}

static void test_observing_nothing_leaves_it_alone(void **state) {
        (void) state;
        struct rules *r =
                rules_of("{\"clipboard\":{\"mode\":\"observe\",\"default\":\"block\",\"zones\":[],\"flows\":[],"
                         "\"clear_after\":0}}",
                         0);
        assert_true(rules_leave_alone(r));
        (void) rules_free(r);
}

static void test_what_is_no_section(void **state) {
        (void) state;
        static const char *const rows[] = {
                "{}",
                "{\"clipboard\":1}",
                "{\"clipboard\":{\"mode\":\"enforce\"}}",
                "{\"clipboard\":{\"mode\":\"enforce\",\"default\":\"block\",\"zones\":1,\"flows\":[],\"clear_after\":0}"
                "}",
                "{\"clipboard\":{\"mode\":\"enforce\",\"default\":\"block\",\"zones\":[],\"flows\":1,\"clear_after\":0}"
                "}",
                "{\"clipboard\":{\"mode\":\"enforce\",\"default\":\"block\",\"zones\":[{}],\"flows\":[],\"clear_"
                "after\":0}}",
                "{\"clipboard\":{\"mode\":\"enforce\",\"default\":\"block\",\"zones\":[{\"id\":\"a\",\"programs\":[1]}]"
                ","
                "\"flows\":[],\"clear_after\":0}}",
                "{\"clipboard\":{\"mode\":\"enforce\",\"default\":\"block\",\"zones\":[],\"flows\":[{}],\"clear_"
                "after\":0}}",
                "{\"clipboard\":{\"mode\":\"enforce\",\"default\":\"block\",\"zones\":[],\"flows\":[],\"clear_after\":-"
                "1}}",
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_null(rules_of(rows[i], -EBADMSG));
        /* A flow between zones that are not listed reaches nobody; a mode that is not known is the strict one. */
        struct rules *r = rules_of("{\"clipboard\":{\"mode\":\"later\",\"default\":\"later\"," ZONES
                                   "\"flows\":[{\"from\":\"x\",\"to\":\"y\",\"allow\":[\"text\"]}],\"clear_after\":0}}",
                                   0);
        assert_true(rules_enforce(r));
        assert_int_equal(rules_types(r, "x", "y"), 0);
        assert_int_equal(rules_types(r, NULL, NULL), 0);
        (void) rules_free(r);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_passes),
                cmocka_unit_test(test_what_is_worth_fetching),
                cmocka_unit_test(test_observing_nothing_leaves_it_alone),
                cmocka_unit_test(test_what_is_no_section),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
