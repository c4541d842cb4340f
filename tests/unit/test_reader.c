/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit_fixture.h"

struct seen {
        unsigned records, damaged, stop_after;
        size_t last_size;
        char behind_last;
        int64_t first_time;
};

static int each(json_t *event, const char *line, size_t size, void *userdata) {
        struct seen *s = userdata;
        if (event && s->records++ == 0)
                s->first_time = json_integer_value(json_object_get(event, "time")) / 1000;
        if (!event)
                s->damaged++;
        s->last_size = size;
        s->behind_last = line[size];
        return s->stop_after && s->records + s->damaged >= s->stop_after ? 7 : 0;
}

static int read_bytes(const void *p, size_t n, int64_t since, struct seen *s) {
        CLEANUP(close_p) int fd = memfd_create("record", MFD_CLOEXEC);
        assert_int_equal(file_write_all(fd, p, n), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        return audit_read(fd, since, each, s);
}

static void test_since(void **state) {
        (void) state;
        struct machine m;
        machine_init(&m, NULL);
        machine_fill(&m, 10);
        CLEANUP(bytes_clear) struct bytes b = machine_read(&m, LOG_PATH);
        int64_t t = machine_wall(NULL);

        struct {
                int64_t since;
                unsigned records;
        } rows[] = { { INT64_MIN, 10 }, { t, 10 }, { t + 1, 9 }, { t + 9, 1 }, { t + 10, 0 }, { INT64_MAX, 0 } };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct seen s = { 0 };
                assert_int_equal(read_bytes(b.p, b.n, rows[i].since, &s), 0);
                assert_int_equal(s.records, rows[i].records);
                assert_int_equal(s.damaged, 0);
                if (rows[i].records && rows[i].since != INT64_MIN)
                        assert_int_equal(s.first_time, rows[i].since);
        }
        machine_clear(&m);
}

static const struct {
        const char *bytes;
        unsigned records, damaged;
        char behind_last;
} rows[] = {
        { "", 0, 0, 0 },
        { "{\"time\":5}\n", 1, 0, '\n' },
        { "{\"time\":5}\nrubbish\n{\"time\":6}\n", 2, 1, '\n' },
        { "\n\n{}\n", 1, 2, '\n' },
        { "[1]\n\"x\"\n", 0, 2, '\n' },
        { "{\"a\":1,\"a\":2}\n", 0, 1, '\n' },
        { "{\"time\":5}\n{\"time\":", 1, 1, '\0' },
        { "{\"time\":5}", 0, 1, '\0' }, /* complete JSON, but not a complete line */
};

static void test_damaged(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct seen s = { 0 };
                assert_int_equal(read_bytes(rows[i].bytes, strlen(rows[i].bytes), INT64_MIN, &s), 0);
                assert_int_equal(s.records, rows[i].records);
                assert_int_equal(s.damaged, rows[i].damaged);
                assert_int_equal(s.behind_last, rows[i].behind_last);
        }
}

/* Damage is shown whatever the time asked for, and a long line does not end the walk. */
static void test_too_long(void **state) {
        (void) state;
        static const char tail[] = "\n{\"time\":5000}\n";
        size_t n = 3 * AUDIT_LINE_MAX;
        CLEANUP(free_p) char *p = malloc(n + sizeof tail);
        memset(p, 'x', n);
        memcpy(p + n, tail, sizeof tail);

        struct seen s = { 0 };
        assert_int_equal(read_bytes(p, n + strlen(tail), 5, &s), 0);
        assert_int_equal(s.records, 1);
        assert_int_equal(s.damaged, 1);

        struct seen first = { .stop_after = 1 };
        assert_int_equal(read_bytes(p, n + strlen(tail), INT64_MAX, &first), 7);
        assert_int_equal(first.damaged, 1);
        assert_int_equal(first.last_size, AUDIT_LINE_MAX);
}

static void test_stop_and_error(void **state) {
        (void) state;
        struct seen s = { .stop_after = 2 };
        assert_int_equal(read_bytes("{}\n{}\n{}\n", 9, INT64_MIN, &s), 7);
        assert_int_equal(s.records, 2);
        assert_int_equal(audit_read(-1, INT64_MIN, each, &s), -EBADF);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_since),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_too_long),
                cmocka_unit_test(test_stop_and_error),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
