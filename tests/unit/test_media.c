/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/media.h"

#define N(a) (sizeof(a) / sizeof *(a))

static struct root machine;

static int set_up(void **state) {
        (void) umask(0077); /* as services have it */
        char path[] = "/tmp/test-media-XXXXXX";
        (void) state;
        return mkdtemp(path) ? root_open(path, &machine) : -1;
}

static int tear_down(void **state) {
        (void) state;
        root_close(&machine);
        return 0;
}

static const struct name_row {
        const char *name;
        bool valid;
} names[] = {
        { "sda", true },
        { "mmcblk0", true },
        { "dm-0", true },
        { "nvme0n1", true },
        { "", false },
        { ".", false },
        { "..", false },
        { "a/b", false },
        { "../sda", false },
        { "a b", false },
        { "-sda", false },
        { "sda\n", false },
        { ".sda.new", false },
        { "0sda", false },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
};

static void knows_names(void **state) {
        (void) state;
        for (size_t i = 0; i < N(names); i++)
                if (media_name_is_valid(names[i].name) != names[i].valid)
                        fail_msg("\"%s\"", names[i].name);
}

static const struct media_hold holds[] = {
        { .inode = 1, .access = MEDIA_SHUT },
        { .inode = UINT64_MAX, .access = MEDIA_OPEN },
        { .inode = 7, .access = MEDIA_READ_ONLY, .encrypted = true },
        { .inode = 7, .access = MEDIA_OPEN, .users = (char *) "yamada group:joho" },
        { .inode = 7, .access = MEDIA_OPEN, .users = (char *) "" }, /* a list without anyone is not "anyone" */
        { .inode = 7, .access = MEDIA_READ_ONLY, .encrypted = true, .users = (char *) "山田" },
};

static void reads_what_it_wrote(void **state) {
        (void) state;
        for (size_t i = 0; i < N(holds); i++) {
                assert_int_equal(media_mark_write(&machine, "sda", &holds[i]), 0);
                CLEANUP(media_hold_clear) struct media_hold h = { 0 };
                assert_int_equal(media_mark_read(&machine, "sda", &h), 0);
                if (!media_hold_same(&h, &holds[i]))
                        fail_msg("row %zu: %s, users \"%s\"", i, media_access_name(h.access), h.users ? h.users : "-");
                for (size_t k = 0; k < N(holds); k++)
                        assert_int_equal(media_hold_same(&h, &holds[k]), k == i);
        }
        struct stat st; /* whoever answers for polkit is not root */
        CLEANUP(close_p) int marks = root_openat(&machine, MEDIA_MARKS, O_RDONLY | O_DIRECTORY, 0);
        assert_int_equal(fstat(marks, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
        assert_int_equal(fstatat(marks, "sda", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0644);
        assert_int_equal(media_mark_remove(&machine, "sda"), 0);
        assert_int_equal(media_mark_remove(&machine, "sda"), 0);
        struct media_hold h;
        assert_int_equal(media_mark_read(&machine, "sda", &h), -ENOENT);
}

static const struct text_row {
        const char *text;
        int result;
} texts[] = {
        { "inode 5\naccess open\n", 0 },
        { "access read-only\ninode 5\nusers a b\n", 0 },
        { "", -EBADMSG },
        { "\n", -EBADMSG },
        { "inode 5\naccess open", -EBADMSG }, /* cut off */
        { "inode 5\n", -EBADMSG },
        { "access open\n", -EBADMSG },
        { "inode 5\naccess ajar\n", -EBADMSG },
        { "inode -5\naccess open\n", -EBADMSG },
        { "inode 5x\naccess open\n", -EBADMSG },
        { "inode 99999999999999999999\naccess open\n", -EBADMSG },
        { "inode 5\ninode 6\naccess open\n", -EBADMSG },
        { "inode 5\naccess shut\naccess open\n", -EBADMSG },
        { "inode 5\naccess open\nusers a\nusers b\n", -EBADMSG },
        { "inode 5\naccess open\nencrypted none\n", -EBADMSG },
        { "inode 5\naccess open\nmoon full\n", -EBADMSG },
};

static void refuses_damaged_marks(void **state) {
        (void) state;
        assert_int_equal(root_mkdirs(&machine, MEDIA_MARKS, 0755), 0);
        CLEANUP(close_p) int marks = root_openat(&machine, MEDIA_MARKS, O_RDONLY | O_DIRECTORY, 0);
        for (size_t i = 0; i < N(texts); i++) {
                assert_int_equal(file_replace_at(marks, "sdb", texts[i].text, strlen(texts[i].text), 0644), 0);
                CLEANUP(media_hold_clear) struct media_hold h = { 0 };
                if (media_mark_read(&machine, "sdb", &h) != texts[i].result)
                        fail_msg("\"%s\"", texts[i].text);
        }
        assert_int_equal(file_replace_at(marks, "sdb", "inode 5\0\naccess open\n", 21, 0644), 0);
        CLEANUP(media_hold_clear) struct media_hold h = { 0 };
        assert_int_equal(media_mark_read(&machine, "sdb", &h), -EBADMSG);
}

static void writes_no_nonsense(void **state) {
        (void) state;
        assert_int_equal(media_mark_write(&machine, "../sda", &holds[0]), -EINVAL);
        const struct media_hold two_lines = { .access = MEDIA_SHUT, .users = (char *) "a\naccess open" };
        assert_int_equal(media_mark_write(&machine, "sda", &two_lines), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(knows_names),
                cmocka_unit_test(reads_what_it_wrote),
                cmocka_unit_test(refuses_damaged_marks),
                cmocka_unit_test(writes_no_nonsense),
        };
        return cmocka_run_group_tests_name("media", tests, set_up, tear_down);
}
