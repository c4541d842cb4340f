/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The record as one view: all logs and segments, whatever happens to them meanwhile. */
#include "audit/segments.h"
#include "audit/view.h"
#include "audit_fixture.h"

#define OTP_PATH AUDIT_OTP_DIRECTORY "/" AUDIT_FILE

DEFINE_FREEP(struct audit_view, audit_view_free)

static int setup(void **state) {
        struct machine *m = malloc(sizeof *m);
        machine_init(m, NULL);
        assert_int_equal(root_mkdirs(&m->root, AUDIT_OTP_DIRECTORY, 0750), 0);
        *state = m;
        return 0;
}

/* "1 2 3": one line for each number, which is its time in seconds too; "-" a line that is damaged. */
static void put(struct machine *m, const char *path, const char *numbers) {
        char text[65536];
        size_t n = 0;
        CLEANUP(free_p) char *copy = strdup(numbers);
        char *rest = NULL;
        for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
                n += (size_t) snprintf(text + n, sizeof text - n, *word == '-' ? "%s\n" : "{\"time\":%s000}\n", word);
        CLEANUP(close_p) int fd = root_openat(&m->root, path, O_WRONLY | O_CREAT | O_APPEND, 0640);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, n), 0);
}

static void segment_path(uint32_t number, char ret[static 128]) {
        char name[SEGMENT_NAME_SIZE];
        segment_name(number, name);
        (void) snprintf(ret, 128, AUDIT_DIRECTORY "/%s", name);
}

static void put_segment(struct machine *m, uint32_t number, const char *numbers) {
        char path[128];
        segment_path(number, path);
        put(m, path, numbers);
}

static void rotate(struct machine *m, uint32_t number) {
        char path[128];
        segment_path(number, path);
        assert_int_equal(renameat(m->root.fd, LOG_PATH, m->root.fd, path), 0);
}

/* Adds what comes to text: "1 2 - 3 ". */
static void drain(struct audit_view *v, char *text, size_t size, unsigned most) {
        struct audit_view_line line;
        int r = 0;
        while (most-- > 0 && (r = audit_view_next(v, &line)) > 0) {
                size_t n = strlen(text);
                if (line.event)
                        (void) snprintf(text + n, size - n, "%lld ",
                                        (long long) json_integer_value(json_object_get(line.event, "time")) / 1000);
                else
                        (void) snprintf(text + n, size - n, "- ");
        }
        assert_true(r >= 0);
}

static const struct {
        const char *name;
        const char *segments[3], *current, *otp, *damaged;
        int64_t since;
        const char *expect;
} rows[] = {
        { "one file", { NULL }, "1 2 3", NULL, NULL, INT64_MIN, "1 2 3 " },
        { "segments", { "1 2", "3", "4 5" }, "6", NULL, NULL, INT64_MIN, "1 2 3 4 5 6 " },
        { "no current file", { "1 2", "3" }, NULL, NULL, NULL, INT64_MIN, "1 2 3 " },
        { "an empty segment", { "1", "", "2" }, "", NULL, NULL, INT64_MIN, "1 2 " },
        { "merged", { "1 4", "7" }, "9", "2 3 8 10", NULL, INT64_MIN, "1 2 3 4 7 8 9 10 " },
        { "the other log alone", { NULL }, NULL, "2 3", NULL, INT64_MIN, "2 3 " },
        { "a clock that went back", { NULL }, "1 9 2 3", "5 10", NULL, INT64_MIN, "1 5 9 2 3 10 " },
        { "what was set aside", { NULL }, "5", NULL, "1 - 3", INT64_MIN, "1 - 3 5 " },
        { "damage", { "1 -", "2" }, "- 3", NULL, NULL, INT64_MIN, "1 - 2 - 3 " },
        { "since", { "1 2", "3", "4 5" }, "6", "3 7", NULL, 5, "5 6 7 " },
        { "since, at the edge", { "1 2", "3", "4 5" }, "6", NULL, NULL, 3, "3 4 5 6 " },
        { "since, and damage", { "1 -", "3" }, "- 6", NULL, NULL, 2, "- 3 - 6 " },
};

