/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "sys/mounts.h"

static const struct row {
        const char *name, *line;
        uint64_t id; /* 0: it is no line of the table */
        unsigned major_number, minor_number;
        const char *root, *point, *filesystem, *source;
} rows[] = {
        { "plain", "36 35 98:0 / /mnt rw,noatime - ext3 /dev/root rw", 36, 98, 0, "/", "/mnt", "ext3", "/dev/root" },
        { "optional fields", "36 35 8:17 /sub /mnt rw shared:1 master:2 - vfat /dev/sdb1 rw", 36, 8, 17, "/sub", "/mnt",
          "vfat", "/dev/sdb1" },
        { "escaped", "1 1 8:1 / /media/a\\040b\\134c\\012d rw - vfat /dev/x rw", 1, 8, 1, "/", "/media/a b\\c\nd",
          "vfat", "/dev/x" },
        { "no escape", "1 1 8:1 / /media/\\9\\77 rw - vfat /dev/x rw", 1, 8, 1, "/", "/media/\\9\\77", "vfat",
          "/dev/x" },
        { "no options at the end", "1 1 0:21 / /m rw - fuse.x src", 1, 0, 21, "/", "/m", "fuse.x", "src" },
        { "no hyphen", "36 35 98:0 / /mnt rw shared:1 ext3 /dev/root rw", 0, 0, 0, NULL, NULL, NULL, NULL },
        { "cut", "36 35 98:0 / /mnt", 0, 0, 0, NULL, NULL, NULL, NULL },
        { "no source", "36 35 98:0 / /mnt rw - ext3", 0, 0, 0, NULL, NULL, NULL, NULL },
        { "device is none", "36 35 98 / /mnt rw - ext3 x rw", 0, 0, 0, NULL, NULL, NULL, NULL },
        { "device with more", "36 35 9:8:7 / /mnt rw - ext3 x rw", 0, 0, 0, NULL, NULL, NULL, NULL },
        { "id is none", "x 35 9:8 / /mnt rw - ext3 x rw", 0, 0, 0, NULL, NULL, NULL, NULL },
        { "empty", "", 0, 0, 0, NULL, NULL, NULL, NULL },
};

static void parses(void **state) {
        const struct row *row = *state;
        char *text = strdup(row->line);
        struct mount_table t;
        assert_non_null(text);
        assert_int_equal(mounts_parse(text, &t), 0);
        assert_int_equal(t.n, row->id > 0);
        if (row->id > 0) {
                assert_int_equal(t.list[0].id, row->id);
                assert_int_equal(t.list[0].device, makedev(row->major_number, row->minor_number));
                assert_string_equal(t.list[0].root, row->root);
                assert_string_equal(t.list[0].point, row->point);
                assert_string_equal(t.list[0].filesystem, row->filesystem);
                assert_string_equal(t.list[0].source, row->source);
        }
        mounts_clear(&t);
        free(text);
}

/* A line that is none hides no other. */
static void several(void **state) {
        (void) state;
        char text[] = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\nnonsense\n2 1 8:17 / /m rw - vfat /dev/sdb1 rw\n";
        struct mount_table t;
        assert_int_equal(mounts_parse(text, &t), 0);
        assert_int_equal(t.n, 2);
        assert_string_equal(t.list[1].point, "/m");
        mounts_clear(&t);
        assert_int_equal(t.n, 0);
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof *rows + 1];
        size_t n = 0;
        for (; n < sizeof rows / sizeof *rows; n++)
                tests[n] = (struct CMUnitTest){ rows[n].name, parses, NULL, NULL, (void *) (uintptr_t) &rows[n] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(several);
        return _cmocka_run_group_tests("mounts", tests, n, NULL, NULL);
}
