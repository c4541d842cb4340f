/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/lines.h"
#include "audit_fixture.h"

/* A pipe hands out what it likes: lines come out whole however they went in. */
static void test_pipe(void **state) {
        (void) state;
        static const char text[] = "one\n\ntwo\nthree";
        int p[2];
        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0) {
                for (const char *c = text; *c; c++)
                        if (write(p[1], c, 1) != 1)
                                _exit(1);
                _exit(0);
        }
        (void) close(p[1]);

        static const struct {
                const char *text;
                int end;
                uint64_t offset;
        } rows[] = {
                { "one", LINE_COMPLETE, 0 }, { "", LINE_COMPLETE, 4 }, { "two", LINE_COMPLETE, 5 },
                { "three", LINE_TORN, 9 },   { "", LINE_NONE, 14 },    { "", LINE_NONE, 14 },
        };
        CLEANUP(lines_clear) struct lines l = { .fd = -1 };
        assert_int_equal(lines_init(&l, p[0]), 0);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct line line;
                assert_int_equal(lines_next(&l, &line), rows[i].end);
                assert_int_equal(line.size, strlen(rows[i].text));
                assert_memory_equal(line.text, rows[i].text, line.size);
                assert_int_equal(line.offset, rows[i].offset);
        }
        (void) close(p[0]);
}

/* Lines around the buffer's edges. */
static void test_sizes(void **state) {
        (void) state;
        CLEANUP(close_p) int fd = memfd_create("lines", MFD_CLOEXEC);
        FILE *f = fdopen(dup(fd), "w");
        for (unsigned i = 0; i < 40; i++) {
                for (unsigned n = 0; n < i * 6553; n++)
                        (void) fputc('a' + (int) (i % 26), f);
                (void) fputc('\n', f);
        }
        assert_int_equal(fclose(f), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);

        CLEANUP(lines_clear) struct lines l = { .fd = -1 };
        assert_int_equal(lines_init(&l, fd), 0);
        uint64_t offset = 0;
        for (unsigned i = 0; i < 40; i++) {
                struct line line;
                assert_int_equal(lines_next(&l, &line), LINE_COMPLETE);
                assert_int_equal(line.size, i * 6553);
                assert_int_equal(line.offset, offset);
                for (size_t n = 0; n < line.size; n++)
                        if (line.text[n] != (char) ('a' + (int) (i % 26)))
                                fail();
                offset += line.size + 1;
        }
        struct line line;
        assert_int_equal(lines_next(&l, &line), LINE_NONE);
}

static void test_skip(void **state) {
        (void) state;
        CLEANUP(close_p) int fd = memfd_create("lines", MFD_CLOEXEC);
        size_t n = 5 * AUDIT_LINE_MAX;
        CLEANUP(free_p) char *p = malloc(n);
        memset(p, 'x', n);
        assert_int_equal(file_write_all(fd, p, n), 0);
        assert_int_equal(file_write_all(fd, "\nshort\n", 7), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);

        CLEANUP(lines_clear) struct lines l = { .fd = -1 };
        struct line line;
        assert_int_equal(lines_init(&l, fd), 0);
        assert_int_equal(lines_next(&l, &line), LINE_TOO_LONG);
        assert_int_equal(line.size, AUDIT_LINE_MAX);
        assert_int_equal(lines_skip(&l), 0);
        assert_int_equal(lines_next(&l, &line), LINE_COMPLETE);
        assert_int_equal(line.size, 5);
        assert_int_equal(line.offset, n + 1);
        assert_int_equal(lines_skip(&l), 0); /* at the end: nothing to skip */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pipe),
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_skip),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
