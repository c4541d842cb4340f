/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/input.h"

#define USB "devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/input/input5"

static const struct row {
        const char *name, *device, *keys, *without;
        int keyboards;
} rows[] = {
        { "USB keyboard", USB, "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n", NULL, 1 },
        { "not counted for itself", USB, "fffffffffffffffe\n", "1-2", 0 },
        { "another port counts", USB, "fffffffffffffffe\n", "1-3", 1 },
        { "a port that begins alike", USB, "fffffffffffffffe\n", "1-", 1 },
        { "on board", "devices/platform/i8042/serio0/input/input5",
          "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe\n", NULL, 1 },
        { "Bluetooth through uhid", "devices/virtual/misc/uhid/0005:046D:B342.0001/input/input5", "fffffffffffffffe\n",
          NULL, 1 },
        { "made by software", "devices/virtual/input/input5", "fffffffffffffffe\n", NULL, 0 },
        { "mouse", USB, "1f0000 0 0 0 0\n", NULL, 0 },
        { "power button", USB, "10000000000000 0\n", NULL, 0 },
        { "media keys with some letters", USB, "3e000b00000000 e00000 fffe\n", NULL, 0 },
        { "garbage", USB, "zzz\n", NULL, 0 },
        { "empty", USB, "", NULL, 0 },
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void) st;
        (void) flag;
        (void) ftw;
        return remove(path);
}

static void test_row(void **state) {
        const struct row *row = *state;
        char path[64] = "/tmp/test_input.XXXXXX", directory[256], target[256];
        assert_non_null(mkdtemp(path));
        struct root root;
        assert_int_equal(root_open(path, &root), 0);
        assert_int_equal(input_count_keyboards(&root, NULL), 0); /* no sys/class/input at all */

        (void) snprintf(directory, sizeof directory, "sys/%s/capabilities", row->device);
        assert_int_equal(root_mkdirs(&root, directory, 0700), 0);
        assert_int_equal(root_mkdirs(&root, "sys/class/input", 0700), 0);
        (void) snprintf(target, sizeof target, "../../%s", row->device);
        assert_int_equal(symlinkat(target, root.fd, "sys/class/input/input5"), 0);
        assert_int_equal(symlinkat(target, root.fd, "sys/class/input/event9"), 0); /* the same device, not another */
        (void) strncat(directory, "/key", 5);
        int fd = openat(root.fd, directory, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, row->keys, strlen(row->keys)), (ssize_t) strlen(row->keys));
        (void) close(fd);

        assert_int_equal(input_count_keyboards(&root, row->without), row->keyboards);
        root_close(&root);
        assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof *rows];
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                tests[i] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        return _cmocka_run_group_tests("input", tests, sizeof rows / sizeof *rows, NULL, NULL);
}
