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

/* The disk runs full on command. */
static struct {
        long room;    /* so many calls succeed yet; -1: there is room */
        long refused; /* so many fail then, and there is room again */
        bool half;    /* the first write that fails writes half of it */
        unsigned failed;
} full = { .room = -1 };

static bool is_full(void) {
        if (full.room > 0)
                full.room--;
        else if (full.room == 0 && full.refused > 0) {
                full.refused--;
                full.failed++;
                errno = ENOSPC;
                return true;
        }
        return false;
}

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
                return is_full() ? -1 : __real_##name arguments;                                                       \
        }
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n) {
        tick();
        if (!is_full())
                return __real_write(fd, p, n);
        if (!full.half || full.failed > 1 || n < 2)
                return -1;
        return __real_write(fd, p, n / 2);
}
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d))
WRAP(int, renameat2, (int a, const char *b, int c, const char *d, unsigned e), (a, b, c, d, e))
WRAP(int, unlinkat, (int a, const char *b, int c), (a, b, c))
WRAP(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t o), (fd, p, n, o))

/* Thousands of syncs: nobody waits for a disk here. NULL: there is only the disk. */
static const char *memory(void) {
        return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NULL;
}

static int setup(void **state) {
        struct machine *m = malloc(sizeof *m);
        machine_init(m, memory());
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

#define COPY_KEY(name, l)                                                                                              \
        char name[ANCHOR_HEX_SIZE];                                                                                    \
        (void) snprintf(name, sizeof name, "%s", audit_log_key(l))

static struct audit_head *known; /* what must be there besides; NULL: nothing */
static size_t n_known;

/* Everything, from the first file to the last, with the enrolment's key. */
static struct audit_verdict verify_all(struct machine *m, const char *key, uint64_t *records, uint64_t *anchors) {
        struct audit_expectation e = { .heads = known, .n_heads = n_known };
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
        COPY_KEY(key, l);
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
        COPY_KEY(key, l);
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
        COPY_KEY(key, l);
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

/* An older key, from a copy of the disk, is as lost as none: the record says which one it must be. */
static void test_key_of_before(void **state) {
        struct machine *m = *state;
        enum audit_key how;
        struct audit_log *l = open_signed(m, NULL);
        CLEANUP(bytes_clear) struct bytes old = machine_read(m, KEYS "/" KEYRING_FILE);
        assert_int_equal(audit_log_rotate(l), 0);
        audit_log_free(l);
        CLEANUP(close_p) int fd = root_openat(&m->root, KEYS "/" KEYRING_FILE, O_WRONLY, 0);
        assert_int_equal(pwrite(fd, old.p, old.n, 0), (ssize_t) old.n);
        audit_log_free(open_signed(m, &how));
        assert_int_equal(how, AUDIT_KEY_LOST);
        audit_log_free(open_signed(m, &how));
        assert_int_equal(how, AUDIT_KEY_KNOWN); /* it was said */
}

static bool says_lost(struct machine *m) {
        CLEANUP(bytes_clear) struct bytes b = machine_read(m, LOG_PATH);
        return memmem(b.p, b.n, "\"key-lost\"", 10) != NULL;
}

/* The key is gone, and the machine stops at each moment of the start that finds it out: the record tells of it all the
 * same. */
static void test_key_lost_and_stopped(void **state) {
        (void) state;
        bool stopped = true;
        long n = 0;
        for (; stopped && n < 100; n++) {
                void *one;
                setup(&one);
                struct machine *m = one;
                audit_log_free(open_signed(m, NULL));
                assert_int_equal(unlinkat(m->root.fd, KEYS "/" KEYRING_FILE, 0), 0);
                pid_t pid = fork();
                if (pid == 0) {
                        calls_left = n;
                        audit_log_free(open_signed(m, NULL));
                        _exit(0);
                }
                int status;
                assert_int_equal(waitpid(pid, &status, 0), pid);
                stopped = WIFEXITED(status) && WEXITSTATUS(status) == 9;
                assert_true(stopped || status == 0);
                audit_log_free(open_signed(m, NULL));
                if (!says_lost(m))
                        fail_msg("after %ld calls: nothing tells that the key was lost", n);
                teardown(&one);
        }
        assert_in_range(n, 5, 99);
}

static void test_older_than_its_anchors(void **state) {
        struct machine *m = *state;
        enum audit_key how;
        machine_fill(m, 3);
        struct audit_log *l = open_signed(m, &how);
        COPY_KEY(key, l);
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
        COPY_KEY(key, l);
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

                enum audit_key how;
                struct audit_log *l = open_signed(m, &how);
                if (how == AUDIT_KEY_LOST)
                        fail_msg("after %ld calls: the key seems to be lost", n);
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

#define HEADS 16u

/* As the agent does: what it appended belongs to nothing any more, so it begins with what is there. */
static struct audit_log *again(struct machine *m, struct audit_log *l) {
        struct audit_recovery recovery;
        enum audit_key how;
        (void) audit_log_free(l);
        l = NULL;
        if (audit_log_open(&m->root, &m->time, "agent", &l, &recovery) < 0)
                return NULL;
        assert_false(recovery.damaged);
        assert_false(recovery.torn); /* no half line */
        (void) audit_log_sign(l, &m->root, machine_terminal(), KEYS, &how);
        return l;
}

/* One record; what is acknowledged is remembered. */
static struct audit_log *append_one(struct machine *m, struct audit_log *l, unsigned i, struct audit_head *heads) {
        int r = l ? machine_append(l, i, i % 2 ? AUDIT_BATCH : AUDIT_DURABLE) : -ESTALE;
        if (r == -ESTALE) {
                l = again(m, l);
                return l;
        }
        if (r < 0)
                assert_int_equal(r, -ENOSPC);
        if (r == 0) {
                CLEANUP(bytes_clear) struct bytes b = machine_read(m, LOG_PATH);
                if (b.n > 0) /* it was rotated behind the record, perhaps */
                        assert_int_equal(b.p[b.n - 1], '\n');
                struct audit_head *h = &heads[n_known++];
                *h = (struct audit_head){ .log = "agent", .seq = audit_log_last_seq(l) };
                memcpy(h->hash, audit_log_head(l), sizeof h->hash);
        }
        return l;
}

static void check_known(struct machine *m, const char *key, long n) {
        uint64_t records, anchors;
        for (size_t i = 0; i < n_known; i++)
                known[i].met = false;
        struct audit_verdict v = verify_all(m, key, &records, &anchors);
        if (v.fault != AUDIT_OK)
                fail_msg("full after %ld calls: fault %d at line %lu", n, v.fault, (unsigned long) v.line);
        for (size_t i = 0; i < n_known; i++)
                if (!known[i].met)
                        fail_msg("full after %ld calls: record %lu is lost", n, (unsigned long) known[i].seq);
}

/* Full after n calls. True: it never came so far. */
static bool full_after(long n, long refused, bool half) {
        struct machine machine, *m = &machine;
        machine_init(m, memory());
        struct audit_head heads[HEADS];
        known = heads;
        n_known = 0;
        struct audit_log *l = open_signed(m, NULL);
        COPY_KEY(key, l);
        full.room = n;
        full.refused = refused;
        full.half = half;
        full.failed = 0;
        for (unsigned i = 0; i < 6; i++) {
                l = append_one(m, l, i, heads);
                if (l && i % 3 == 1)
                        (void) audit_log_anchor(l);
                if (l && i % 3 == 2)
                        (void) audit_log_rotate(l);
        }
        bool never = full.failed == 0;
        full.room = -1; /* room again */
        size_t before = n_known;
        for (unsigned i = 6; i < 10 && n_known == before; i++)
                l = append_one(m, l, i & ~1u, heads);
        assert_int_equal(n_known, before + 1);
        assert_int_equal(audit_log_flush(l), 0);
        check_known(m, key, n);
        assert_int_equal(audit_log_rotate(l), 0);
        l = append_one(m, l, 10, heads);
        assert_int_equal(n_known, before + 2);
        audit_log_free(l);
        check_known(m, key, n);
        l = again(m, NULL);
        assert_non_null(l);
        assert_int_equal(machine_append(l, 11, AUDIT_DURABLE), 0);
        audit_log_free(l);
        check_known(m, key, n);
        known = NULL;
        n_known = 0;
        machine_clear(m);
        return never;
}

/* At each call of appending, of an anchor and of a rotation: for one call, for some, until somebody makes room. What
 * was acknowledged is there, no line is half, and the chain and its signatures hold. */
static void test_full_anywhere(void **state) {
        (void) state;
        static const struct {
                long refused;
                bool half;
        } rows[] = { { 1, false }, { 100000, false }, { 2, true }, { 100000, true } };
        unsigned moments = 0;
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
                for (long n = 0; n < 300 && !full_after(n, rows[k].refused, rows[k].half); n++)
                        moments++;
        print_message("full at %u moments\n", moments);
        assert_in_range(moments, 100, 1199);
}

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
        COPY_KEY(key, l);
        audit_log_free(l);
        assert_int_equal(verify_all(&m, key, &(uint64_t){ 0 }, &(uint64_t){ 0 }).fault, AUDIT_OK);
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
                TEST(test_key_of_before),
                cmocka_unit_test(test_key_lost_and_stopped),
                TEST(test_older_than_its_anchors),
                cmocka_unit_test(test_stopped_anywhere),
                cmocka_unit_test(test_full_anywhere),
                TEST(test_reserve),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
