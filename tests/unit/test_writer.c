/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit_fixture.h"

#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

/* ---- a disk that fails on command; see --wrap in agent/audit/CMakeLists.txt ---- */

static struct {
        int write_error, sync_error, cut_error; /* errno; 0 = works */
        size_t write_first;                     /* with write_error: so much is written before it */
        unsigned syncs, writes;
        bool write_once; /* the error happens once */
} disk;

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size);

ssize_t __wrap_write(int fd, const void *p, size_t n) {
        disk.writes++;
        if (!disk.write_error)
                return __real_write(fd, p, n);
        if (disk.write_first) { /* a short write, as a nearly full disk gives */
                size_t some = disk.write_first < n ? disk.write_first : n;
                disk.write_first = 0;
                return __real_write(fd, p, some);
        }
        errno = disk.write_error;
        if (disk.write_once)
                disk.write_error = 0;
        return -1;
}

int __wrap_fdatasync(int fd) {
        disk.syncs++;
        if (!disk.sync_error)
                return __real_fdatasync(fd);
        errno = disk.sync_error;
        return -1;
}

int __wrap_ftruncate(int fd, off_t size) {
        if (!disk.cut_error)
                return __real_ftruncate(fd, size);
        errno = disk.cut_error;
        return -1;
}

static void check_whole(struct machine *m, uint64_t records) {
        struct audit_verdict v = machine_verify(m, chain_zeros);
        assert_int_equal(v.fault, AUDIT_OK);
        assert_int_equal(v.records, records);
        assert_int_equal(v.last_seq, records);
}

static int setup(void **state) {
        memset(&disk, 0, sizeof disk);
        struct machine *m = malloc(sizeof *m);
        machine_init(m, NULL);
        m->boot_usec = 1000;
        *state = m;
        return 0;
}

static int teardown(void **state) {
        memset(&disk, 0, sizeof disk);
        machine_clear(*state);
        free(*state);
        return 0;
}

/* ---- what is on disk when ---- */

