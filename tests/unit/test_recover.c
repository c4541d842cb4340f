/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit_fixture.h"

#define DIR_PATH AUDIT_DIRECTORY

/* How often the directory with the record's directory in it was synced. */
static struct stat parent;
static unsigned parent_synced;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd) {
        struct stat st;
        assert_int_equal(fstat(fd, &st), 0);
        parent_synced += st.st_dev == parent.st_dev && st.st_ino == parent.st_ino;
        return __real_fsync(fd);
}

static void path_of(const char *name, char *out, size_t size) {
        assert_true((size_t) snprintf(out, size, DIR_PATH "/%s", name) < size);
}

static const char *kept_aside(const char *line, size_t size) {
        static char name[64];
        json_t *event = json_loadb(line, size, 0, NULL);
        const json_t *names =
                json_object_get(json_object_get(json_object_get(event, "unmapped"), "sekisho"), "kept_aside");
        (void) snprintf(name, sizeof name, "%s", names ? json_string_value(json_array_get(names, 0)) : "");
        json_decref(event);
        return name;
}

/* Cut at every byte: the whole lines stay, the torn one is kept aside, nothing is lost, the chain goes on. */
static void test_torn_everywhere(void **state) {
        struct machine *m = *state;
        machine_fill(m, 3);
        CLEANUP(bytes_clear) struct bytes whole = machine_read(m, LOG_PATH);
        for (size_t cut = 0; cut <= whole.n; cut++) {
                machine_write(m, LOG_PATH, whole.p, cut);
                size_t lines = 0, kept = 0;
                for (size_t i = 0; i < cut; i++)
                        if (whole.p[i] == '\n') {
                                lines++;
                                kept = i + 1;
                        }

                struct audit_recovery recovery;
                struct audit_log *l = machine_open(m, &recovery);
                assert_int_equal(recovery.last_seq, lines);
                assert_int_equal(recovery.torn, kept < cut);
                assert_false(recovery.damaged);
                assert_int_equal(recovery.torn_bytes, cut - kept);
                if (recovery.torn) {
                        char path[128];
                        path_of(recovery.torn_name, path, sizeof path);
                        CLEANUP(bytes_clear) struct bytes torn = machine_read(m, path);
                        assert_int_equal(torn.n, cut - kept);
                        assert_memory_equal(torn.p, whole.p + kept, torn.n);
                        assert_int_equal(unlinkat(m->root.fd, path, 0), 0);
                }

                assert_int_equal(machine_append(l, 9, AUDIT_DURABLE), 0);
                assert_int_equal(machine_append(l, 10, AUDIT_DURABLE), 0);
                audit_log_free(l);
                struct audit_verdict v = machine_verify(m, chain_zeros);
                assert_int_equal(v.fault, AUDIT_OK);
                assert_int_equal(v.records, lines + 2);

                /* The first record after it says so, the second no more. */
                CLEANUP(bytes_clear) struct bytes now = machine_read(m, LOG_PATH);
                const char *first = now.p + kept, *second = strchr(first, '\n') + 1;
                assert_string_equal(kept_aside(first, (size_t) (second - 1 - first)), recovery.torn_name);
                assert_string_equal(kept_aside(second, strlen(second)), "");
        }
}

static void test_torn_names(void **state) {
        struct machine *m = *state;
        struct audit_recovery recovery;
        for (unsigned i = 1; i <= 3; i++) {
                char name[64];
                (void) snprintf(name, sizeof name, AUDIT_FILE ".torn-%u", i);
                machine_write(m, LOG_PATH, "half", 4);
                audit_log_free(machine_open(m, &recovery));
                assert_string_equal(recovery.torn_name, name);
        }
}

/* Gigabytes of nothing behind the last line, as a crash on some file systems leaves it. */
static void test_torn_hole(void **state) {
        struct machine *m = *state;
        machine_fill(m, 2);
        CLEANUP(close_p) int fd = root_openat(&m->root, LOG_PATH, O_RDWR, 0);
        struct stat st;
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(ftruncate(fd, st.st_size + (off_t) 32 * 1024 * 1024), 0);
        struct audit_recovery recovery;
        audit_log_free(machine_open(m, &recovery));
        assert_true(recovery.torn);
        assert_int_equal(recovery.torn_bytes, 32 * 1024 * 1024);
        assert_int_equal(recovery.last_seq, 2);
}

/* ---- a last line that is whole but no record of this log ---- */

