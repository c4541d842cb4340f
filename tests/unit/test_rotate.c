/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Anchors, segments and keys, and a machine that stops in the middle of it: the system calls that matter can be made
 * the last ones. */
#include <sodium.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "audit/log.h"
#include "audit/segments.h"
#include "audit_fixture.h"

#define KEYS "var/lib/sekisho/record"

static long calls_left = -1; /* -1: no limit. At 0 the process ends, as by kill -9 */

static void tick(void) {
        if (calls_left == 0)
                _exit(9);
        if (calls_left > 0)
                calls_left--;
}

#define WRAP(type, name, parameters, arguments)                                                                        \
        type __real_##name parameters;                                                                                 \
        type __wrap_##name parameters;                                                                                 \
        type __wrap_##name parameters {                                                                                \
                tick();                                                                                                \
                return __real_##name arguments;                                                                        \
        }
WRAP(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d))
WRAP(int, renameat2, (int a, const char *b, int c, const char *d, unsigned e), (a, b, c, d, e))
WRAP(int, unlinkat, (int a, const char *b, int c), (a, b, c))
WRAP(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t o), (fd, p, n, o))

static int setup(void **state) {
        struct machine *m = malloc(sizeof *m);
        machine_init(m, NULL);
        *state = m;
        return 0;
}

static int teardown(void **state) {
        machine_clear(*state);
        free(*state);
        return 0;
}

static struct audit_log *open_signed(struct machine *m, enum audit_key *key) {
        enum audit_key k;
        struct audit_log *l = machine_open(m, NULL);
        assert_int_equal(audit_log_sign(l, &m->root, machine_terminal(), KEYS, key ? key : &k), 0);
        return l;
}