static void test_first_line(void **state) {
        struct machine *m = *state;
        struct audit_recovery recovery;
        struct audit_log *l = machine_open(m, &recovery);
        assert_false(recovery.torn || recovery.damaged);
        assert_int_equal(audit_log_last_seq(l), 0);
        assert_string_equal(audit_log_head(l), chain_zeros);

        uint64_t seq = 99;
        json_t *event = machine_event(0);
        assert_int_equal(audit_log_append(l, event, AUDIT_DURABLE, &seq), 0);
        json_decref(event);
        assert_int_equal(seq, 1);
        assert_int_equal(audit_log_last_seq(l), 1);
        struct audit_verdict v = machine_verify(m, chain_zeros);
        assert_string_equal(v.head, audit_log_head(l));
        audit_log_free(l);

        struct stat st;
        assert_int_equal(fstatat(m->root.fd, LOG_PATH, &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(fstatat(m->root.fd, AUDIT_DIRECTORY, &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0750);
}

static void test_when(void **state) {
        struct machine *m = *state;
        struct audit_log *l = machine_open(m, NULL);
        assert_int_equal(audit_log_deadline(l), UINT64_MAX);

        unsigned syncs = disk.syncs;
        assert_int_equal(machine_append(l, 0, AUDIT_BATCH), 0);
        assert_int_equal(disk.syncs, syncs);
        assert_int_equal(audit_log_deadline(l), 1000 + AUDIT_BATCH_USEC);
        check_whole(m, 1); /* in the file already: a killed agent has not lost it */

        m->boot_usec += 30000;
        assert_int_equal(machine_append(l, 1, AUDIT_BATCH), 0);
        assert_int_equal(audit_log_deadline(l), 1000 + AUDIT_BATCH_USEC); /* of the first of the batch */

        assert_int_equal(audit_log_flush(l), 0);
        assert_int_equal(disk.syncs, syncs + 1);
        assert_int_equal(audit_log_deadline(l), UINT64_MAX);
        assert_int_equal(audit_log_flush(l), 0);
        assert_int_equal(disk.syncs, syncs + 1); /* nothing to do */

        assert_int_equal(machine_append(l, 2, AUDIT_BATCH), 0);
        assert_int_equal(machine_append(l, 3, AUDIT_DURABLE), 0); /* takes the batch with it */
        assert_int_equal(disk.syncs, syncs + 2);
        assert_int_equal(audit_log_deadline(l), UINT64_MAX);
        check_whole(m, 4);

        assert_int_equal(machine_append(l, 4, AUDIT_BATCH), 0);
        audit_log_free(l); /* flushes */
        assert_int_equal(disk.syncs, syncs + 3);
        check_whole(m, 5);
}

static void test_storm(void **state) {
        struct machine *m = *state;
        struct audit_log *l = machine_open(m, NULL);
        unsigned syncs = disk.syncs;
        for (unsigned i = 0; i < 4000; i++)
                assert_int_equal(machine_append(l, i, AUDIT_BATCH), 0);
        assert_in_range(disk.syncs - syncs, 1, 10); /* flushed early, but not line by line */
        audit_log_free(l);
        check_whole(m, 4000);
}

static void test_second_writer(void **state) {
        struct machine *m = *state;
        struct audit_log *l = machine_open(m, NULL), *other = NULL;
        struct audit_recovery recovery;
        assert_int_equal(audit_log_open(&m->root, &m->time, "agent", &other, &recovery), -EBUSY);
        assert_null(other);
        audit_log_free(l);
        assert_int_equal(audit_log_open(&m->root, &m->time, "agent", &other, &recovery), 0);
        audit_log_free(other);
}

/* ---- bad events ---- */

static void test_bad_events(void **state) {
        struct machine *m = *state;
        struct audit_log *l = machine_open(m, NULL);
        json_t *empty = json_object(), *large = machine_event(0);
        char *text = malloc(AUDIT_LINE_MAX + 1);
        memset(text, 'x', AUDIT_LINE_MAX);
        text[AUDIT_LINE_MAX] = '\0';
        json_object_set_new(large, "message", json_string(text));
        free(text);

        assert_int_equal(audit_log_append(l, empty, AUDIT_DURABLE, NULL), -EINVAL);
        assert_int_equal(audit_log_append(l, large, AUDIT_DURABLE, NULL), -EMSGSIZE);
        json_decref(empty);
        json_decref(large);
        assert_int_equal(machine_append(l, 1, AUDIT_DURABLE), 0);
        audit_log_free(l);
        check_whole(m, 1);

        struct audit_recovery recovery;
        static const char *const names[] = { "", "Agent", "a b", "../agent",
                                             "a23456789012345678901234567890123456789012345678901234567890abcd" };
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                assert_int_equal(audit_log_open(&m->root, &m->time, names[i], &l, &recovery), -EINVAL);
}

/* ---- the disk fails ---- */

static const struct {
        const char *name;
        int write_error, sync_error, cut_error;
        size_t write_first;
        enum audit_when when;
        bool half_line; /* for as long as the disk refuses to cut, half a line stays */
} failures[] = {
        { "full", ENOSPC, 0, 0, 0, AUDIT_DURABLE, false },
        { "full, batch", ENOSPC, 0, 0, 0, AUDIT_BATCH, false },
        { "full after one byte", ENOSPC, 0, 0, 1, AUDIT_DURABLE, false },
        { "full after 100 bytes", ENOSPC, 0, 0, 100, AUDIT_DURABLE, false },
        { "full after 100 bytes, batch", ENOSPC, 0, 0, 100, AUDIT_BATCH, false },
        { "quota", EDQUOT, 0, 0, 7, AUDIT_DURABLE, false },
        { "I/O error", EIO, 0, 0, 50, AUDIT_DURABLE, false },
        { "half a line that cannot be cut", EIO, 0, EIO, 50, AUDIT_DURABLE, true },
        { "sync fails", 0, EIO, 0, 0, AUDIT_DURABLE, false },
        { "sync says full (delayed allocation)", 0, ENOSPC, 0, 0, AUDIT_DURABLE, false },
        { "sync fails, cannot be cut", 0, EIO, EIO, 0, AUDIT_DURABLE, true },
};

static void test_failures(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
                struct machine m;
                machine_init(&m, NULL);
                struct audit_log *l = machine_open(&m, NULL);
                assert_int_equal(machine_append(l, 0, AUDIT_DURABLE), 0);
                assert_int_equal(machine_append(l, 1, AUDIT_BATCH), 0); /* acknowledged as a batch: must survive all */
                char head[CHAIN_HEX + 1];
                memcpy(head, audit_log_head(l), sizeof head);

                disk.write_error = failures[i].write_error;
                disk.write_first = failures[i].write_first;
                disk.sync_error = failures[i].sync_error;
                disk.cut_error = failures[i].cut_error;
                int error = failures[i].write_error ? failures[i].write_error : failures[i].sync_error;
                assert_int_equal(machine_append(l, 2, failures[i].when), -error);
                assert_int_equal(audit_log_last_seq(l), 2);
                assert_string_equal(audit_log_head(l), head);
                if (!failures[i].half_line)
                        check_whole(&m, 2);
                assert_true(machine_append(l, 3, failures[i].when) < 0); /* still broken, still no lie */

                memset(&disk, 0, sizeof disk);
                assert_int_equal(machine_append(l, 4, AUDIT_DURABLE), 0);
                assert_int_equal(audit_log_last_seq(l), 3);
                check_whole(&m, 3);
                audit_log_free(l);
                check_whole(&m, 3);
                machine_clear(&m);
        }
}

/* After a failed fdatasync the kernel calls the pages clean: syncing again proves nothing. The tail must be written
 * again before a sync counts. */
static void test_failed_sync_writes_again(void **state) {
        struct machine *m = *state;
        struct audit_log *l = machine_open(m, NULL);
        assert_int_equal(machine_append(l, 0, AUDIT_DURABLE), 0);
        assert_int_equal(machine_append(l, 1, AUDIT_BATCH), 0);

        disk.sync_error = EIO;
        assert_int_equal(audit_log_flush(l), -EIO);
        assert_int_equal(audit_log_deadline(l), m->boot_usec + 1000000); /* tried again, not in a hot loop */

        disk.sync_error = 0;
        unsigned writes = disk.writes;
        assert_int_equal(audit_log_flush(l), 0);
        assert_int_equal(disk.writes, writes + 1);
        assert_int_equal(audit_log_deadline(l), UINT64_MAX);
        audit_log_free(l);
        check_whole(m, 2);
}

/* The pages were really lost: what the file holds behind the last good sync is not what was written. */
static void test_lost_pages(void **state) {
        struct machine *m = *state;
        struct audit_log *l = machine_open(m, NULL);
        assert_int_equal(machine_append(l, 0, AUDIT_DURABLE), 0);
        CLEANUP(bytes_clear) struct bytes before = machine_read(m, LOG_PATH);
        assert_int_equal(machine_append(l, 1, AUDIT_BATCH), 0);
        assert_int_equal(machine_append(l, 2, AUDIT_BATCH), 0);
        disk.sync_error = EIO;
        assert_int_equal(audit_log_flush(l), -EIO);

        CLEANUP(close_p) int fd = root_openat(&m->root, LOG_PATH, O_WRONLY, 0);
        static const char zeros[40];
        assert_int_equal(pwrite(fd, zeros, sizeof zeros, (off_t) before.n + 20), sizeof zeros);
        disk.sync_error = 0;
        assert_int_equal(machine_append(l, 3, AUDIT_DURABLE), 0);
        check_whole(m, 4);
        audit_log_free(l);
}

/* ---- somebody else at the file ---- */

static void test_changed_under_us(void **state) {
        struct machine *m = *state;
        for (int i = 0; i < 4; i++) {
                struct audit_log *l = machine_open(m, NULL);
                assert_int_equal(machine_append(l, 0, AUDIT_DURABLE), 0);
                CLEANUP(close_p) int fd = root_openat(&m->root, LOG_PATH, O_WRONLY | O_APPEND, 0);
                if (i == 0)
                        assert_int_equal(__real_ftruncate(fd, 0), 0); /* logrotate's copytruncate */
                else if (i == 1)
                        assert_int_equal(renameat(m->root.fd, LOG_PATH, m->root.fd, AUDIT_DIRECTORY "/old"), 0);
                else if (i == 2)
                        assert_int_equal(unlinkat(m->root.fd, LOG_PATH, 0), 0);
                else
                        assert_int_equal(__real_write(fd, "x\n", 2), 2);
                assert_int_equal(machine_append(l, 1, AUDIT_DURABLE), -ESTALE);
                assert_int_equal(machine_append(l, 1, AUDIT_BATCH), -ESTALE);
                audit_log_free(l);

                l = machine_open(m, NULL); /* and a fresh start works */
                assert_int_equal(machine_append(l, 2, AUDIT_DURABLE), 0);
                audit_log_free(l);
                assert_int_equal(machine_verify(m, chain_zeros).fault, AUDIT_OK);
                (void) unlinkat(m->root.fd, LOG_PATH, 0);
        }
}

/* ---- kill -9 ---- */

#define ROUNDS 150

static void write_until_killed(struct machine *m, int out) {
        struct audit_log *l = NULL;
        struct audit_recovery recovery;
        if (audit_log_open(&m->root, &m->time, "agent", &l, &recovery) < 0)
                _exit(2);
        for (unsigned i = 0;; i++) {
                json_t *event = machine_event(i);
                uint64_t seq = 0;
                if (audit_log_append(l, event, i % 4 ? AUDIT_DURABLE : AUDIT_BATCH, &seq) < 0)
                        _exit(3);
                json_decref(event);
                if (__real_write(out, &seq, sizeof seq) != sizeof seq)
                        _exit(4);
        }
}

static uint64_t one_life(struct machine *m, unsigned usec) {
        int p[2];
        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
                write_until_killed(m, p[1]);
        (void) close(p[1]);

        struct pollfd ready = { .fd = p[0], .events = POLLIN };
        assert_int_equal(poll(&ready, 1, 20000), 1); /* it lives: the first record is acknowledged */
        (void) usleep(usec);
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));

        uint64_t seq, last = 0;
        ssize_t n;
        while ((n = read(p[0], &seq, sizeof seq)) == sizeof seq)
                last = seq;
        assert_int_equal(n, 0);
        (void) close(p[0]);
        return last;
}

