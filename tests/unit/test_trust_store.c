/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chain of trust documents on disk: what a start makes of it, whatever was done to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/trust_store.h"
#include "sshsig_maker.h"

static char directory[64];
static struct root root;
static struct store store;
static struct maker_key keys[2];

static char *document(unsigned version, const char *fleet) {
        char *text, *lines[2] = { maker_public(&keys[0]), maker_public(&keys[1]) };
        assert_true(asprintf(&text,
                             "sekisho-trust: 1\n"
                             "header: {fleet: %s, version: %u, issued: 2026-11-23T09:00:00+09:00, expires: never}\n"
                             "roles: {trust: {threshold: 1}, policy: {threshold: 1}}\n"
                             "holders:\n  - {name: a, roles: [trust], key: %s}\n"
                             "  - {name: b, roles: [policy], key: %s}\n",
                             fleet, version, lines[0], lines[1]) > 0);
        free(lines[0]);
        free(lines[1]);
        return text;
}

static void commit(unsigned version, const char *fleet, const struct maker_key *k) {
        char *text = document(version, fleet), *signature = maker_sign(k, TRUST_NAMESPACE, text, strlen(text), 0);
        assert_int_equal(trust_store_commit(&store, version, text, strlen(text), signature, strlen(signature)), 0);
        free(text);
        free(signature);
}

static int setup(void **state) {
        (void) state;
        (void) snprintf(directory, sizeof directory, "/tmp/test_trust_store.XXXXXX");
        if (sodium_init() < 0 || !mkdtemp(directory) || root_open(directory, &root) < 0 ||
            store_open(&root, &store) < 0)
                return -1;
        keys[0] = maker_key(1, NULL);
        keys[1] = maker_key(2, NULL);
        return 0;
}

static int teardown(void **state) {
        (void) state;
        char command[128];
        store_close(&store);
        root_close(&root);
        (void) snprintf(command, sizeof command, "%s/" TRUST_DIRECTORY, directory);
        int fd = open(command, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        static const char *const names[] = { "1.yaml", "1.yaml.sig", "2.yaml", "2.yaml.sig",
                                             "3.yaml", "3.yaml.sig", "notes" };
        for (size_t i = 0; fd >= 0 && i < sizeof names / sizeof names[0]; i++)
                (void) unlinkat(fd, names[i], 0);
        if (fd >= 0)
                (void) close(fd);
        static const char *const rest[] = { TRUST_DIRECTORY,
                                            STORE_DIRECTORY "/" TRUST_COPY,
                                            STORE_DIRECTORY,
                                            "var/lib/sekisho",
                                            "var/lib",
                                            "var",
                                            "" };
        for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++) {
                (void) snprintf(command, sizeof command, "%s/%s", directory, rest[i]);
                if (unlink(command) < 0)
                        (void) rmdir(command);
        }
        return 0;
}

static void write_below(const char *name, const char *text) {
        char path[256];
        (void) snprintf(path, sizeof path, "%s/" TRUST_DIRECTORY "/%s", directory, name);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        (void) close(fd);
}
static void remove_below(const char *name) {
        char path[256];
        (void) snprintf(path, sizeof path, "%s/" TRUST_DIRECTORY "/%s", directory, name);
        assert_int_equal(unlink(path), 0);
}

static void check(uint64_t version, uint64_t damaged) {
        struct stored_trust t;
        struct stat st;
        assert_int_equal(trust_store_load(&store, &t), 0);
        assert_int_equal(t.trust ? t.trust->version : 0, version);
        assert_int_equal(t.damaged, damaged);
        bool copy = fstatat(store.directory, TRUST_COPY, &st, AT_SYMLINK_NOFOLLOW) == 0;
        assert_int_equal(copy, version > 0);
        assert_int_equal(copy ? (size_t) st.st_size : 0, t.size);
        stored_trust_clear(&t);
}

static void test_nothing(void **state) {
        (void) state;
        check(0, 0);
}

static void test_chain(void **state) {
        (void) state;
        commit(1, "omura", &keys[0]);
        check(1, 0);
        commit(2, "omura", &keys[0]);
        commit(3, "omura", &keys[0]);
        check(3, 0);
        write_below("notes", "not a version");
        check(3, 0);
        remove_below("1.yaml"); /* a chain may begin later */
        check(3, 0);
}

static void test_link_is_missing(void **state) {
        (void) state;
        for (unsigned v = 1; v <= 3; v++)
                commit(v, "omura", &keys[0]);
        remove_below("2.yaml");
        check(1, 2);
        commit(2, "omura", &keys[0]);
        check(3, 0);
        remove_below("3.yaml.sig");
        check(2, 3);
}

static void test_who_may_not(void **state) {
        (void) state;
        commit(1, "omura", &keys[0]);
        commit(2, "omura", &keys[1]); /* holds another role */
        check(1, 2);
        commit(2, "sasebo", &keys[0]);
        check(1, 2);
        commit(2, "omura", &keys[0]);
        check(2, 0);
}

static void test_garbage(void **state) {
        (void) state;
        commit(1, "omura", &keys[0]);
        commit(2, "omura", &keys[0]);
        write_below("2.yaml", "garbage");
        check(1, 2);
        write_below("1.yaml", "");
        check(0, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_chain, setup, teardown),
                cmocka_unit_test_setup_teardown(test_link_is_missing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_who_may_not, setup, teardown),
                cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
