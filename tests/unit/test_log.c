/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"

#define N(a) (sizeof(a) / sizeof *(a))

static const struct log_row {
        const char *name;
        enum log_level level;
        const char *text, *line;
} rows[] = {
        { "plain", LOG_LEVEL_INFO, "stick refused", "<6>stick refused\n" },
        { "error", LOG_LEVEL_ERROR, "x", "<3>x\n" },
        { "Japanese", LOG_LEVEL_NOTICE, "関所", "<5>関所\n" },
        { "a forged line", LOG_LEVEL_WARNING, "stick\n<3>all is well", "<4>stick?<3>all is well\n" },
        { "terminal control", LOG_LEVEL_INFO, "\033[2J\r\t\177", "<6>?[2J???\n" },
        { "terminal control, C1", LOG_LEVEL_INFO, "a\302\2332Jb", "<6>a??2Jb\n" },
        { "not a C1", LOG_LEVEL_INFO, "\302\240\303\233", "<6>\302\240\303\233\n" },
        { "percent signs are text", LOG_LEVEL_INFO, "%s%n", "<6>%s%n\n" },
};

static size_t capture(enum log_level level, const char *text, char *buffer, size_t size) {
        int ends[2] = { -1, -1 }, saved = dup(STDERR_FILENO);
        assert_true(saved >= 0 && pipe2(ends, O_CLOEXEC) == 0);
        assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
        log_line(level, "%s", text);
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        (void) close(saved);
        (void) close(ends[1]);
        ssize_t n = read(ends[0], buffer, size - 1);
        (void) close(ends[0]);
        assert_true(n > 0);
        buffer[n] = '\0';
        return (size_t) n;
}

static void test_line(void **state) {
        const struct log_row *row = *state;
        char buffer[256];
        (void) capture(row->level, row->text, buffer, sizeof buffer);
        assert_string_equal(buffer, row->line);
}

static void test_long(void **state) {
        (void) state;
        char text[5000], buffer[5000];
        memset(text, 'x', sizeof text);
        text[sizeof text - 1] = '\0';
        size_t n = capture(LOG_LEVEL_INFO, text, buffer, sizeof buffer);
        assert_true(n > 1000 && n < 1100); /* cut, still one line */
        assert_ptr_equal(strchr(buffer, '\n'), buffer + n - 1);
}

int main(void) {
        struct CMUnitTest tests[N(rows) + 1];
        size_t n = 0;
        for (size_t i = 0; i < N(rows); i++)
                tests[n++] = (struct CMUnitTest){ rows[i].name, test_line, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        tests[n++] = (struct CMUnitTest){ "long", test_long, NULL, NULL, NULL };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