static void test_kill(void **state) {
        struct machine *m = *state;
        srand(7);
        uint64_t before = 0;
        unsigned mid_line = 0;
        for (unsigned i = 0; i < ROUNDS; i++) {
                uint64_t acknowledged = one_life(m, (unsigned) rand() % 3000);
                struct audit_recovery recovery;
                struct audit_log *l = machine_open(m, &recovery);
                assert_false(recovery.damaged);
                assert_true(recovery.last_seq >= acknowledged); /* nothing that was acknowledged is missing */
                assert_true(acknowledged > before);
                mid_line += recovery.torn;
                audit_log_free(l);
                check_whole(m, recovery.last_seq);
                before = recovery.last_seq;
        }
        print_message("%u kills, %lu records, %u torn tails\n", ROUNDS, (unsigned long) before, mid_line);
}

/* ---- a real disk that is full ---- */

static void test_full_file_system(void **state) {
        struct machine *outer = *state, m;
        if (mount("none", outer->path, "tmpfs", 0, "size=64k") < 0) {
                print_message("mounting is not permitted here (%s)\n", strerror(errno));
                skip();
        }

        machine_init(&m, outer->path);
        struct audit_log *l = machine_open(&m, NULL);
        unsigned n = 0;
        int r;
        while ((r = machine_append(l, n, n % 2 ? AUDIT_DURABLE : AUDIT_BATCH)) == 0)
                n++;
        assert_int_equal(r, -ENOSPC);
        assert_true(n > 10);
        check_whole(&m, n);
        assert_int_equal(machine_append(l, n, AUDIT_DURABLE), -ENOSPC);

        assert_int_equal(mount("none", outer->path, "tmpfs", MS_REMOUNT, "size=128k"), 0);
        for (unsigned i = 0; i < 10; i++)
                assert_int_equal(machine_append(l, n + i, AUDIT_DURABLE), 0);
        audit_log_free(l);
        check_whole(&m, n + 10);
        machine_clear(&m);
        assert_int_equal(umount2(outer->path, MNT_DETACH), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_first_line),
                TEST(test_when),
                TEST(test_storm),
                TEST(test_bad_events),
                TEST(test_second_writer),
                TEST(test_failures),
                TEST(test_lost_pages),
                TEST(test_failed_sync_writes_again),
                TEST(test_changed_under_us),
                TEST(test_kill),
                TEST(test_full_file_system),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
