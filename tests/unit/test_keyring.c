/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/keyring.h"

#include <sys/wait.h>

#include "audit_fixture.h"

#define DIRECTORY "var/lib/sekisho/record"
#define FILE_PATH DIRECTORY "/" KEYRING_FILE

static struct keyring *open_keys(struct machine *m, bool *fresh) {
        struct keyring *k = NULL;
        assert_int_equal(keyring_open(&m->root, DIRECTORY, &k, fresh), 0);
        return k;
}

static void test_life(void **state) {
        struct machine *m = *state;
        bool fresh = false;
        char first[ANCHOR_HEX_SIZE], second[ANCHOR_HEX_SIZE];
        struct stat st;
        struct keyring *k = open_keys(m, &fresh);
        assert_true(fresh);
        memcpy(first, keyring_public(k), sizeof first);
        assert_int_equal(fstatat(m->root.fd, FILE_PATH, &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(fstatat(m->root.fd, DIRECTORY, &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        keyring_free(k);

        k = open_keys(m, &fresh);
        assert_false(fresh);
        assert_string_equal(keyring_public(k), first);
        assert_string_equal(keyring_pending(k), "");
        assert_int_equal(keyring_prepare(k), 0);
        memcpy(second, keyring_pending(k), sizeof second);
        assert_string_not_equal(first, second);
        assert_string_equal(keyring_public(k), first);
        keyring_free(k); /* killed here: both are there */

        k = open_keys(m, &fresh);
        assert_string_equal(keyring_public(k), first);
        assert_string_equal(keyring_pending(k), second);
        CLEANUP(bytes_clear) struct bytes before = machine_read(m, FILE_PATH);
        CLEANUP(close_p) int old = root_openat(&m->root, FILE_PATH, O_RDONLY, 0);
        assert_int_equal(keyring_advance(k), 0);
        assert_string_equal(keyring_public(k), second);
        keyring_free(k);

        /* The old file's bytes are gone, also for who still holds it open; the new one has one key. */
        char held[512] = { 1 };
        ssize_t n = read(old, held, sizeof held);
        assert_int_equal(n, (ssize_t) before.n);
        for (ssize_t i = 0; i < n; i++)
                assert_int_equal(held[i], 0);
        k = open_keys(m, &fresh);
        assert_string_equal(keyring_public(k), second);
        assert_string_equal(keyring_pending(k), "");
        keyring_free(k);
}

static const struct {
        const char *name, *text;
        int r;
        bool fresh;
} files[] = {
        { "good", "sekisho-record-key 1\ncurrent 0707070707070707070707070707070707070707070707070707070707070707\n", 0,
          false },
        { "empty", "", 0, true },
        { "another format", "sekisho-record-key 2\ncurrent 07\n", 0, true },
        { "short", "sekisho-record-key 1\ncurrent 07\n", 0, true },
        { "no newline",
          "sekisho-record-key 1\ncurrent 0707070707070707070707070707070707070707070707070707070707070707", 0, true },
        { "more", "sekisho-record-key 1\ncurrent 0707070707070707070707070707070707070707070707070707070707070707\nx",
          0, true },
};

static void test_files(void **state) {
        struct machine *m = *state;
        assert_int_equal(root_mkdirs(&m->root, DIRECTORY, 0700), 0);
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
                machine_write(m, FILE_PATH, files[i].text, strlen(files[i].text));
                assert_int_equal(fchmodat(m->root.fd, FILE_PATH, 0600, 0), 0);
                bool fresh = false;
                struct keyring *k = NULL;
                assert_int_equal(keyring_open(&m->root, DIRECTORY, &k, &fresh), files[i].r);
                assert_int_equal(fresh, files[i].fresh);
                keyring_free(k);
        }
}

static void test_refused(void **state) {
        struct machine *m = *state;
        bool fresh;
        struct keyring *k = NULL;
        keyring_free(open_keys(m, &fresh));
        assert_int_equal(fchmodat(m->root.fd, FILE_PATH, 0640, 0), 0);
        assert_int_equal(keyring_open(&m->root, DIRECTORY, &k, &fresh), -EPERM);
        assert_int_equal(fchmodat(m->root.fd, FILE_PATH, 0600, 0), 0);
        assert_int_equal(fchmodat(m->root.fd, DIRECTORY, 0770, 0), 0);
        assert_int_equal(keyring_open(&m->root, DIRECTORY, &k, &fresh), -EPERM);
        assert_int_equal(fchmodat(m->root.fd, DIRECTORY, 0700, 0), 0);
        keyring_free(open_keys(m, &fresh)); /* the twin */
        assert_false(fresh);
        assert_int_equal(renameat(m->root.fd, FILE_PATH, m->root.fd, DIRECTORY "/elsewhere"), 0);
        assert_int_equal(symlinkat("elsewhere", m->root.fd, FILE_PATH), 0);
        assert_int_equal(keyring_open(&m->root, DIRECTORY, &k, &fresh), -ELOOP);
}

/* What is forked does not have it. */
static void test_fork(void **state) {
        bool fresh;
        struct keyring *k = open_keys(*state, &fresh);
        uint8_t sum = 0;
        for (size_t i = 0; i < 64; i++)
                sum |= keyring_secret(k)[i];
        assert_int_not_equal(sum, 0);
        pid_t pid = fork();
        if (pid == 0) {
                sum = 0;
                for (size_t i = 0; i < 64; i++)
                        sum |= keyring_secret(k)[i];
                _exit(sum == 0 ? 0 : 1);
        }
        int status = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        keyring_free(k);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, machine_setup, machine_teardown)

int main(void) {
        const struct CMUnitTest tests[] = { TEST(test_life), TEST(test_files), TEST(test_refused), TEST(test_fork) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
