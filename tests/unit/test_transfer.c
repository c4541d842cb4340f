/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the watcher of media says arrives as it was said, and what it could not have said is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/transfer.h"

static const struct transfer whole = { .id = 7,
                                       .kind = TRANSFER_WRITTEN,
                                       .hash = TRANSFER_HASH_DONE,
                                       .is_directory = true,
                                       .outside = true,
                                       .msec = 1790000000123,
                                       .pid = 41,
                                       .uid = 1000,
                                       .login_uid = 1001,
                                       .session = 3,
                                       .size = INT64_C(1) << 40,
                                       .closes = 2,
                                       .sha256 = { 1, 2, 3, [31] = 0xff },
                                       .path = "/a b\n\xff.txt",
                                       .old_path = "/tmp~",
                                       .program = "/usr/bin/cp",
                                       .command = "cp",
                                       .filesystem = "vfat",
                                       .disk = "sdb1",
                                       .port = "1-2.3",
                                       .detail = "d",
                                       .code = "c" };

static void arrives_as_it_was_said(void **state) {
        (void) state;
        char bytes[TRANSFER_MESSAGE_MAX];
        int n = transfer_encode(&whole, bytes, sizeof bytes);
        assert_true(n > 0);
        struct transfer t;
        assert_int_equal(transfer_decode(bytes, (size_t) n, &t), 0);

        assert_int_equal(t.id, whole.id);
        assert_int_equal(t.kind, whole.kind);
        assert_int_equal(t.hash, whole.hash);
        assert_true(t.is_directory && t.outside);
        const int64_t numbers[][2] = { { t.msec, whole.msec },       { t.pid, whole.pid },
                                       { t.uid, whole.uid },         { t.login_uid, whole.login_uid },
                                       { t.session, whole.session }, { t.size, whole.size },
                                       { t.closes, whole.closes } };
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
                assert_true(numbers[i][0] == numbers[i][1]);
        assert_memory_equal(t.sha256, whole.sha256, sizeof t.sha256);
        const char *const texts[][2] = { { t.path, whole.path },       { t.old_path, whole.old_path },
                                         { t.program, whole.program }, { t.command, whole.command },
                                         { t.disk, whole.disk },       { t.filesystem, whole.filesystem },
                                         { t.port, whole.port },       { t.detail, whole.detail },
                                         { t.code, whole.code } };
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                assert_string_equal(texts[i][0], texts[i][1]);
}

static void nothing_known(void **state) {
        (void) state;
        const struct transfer empty = { .kind = TRANSFER_WATCHING };
        char bytes[TRANSFER_MESSAGE_MAX];
        int n = transfer_encode(&empty, bytes, sizeof bytes);
        struct transfer t;
        assert_int_equal(transfer_decode(bytes, (size_t) n, &t), 0);
        assert_string_equal(t.path, "");
        assert_string_equal(t.code, "");
}

/* Every cut and every longer message is refused; nothing is read beyond the end (sanitizers). */
static void damaged(void **state) {
        (void) state;
        char bytes[TRANSFER_MESSAGE_MAX + 1] = { 0 };
        int n = transfer_encode(&whole, bytes, sizeof bytes - 1);
        struct transfer t;
        for (int cut = 0; cut < n; cut++)
                assert_int_equal(transfer_decode(bytes, (size_t) cut, &t), -EBADMSG);
        assert_int_equal(transfer_decode(bytes, (size_t) n + 1, &t), -EBADMSG);
        assert_int_equal(transfer_decode(bytes, sizeof bytes, &t), -EBADMSG);

        static const size_t words[] = { 8, 12, 16, 20 }; /* kind, hash, is_directory, outside */
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                char changed[TRANSFER_MESSAGE_MAX];
                memcpy(changed, bytes, (size_t) n);
                memset(changed + words[i], 0x7f, 1);
                assert_int_equal(transfer_decode(changed, (size_t) n, &t), -EBADMSG);
        }
}

static void too_long(void **state) {
        (void) state;
        static char path[TRANSFER_TEXT_MAX + 2];
        memset(path, 'x', sizeof path - 1);
        struct transfer t = whole;
        char bytes[TRANSFER_MESSAGE_MAX];
        t.path = path;
        assert_int_equal(transfer_encode(&t, bytes, sizeof bytes), -EMSGSIZE);
        path[TRANSFER_TEXT_MAX] = '\0';
        assert_true(transfer_encode(&t, bytes, sizeof bytes) > 0);
        assert_int_equal(transfer_encode(&t, bytes, 200), -EMSGSIZE);
        assert_int_equal(transfer_encode(&t, bytes, 8), -EMSGSIZE);
}

static void names(void **state) {
        (void) state;
        assert_string_equal(transfer_kind_name(TRANSFER_RENAMED), "renamed");
        assert_string_equal(transfer_hash_name(TRANSFER_HASH_TOO_LONG), "too-long");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(arrives_as_it_was_said),
                cmocka_unit_test(nothing_known),
                cmocka_unit_test(damaged),
                cmocka_unit_test(too_long),
                cmocka_unit_test(names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
