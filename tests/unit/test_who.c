/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who a process is, and that the answer outlives it. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/who.h"

#define N(a) (sizeof(a) / sizeof *(a))

static struct root root;
static struct who_cache *cache;

static int set_up(void **state) {
        (void) state;
        return root_open("/", &root) < 0 ? -1 : who_cache_new(&root, &cache);
}

static int tear_down(void **state) {
        (void) state;
        cache = who_cache_free(cache);
        root_close(&root);
        return 0;
}

static pid_t sleeper(void) {
        pid_t pid = fork();
        if (pid == 0) {
                (void) pause();
                _exit(0);
        }
        assert_true(pid > 0);
        return pid;
}

static void end(pid_t pid) {
        (void) kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void ourselves(void **state) {
        (void) state;
        /* a name that tries to look like the fields behind it */
        assert_int_equal(prctl(PR_SET_NAME, "x) S 1 (y"), 0);
        struct who *w = who_of(cache, getpid());
        assert_non_null(w);
        assert_int_equal(w->pid, getpid());
        assert_int_equal(w->uid, getuid());
        assert_string_equal(w->command, "x) S 1 (y");
        assert_non_null(strstr(w->program, "test_who"));
        assert_true(w->start > 0);
        struct who *again = who_of(cache, getpid());
        assert_ptr_equal(again, w);
        (void) who_unref(again);

        assert_int_equal(prctl(PR_SET_NAME, "other"), 0); /* as after exec */
        again = who_of(cache, getpid());
        assert_string_equal(again->command, "other");
        assert_string_equal(w->command, "x) S 1 (y");
        (void) who_unref(again);
        (void) who_unref(w);
}

static void outlives(void **state) {
        (void) state;
        pid_t pid = sleeper();
        struct who *w = who_of(cache, pid);
        end(pid);
        struct who *after = who_of(cache, pid);
        assert_ptr_equal(after, w);
        assert_non_null(strstr(after->program, "test_who"));
        (void) who_unref(after);
        (void) who_unref(w);
}

static void never_seen(void **state) {
        (void) state;
        pid_t pid = sleeper();
        end(pid);
        struct who *w = who_of(cache, pid);
        assert_int_equal(w->pid, pid);
        assert_int_equal(w->uid, -1);
        assert_string_equal(w->program, "");
        assert_string_equal(w->command, "");
        (void) who_unref(w);
}

/* ---- a process as proc(5) would show it: what the machine's own do not do at a moment of one's choice ---- */

#define PLAYED 4242

static struct root played_root;
static struct who_cache *played;
static char directory[32];

/* field 22 is the start, 23 the size of its memory */
static void show(const char *command, unsigned start, unsigned memory, bool has_program) {
        char path[64], text[512];
        (void) snprintf(path, sizeof path, "proc/%d/stat", PLAYED);
        int n = snprintf(text, sizeof text, "%d (%s) R", PLAYED, command);
        for (unsigned field = 4; field <= 52; field++) {
                unsigned value = field == 22 ? start : field == 23 ? memory : field;
                n += snprintf(text + n, sizeof text - (size_t) n, " %u", value);
        }
        int fd = openat(played_root.fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, text, (size_t) n), n);
        (void) close(fd);
        (void) snprintf(path, sizeof path, "proc/%d/exe", PLAYED);
        (void) unlinkat(played_root.fd, path, 0);
        if (has_program)
                assert_int_equal(symlinkat("/usr/bin/cp", played_root.fd, path), 0);
}

static int play(void) {
        char path[64];
        (void) snprintf(path, sizeof path, "proc/%d", PLAYED);
        (void) snprintf(directory, sizeof directory, "/tmp/sekisho-who-XXXXXX");
        if (!mkdtemp(directory) || root_open(directory, &played_root) < 0 || root_mkdirs(&played_root, path, 0700) < 0)
                return -1;
        return who_cache_new(&played_root, &played);
}

static int end_play(void) {
        static const char *const names[] = { "stat", "exe" };
        char path[64];
        played = who_cache_free(played);
        for (size_t i = 0; i < N(names); i++) {
                (void) snprintf(path, sizeof path, "proc/%d/%s", PLAYED, names[i]);
                (void) unlinkat(played_root.fd, path, 0);
        }
        (void) snprintf(path, sizeof path, "proc/%d", PLAYED);
        (void) unlinkat(played_root.fd, path, AT_REMOVEDIR);
        (void) unlinkat(played_root.fd, "proc", AT_REMOVEDIR);
        root_close(&played_root);
        return rmdir(directory);
}

static const struct later_row {
        const char *name;
        const char *command;
        unsigned start, memory;
        bool has_program;
        bool same;           /* what was known before is the answer */
        const char *program; /* in the answer */
} later_rows[] = {
        { "nothing changed", "cp", 100, 5000, true, true, "/usr/bin/cp" },
        { "it took more memory", "cp", 100, 6000, true, true, "/usr/bin/cp" },
        { "it ends, and has given its memory back", "cp", 100, 0, false, true, "/usr/bin/cp" },
        { "it ends under another name", "mv", 100, 0, false, false, "/usr/bin/cp" },
        { "its number is another's now", "cp", 101, 5000, true, false, "/usr/bin/cp" },
        { "and that one ends", "cp", 101, 0, false, false, "" },
};

static void later(void **state) {
        const struct later_row *row = *state;
        assert_int_equal(play(), 0);
        show("cp", 100, 5000, true);
        struct who *before = who_of(played, PLAYED);
        assert_non_null(before);
        assert_int_equal(before->start, 100);
        show(row->command, row->start, row->memory, row->has_program);
        struct who *after = who_of(played, PLAYED);
        assert_non_null(after);
        assert_int_equal(after == before, row->same);
        assert_int_equal(after->start, row->start);
        assert_string_equal(after->program, row->program);
        (void) who_unref(after);
        (void) who_unref(before);
        assert_int_equal(end_play(), 0);
}

int main(void) {
        const struct CMUnitTest own[] = {
                cmocka_unit_test_setup_teardown(ourselves, set_up, tear_down),
                cmocka_unit_test_setup_teardown(outlives, set_up, tear_down),
                cmocka_unit_test_setup_teardown(never_seen, set_up, tear_down),
        };
        struct CMUnitTest rows[N(later_rows)];
        for (size_t i = 0; i < N(later_rows); i++)
                rows[i] = (struct CMUnitTest){ later_rows[i].name, later, NULL, NULL,
                                               (void *) (uintptr_t) &later_rows[i] };
        int failed = cmocka_run_group_tests(own, NULL, NULL);
        return failed + cmocka_run_group_tests_name("later", rows, NULL, NULL);
}
