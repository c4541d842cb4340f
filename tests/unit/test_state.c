/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pam_module/state.h"

static const uint8_t KEY[STATE_KEY_SIZE] = { 1, 2, 3 }, OTHER[STATE_KEY_SIZE] = { 1, 2, 4 };

static struct otp_state sample(uint64_t sequence) {
        return (struct otp_state){ .sequence = sequence,
                                   .enrolment = { 9, 8, 7 },
                                   .last_step = 59846760,
                                   .offset = -17,
                                   .failures = 4,
                                   .not_before = UINT64_C(123456789012),
                                   .boot_id = { 5, 5 },
                                   .drift_boot_usec = 77,
                                   .drift_mark = UINT64_MAX,
                                   .codes = 3,
                                   .used_codes = 0x3ff,
                                   .grants = 2,
                                   .reenrol = true,
                                   .accepted_at = INT64_C(1795402800) };
}

static void test_round(void **state) {
        (void) state;
        uint8_t slot[STATE_SLOT_SIZE];
        struct otp_state s = sample(6), r;
        memset(&r, 0xff, sizeof r);
        state_encode(&s, KEY, 0, slot);
        assert_int_equal(state_decode(slot, KEY, 0, &r), STATE_OK);
        assert_true(r.sequence == 6 && r.last_step == s.last_step && r.offset == -17 && r.failures == 4);
        assert_true(r.not_before == s.not_before && r.drift_boot_usec == 77 && r.drift_mark == UINT64_MAX);
        assert_true(r.codes == 3 && r.used_codes == 0x3ff && r.grants == 2 && r.reenrol);
        assert_true(r.accepted_at == s.accepted_at && memcmp(r.enrolment, s.enrolment, STATE_ID_SIZE) == 0);
        assert_int_equal(state_decode(slot, KEY, 1, &r), STATE_DAMAGED);
        assert_int_equal(state_decode(slot, OTHER, 0, &r), STATE_DAMAGED);
}

static void fill(uint8_t *file, uint64_t even, uint64_t odd) {
        memset(file, 0, STATE_FILE_SIZE);
        struct otp_state s = sample(even);
        state_encode(&s, KEY, 0, file);
        s.sequence = odd;
        state_encode(&s, KEY, 1, file + STATE_SLOT_OFFSET);
}

static void test_choose(void **state) {
        (void) state;
        static const struct {
                uint64_t even, odd;
                int outcome;
                uint64_t sequence;
        } rows[] = {
                { 2, 3, STATE_OK, 3 },      { 4, 3, STATE_OK, 4 },      { 2, 1, STATE_OK, 2 },
                { 2, 5, STATE_DAMAGED, 0 }, { 6, 3, STATE_DAMAGED, 0 }, { 3, 2, STATE_DAMAGED, 0 }, /* swapped */
                { 2, 2, STATE_DAMAGED, 0 },
        };
        static uint8_t file[STATE_FILE_SIZE];
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct otp_state s;
                fill(file, rows[i].even, rows[i].odd);
                assert_int_equal(state_choose(file, sizeof file, KEY, &s), rows[i].outcome);
                if (rows[i].outcome == STATE_OK)
                        assert_int_equal(s.sequence, rows[i].sequence);
                assert_int_equal(state_choose(file, sizeof file - 1, KEY, &s), STATE_DAMAGED);
        }
}

/* Every bit of both slots: a change of the newer one must not bring the older one back into force. */
static void test_every_bit(void **state) {
        (void) state;
        static uint8_t file[STATE_FILE_SIZE];
        struct otp_state s;
        fill(file, 4, 3);
        for (size_t slot = 0; slot < 2; slot++)
                for (size_t i = 0; i < STATE_SLOT_SIZE; i++)
                        for (unsigned bit = 0; bit < 8; bit++) {
                                uint8_t *byte = &file[slot * STATE_SLOT_OFFSET + i];
                                *byte ^= (uint8_t) (1u << bit);
                                assert_int_equal(state_choose(file, sizeof file, KEY, &s), STATE_DAMAGED);
                                *byte ^= (uint8_t) (1u << bit);
                        }
        assert_int_equal(state_choose(file, sizeof file, KEY, &s), STATE_OK);
        memset(file, 0, sizeof file);
        assert_int_equal(state_choose(file, sizeof file, KEY, &s), STATE_DAMAGED);
}

static void test_file(void **state) {
        (void) state;
        char path[] = "/tmp/sekisho-state-XXXXXX";
        assert_non_null(mkdtemp(path));
        int dir = open(path, O_RDONLY | O_DIRECTORY), fd = -1;
        struct otp_state s = sample(0), r;
        struct stat before, after;
        assert_int_equal(state_load(dir, "state", KEY, &fd, &r), STATE_DAMAGED);
        assert_int_equal(state_create(dir, "state", KEY, &s), 0);
        assert_int_equal(state_load(dir, "state", KEY, &fd, &r), STATE_OK);
        assert_int_equal(fstat(fd, &before), 0);
        for (uint32_t n = 0; n < 20; n++) {
                r.failures = n;
                assert_int_equal(state_store(fd, KEY, &r), 0);
                assert_int_equal(close(fd), 0);
                assert_int_equal(state_load(dir, "state", KEY, &fd, &r), STATE_OK);
                assert_int_equal(r.failures, n);
        }
        assert_int_equal(fstat(fd, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino); /* in place: no new file, no new block */
        assert_int_equal(before.st_size, after.st_size);
        assert_int_equal(before.st_blocks, after.st_blocks);
        assert_int_equal(close(fd), 0);
        assert_int_equal(unlinkat(dir, "state", 0), 0);
        assert_int_equal(symlinkat("/etc/passwd", dir, "state"), 0);
        assert_int_equal(state_load(dir, "state", KEY, &fd, &r), STATE_DAMAGED);
        assert_int_equal(unlinkat(dir, "state", 0), 0);
        assert_int_equal(close(dir), 0);
        assert_int_equal(rmdir(path), 0);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round),
                cmocka_unit_test(test_choose),
                cmocka_unit_test(test_every_bit),
                cmocka_unit_test(test_file),
        };
        return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
