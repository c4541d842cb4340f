/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Workers write, are killed when they hang, are replaced, and are not made without end. A FIFO that nobody reads stands
 * for a kernel that does not answer. */
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/worker.h"

#define DEVICES 32

struct fixture {
        char root[64];
        int devices[DEVICES];
        sd_event *event;
        struct worker_pool *pool;
        unsigned n_done, n_stuck, n_died, n_exhausted;
        int errors[DEVICES];
        unsigned order[DEVICES];
};

static const struct worker_limits LIMITS = { 2, 1000000, 4 };

static void on_trouble(const char *code, const char *detail, void *userdata) {
        struct fixture *f = userdata;
        (void) detail;
        f->n_stuck += strcmp(code, "worker-stuck") == 0;
        f->n_died += strcmp(code, "worker-died") == 0;
        f->n_exhausted += strcmp(code, "workers-exhausted") == 0;
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof *f);
        if (!f)
                return -1;
        *state = f;
        (void) snprintf(f->root, sizeof f->root, "/tmp/test_worker.XXXXXX");
        if (!mkdtemp(f->root))
                return -1;
        for (int i = 0; i < DEVICES; i++) {
                char path[128];
                (void) snprintf(path, sizeof path, "%s/%d", f->root, i);
                if (mkdir(path, 0700) < 0)
                        return -1;
                f->devices[i] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
                f->errors[i] = 4711;
        }
        sigset_t set;
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        if (sd_event_new(&f->event) < 0 || worker_pool_new(&LIMITS, &f->pool) < 0)
                return -1;
        return worker_pool_attach(f->pool, f->event, on_trouble, f);
}

static int tear_down(void **state) {
        struct fixture *f = *state;
        (void) worker_pool_free(f->pool);
        (void) sd_event_unref(f->event);
        for (int i = 0; i < DEVICES; i++) {
                (void) unlinkat(f->devices[i], "authorized", 0);
                (void) close(f->devices[i]);
                char path[128];
                (void) snprintf(path, sizeof path, "%s/%d", f->root, i);
                (void) rmdir(path);
        }
        int r = rmdir(f->root);
        free(f);
        return r;
}

