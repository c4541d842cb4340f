/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/program.h"

static const struct row {
        const char *line; /* words */
        int result;
        const char *root; /* NULL: not set */
        bool fast;
} rows[] = {
        { "p", 0, NULL, false },
        { "p --root /mnt", 0, "/mnt", false },
        { "p --root=/mnt --fast", 0, "/mnt", true },
        { "p --root /a --root /b", 0, "/b", false },
        { "p --fast=1", -EINVAL, NULL, false },
        { "p --root", -EINVAL, NULL, false },
        { "p --other", -EINVAL, NULL, false },
        { "p -x", -EINVAL, NULL, false },
        { "p word", -EINVAL, NULL, false },
        { "p --version", 1, NULL, false },
        { "p --help", 1, NULL, false },
        { "p -h", 1, NULL, false },
};

static void test_rows(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char line[64], *argv[8], *at = line;
                int argc = 0;
                (void) snprintf(line, sizeof line, "%s", rows[i].line);
                for (char *word; argc < 7 && (word = strsep(&at, " "));)
                        argv[argc++] = word;
                argv[argc] = NULL;

                const char *root = NULL;
                bool fast = false;
                const struct program_option options[] = { { "root", &root, NULL },
                                                          { "fast", NULL, &fast },
                                                          { NULL, NULL, NULL } };
                optind = 0; /* getopt(3): begin anew */
                int r = program_options(argc, argv, "p", "Usage: p\n", options);
                if (r != rows[i].result)
                        fail_msg("%s: %d", rows[i].line, r);
                if (r != 0)
                        continue;
                assert_int_equal(fast, rows[i].fast);
                assert_int_equal(root != NULL, rows[i].root != NULL);
                if (root)
                        assert_string_equal(root, rows[i].root);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };
        return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
