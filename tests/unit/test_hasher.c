/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashes of open files are right whatever their size, and what cannot be read has none. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "digest/digest.h"
#include "transfer/hasher.h"

static sd_event *event;
static struct hasher *hasher;
static struct hash_result last;
static unsigned answers;

static void on_done(const struct hash_result *result, void *userdata) {
        (void) userdata;
        last = *result;
        answers++;
}

static int memory_file(const void *bytes, size_t size) {
        int fd = memfd_create("file", MFD_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, size), (ssize_t) size);
        return fd;
}

static int set_up(void **state) {
        (void) state;
        return sd_event_new(&event) < 0 ? -1 : hasher_new(event, on_done, NULL, &hasher);
}

static int tear_down(void **state) {
        (void) state;
        hasher = hasher_free(hasher);
        event = sd_event_unref(event);
        return 0;
}

static void hash_it(int fd, size_t size) {
        answers = 0;
        assert_int_equal(hasher_begin(hasher, fd, (int64_t) size), 0);
        assert_true(hasher_is_busy(hasher));
        assert_int_equal(hasher_begin(hasher, fd, 0), -EBUSY);
        while (answers == 0)
                assert_true(sd_event_run(event, UINT64_MAX) >= 0);
        assert_int_equal(answers, 1);
        assert_false(hasher_is_busy(hasher));
}

static void hashes(void **state) {
        (void) state;
        static const size_t sizes[] = { 0, 1, 63, 64, 262143, 262144, 262145, 1000000 };
        static char bytes[1000000];
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                uint8_t wanted[DIGEST_BYTES];
                memset(bytes, (int) i + 1, sizes[i]);
                digest_sha256(bytes, sizes[i], wanted);
                CLEANUP(close_p) int fd = memory_file(bytes, sizes[i]);
                hash_it(fd, sizes[i]);
                assert_int_equal(last.hash, TRANSFER_HASH_DONE);
                assert_int_equal(last.size, sizes[i]);
                assert_memory_equal(last.sha256, wanted, sizeof wanted);
        }
}

static void cannot_be_read(void **state) {
        (void) state;
        char name[] = "/tmp/test_hasher.XXXXXX";
        int made = mkstemp(name);
        assert_true(made >= 0);
        (void) close(made);
        CLEANUP(close_p) int fd = open(name, O_WRONLY | O_CLOEXEC);
        (void) unlink(name);
        hash_it(fd, 0);
        assert_int_equal(last.hash, TRANSFER_HASH_UNREADABLE);
        assert_int_equal(last.size, -1);
}

int main(void) {
        (void) signal(SIGCHLD, SIG_IGN);
        const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(hashes, set_up, tear_down),
                                            cmocka_unit_test_setup_teardown(cannot_be_read, set_up, tear_down) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