static void test_rows(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                void *one;
                setup(&one);
                struct machine *m = one;
                for (uint32_t k = 0; k < 3; k++)
                        if (rows[i].segments[k])
                                put_segment(m, 7 + k, rows[i].segments[k]);
                if (rows[i].current)
                        put(m, LOG_PATH, rows[i].current);
                if (rows[i].otp)
                        put(m, OTP_PATH, rows[i].otp);
                if (rows[i].damaged)
                        put(m, LOG_PATH ".damaged-1", rows[i].damaged);
                {
                        CLEANUP(audit_view_freep) struct audit_view *v = NULL;
                        char text[256] = "";
                        assert_int_equal(audit_view_open(&m->root, rows[i].since, &v), 0);
                        drain(v, text, sizeof text, 1000);
                        if (strcmp(text, rows[i].expect) != 0)
                                fail_msg("%s: \"%s\"", rows[i].name, text);
                }
                machine_teardown(&one);
        }
}

static void test_last(void **state) {
        struct machine *m = *state;
        put_segment(m, 1, "1 2 3");
        put_segment(m, 2, "");
        put_segment(m, 3, "6 7");
        put(m, LOG_PATH, "9");
        put(m, OTP_PATH, "4 5 8");
        static const char *const expect[] = { "",
                                              "9 ",
                                              "8 9 ",
                                              "7 8 9 ",
                                              "6 7 8 9 ",
                                              "5 6 7 8 9 ",
                                              "4 5 6 7 8 9 ",
                                              "3 4 5 6 7 8 9 ",
                                              "2 3 4 5 6 7 8 9 ",
                                              "1 2 3 4 5 6 7 8 9 ",
                                              "1 2 3 4 5 6 7 8 9 " };
        for (unsigned n = 0; n < sizeof expect / sizeof *expect; n++) {
                CLEANUP(audit_view_freep) struct audit_view *v = NULL;
                char text[256] = "";
                assert_int_equal(audit_view_open_last(&m->root, n, &v), 0);
                drain(v, text, sizeof text, 1000);
                assert_string_equal(text, expect[n]);
                put(m, LOG_PATH, "10"); /* and what comes after is shown */
                drain(v, text, sizeof text, 1000);
                assert_string_equal(text + strlen(expect[n]), "10 ");
                assert_int_equal(unlinkat(m->root.fd, LOG_PATH, 0), 0);
                put(m, LOG_PATH, "9");
        }
}

/* Rotated, added to and deleted from behind after each number of lines that were read. */
static void test_rotated_while_read(void **state) {
        (void) state;
        for (unsigned after = 0; after <= 8; after++) {
                void *one;
                setup(&one);
                struct machine *m = one;
                put_segment(m, 1, "1 2");
                put(m, LOG_PATH, "3 4");
                {
                        CLEANUP(audit_view_freep) struct audit_view *v = NULL;
                        char text[256] = "";
                        assert_int_equal(audit_view_open(&m->root, INT64_MIN, &v), 0);
                        drain(v, text, sizeof text, after);
                        put(m, LOG_PATH, "5");
                        rotate(m, 2);
                        put(m, LOG_PATH, "6");
                        rotate(m, 3);
                        put(m, LOG_PATH, "7 8");
                        drain(v, text, sizeof text, 1000);
                        assert_string_equal(text, "1 2 3 4 5 6 7 8 ");
                        put(m, LOG_PATH, "9");
                        rotate(m, 4);
                        drain(v, text, sizeof text, 1000); /* nothing is written to for the moment */
                        put(m, LOG_PATH, "10");
                        drain(v, text, sizeof text, 1000);
                        assert_string_equal(text, "1 2 3 4 5 6 7 8 9 10 ");
                }
                machine_teardown(&one);
        }
}

static void test_deleted_while_read(void **state) {
        struct machine *m = *state;
        for (uint32_t k = 1; k <= 4; k++)
                put_segment(m, k, "1 1");
        put(m, LOG_PATH, "2");
        CLEANUP(audit_view_freep) struct audit_view *v = NULL;
        char text[256] = "", path[128];
        assert_int_equal(audit_view_open(&m->root, INT64_MIN, &v), 0);
        drain(v, text, sizeof text, 1);
        for (uint32_t k = 1; k <= 3; k++) {
                segment_path(k, path);
                assert_int_equal(unlinkat(m->root.fd, path, 0), 0);
        }
        drain(v, text, sizeof text, 1000);
        assert_string_equal(text, "1 1 1 1 2 "); /* the open one to its end, the last one, the current one */
}