static void make_file(const struct fixture *f, int i, const char *text) {
        int fd = openat(f->devices[i], "authorized", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        (void) close(fd);
}

static char read_file(const struct fixture *f, int i) {
        char c = '?';
        int fd = openat(f->devices[i], "authorized", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        assert_true(fd >= 0);
        (void) !read(fd, &c, 1);
        (void) close(fd);
        return c;
}

static void on_done(uint64_t id, const struct job_result *result, void *userdata) {
        struct fixture *f = userdata;
        assert_int_equal(f->errors[id], 4711); /* once only */
        f->errors[id] = result->error;
        f->order[f->n_done++] = (unsigned) id;
}

static void submit_held(struct fixture *f, int i, enum job_kind kind, bool held) {
        static const struct device_facts facts = { .vendor = 0x04e6 };
        unsigned before = f->n_done;
        const struct job_device device = { f->devices[i], -1, -1, -1, &facts, { .n = 0 }, held };
        assert_int_equal(worker_pool_submit(f->pool, kind, &device, on_done, (uint64_t) i, f), 0);
        assert_int_equal(f->n_done, before); /* never from inside the call */
}

static void submit(struct fixture *f, int i, enum job_kind kind) {
        submit_held(f, i, kind, false);
}

static void run_until(struct fixture *f, unsigned n_done) {
        for (int i = 0; i < 2000 && f->n_done < n_done; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_int_equal(f->n_done, n_done);
}

static void test_opens_and_shuts(void **state) {
        struct fixture *f = *state;
        make_file(f, 0, "0\n");
        make_file(f, 1, "1\n");
        submit(f, 0, JOB_USB_OPEN);
        submit(f, 1, JOB_USB_SHUT);
        run_until(f, 2);
        assert_int_equal(f->errors[0], 0);
        assert_int_equal(f->errors[1], 0);
        assert_int_equal(read_file(f, 0), '1');
        assert_int_equal(read_file(f, 1), '0');
}

static void test_says_why_not(void **state) {
        struct fixture *f = *state;
        submit(f, 0, JOB_USB_OPEN);
        make_file(f, 1, "0\n");
        submit(f, 1, JOB_USB_OPEN);
        run_until(f, 2);
        assert_int_equal(f->errors[0], -ENOENT);
        assert_int_equal(f->errors[1], 0);
}

static void test_more_jobs_than_workers(void **state) {
        struct fixture *f = *state;
        for (int i = 0; i < DEVICES; i++) {
                make_file(f, i, "0\n");
                submit(f, i, JOB_USB_OPEN);
        }
        run_until(f, DEVICES);
        for (int i = 0; i < DEVICES; i++) {
                assert_int_equal(f->errors[i], 0);
                assert_int_equal(read_file(f, i), '1');
        }
        assert_int_equal(f->n_stuck + f->n_died, 0);
}

static void test_one_that_hangs(void **state) {
        struct fixture *f = *state;
        assert_int_equal(mkfifoat(f->devices[0], "authorized", 0600), 0);
        submit(f, 0, JOB_USB_OPEN);
        for (int i = 1; i < 8; i++) {
                make_file(f, i, "0\n");
                submit(f, i, JOB_USB_OPEN);
        }
        run_until(f, 8);
        assert_int_equal(f->errors[0], -ETIMEDOUT);
        assert_int_equal(f->order[7], 0); /* nobody waited for it */
        assert_int_equal(f->n_stuck, 1);
        for (int i = 1; i < 8; i++)
                assert_int_equal(f->errors[i], 0);
}

static void test_all_hang(void **state) {
        struct fixture *f = *state;
        for (int i = 0; i < 6; i++) {
                assert_int_equal(mkfifoat(f->devices[i], "authorized", 0600), 0);
                submit(f, i, JOB_USB_OPEN);
        }
        make_file(f, 6, "0\n");
        submit(f, 6, JOB_USB_OPEN);
        run_until(f, 7);
        for (int i = 0; i < 6; i++)
                assert_int_equal(f->errors[i], -ETIMEDOUT);
        assert_int_equal(f->errors[6], 0);
        assert_int_equal(f->n_stuck, 6);
        /* A FIFO lets go of a killed process, so that none is left behind in the end. */
        for (int i = 0; i < 200 && worker_pool_abandoned(f->pool) > 0; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_int_equal(worker_pool_abandoned(f->pool), 0);
        assert_int_equal(f->n_exhausted, 0);
}

static void kill_workers(void) {
        char path[64], line[256] = "";
        (void) snprintf(path, sizeof path, "/proc/self/task/%d/children", (int) getpid());
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                skip(); /* this kernel does not list children */
        assert_true(read(fd, line, sizeof line - 1) > 0);
        (void) close(fd);
        char *rest = NULL;
        for (char *pid = strtok_r(line, " ", &rest); pid; pid = strtok_r(NULL, " ", &rest))
                assert_int_equal(kill((pid_t) strtol(pid, NULL, 10), SIGKILL), 0);
}

/* By hand, or by the kernel for want of memory: the job is not lost with the worker. */
static void test_killed(void **state) {
        struct fixture *f = *state;
        kill_workers();
        for (int i = 0; i < 6; i++) {
                make_file(f, i, "0\n");
                submit(f, i, JOB_USB_OPEN);
        }
        run_until(f, 6);
        for (int i = 0; i < 6; i++) {
                assert_int_equal(f->errors[i], 0);
                assert_int_equal(read_file(f, i), '1');
        }
        assert_true(f->n_died >= 2);
}

/* Freed while a worker hangs and jobs wait: no leak, no answer. */
static void test_freed_in_the_middle(void **state) {
        struct fixture *f = *state;
        for (int i = 0; i < 4; i++) {
                assert_int_equal(mkfifoat(f->devices[i], "authorized", 0600), 0);
                submit(f, i, JOB_USB_OPEN);
        }
        assert_true(sd_event_run(f->event, 20000) >= 0);
        f->pool = worker_pool_free(f->pool);
        assert_null(f->pool);
        assert_int_equal(f->n_done, 0);
}

/* ---- held ---- */

static void test_held(void **state) {
        struct fixture *f = *state;
        make_file(f, 0, "x\n");
        make_file(f, 1, "x\n");
        make_file(f, 2, "x\n");
        submit_held(f, 0, JOB_USB_OPEN, true);
        submit(f, 1, JOB_USB_OPEN);
        submit(f, 2, JOB_USB_OPEN);
        run_until(f, 2); /* the other worker does both */
        assert_int_equal(f->errors[0], 4711);
        assert_int_equal(read_file(f, 0), 'x');

        worker_pool_release(f->pool, JOB_USB_OPEN, 1, f); /* nobody's, or somebody else's: ignored */
        worker_pool_release(f->pool, JOB_USB_OPEN, 0, f->pool);
        for (int i = 0; i < 5; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_int_equal(read_file(f, 0), 'x');

        worker_pool_release(f->pool, JOB_USB_OPEN, 0, f);
        worker_pool_release(f->pool, JOB_USB_SHUT, 0, f); /* once only */
        run_until(f, 3);
        assert_int_equal(f->errors[0], 0);
        assert_int_equal(read_file(f, 0), '1');
}

static void test_held_and_shut(void **state) {
        struct fixture *f = *state;
        make_file(f, 0, "x\n");
        submit_held(f, 0, JOB_USB_OPEN, true);
        worker_pool_release(f->pool, JOB_USB_SHUT, 0, f);
        run_until(f, 1);
        assert_int_equal(f->errors[0], 0);
        assert_int_equal(read_file(f, 0), '0');
}

/* Two workers, both held: the others wait in the queue, where they can be released as well. */
static void test_held_in_the_queue(void **state) {
        struct fixture *f = *state;
        for (int i = 0; i < 4; i++) {
                make_file(f, i, "x\n");
                submit_held(f, i, JOB_USB_OPEN, i < 3);
        }
        worker_pool_release(f->pool, JOB_USB_SHUT, 2, f);
        for (int i = 0; i < 5; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_int_equal(f->n_done, 0);
        worker_pool_release(f->pool, JOB_USB_OPEN, 0, f);
        run_until(f, 3);
        worker_pool_release(f->pool, JOB_USB_OPEN, 1, f);
        run_until(f, 4);
        static const char wanted[] = { '1', '1', '0', '1' };
        for (int i = 0; i < 4; i++) {
                assert_int_equal(f->errors[i], 0);
                assert_int_equal(read_file(f, i), wanted[i]);
        }
}

/* Its time begins with the release: whoever records takes as long as the disk does. */
static void test_held_for_long(void **state) {
        struct fixture *f = *state;
        make_file(f, 0, "x\n");
        assert_int_equal(mkfifoat(f->devices[1], "authorized", 0600), 0);
        submit_held(f, 0, JOB_USB_OPEN, true);
        submit(f, 1, JOB_USB_OPEN); /* hangs: when it is given up the held one is older than a job may get */
        run_until(f, 1);
        assert_int_equal(f->errors[1], -ETIMEDOUT);
        assert_int_equal(f->n_stuck, 1);
        worker_pool_release(f->pool, JOB_USB_OPEN, 0, f);
        run_until(f, 2);
        assert_int_equal(f->errors[0], 0);
        assert_int_equal(read_file(f, 0), '1');

        assert_int_equal(mkfifoat(f->devices[2], "authorized", 0600), 0);
        submit_held(f, 2, JOB_USB_OPEN, true);
        worker_pool_release(f->pool, JOB_USB_OPEN, 2, f);
        run_until(f, 3);
        assert_int_equal(f->errors[2], -ETIMEDOUT);
}

/* The next worker is told what the one that died was, and whatever was said while nobody had the job. */
static void test_held_and_killed(void **state) {
        struct fixture *f = *state;
        for (int i = 0; i < 2; i++) {
                make_file(f, i, "x\n");
                submit_held(f, i, JOB_USB_OPEN, true);
        }
        kill_workers();
        worker_pool_release(f->pool, JOB_USB_SHUT, 0, f);
        for (int i = 0; i < 500 && f->n_died < 2; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        run_until(f, 1);
        assert_int_equal(read_file(f, 0), '0');
        assert_int_equal(read_file(f, 1), 'x');
        worker_pool_release(f->pool, JOB_USB_OPEN, 1, f);
        run_until(f, 2);
        assert_int_equal(read_file(f, 1), '1');
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(test_opens_and_shuts),     CASE(test_says_why_not),  CASE(test_more_jobs_than_workers),
                CASE(test_one_that_hangs),      CASE(test_all_hang),      CASE(test_killed),
                CASE(test_freed_in_the_middle), CASE(test_held),          CASE(test_held_and_shut),
                CASE(test_held_in_the_queue),   CASE(test_held_for_long), CASE(test_held_and_killed),
        };
        return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
