/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who a process is, and that the answer outlives it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/who.h"

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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(ourselves, set_up, tear_down),
                cmocka_unit_test_setup_teardown(outlives, set_up, tear_down),
                cmocka_unit_test_setup_teardown(never_seen, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