/* A last line without its newline is none yet, in the file that is written to; elsewhere it is damage. */
static void test_torn(void **state) {
        struct machine *m = *state;
        machine_write(m, AUDIT_DIRECTORY "/audit-00000001.jsonl", "{\"time\":1000}\n{\"ti", 18);
        machine_write(m, LOG_PATH, "{\"time\":2000}\n{\"tim", 19);
        CLEANUP(audit_view_freep) struct audit_view *v = NULL;
        char text[256] = "";
        assert_int_equal(audit_view_open(&m->root, INT64_MIN, &v), 0);
        drain(v, text, sizeof text, 1000);
        drain(v, text, sizeof text, 1000);
        assert_string_equal(text, "1 - 2 ");
        CLEANUP(close_p) int fd = root_openat(&m->root, LOG_PATH, O_WRONLY | O_APPEND, 0);
        assert_int_equal(file_write_all(fd, "e\":3000}\n", 9), 0);
        drain(v, text, sizeof text, 1000);
        assert_string_equal(text, "1 - 2 3 ");
}

static int open_and_close(struct machine *m) {
        struct audit_view *v = NULL;
        int r = audit_view_open(&m->root, INT64_MIN, &v);
        audit_view_free(v);
        return r;
}

static void test_refused(void **state) {
        struct machine *m = *state;
        assert_int_equal(open_and_close(m), -ENOENT);
        assert_int_equal(mkfifoat(m->root.fd, LOG_PATH, 0640), 0);
        assert_int_equal(open_and_close(m), -EINVAL);
        assert_int_equal(unlinkat(m->root.fd, LOG_PATH, 0), 0);
        assert_int_equal(symlinkat("/etc/passwd", m->root.fd, LOG_PATH), 0);
        assert_int_equal(open_and_close(m), -ELOOP);
        assert_int_equal(unlinkat(m->root.fd, LOG_PATH, 0), 0);
        put(m, LOG_PATH, "1"); /* the twin */
        assert_int_equal(open_and_close(m), 0);
}

static int stop_at_two(json_t *event, const char *line, size_t size, void *userdata) {
        (void) event, (void) line, (void) size;
        return ++*(int *) userdata == 2 ? 7 : 0;
}

static void test_read_all(void **state) {
        struct machine *m = *state;
        put(m, LOG_PATH, "1 3");
        put(m, OTP_PATH, "2");
        int n = 0;
        assert_int_equal(audit_read_all(&m->root, INT64_MIN, stop_at_two, &n), 7);
        assert_int_equal(n, 2);
        n = 2;
        assert_int_equal(audit_read_all(&m->root, INT64_MIN, stop_at_two, &n), 0);
        assert_int_equal(n, 5);
}

/* A line that is longer than any record is one damaged line, wherever it stands, and what follows is read. */
static void test_too_long(void **state) {
        struct machine *m = *state;
        size_t n = 3 * AUDIT_LINE_MAX;
        CLEANUP(free_p) char *longer = malloc(n);
        assert_non_null(longer);
        memset(longer, '{', n);
        longer[n - 1] = '\n';
        char segment[128];
        segment_path(1, segment);
        const char *const paths[] = { segment, LOG_PATH };
        for (int i = 0; i < 2; i++) {
                put(m, paths[i], i == 0 ? "1" : "3");
                CLEANUP(close_p) int fd = root_openat(&m->root, paths[i], O_WRONLY | O_APPEND, 0);
                assert_int_equal(file_write_all(fd, longer, n), 0);
                put(m, paths[i], i == 0 ? "2" : "4");
        }
        CLEANUP(audit_view_freep) struct audit_view *v = NULL;
        char text[256] = "";
        assert_int_equal(audit_view_open(&m->root, INT64_MIN, &v), 0);
        drain(v, text, sizeof text, 1000);
        assert_string_equal(text, "1 - 2 3 - 4 ");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, machine_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),   TEST(test_last),     cmocka_unit_test(test_rotated_while_read),
                TEST(test_deleted_while_read), TEST(test_torn),     TEST(test_refused),
                TEST(test_read_all),           TEST(test_too_long),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
