/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Marks of doors: written, read back, damaged, of another device; what holds without one. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/door.h"

static struct root root;
static char top[64];

static int set_up(void **state) {
        (void) state;
        (void) snprintf(top, sizeof top, "/tmp/sekisho-door-XXXXXX");
        return mkdtemp(top) && root_open(top, &root) == 0 ? 0 : -1;
}

static int tear_down(void **state) {
        (void) state;
        root_close(&root);
        pid_t pid = fork();
        if (pid == 0) {
                (void) execlp("rm", "rm", "-rf", top, (char *) NULL);
                _exit(127);
        }
        return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static void test_names(void **state) {
        (void) state;
        static const struct {
                const char *subsystem, *name;
                bool good;
        } rows[] = {
                { "scsi", "0:0:0:0", true }, { "pci", "0000:00:1f.2", true }, { "mmc", "mmc0:aaaa", true },
                { "pci", "", false },        { "", "0:0:0:0", false },        { "pci", "../kept", false },
                { "pci", ".x", false },      { "scsi", "0:0\n", false },      { "scsi", "a/b", false },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char door[DOOR_NAME_MAX];
                assert_int_equal(door_name(rows[i].subsystem, rows[i].name, door), rows[i].good);
        }
        char door[DOOR_NAME_MAX], name[DOOR_NAME_MAX];
        memset(name, 'a', sizeof name - 1);
        name[sizeof name - 1] = '\0';
        assert_false(door_name("scsi", name, door));
}

static void test_marks(void **state) {
        (void) state;
        struct door_mark m;
        assert_int_equal(door_mark_read(&root, "scsi:0:0:0:0", 7, &m), -ENOENT);
        static const struct door_mark marks[] = { { 7, DOOR_SHUT, false },
                                                  { UINT64_MAX, DOOR_OPEN, false },
                                                  { 1, DOOR_MACHINE, true } };
        for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
                assert_int_equal(door_mark_write(&root, "scsi:0:0:0:0", &marks[i]), 0);
                assert_int_equal(door_mark_read(&root, "scsi:0:0:0:0", marks[i].inode, &m), 0);
                assert_int_equal(m.state, marks[i].state);
                assert_int_equal(m.at_boot, marks[i].at_boot);
                /* another device under the same name */
                assert_int_equal(door_mark_read(&root, "scsi:0:0:0:0", marks[i].inode - 1, &m), -ENOENT);
        }
        assert_int_equal(door_mark_remove(&root, "scsi:0:0:0:0"), 0);
        assert_int_equal(door_mark_remove(&root, "scsi:0:0:0:0"), 0);
        assert_int_equal(door_mark_read(&root, "scsi:0:0:0:0", 1, &m), -ENOENT);
}

static void test_damaged(void **state) {
        (void) state;
        static const char *const texts[] = { "",
                                             "inode 5\n",
                                             "door open\n",
                                             "inode 5\ndoor open",
                                             "inode 5\ndoor ajar\n",
                                             "inode x\ndoor open\n",
                                             "inode 5\ninode 5\ndoor open\n",
                                             "inode 5\ndoor open\ndoor open\n",
                                             "inode 5\ndoor open\nfor all\n",
                                             "inode 99999999999999999999\ndoor open\n" };
        assert_int_equal(doors_keep(&root), 0);
        int marks = root_openat(&root, DOOR_MARKS, O_RDONLY | O_DIRECTORY, 0);
        assert_true(marks >= 0);
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                struct door_mark m = { .state = DOOR_MACHINE };
                assert_int_equal(file_replace_at(marks, "scsi:1:0:0:0", texts[i], strlen(texts[i]), 0644), 0);
                assert_int_equal(door_mark_read(&root, "scsi:1:0:0:0", 5, &m), -EBADMSG);
                assert_int_equal(m.state, DOOR_MACHINE); /* untouched */
                assert_int_equal(door_state(&root, "scsi:1:0:0:0", 5), DOOR_SHUT);
        }
        (void) close(marks);
}

static void test_without_mark(void **state) {
        (void) state;
        assert_false(doors_are_kept(&root));
        assert_int_equal(door_state(&root, "pci:0000:00:04.0", 3), DOOR_MACHINE);
        /* what the first look has marked counts before it is over */
        const struct door_mark shut = { 3, DOOR_SHUT, true };
        assert_int_equal(door_mark_write(&root, "pci:0000:00:04.0", &shut), 0);
        assert_int_equal(door_state(&root, "pci:0000:00:04.0", 3), DOOR_SHUT);
        assert_int_equal(doors_keep(&root), 0);
        assert_true(doors_are_kept(&root));
        assert_int_equal(door_state(&root, "pci:0000:00:05.0", 4), DOOR_SHUT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test_setup_teardown(test_marks, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_without_mark, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
