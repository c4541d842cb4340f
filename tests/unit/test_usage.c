/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/ctl.h"
#include "ctl/options.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

#define WORDS_MAX 256

static int read_words(const char *words, char storage[WORDS_MAX], struct command *ret) {
        static char *argv[16];
        int argc = 0;
        argv[argc++] = storage;
        char *rest = NULL;
        (void) snprintf(storage, WORDS_MAX, "%s", words);
        for (char *w = strtok_r(storage, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
                argv[argc++] = w;
        argv[argc] = NULL;
        return (int) command_read(argc, argv, ret);
}

static void accepted(void **state) {
        (void) state;
        static const struct {
                const char *words, *name, *subverb;
                int n_arguments;
                const char *first;
                int option;
                const char *value, *root;
                bool json;
        } rows[] = {
                { "status", "status", NULL, 0, NULL, -1, NULL, "/", false },
                { "--json status", "status", NULL, 0, NULL, -1, NULL, "/", true },
                { "--root /x status --json", "status", NULL, 0, NULL, -1, NULL, "/x", true },
                { "status --root=/x", "status", NULL, 0, NULL, -1, NULL, "/x", false },
                { "policy check f", "policy", "check", 1, "f", -1, NULL, "/", false },
                { "policy --json check f", "policy", "check", 1, "f", -1, NULL, "/", true },
                { "policy check -", "policy", "check", 1, "-", -1, NULL, "/", false },
                { "policy check -- --json", "policy", "check", 1, "--json", -1, NULL, "/", false },
                { "policy explain --login a:b f", "policy", "explain", 1, "f", EXPLAIN_LOGIN, "a:b", "/", false },
                { "policy explain f --login=a:b", "policy", "explain", 1, "f", EXPLAIN_LOGIN, "a:b", "/", false },
                { "audit tail -n 5", "audit", "tail", 0, NULL, TAIL_LINES, "5", "/", false },
                { "audit tail -n5", "audit", "tail", 0, NULL, TAIL_LINES, "5", "/", false },
                { "audit tail -f", "audit", "tail", 0, NULL, TAIL_FOLLOW, "", "/", false },
                { "audit verify a b c", "audit", "verify", 3, "a", -1, NULL, "/", false },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                char storage[WORDS_MAX];
                struct command c;
                if (read_words(rows[i].words, storage, &c) != OUTCOME_YES)
                        fail_msg("%s", rows[i].words);
                const struct invocation *v = &c.invocation;
                assert_string_equal(v->verb->name, rows[i].name);
                if (rows[i].subverb)
                        assert_string_equal(v->verb->subverb, rows[i].subverb);
                assert_int_equal(v->n_arguments, rows[i].n_arguments);
                if (rows[i].first)
                        assert_string_equal(v->arguments[0], rows[i].first);
                for (int k = 0; k < VERB_OPTIONS_MAX; k++)
                        assert_int_equal(v->values[k] != NULL, k == rows[i].option);
                if (rows[i].value)
                        assert_string_equal(v->values[rows[i].option], rows[i].value);
                assert_string_equal(v->root_path, rows[i].root);
                assert_int_equal(v->json, rows[i].json);
        }
}

static void refused(void **state) {
        (void) state;
        static const char *const rows[] = {
                "",   "nonsense",      "policy",         "policy nonsense",  "status x",      "policy check",
                "-x", "status -x",     "status --jso",   "status --json=1",  "status --root", "status --root=",
                "--", "audit tail -n", "audit tail -fx", "status --lines 5", "policy diff a", "--since 1h audit show",
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                char storage[WORDS_MAX];
                struct command c;
                if (read_words(rows[i], storage, &c) != OUTCOME_BAD)
                        fail_msg("%s", rows[i]);
        }
}

static void the_table_holds_together(void **state) {
        (void) state;
        for (const struct verb *v = verbs; v->name; v++) {
                assert_non_null(v->run);
                assert_non_null(v->arguments);
                assert_true(strlen(v->help) > 0);
                assert_true(v->max < 0 || v->min <= v->max);
                size_t n = 0;
                for (const struct verb_option *o = v->options; o && o->name; o++, n++) {
                        assert_true(strlen(o->help) > 0);
                        for (const struct verb_option *c = common_options; c->name; c++)
                                assert_string_not_equal(o->name, c->name);
                }
                assert_true(n <= VERB_OPTIONS_MAX);
                for (const struct verb *w = verbs; w != v; w++)
                        assert_true(strcmp(w->name, v->name) != 0 ||
                                    (w->subverb && strcmp(w->subverb, v->subverb) != 0));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(accepted),
                cmocka_unit_test(refused),
                cmocka_unit_test(the_table_holds_together),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