static const struct {
        const char *name, *line;
        bool damaged;
        uint64_t seq; /* of the last record, as far as it can be known: three good lines stand before */
} lasts[] = {
        { "rubbish", "rubbish\n", true, 4 },
        { "empty line", "\n", true, 4 },
        { "two bad lines", "x\ny\n", true, 5 },
        { "no chain", "{}\n", true, 4 },
        { "not an object", "[1]\n", true, 4 },
        { "another log",
          "{\"unmapped\":{\"sekisho\":{\"log\":\"otp\",\"seq\":90,\"prev\":"
          "\"0000000000000000000000000000000000000000000000000000000000000000\"}}}\n",
          true, 4 },
        { "the last possible number",
          "{\"unmapped\":{\"sekisho\":{\"log\":\"agent\",\"seq\":9007199254740991,\"prev\":"
          "\"0000000000000000000000000000000000000000000000000000000000000000\"}}}\n",
          true, 0 },
        { "a good one", "", false, 3 },
};

static void test_damaged(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof lasts / sizeof *lasts; i++) {
                struct machine m;
                machine_init(&m, NULL);
                machine_fill(&m, 3);
                CLEANUP(bytes_clear) struct bytes good = machine_read(&m, LOG_PATH);
                size_t n = strlen(lasts[i].line);
                CLEANUP(free_p) char *bad = malloc(good.n + n + 1);
                memcpy(bad, good.p, good.n);
                memcpy(bad + good.n, lasts[i].line, n);
                machine_write(&m, LOG_PATH, bad, good.n + n);

                struct audit_recovery recovery;
                struct audit_log *l = machine_open(&m, &recovery);
                assert_int_equal(recovery.damaged, lasts[i].damaged);
                assert_int_equal(recovery.last_seq, lasts[i].seq);
                assert_int_equal(machine_append(l, 9, AUDIT_DURABLE), 0);
                audit_log_free(l);
                struct audit_verdict v = machine_verify(&m, chain_zeros);
                assert_int_equal(v.fault, AUDIT_OK);
                assert_int_equal(v.records, lasts[i].damaged ? 1 : 4);
                assert_int_equal(v.last_seq, lasts[i].seq + 1);
                if (lasts[i].damaged) {
                        char path[128];
                        path_of(recovery.damaged_name, path, sizeof path);
                        CLEANUP(bytes_clear)
                        struct bytes kept = machine_read(&m, path), now = machine_read(&m, LOG_PATH);
                        assert_int_equal(kept.n, good.n + n);
                        assert_memory_equal(kept.p, bad, kept.n);
                        assert_string_equal(kept_aside(now.p, now.n), recovery.damaged_name);
                }
                machine_clear(&m);
        }
}

static void test_damaged_long_and_torn(void **state) {
        struct machine *m = *state;
        size_t n = 3 * AUDIT_LINE_MAX;
        CLEANUP(free_p) char *p = malloc(n);
        memset(p, 'x', n);
        p[2 * AUDIT_LINE_MAX] = '\n';
        machine_write(m, LOG_PATH, p, n);
        machine_write(m, LOG_PATH ".damaged-1", "older", 5); /* is not overwritten */

        struct audit_recovery recovery;
        audit_log_free(machine_open(m, &recovery));
        assert_true(recovery.torn && recovery.damaged);
        assert_int_equal(recovery.last_seq, 0);
        assert_string_equal(recovery.damaged_name, AUDIT_FILE ".damaged-2");
        CLEANUP(bytes_clear) struct bytes damaged = machine_read(m, LOG_PATH ".damaged-2");
        CLEANUP(bytes_clear) struct bytes torn = machine_read(m, LOG_PATH ".torn-1");
        CLEANUP(bytes_clear) struct bytes older = machine_read(m, LOG_PATH ".damaged-1");
        assert_int_equal(damaged.n + torn.n, n);
        assert_int_equal(older.n, 5);
}

/* A large file is not read to find its end: bytes far from it may be anything. */
static void test_only_the_end_is_read(void **state) {
        struct machine *m = *state;
        machine_fill(m, 1);
        CLEANUP(bytes_clear) struct bytes line = machine_read(m, LOG_PATH);
        CLEANUP(close_p) int fd = root_openat(&m->root, LOG_PATH, O_RDWR | O_TRUNC, 0);
        off_t far = (off_t) 4 << 30; /* sparse */
        assert_int_equal(pwrite(fd, "\n", 1, far), 1);
        assert_int_equal(pwrite(fd, line.p, line.n, far + 1), (ssize_t) line.n);

        struct audit_recovery recovery;
        audit_log_free(machine_open(m, &recovery));
        assert_false(recovery.torn || recovery.damaged);
        assert_int_equal(recovery.last_seq, 1);
}

