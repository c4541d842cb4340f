/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a TPM may answer, and what it may not. With a real one (swtpm): tests/integration/test_tpm.py. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "commands.h"

#define INDEX       0x01800730u
#define BYTES(text) (text), sizeof(text) - 1

struct row {
        const char *name, *answer;
        size_t size;
        int result;
        uint64_t value;
};

/* The answer lies there already; what was asked is looked at afterwards. */
static int ask(const struct row *row, int (*what)(int fd, uint64_t *ret), uint64_t *ret, uint8_t *ret_command,
               size_t *ret_size) {
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        assert_int_equal(write(fds[1], row->answer, row->size), (ssize_t) row->size);
        assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
        int r = what(fds[0], ret);
        ssize_t n = read(fds[1], ret_command, 256);
        assert_true(n > 0);
        *ret_size = (size_t) n;
        (void) close(fds[0]);
        (void) close(fds[1]);
        return r;
}

static int read_counter(int fd, uint64_t *ret) {
        return tpm_read_counter(fd, INDEX, ret);
}

static const struct row counters[] = {
        { "a value", BYTES("\x80\x02\0\0\0\x1d\0\0\0\0\0\0\0\x0a\0\x08\0\0\0\0\0\0\x01\x02\0\0\x01\0\0"), 0, 0x102 },
        { "nobody answers", BYTES(""), -EPROTO, 0 },
        { "half a header", BYTES("\x80\x02\0\0\0"), -EPROTO, 0 },
        { "less than it says", BYTES("\x80\x02\0\0\0\x1d\0\0\0\0\0\0"), -EPROTO, 0 },
        { "more than it says", BYTES("\x80\x02\0\0\0\x0b\0\0\0\0\0\0\0\0"), -EPROTO, 0 },
        { "a size below the header's", BYTES("\x80\x02\0\0\0\x02\0\0\0\0"), -EPROTO, 0 },
        { "a size beyond everything", BYTES("\x80\x02\xff\xff\xff\xff\0\0\0\0"), -EPROTO, 0 },
        { "no data", BYTES("\x80\x02\0\0\0\x10\0\0\0\0\0\0\0\x02\0\0"), -EPROTO, 0 },
        { "four bytes of data", BYTES("\x80\x02\0\0\0\x19\0\0\0\0\0\0\0\x06\0\x04\0\0\0\x07\0\0\x01\0\0"), -EPROTO, 0 },
        { "never written", BYTES("\x80\x01\0\0\0\x0a\0\0\x01\x4a"), -ENODATA, 0 },
        { "no such index", BYTES("\x80\x01\0\0\0\x0a\0\0\x01\x8b"), -ENOENT, 0 },
        { "no such index, the second handle", BYTES("\x80\x01\0\0\0\x0a\0\0\x02\x8b"), -ENOENT, 0 },
        { "another password", BYTES("\x80\x01\0\0\0\x0a\0\0\x09\x8e"), -EACCES, 0 },
        { "a failure", BYTES("\x80\x01\0\0\0\x0a\0\0\x01\x01"), -EIO, 0 },
        { "busy, then a value",
          BYTES("\x80\x01\0\0\0\x0a\0\0\x09\x22\x80\x02\0\0\0\x1d\0\0\0\0\0\0\0\x0a\0\x08\0\0\0\0\0\0\0\x09\0\0\x01\0"
                "\0"),
          -EPROTO, 0 }, /* both at once: no TPM does that */
};

static void test_counter(void **state) {
        static const uint8_t expected[] = "\x80\x02\0\0\0\x23\0\0\x01\x4e\x01\x80\x07\x30\x01\x80\x07\x30\0\0\0\x09\x40"
                                          "\0\0\x09\0\0\0\0\0\0\x08\0\0";
        const struct row *row = *state;
        uint8_t command[256];
        size_t size;
        uint64_t value = 0;
        assert_int_equal(ask(row, read_counter, &value, command, &size), row->result);
        assert_int_equal(value, row->value);
        assert_int_equal(size, sizeof expected - 1);
        assert_memory_equal(command, expected, size);
}

/* 1: a counter, 2: written */
static int read_public(int fd, uint64_t *ret) {
        bool is_counter = false, is_written = false;
        int r = tpm_read_public(fd, INDEX, &is_counter, &is_written);
        *ret = (is_counter ? 1u : 0u) | (is_written ? 2u : 0u);
        return r;
}

static const struct row publics[] = {
        { "a counter that was written",
          BYTES("\x80\x01\0\0\0\x1c\0\0\0\0\0\x0e\x01\x80\x07\x30\0\x0b\x22\x06\0\x16\0\0\0\x08\0\0"), 0, 3 },
        { "a counter that never was",
          BYTES("\x80\x01\0\0\0\x1c\0\0\0\0\0\x0e\x01\x80\x07\x30\0\x0b\x02\x06\0\x16\0\0\0\x08\0\0"), 0, 1 },
        { "no counter", BYTES("\x80\x01\0\0\0\x1c\0\0\0\0\0\x0e\x01\x80\x07\x30\0\x0b\x22\x06\0\x06\0\0\0\x08\0\0"), 0,
          2 },
        { "another index", BYTES("\x80\x01\0\0\0\x1c\0\0\0\0\0\x0e\x01\x80\x07\x31\0\x0b\x22\x06\0\x16\0\0\0\x08\0\0"),
          -EPROTO, 0 },
        { "nothing in it", BYTES("\x80\x01\0\0\0\x0a\0\0\0\0"), -EPROTO, 0 },
        { "no such index in public", BYTES("\x80\x01\0\0\0\x0a\0\0\x01\x8b"), -ENOENT, 0 },
};

static void test_public(void **state) {
        const struct row *row = *state;
        uint8_t command[256];
        size_t size;
        uint64_t value = 0;
        assert_int_equal(ask(row, read_public, &value, command, &size), row->result);
        assert_int_equal(value, row->value);
        assert_int_equal(size, 14);
}

#define ADD(rows, function)                                                                                            \
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)                                                        \
                tests[n++] = (struct CMUnitTest) {                                                                     \
                        rows[i].name, function, NULL, NULL, (void *) (uintptr_t) &rows[i]                              \
                }

int main(void) {
        struct CMUnitTest tests[sizeof counters / sizeof *counters + sizeof publics / sizeof *publics];
        size_t n = 0;
        ADD(counters, test_counter);
        ADD(publics, test_public);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
