/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fake machines with a locker and a file that sets it. */
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

#include "lockers/lockers.h"

#define N(a)  (sizeof(a) / sizeof *(a))
#define LOCAL "etc/dconf/db/local.d/00-screen"

static const struct row {
        const char *name, *program, *file, *text;
        enum locker_time time;
        unsigned seconds;
        bool suffices;
} rows[] = {
        { "nothing set", "usr/bin/gnome-shell", NULL, NULL, LOCKER_USERS, 0, true },
        { "in time", "usr/bin/gnome-shell", LOCAL, "[org/gnome/desktop/session]\nidle-delay=uint32 300\n",
          LOCKER_IN_TIME, 300, true },
        { "later", "usr/bin/gnome-shell", LOCAL, "[org/gnome/desktop/session]\nidle-delay=uint32 301\n", LOCKER_LATER,
          301, true },
        { "never", "usr/bin/gnome-shell", LOCAL, "[org/gnome/desktop/session]\nidle-delay=uint32 0\n", LOCKER_OFF, 0,
          true },
        { "in time, but off", "usr/bin/gnome-shell", LOCAL,
          "[org/gnome/desktop/screensaver]\nlock-enabled=false\n[org/gnome/desktop/session]\nidle-delay=uint32 60\n",
          LOCKER_OFF, 0, true },
        { "of another desktop", "usr/bin/gnome-shell", LOCAL, "[org/mate/session]\nidle-delay=1\n", LOCKER_USERS, 0,
          true },
        { "minutes", "usr/bin/mate-screensaver", LOCAL, "[org/mate/session]\nidle-delay=5\n", LOCKER_IN_TIME, 300,
          true },
        { "no number", "usr/bin/mate-screensaver", LOCAL, "[org/mate/session]\nidle-delay=five\n", LOCKER_USERS, 0,
          true },
        { "no database", "usr/bin/mate-screensaver", "etc/dconf/db/local/x", "[org/mate/session]\nidle-delay=5\n",
          LOCKER_USERS, 0, true },
        { "KDE, for good", "usr/lib/x86_64-linux-gnu/libexec/kscreenlocker_greet", "etc/xdg/kscreenlockerrc",
          "[Daemon][$i]\nTimeout=10\n", LOCKER_LATER, 600, true },
        { "hears nothing", "usr/bin/i3lock", NULL, NULL, LOCKER_USERS, 0, false },
        { "says nothing", "usr/bin/light-locker", NULL, NULL, LOCKER_USERS, 0, false },
        { "both", "usr/bin/xss-lock", NULL, NULL, LOCKER_USERS, 0, true },
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void) st;
        (void) flag;
        (void) ftw;
        return remove(path);
}

static void put(const struct root *root, const char *path, const char *text) {
        char directory[96];
        (void) snprintf(directory, sizeof directory, "%.*s", (int) (strrchr(path, '/') - path), path);
        assert_int_equal(root_mkdirs(root, directory, 0755), 0);
        int fd = root_openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        (void) close(fd);
}

static void test_row(void **state) {
        const struct row *row = *state;
        char path[] = "/tmp/test_lockers.XXXXXX";
        struct root root;
        struct locker_report r;
        assert_non_null(mkdtemp(path));
        assert_int_equal(root_open(path, &root), 0);
        lockers_check(&root, 300, &r);
        assert_int_equal(r.n, 0);
        assert_false(lockers_suffice(&r));
        put(&root, row->program, "");
        if (row->file)
                put(&root, row->file, row->text);
        lockers_check(&root, 300, &r);
        assert_int_equal(r.n, 1);
        assert_int_equal(r.list[0].time, row->time);
        assert_int_equal(r.list[0].seconds, row->seconds);
        assert_int_equal(lockers_suffice(&r), row->suffices);
        assert_int_equal(*r.list[0].file != '\0', row->time != LOCKER_USERS);
        root_close(&root);
        assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void) {
        struct CMUnitTest tests[N(rows)];
        for (size_t i = 0; i < N(rows); i++)
                tests[i] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        return cmocka_run_group_tests_name("lockers", tests, NULL, NULL);
}