/* ---- what stands at the path ---- */

static int open_log(struct machine *m) {
        struct audit_log *l = NULL;
        struct audit_recovery recovery;
        int r = audit_log_open(&m->root, &m->time, "agent", &l, &recovery);
        audit_log_free(l);
        return r;
}

static void test_refused(void **state) {
        struct machine *m = *state;
        int root = m->root.fd;
        assert_int_equal(root_mkdirs(&m->root, DIR_PATH, 0750), 0);

        machine_write(m, "var/elsewhere", "", 0);
        assert_int_equal(symlinkat("/var/elsewhere", root, LOG_PATH), 0);
        assert_int_equal(open_log(m), -ELOOP);
        assert_int_equal(unlinkat(root, LOG_PATH, 0), 0);
        assert_int_equal(symlinkat("nowhere", root, LOG_PATH), 0); /* dangling: must not be created behind it */
        assert_int_equal(open_log(m), -ELOOP);
        assert_int_equal(unlinkat(root, LOG_PATH, 0), 0);

        assert_int_equal(mkfifoat(root, LOG_PATH, 0640), 0);
        assert_int_equal(open_log(m), -EINVAL); /* and does not hang */
        assert_int_equal(unlinkat(root, LOG_PATH, 0), 0);

        assert_int_equal(mkdirat(root, LOG_PATH, 0750), 0);
        assert_int_equal(open_log(m), -EISDIR);
        assert_int_equal(unlinkat(root, LOG_PATH, AT_REMOVEDIR), 0);

        assert_int_equal(fchmodat(root, DIR_PATH, 0770, 0), 0);
        assert_int_equal(open_log(m), -EPERM);
        assert_int_equal(fchmodat(root, DIR_PATH, 0755, 0), 0);
        assert_int_equal(open_log(m), 0); /* the twin */
}

static void test_foreign_owner(void **state) {
        struct machine *m = *state;
        machine_fill(m, 1);
        if (geteuid() != 0) {
                print_message("needs root to give a file away\n");
                skip();
        }
        assert_int_equal(fchownat(m->root.fd, LOG_PATH, 65534, 0, 0), 0);
        assert_int_equal(open_log(m), -EPERM);
        assert_int_equal(fchownat(m->root.fd, LOG_PATH, 0, 0, 0), 0);
        assert_int_equal(open_log(m), 0);
        assert_int_equal(fchownat(m->root.fd, DIR_PATH, 65534, 0, 0), 0);
        assert_int_equal(open_log(m), -EPERM);
        assert_int_equal(fchownat(m->root.fd, DIR_PATH, 0, 0, 0), 0);
}

static void test_mode_narrowed(void **state) {
        struct machine *m = *state;
        struct stat st;
        machine_fill(m, 1);
        assert_int_equal(fchmodat(m->root.fd, LOG_PATH, 0666, 0), 0);
        assert_int_equal(open_log(m), 0);
        assert_int_equal(fstatat(m->root.fd, LOG_PATH, &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
}

static void test_goes_on(void **state) {
        struct machine *m = *state;
        for (unsigned i = 1; i <= 5; i++) {
                struct audit_recovery recovery;
                struct audit_log *l = machine_open(m, &recovery);
                assert_int_equal(recovery.last_seq, i - 1);
                assert_int_equal(machine_append(l, i, AUDIT_DURABLE), 0);
                audit_log_free(l);
        }
        struct audit_verdict v = machine_verify(m, chain_zeros);
        assert_int_equal(v.fault, AUDIT_OK);
        assert_int_equal(v.records, 5);
}

/* Where there is a file, an earlier start has seen to it that its directory lasts. */
static void test_new_directory_lasts(void **state) {
        struct machine *m = *state;
        machine_fill(m, 1);
        assert_int_equal(fstatat(m->root.fd, DIR_PATH "/..", &parent, 0), 0);
        parent_synced = 0;
        assert_int_equal(open_log(m), 0);
        assert_int_equal(parent_synced, 0);
        assert_int_equal(unlinkat(m->root.fd, LOG_PATH, 0), 0);
        assert_int_equal(open_log(m), 0);
        assert_int_equal(parent_synced, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, machine_setup, machine_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_torn_everywhere),
                TEST(test_torn_names),
                TEST(test_torn_hole),
                TEST(test_damaged),
                TEST(test_damaged_long_and_torn),
                TEST(test_only_the_end_is_read),
                TEST(test_refused),
                TEST(test_foreign_owner),
                TEST(test_mode_narrowed),
                TEST(test_goes_on),
                TEST(test_new_directory_lasts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
