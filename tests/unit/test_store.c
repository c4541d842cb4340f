/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy on disk: what is accepted is always one whole policy, wherever a write fails. What each damage leads to in
 * the whole agent is in tests/integration/test_agent_policy.py. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
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

#include "agent/store.h"
#include "base/cleanup.h"

struct fixture {
        char path[64];
        struct root root;
        struct store store;
};

static size_t make_policy(char ret[512], unsigned serial) {
        return (size_t) snprintf(
                ret, 512,
                "sekisho: 1\nheader:\n  fleet: test\n  serial: %u\n  issued: 2026-01-01T00:00:00+09:00\n"
                "  expires: never\n  target: [all]\nmode: enforce\ndevices:\n  default: block\n",
                serial);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof *f);
        if (!f)
                return -1;
        *state = f;
        (void) snprintf(f->path, sizeof f->path, "/tmp/test_store.XXXXXX");
        if (!mkdtemp(f->path) || root_open(f->path, &f->root) < 0)
                return -1;
        return store_open(&f->root, &f->store);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void) st;
        (void) flag;
        (void) ftw;
        return remove(path);
}

static int tear_down(void **state) {
        struct fixture *f = *state;
        store_close(&f->store);
        root_close(&f->root);
        int r = nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(f);
        return r;
}

static int commit(const struct fixture *f, unsigned serial) {
        char text[512];
        size_t size = make_policy(text, serial);
        struct problems problems = { 0 };
        struct policy *policy = NULL;
        struct stored_policy p;
        assert_int_equal(policy_parse(text, size, &problems, &policy), 0);
        problems_clear(&problems);
        assert_int_equal(stored_policy_new(policy, text, size, SOURCE_LOCAL_UNSIGNED, &p), 0);
        int r = store_commit(&f->store, &p);
        stored_policy_clear(&p);
        return r;
}

static void assert_loads(const struct fixture *f, enum policy_origin origin, uint64_t serial, uint64_t floor) {
        struct stored_policy p;
        assert_int_equal(store_load(&f->store, &p), 0);
        assert_non_null(p.policy);
        assert_int_equal(p.origin, origin);
        assert_int_equal(p.policy->header.serial, serial);
        assert_int_equal(p.serial_floor, floor);
        stored_policy_clear(&p);
}

static void test_commit_and_load(void **state) {
        const struct fixture *f = *state;
        assert_loads(f, ORIGIN_BUILTIN, 0, 0);
        assert_int_equal(commit(f, 3), 0);
        assert_loads(f, ORIGIN_FILE, 3, 3);
        assert_int_equal(commit(f, 4), 0);
        assert_loads(f, ORIGIN_FILE, 4, 4);
}

/* A directory in the place of a file cannot be replaced. */
static void test_write_that_fails(void **state) {
        static const char *const obstacles[] = { STORE_POLICY, STORE_STATE };
        const struct fixture *f = *state;
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(commit(f, 3), 0);
                int directory = f->store.directory;
                assert_int_equal(renameat(directory, obstacles[i], directory, "aside"), 0);
                assert_int_equal(mkdirat(directory, obstacles[i], 0700), 0);
                assert_true(commit(f, 4) < 0);
                assert_int_equal(unlinkat(directory, obstacles[i], AT_REMOVEDIR), 0);
                assert_int_equal(renameat(directory, "aside", directory, obstacles[i]), 0);
                assert_loads(f, ORIGIN_FILE, 3, 3); /* also brought back, where it had been replaced already */
        }
}

static void test_copy_that_fails_is_mended(void **state) {
        const struct fixture *f = *state;
        assert_int_equal(commit(f, 3), 0);
        assert_int_equal(unlinkat(f->store.directory, STORE_LAST_GOOD, 0), 0);
        assert_int_equal(mkdirat(f->store.directory, STORE_LAST_GOOD, 0700), 0);
        assert_int_equal(commit(f, 4), 0); /* the state is the commit */
        assert_int_equal(unlinkat(f->store.directory, STORE_LAST_GOOD, AT_REMOVEDIR), 0);
        CLEANUP(stored_policy_clear) struct stored_policy p = { 0 };
        assert_int_equal(store_load(&f->store, &p), 0);
        assert_int_equal(p.origin, ORIGIN_FILE);
        assert_non_null(p.text);
        assert_int_equal(faccessat(f->store.directory, STORE_LAST_GOOD, F_OK, 0), -1); /* no door waits for it */
        store_settle(&f->store, &p);
        assert_null(p.text);
        assert_loads(f, ORIGIN_FILE, 4, 4);
        assert_int_equal(unlinkat(f->store.directory, STORE_POLICY, 0), 0);
        assert_loads(f, ORIGIN_LAST_GOOD, 4, 4);
}

/* What came from the copy is no reason to write the copy, and what came from nowhere none to write anything. */
static void test_what_is_not_from_the_file_settles_nothing(void **state) {
        const struct fixture *f = *state;
        CLEANUP(stored_policy_clear) struct stored_policy copy = { 0 }, builtin = { .policy = policy_builtin() };
        store_settle(&f->store, &builtin);
        assert_int_equal(faccessat(f->store.directory, STORE_LAST_GOOD, F_OK, 0), -1);
        assert_int_equal(commit(f, 5), 0);
        assert_int_equal(unlinkat(f->store.directory, STORE_POLICY, 0), 0);
        assert_int_equal(store_load(&f->store, &copy), 0);
        assert_int_equal(copy.origin, ORIGIN_LAST_GOOD);
        assert_int_equal(unlinkat(f->store.directory, STORE_LAST_GOOD, 0), 0);
        store_settle(&f->store, &copy);
        assert_int_equal(faccessat(f->store.directory, STORE_LAST_GOOD, F_OK, 0), -1);
}