/* Everything, from the first file to the last, with the enrolment's key. */
static struct audit_verdict verify_all(struct machine *m, const char *key, uint64_t *records, uint64_t *anchors) {
        struct audit_expectation e = { .log = "" };
        (void) snprintf(e.prev, sizeof e.prev, "%s", chain_zeros);
        (void) snprintf(e.key, sizeof e.key, "%s", key);
        CLEANUP(close_p) int directory = root_openat(&m->root, AUDIT_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        struct segment_list list;
        struct audit_verdict v = { .fault = AUDIT_OK };
        assert_int_equal(segments_list(directory, 0, &list), 0);
        *records = *anchors = 0;
        for (size_t i = 0; i <= list.n && v.fault == AUDIT_OK; i++) {
                char name[SEGMENT_NAME_SIZE] = AUDIT_FILE;
                if (i < list.n)
                        segment_name(list.numbers[i], name);
                CLEANUP(close_p) int fd = segment_open(directory, name);
                if (fd == -ENOENT)
                        continue;
                assert_true(fd >= 0);
                assert_int_equal(audit_verify_next(fd, &e, NULL, NULL, &v), 0);
                *records += v.records;
                *anchors += v.anchors;
        }
        segment_list_clear(&list);
        return v;
}

static void test_anchors(void **state) {
        struct machine *m = *state;
        enum audit_key how;
        struct audit_log *l = open_signed(m, &how);
        char key[ANCHOR_HEX_SIZE];
        (void) snprintf(key, sizeof key, "%s", audit_log_key(l));
        assert_int_equal(how, AUDIT_KEY_FIRST);
        assert_int_equal(audit_log_last_seq(l), 1); /* the segment's first record */
        for (unsigned i = 0; i < 255; i++)
                assert_int_equal(machine_append(l, i, AUDIT_BATCH), 0);
        assert_int_equal(audit_log_last_seq(l), 256);
        assert_int_equal(machine_append(l, 255, AUDIT_BATCH), 0);
        assert_int_equal(audit_log_last_seq(l), 258); /* and its anchor */
        assert_int_equal(audit_log_tick(l), 0);
        assert_int_equal(audit_log_last_seq(l), 258); /* nothing to say */
        assert_int_equal(machine_append(l, 300, AUDIT_BATCH), 0);
        assert_int_equal(audit_log_tick(l), 0);
        assert_int_equal(audit_log_last_seq(l), 260);
        assert_int_equal(machine_append(l, 301, AUDIT_DURABLE), 0);
        audit_log_free(l); /* the last anchor */

        uint64_t records, anchors;
        struct audit_verdict v = verify_all(m, key, &records, &anchors);
        assert_int_equal(v.fault, AUDIT_OK);
        assert_int_equal(records, 262);
        assert_int_equal(anchors, 3);
        assert_int_equal(v.anchored_seq, 261);
        char other[ANCHOR_HEX_SIZE];
        memset(other, 'a', 64);
        other[64] = '\0';
        assert_int_equal(verify_all(m, other, &records, &anchors).fault, AUDIT_SIGNATURE_BAD);

        l = open_signed(m, &how);
        assert_int_equal(how, AUDIT_KEY_KNOWN);
        assert_string_equal(audit_log_key(l), key);
        assert_int_equal(audit_log_last_seq(l), 262);
        audit_log_free(l);
        CLEANUP(bytes_clear) struct bytes public = machine_read(m, AUDIT_DIRECTORY "/" AUDIT_KEY_FILE);
        assert_int_equal(strncmp(public.p, "ssh-ed25519 ", 12), 0);
        assert_non_null(strstr(public.p, " sekisho:agent:0123456789abcdef0123456789abcdef\n"));
}

static void test_rotation(void **state) {
        struct machine *m = *state;
        struct audit_log *l = open_signed(m, NULL);
        char key[ANCHOR_HEX_SIZE], now[ANCHOR_HEX_SIZE];
        (void) snprintf(key, sizeof key, "%s", audit_log_key(l));
        (void) snprintf(now, sizeof now, "%s", key);
        for (unsigned i = 0; i < 5; i++) {
                assert_int_equal(machine_append(l, i, AUDIT_BATCH), 0);
                assert_int_equal(audit_log_rotate(l), 0);
                assert_string_not_equal(audit_log_key(l), now);
                (void) snprintf(now, sizeof now, "%s", audit_log_key(l));
        }
        audit_log_free(l);
        uint64_t records, anchors;
        assert_int_equal(verify_all(m, key, &records, &anchors).fault, AUDIT_OK);
        assert_int_equal(records, 5 * 3 + 1);
        assert_int_equal(anchors, 5);
        assert_int_equal(faccessat(m->root.fd, AUDIT_DIRECTORY "/audit-00000005.jsonl", F_OK, 0), 0);

        /* One taken out of the middle is missed. */
        assert_int_equal(unlinkat(m->root.fd, AUDIT_DIRECTORY "/audit-00000003.jsonl", 0), 0);
        assert_int_equal(verify_all(m, key, &records, &anchors).fault, AUDIT_PREV_DIFFERS);
        l = open_signed(m, NULL);
        assert_int_equal(audit_log_rotate(l), 0); /* numbers are not given twice */
        audit_log_free(l);
        assert_int_equal(faccessat(m->root.fd, AUDIT_DIRECTORY "/audit-00000006.jsonl", F_OK, 0), 0);
        assert_int_equal(faccessat(m->root.fd, AUDIT_DIRECTORY "/audit-00000003.jsonl", F_OK, 0), -1);
}

static void test_by_size_and_day(void **state) {
        struct machine *m = *state;
        struct audit_log *l = open_signed(m, NULL);
        char key[ANCHOR_HEX_SIZE];
        (void) snprintf(key, sizeof key, "%s", audit_log_key(l));
        unsigned n = 0;
        while (faccessat(m->root.fd, AUDIT_DIRECTORY "/audit-00000001.jsonl", F_OK, 0) < 0 && n < 100000)
                assert_int_equal(machine_append(l, n++, AUDIT_BATCH), 0);
        struct stat st;
        assert_int_equal(fstatat(m->root.fd, AUDIT_DIRECTORY "/audit-00000001.jsonl", &st, 0), 0);
        assert_in_range((unsigned long) st.st_size, SEGMENT_BYTES, SEGMENT_BYTES + 4096);
        m->time.floor = machine_wall(NULL) + SEGMENT_SECONDS + 1;
        assert_int_equal(audit_log_tick(l), 0); /* nothing but its first record: no need */
        assert_int_equal(machine_append(l, n++, AUDIT_BATCH), 0);
        assert_int_equal(audit_log_tick(l), 0);
        assert_int_equal(faccessat(m->root.fd, AUDIT_DIRECTORY "/audit-00000002.jsonl", F_OK, 0), 0);
        audit_log_free(l);
        uint64_t records, anchors;
        assert_int_equal(verify_all(m, key, &records, &anchors).fault, AUDIT_OK);
}

/* The key is lost: it is said, and whoever has the enrolment's key sees that the succession ends there. */
static void test_key_lost(void **state) {
        struct machine *m = *state;
        enum audit_key how;
        struct audit_log *l = open_signed(m, NULL);
        char key[ANCHOR_HEX_SIZE];
        (void) snprintf(key, sizeof key, "%s", audit_log_key(l));
        assert_int_equal(machine_append(l, 1, AUDIT_BATCH), 0);
        audit_log_free(l);
        assert_int_equal(unlinkat(m->root.fd, KEYS "/" KEYRING_FILE, 0), 0);
        l = open_signed(m, &how);
        assert_int_equal(how, AUDIT_KEY_LOST);
        assert_int_equal(machine_append(l, 2, AUDIT_BATCH), 0);
        audit_log_free(l);
        uint64_t records, anchors;
        struct audit_verdict v = verify_all(m, key, &records, &anchors);
        assert_int_equal(v.fault, AUDIT_SIGNATURE_BAD);
        assert_int_equal(v.anchors, 1);
}

static void test_older_than_its_anchors(void **state) {
        struct machine *m = *state;
        enum audit_key how;
        machine_fill(m, 3);
        struct audit_log *l = open_signed(m, &how);
        char key[ANCHOR_HEX_SIZE];
        (void) snprintf(key, sizeof key, "%s", audit_log_key(l));
        assert_int_equal(how, AUDIT_KEY_FIRST);
        assert_int_equal(audit_log_tick(l), 0);
        audit_log_free(l);
        uint64_t records, anchors;
        struct audit_verdict v = verify_all(m, key, &records, &anchors);
        assert_int_equal(v.fault, AUDIT_OK);
        assert_int_equal(v.anchored_seq, 4);
}

/* Each bit of a record with anchors: found, when the key and the head are known from elsewhere; and by the key alone
 * up to the last anchor. */
static void test_every_bit(void **state) {
        struct machine *m = *state;
        struct audit_log *l = open_signed(m, NULL);
        char key[ANCHOR_HEX_SIZE];
        (void) snprintf(key, sizeof key, "%s", audit_log_key(l));
        assert_int_equal(machine_append(l, 1, AUDIT_BATCH), 0);
        assert_int_equal(audit_log_anchor(l), 0);
        assert_int_equal(audit_log_flush(l), 0);
        CLEANUP(bytes_clear) struct bytes good = machine_read(m, LOG_PATH);
        struct audit_head head = { .log = "agent", .seq = audit_log_last_seq(l) };
        memcpy(head.hash, audit_log_head(l), sizeof head.hash);
        audit_log_free(l);
        size_t last = good.n - 1;
        while (good.p[last - 1] != '\n')
                last--;
        unsigned only_by_head = 0;
        for (size_t i = 0; i < good.n; i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        good.p[i] = (char) (good.p[i] ^ (1 << bit));
                        CLEANUP(close_p) int fd = memfd_create("record", MFD_CLOEXEC);
                        assert_int_equal(pwrite(fd, good.p, good.n, 0), (ssize_t) good.n);
                        struct audit_expectation e = { .heads = &head, .n_heads = 1 }, alone = { .n_heads = 0 };
                        memcpy(e.prev, chain_zeros, sizeof e.prev);
                        memcpy(e.key, key, sizeof e.key);
                        alone = e;
                        alone.n_heads = 0;
                        struct audit_verdict v;
                        head.met = false;
                        assert_int_equal(audit_verify_next(fd, &e, NULL, NULL, &v), 0);
                        if (v.fault == AUDIT_OK && head.met)
                                fail_msg("bit %u of byte %zu", bit, i);
                        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
                        assert_int_equal(audit_verify_next(fd, &alone, NULL, NULL, &v), 0);
                        if (v.fault == AUDIT_OK && i < last)
                                fail_msg("without a head: bit %u of byte %zu", bit, i);
                        only_by_head += v.fault == AUDIT_OK;
                        good.p[i] = (char) (good.p[i] ^ (1 << bit));
                }
        print_message("%zu bits, %u of them, in the last line, by the head alone\n", good.n * 8, only_by_head);
        assert_true(only_by_head > 0); /* what an anchor's line says besides the anchor */
}

/* ---- the machine stops ---- */

/* Appends, rotates, and says to the parent what was acknowledged. */
static void work(struct machine *m, int out) {
        struct audit_recovery recovery;
        struct audit_log *l = NULL;
        enum audit_key how;
        if (audit_log_open(&m->root, &m->time, "agent", &l, &recovery) < 0 ||
            audit_log_sign(l, &m->root, machine_terminal(), KEYS, &how) < 0)
                _exit(8);
        for (unsigned i = 0; i < 2; i++) {
                json_t *event = machine_event(i);
                uint64_t seq = 0;
                if (audit_log_append(l, event, AUDIT_DURABLE, &seq) < 0)
                        _exit(7);
                json_decref(event);
                long left = calls_left;
                calls_left = -1;
                (void) __real_write(out, &seq, sizeof seq);
                calls_left = left;
                if (audit_log_rotate(l) < 0)
                        _exit(6);
        }
        calls_left = -1;
        audit_log_free(l);
}

/* After each number of system calls; then again without an end, and all is whole. */
static void test_stopped_anywhere(void **state) {
        (void) state;
        unsigned stops = 0;
        for (long n = 0; n < 400; n++) {
                void *one;
                setup(&one);
                struct machine *m = one;
                /* The first key's making is part of it. */
                int channel[2];
                assert_int_equal(pipe2(channel, O_CLOEXEC), 0);
                pid_t pid = fork();
                if (pid == 0) {
                        calls_left = n;
                        work(m, channel[1]);
                        _exit(0);
                }
                close(channel[1]);
                uint64_t seq, acknowledged = 0;
                while (read(channel[0], &seq, sizeof seq) == sizeof seq)
                        acknowledged = seq;
                close(channel[0]);
                int status;
                assert_int_equal(waitpid(pid, &status, 0), pid);
                bool stopped = WIFEXITED(status) && WEXITSTATUS(status) == 9;
                if (!stopped && status != 0)
                        fail_msg("after %ld calls: status %d", n, status);
                stops += stopped;

                struct audit_log *l = open_signed(m, NULL);
                assert_true(audit_log_last_seq(l) >= acknowledged);
                assert_int_equal(machine_append(l, 9, AUDIT_DURABLE), 0);
                assert_int_equal(audit_log_rotate(l), 0);
                assert_int_equal(machine_append(l, 10, AUDIT_DURABLE), 0);
                uint64_t last = audit_log_last_seq(l);
                audit_log_free(l);
                /* The first public key is beside the log, whatever happened when. */
                CLEANUP(bytes_clear) struct bytes public = machine_read(m, AUDIT_DIRECTORY "/" AUDIT_KEY_FILE);
                uint8_t blob[64];
                size_t size = 0;
                char key[ANCHOR_HEX_SIZE];
                assert_int_equal(sodium_base642bin(blob, sizeof blob, public.p + 12, 68, NULL, &size, NULL,
                                                   sodium_base64_VARIANT_ORIGINAL),
                                 0);
                assert_int_equal(size, 51);
                (void) sodium_bin2hex(key, sizeof key, blob + 19, 32);
                uint64_t records, anchors;
                struct audit_verdict v = verify_all(m, key, &records, &anchors);
                if (v.fault != AUDIT_OK)
                        fail_msg("after %ld calls: fault %d at line %lu", n, v.fault, (unsigned long) v.line);
                assert_int_equal(records, last + 1);
                teardown(&one);
                if (!stopped)
                        break;
        }
        print_message("stopped at %u moments\n", stops);
        assert_in_range(stops, 30, 399);
}

/* ---- a full disk ---- */

static void test_reserve(void **state) {
        struct machine *outer = *state, m;
        if (mount("none", outer->path, "tmpfs", 0, "size=4m") < 0) {
                print_message("mounting is not permitted here (%s)\n", strerror(errno));
                skip();
        }
        machine_init(&m, outer->path);
        struct audit_log *l = open_signed(&m, NULL);
        assert_int_equal(audit_log_set_reserve(l, 2u << 20), 0);
        assert_false(audit_log_on_reserve(l));
        /* Somebody fills the rest. */
        CLEANUP(close_p) int fd = root_openat(&m.root, "rubbish", O_WRONLY | O_CREAT, 0600);
        static char block[65536];
        while (__real_write(fd, block, sizeof block) > 0)
                ;
        unsigned n = 0;
        while (!audit_log_on_reserve(l) && n < 10000)
                assert_int_equal(machine_append(l, n++, AUDIT_DURABLE), 0);
        assert_true(audit_log_on_reserve(l));
        for (unsigned i = 0; i < 500; i++)
                assert_int_equal(machine_append(l, n++, i % 2 ? AUDIT_DURABLE : AUDIT_BATCH), 0);
        assert_int_not_equal(audit_log_tick(l), 0); /* there is no room yet */
        assert_true(audit_log_on_reserve(l));
        int r = 0;
        while (r == 0 && n < 100000)
                r = machine_append(l, n++, AUDIT_DURABLE);
        assert_int_equal(r, -ENOSPC); /* nothing lasts for ever */

        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(mount("none", outer->path, "tmpfs", MS_REMOUNT, "size=64m"), 0);
        assert_int_equal(audit_log_tick(l), 0);
        assert_false(audit_log_on_reserve(l));
        assert_int_equal(machine_append(l, n++, AUDIT_DURABLE), 0);
        char key[ANCHOR_HEX_SIZE];
        (void) snprintf(key, sizeof key, "%s", audit_log_key(l));
        audit_log_free(l);
        uint64_t records, anchors;
        assert_int_equal(verify_all(&m, key, &records, &anchors).fault, AUDIT_OK);
        machine_clear(&m);
        assert_int_equal(umount2(outer->path, MNT_DETACH), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_anchors),
                TEST(test_rotation),
                TEST(test_by_size_and_day),
                TEST(test_every_bit),
                TEST(test_key_lost),
                TEST(test_older_than_its_anchors),
                cmocka_unit_test(test_stopped_anywhere),
                TEST(test_reserve),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
