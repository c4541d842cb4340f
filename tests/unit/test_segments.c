/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/segments.h"
#include "audit_fixture.h"

static const struct {
        const char *name;
        uint32_t number; /* 0: not a segment's name */
} names[] = {
        { "audit-00000001.jsonl", 1 },
        { "audit-99999999.jsonl", 99999999 },
        { "audit-00000000.jsonl", 0 },
        { "audit-1.jsonl", 0 },
        { "audit-000000001.jsonl", 0 },
        { "audit-0000000a.jsonl", 0 },
        { "audit-00000001.jsonl.torn-1", 0 },
        { "audit-00000001", 0 },
        { "audit.jsonl", 0 },
        { "audit-", 0 },
        { "", 0 },
};

static void test_names(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                uint32_t number = 0;
                assert_int_equal(segment_number(names[i].name, &number), names[i].number > 0);
                assert_int_equal(number, names[i].number);
                if (number > 0) {
                        char name[SEGMENT_NAME_SIZE];
                        segment_name(number, name);
                        assert_string_equal(name, names[i].name);
                }
        }
}

static void test_list(void **state) {
        (void) state;
        struct machine m;
        machine_init(&m, NULL);
        static const unsigned made[] = { 12, 3, 1, 100, 7 };
        for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
                char path[128], name[SEGMENT_NAME_SIZE];
                segment_name(made[i], name);
                (void) snprintf(path, sizeof path, AUDIT_DIRECTORY "/%s", name);
                machine_write(&m, path, "", 0);
        }
        machine_write(&m, LOG_PATH, "", 0);
        CLEANUP(close_p) int fd = root_openat(&m.root, AUDIT_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        struct segment_list l;
        assert_int_equal(segments_list(fd, 3, &l), 0);
        assert_int_equal(l.n, 3);
        assert_int_equal(l.numbers[0], 7);
        assert_int_equal(l.numbers[2], 100);
        segment_list_clear(&l);
        assert_int_equal(segments_list(fd, 100, &l), 0);
        assert_int_equal(l.n, 0);
        segment_list_clear(&l);
        machine_clear(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_list) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
