/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/sysfs.h"

static char directory_name[64];
static int directory = -1;

static int set_up(void **state) {
        (void) state;
        (void) snprintf(directory_name, sizeof directory_name, "/tmp/test_sysfs.XXXXXX");
        if (!mkdtemp(directory_name))
                return -1;
        directory = open(directory_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return directory < 0 ? -1 : 0;
}

static int remove_one(const char *name, void *userdata) {
        (void) userdata;
        (void) unlinkat(directory, name, 0);
        return 0;
}

static int tear_down(void **state) {
        (void) state;
        (void) sysfs_each_name(directory, remove_one, NULL);
        (void) close(directory);
        return rmdir(directory_name);
}

static void put(const char *name, const char *bytes, size_t size) {
        int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, size), (ssize_t) size);
        (void) close(fd);
}

static const struct number {
        const char *name, *text;
        int base;
        uint32_t max;
        int error;
        uint32_t value;
} numbers[] = {
        { "decimal", "12\n", 10, 127, 0, 12 },
        { "hexadecimal", "0781\n", 16, 0xFFFF, 0, 0x0781 },
        { "capital digits", "04E6\n", 16, 0xFFFF, 0, 0x04E6 },
        { "the greatest", "127\n", 10, 127, 0, 127 },
        { "one more", "128\n", 10, 127, -EBADMSG, 0 },
        { "far more than 32 bits", "99999999999999999999\n", 10, UINT32_MAX, -EBADMSG, 0 },
        { "empty", "", 10, 1, -EBADMSG, 0 },
        { "newline alone", "\n", 10, 1, -EBADMSG, 0 },
        { "sign", "-1\n", 10, 127, -EBADMSG, 0 },
        { "prefix", "0x10\n", 16, 255, -EBADMSG, 0 },
        { "space inside", "1 2\n", 10, 127, -EBADMSG, 0 },
        { "digit of another base", "a\n", 10, 127, -EBADMSG, 0 },
        { "too long", "000000000000000000000000000001\n", 10, 127, -EBADMSG, 0 },
};

static void test_number(void **state) {
        const struct number *row = *state;
        put("number", row->text, strlen(row->text));
        uint32_t value = 4711;
        assert_int_equal(sysfs_read_number_at(directory, "number", row->base, row->max, &value), row->error);
        assert_int_equal(value, row->error == 0 ? row->value : 4711);
}

static void test_absent(void **state) {
        (void) state;
        uint32_t value;
        assert_int_equal(sysfs_read_number_at(directory, "absent", 10, 1, &value), -ENOENT);
}

static void test_cap(void **state) {
        (void) state;
        char buffer[9];
        put("eight", "12345678", 8);
        assert_int_equal(sysfs_read_at(directory, "eight", buffer, 8), 8);
        assert_string_equal(buffer, "12345678");
        assert_int_equal(sysfs_read_at(directory, "eight", buffer, 7), -EFBIG);
}

static int collect(const char *name, void *userdata) {
        char *seen = userdata;
        (void) strncat(seen, name, 8);
        return strcmp(name, "c") == 0 ? 7 : 0;
}

static void test_each_name(void **state) {
        (void) state;
        put("b", "", 0);
        put("a", "", 0);
        char seen[64] = "";
        assert_int_equal(sysfs_each_name(directory, collect, seen), 0);
        assert_string_equal(seen, "ab");
        put("c", "", 0);
        put("d", "", 0);
        seen[0] = '\0';
        assert_int_equal(sysfs_each_name(directory, collect, seen), 7);
        assert_string_equal(seen, "abc");
}

/* A FIFO that nobody writes to stands for an attribute whose lock is held for ever. */
static void test_patience(void **state) {
        (void) state;
        assert_int_equal(mkfifoat(directory, "lock", 0600), 0);
        /* Somebody holds the other end open, so that a read waits; through O_RDWR, because opening waits as well. */
        int other = openat(directory, "lock", O_RDWR | O_CLOEXEC);
        assert_true(other >= 0);
        int fd = openat(directory, "lock", O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);

        struct timespec start, end;
        char byte;
        (void) clock_gettime(CLOCK_MONOTONIC, &start);
        sysfs_patience_begin(50000);
        ssize_t n = read(fd, &byte, 1);
        int error = errno;
        sysfs_patience_end();
        (void) clock_gettime(CLOCK_MONOTONIC, &end);
        assert_int_equal(n, -1);
        assert_int_equal(error, EINTR);
        assert_true(end.tv_sec - start.tv_sec < 5);

        /* Over is over: a slow, healthy read is not disturbed. */
        assert_int_equal(write(other, "x", 1), 1);
        (void) usleep(120000);
        assert_int_equal(read(fd, &byte, 1), 1);
        (void) close(fd);
        (void) close(other);
}

int main(void) {
        struct CMUnitTest tests[sizeof numbers / sizeof *numbers + 4];
        size_t n = 0;
        for (; n < sizeof numbers / sizeof *numbers; n++)
                tests[n] = (struct CMUnitTest){ numbers[n].name, test_number, set_up, tear_down,
                                                (void *) (uintptr_t) &numbers[n] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_absent, set_up, tear_down);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_cap, set_up, tear_down);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_each_name, set_up, tear_down);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_patience, set_up, tear_down);
        return _cmocka_run_group_tests("sysfs", tests, n, NULL, NULL);
}