static void test_without_state_the_serials_still_count(void **state) {
        const struct fixture *f = *state;
        assert_int_equal(commit(f, 6), 0);
        assert_int_equal(unlinkat(f->store.directory, STORE_STATE, 0), 0);
        assert_loads(f, ORIGIN_BUILTIN, 0, 6);
}

/* The text is as good on the disk, and only as long as it is the same there. */
static void test_text_is_forgotten_and_recalled(void **state) {
        const struct fixture *f = *state;
        CLEANUP(stored_policy_clear) struct stored_policy p = { 0 }, builtin = { .policy = policy_builtin() };
        char text[512];
        size_t size = make_policy(text, 7);
        assert_int_equal(commit(f, 7), 0);
        assert_int_equal(store_load(&f->store, &p), 0);
        stored_policy_forget_text(&p);
        assert_null(p.text);
        assert_int_equal(store_recall_text(&f->store, &p), 0);
        assert_int_equal(p.size, size);
        assert_string_equal(p.text, text);

        assert_int_equal(unlinkat(f->store.directory, STORE_POLICY, 0), 0);
        stored_policy_forget_text(&p);
        assert_int_equal(store_recall_text(&f->store, &p), 0); /* from the copy */
        assert_string_equal(p.text, text);
        stored_policy_forget_text(&p);
        assert_int_equal(file_replace_at(f->store.directory, STORE_LAST_GOOD, "x", 1, 0600), 0);
        assert_int_equal(store_recall_text(&f->store, &p), 1);
        assert_null(p.text);
        assert_int_equal(store_recall_text(&f->store, &builtin), 1);

        CLEANUP(stored_policy_clear) struct stored_policy unsaved = { 0 };
        struct problems problems = { 0 };
        struct policy *policy = NULL;
        assert_int_equal(policy_parse(text, size, &problems, &policy), 0);
        problems_clear(&problems);
        assert_int_equal(stored_policy_new(policy, text, size, SOURCE_LOCAL_UNSIGNED, &unsaved), 0);
        stored_policy_forget_text(&unsaved);
        assert_string_equal(unsaved.text, text); /* nobody else has it */
}

static void test_counter(void **state) {
        const struct fixture *f = *state;
        CLEANUP(stored_policy_clear)
        struct stored_policy p = { 0 }, again = { 0 }, builtin = { .policy = policy_builtin() };
        assert_int_equal(commit(f, 3), 0);
        assert_int_equal(store_load(&f->store, &p), 0);
        assert_int_equal(p.counter, 0);
        assert_int_equal(store_count(&f->store, &p, 7), 0);
        assert_int_equal(p.counter, 7);
        assert_int_equal(store_load(&f->store, &again), 0);
        assert_int_equal(again.counter, 7);
        assert_int_equal(again.policy->header.serial, 3);
        assert_int_equal(store_count(&f->store, &builtin, 8), 0); /* it has no state */
        assert_int_equal(builtin.counter, 0);
        /* With both files gone the state still says what was counted. */
        assert_int_equal(unlinkat(f->store.directory, STORE_POLICY, 0), 0);
        assert_int_equal(unlinkat(f->store.directory, STORE_LAST_GOOD, 0), 0);
        stored_policy_clear(&again);
        assert_int_equal(store_load(&f->store, &again), 0);
        assert_int_equal(again.origin, ORIGIN_BUILTIN);
        assert_int_equal(again.counter, 7);
        /* A state that cannot be written leaves what was there. */
        assert_int_equal(unlinkat(f->store.directory, STORE_STATE, 0), 0);
        assert_int_equal(mkdirat(f->store.directory, STORE_STATE, 0700), 0);
        assert_true(store_count(&f->store, &p, 9) < 0);
        assert_int_equal(p.counter, 7);
}

static void test_time_floor(void **state) {
        static const struct {
                const char *text;
                int64_t seconds;
        } rows[] = { { "1800000000\n", 1800000000 },
                     { "", 0 },
                     { "soon\n", 0 },
                     { "-5\n", 0 },
                     { "12x\n", 0 },
                     { "99999999999999999999\n", 0 },
                     { "253402300800\n", 0 } };
        const struct fixture *f = *state;
        assert_int_equal(store_read_time_floor(&f->store), 0);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                assert_int_equal(
                        file_replace_at(f->store.directory, STORE_TIME_FLOOR, rows[i].text, strlen(rows[i].text), 0600),
                        0);
                assert_int_equal(store_read_time_floor(&f->store), rows[i].seconds);
        }
        assert_int_equal(store_write_time_floor(&f->store, 1800000001), 0);
        assert_int_equal(store_read_time_floor(&f->store), 1800000001);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(test_commit_and_load),
                CASE(test_write_that_fails),
                CASE(test_copy_that_fails_is_mended),
                CASE(test_what_is_not_from_the_file_settles_nothing),
                CASE(test_without_state_the_serials_still_count),
                CASE(test_text_is_forgotten_and_recalled),
                CASE(test_counter),
                CASE(test_time_floor),
        };
        return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
