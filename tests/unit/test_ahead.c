/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine stops between the file ahead and the log: no acknowledged record is lost, and none comes twice. What a
 * power cut leaves of the log is played by cutting it. */
#include <sodium.h>

#include "audit/ahead.h"
#include "audit/log.h"
#include "audit_fixture.h"

#define AHEAD_PATH AUDIT_DIRECTORY "/" AHEAD_FILE

static struct audit_log *open_ahead(struct machine *m) {
        struct audit_log *l = machine_open(m, NULL);
        assert_int_equal(audit_log_set_ahead(l), 0);
        assert_int_equal(audit_log_set_ahead(l), 0); /* and again */
        return l;
}

/* A record whose log may lack everything from *ret_synced on: three records are in the log for certain, then come
 * batches and durable ones. */
static struct bytes fill(struct machine *m, uint64_t *ret_synced) {
        struct audit_log *l = open_ahead(m);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(machine_append(l, i, AUDIT_BATCH), 0);
        assert_int_equal(audit_log_flush(l), 0);
        assert_true(audit_log_deadline(l) == UINT64_MAX);
        *ret_synced = l->durable_size;
        static const enum audit_when when[] = { AUDIT_BATCH, AUDIT_DURABLE, AUDIT_DURABLE, AUDIT_BATCH, AUDIT_DURABLE };
        for (unsigned i = 0; i < sizeof when / sizeof *when; i++)
                assert_int_equal(machine_append(l, 3 + i, when[i]), 0);
        assert_true(l->durable_size == *ret_synced); /* the log has not been synced since */
        assert_false(audit_log_deadline(l) == UINT64_MAX);
        struct bytes whole = machine_read(m, LOG_PATH);
        audit_log_free(l);
        return whole;
}

static void assert_log(struct machine *m, const struct bytes *wanted) {
        CLEANUP(bytes_clear) struct bytes now = machine_read(m, LOG_PATH);
        assert_int_equal(now.n, wanted->n);
        assert_memory_equal(now.p, wanted->p, now.n);
        assert_int_equal(machine_verify(m, chain_zeros).fault, AUDIT_OK);
}

/* Whatever of the rest had reached the disk. */
static void test_cut_everywhere(void **state) {
        struct machine *m = *state;
        uint64_t synced = 0;
        CLEANUP(bytes_clear) struct bytes whole = fill(m, &synced);
        for (size_t cut = synced; cut <= whole.n; cut += cut % 7 ? 1 : 5) {
                machine_write(m, LOG_PATH, whole.p, cut);
                struct audit_recovery recovery;
                struct audit_log *l = machine_open(m, &recovery);
                assert_int_equal(audit_log_last_seq(l), 8);
                assert_int_equal(recovery.last_seq, 8);
                assert_false(recovery.torn || recovery.damaged);
                audit_log_free(l);
                assert_log(m, &whole);
        }
}

/* What came back is where the next record follows on. */
static void test_goes_on(void **state) {
        struct machine *m = *state;
        uint64_t synced = 0;
        CLEANUP(bytes_clear) struct bytes whole = fill(m, &synced);
        machine_write(m, LOG_PATH, whole.p, synced);
        for (unsigned i = 0; i < 3; i++) {
                struct audit_log *l = open_ahead(m);
                assert_int_equal(audit_log_last_seq(l), 8 + i);
                assert_int_equal(machine_append(l, 20 + i, AUDIT_DURABLE), 0);
                audit_log_free(l);
        }
        struct audit_verdict v = machine_verify(m, chain_zeros);
        assert_int_equal(v.fault, AUDIT_OK);
        assert_int_equal(v.records, 11);
}

/* A log of other bytes than were written keeps them aside, and has the acknowledged lines all the same. */
static void test_rubbish_at_the_end(void **state) {
        struct machine *m = *state;
        uint64_t synced = 0;
        CLEANUP(bytes_clear) struct bytes whole = fill(m, &synced);
        CLEANUP(free_p) char *bytes = calloc(1, whole.n);
        memcpy(bytes, whole.p, synced);
        for (size_t n = synced + 1; n <= whole.n; n += 97) {
                machine_write(m, LOG_PATH, bytes, n);
                struct audit_recovery recovery;
                struct audit_log *l = machine_open(m, &recovery);
                assert_true(recovery.torn);
                assert_int_equal(recovery.torn_bytes, n - synced);
                audit_log_free(l);
                assert_log(m, &whole);
        }
}

/* The log lacks what had been synced: nobody's power cut. What does not follow on is not put there. */
static void test_older_log(void **state) {
        struct machine *m = *state;
        uint64_t synced = 0;
        CLEANUP(bytes_clear) struct bytes whole = fill(m, &synced);
        size_t first = (size_t) ((char *) memchr(whole.p, '\n', whole.n) - whole.p) + 1;
        const struct bytes older[] = { { whole.p, first }, { whole.p, 0 } };
        for (size_t i = 0; i < 2; i++) {
                machine_write(m, LOG_PATH, older[i].p, older[i].n);
                audit_log_free(machine_open(m, NULL));
                CLEANUP(bytes_clear) struct bytes now = machine_read(m, LOG_PATH);
                assert_int_equal(now.n, older[i].n);
        }
}

/* The machine stops while one slot is written: what the other one has, all that was acknowledged by then, comes back.
 */
static void test_half_a_slot(void **state) {
        struct machine *m = *state;
        uint64_t synced = 0;
        CLEANUP(bytes_clear) struct bytes whole = fill(m, &synced);
        CLEANUP(bytes_clear) struct bytes ahead = machine_read(m, AHEAD_PATH);
        assert_int_equal(ahead.n, AHEAD_SLOTS * AHEAD_SLOT);
        /* Durable were the fifth, sixth and eighth: slots 0, 1 and 0 again. */
        size_t sixth = 0;
        for (unsigned i = 0; i < 6; i++)
                sixth = (size_t) ((char *) memchr(whole.p + sixth, '\n', whole.n - sixth) - whole.p) + 1;
        const struct bytes acknowledged = { whole.p, sixth };
        size_t end = strnlen(ahead.p, AHEAD_SLOT);
        for (size_t at = 0; at < end; at += at < 100 ? 1 : 41) {
                char before = ahead.p[at];
                ahead.p[at] = (char) (before ^ 0x20);
                machine_write(m, AHEAD_PATH, ahead.p, ahead.n);
                machine_write(m, LOG_PATH, whole.p, synced);
                audit_log_free(machine_open(m, NULL));
                assert_log(m, &acknowledged);
                ahead.p[at] = before;
        }
}

/* More than a slot holds: the log itself is synced. */
static void test_too_much_for_a_slot(void **state) {
        struct machine *m = *state;
        struct audit_log *l = open_ahead(m);
        unsigned n = 0;
        while (l->size < AHEAD_SLOT)
                assert_int_equal(machine_append(l, n++, AUDIT_BATCH), 0);
        assert_int_equal(machine_append(l, n++, AUDIT_DURABLE), 0);
        assert_true(l->durable_size == l->size);
        assert_true(audit_log_deadline(l) == UINT64_MAX);
        assert_int_equal(machine_append(l, n++, AUDIT_DURABLE), 0); /* and the next one goes ahead again */
        assert_true(l->durable_size < l->size);
        CLEANUP(bytes_clear) struct bytes whole = machine_read(m, LOG_PATH);
        uint64_t synced = l->durable_size;
        audit_log_free(l);
        machine_write(m, LOG_PATH, whole.p, synced);
        audit_log_free(machine_open(m, NULL));
        assert_log(m, &whole);
}

/* What ends a segment, and begins the next one, is in the files themselves. */
static void test_rotation(void **state) {
        struct machine *m = *state;
        struct audit_log *l = open_ahead(m);
        enum audit_key key;
        assert_int_equal(audit_log_sign(l, &m->root, machine_terminal(), "var/lib/sekisho/record", &key), 0);
        assert_int_equal(machine_append(l, 1, AUDIT_DURABLE), 0);
        assert_true(l->durable_size < l->size);
        assert_int_equal(audit_log_rotate(l), 0);
        assert_true(l->durable_size == l->size);
        CLEANUP(bytes_clear) struct bytes begun = machine_read(m, LOG_PATH);
        uint64_t seq = audit_log_last_seq(l);
        audit_log_free(l);

        machine_write(m, LOG_PATH, begun.p, begun.n);
        l = machine_open(m, NULL);
        assert_int_equal(audit_log_last_seq(l), seq);
        audit_log_free(l);
        machine_write(m, LOG_PATH, NULL, 0); /* the new file, before anything was in it */
        l = machine_open(m, NULL);
        assert_true(audit_log_last_seq(l) < seq);
        assert_int_equal(l->size, 0);
        audit_log_free(l);
}

/* Something else has its name: the record goes on, each durable one synced by itself. */
static void test_something_else(void **state) {
        struct machine *m = *state;
        audit_log_free(machine_open(m, NULL));
        machine_write(m, "elsewhere", "x", 1);
        CLEANUP(close_p) int directory = root_openat(&m->root, AUDIT_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        for (int i = 0; i < 4; i++) {
                assert_int_equal(i == 0   ? mkdirat(directory, AHEAD_FILE, 0700)
                                 : i == 1 ? mkfifoat(directory, AHEAD_FILE, 0600)
                                 : i == 2 ? symlinkat("../../../elsewhere", directory, AHEAD_FILE)
                                          : linkat(m->root.fd, "elsewhere", directory, AHEAD_FILE, 0),
                                 0);
                struct audit_log *l = machine_open(m, NULL);
                assert_true(audit_log_set_ahead(l) < 0);
                assert_int_equal(machine_append(l, 1, AUDIT_DURABLE), 0);
                assert_true(l->durable_size == l->size);
                audit_log_free(l);
                assert_int_equal(unlinkat(directory, AHEAD_FILE, i == 0 ? AT_REMOVEDIR : 0), 0);
        }
        CLEANUP(bytes_clear) struct bytes elsewhere = machine_read(m, "elsewhere");
        assert_int_equal(elsewhere.n, 1); /* nothing was written through a link */
}

static void test_hostile_slots(void **state) {
        (void) state;
        static const char *const headers[] = {
                "",
                "sekisho-ahead 1",
                "sekisho-ahead 1 5\n{}\n",
                "sekisho-ahead 2 3 0000000000000000000000000000000000000000000000000000000000000000\n{}\n",
                "sekisho-ahead 1 0 0000000000000000000000000000000000000000000000000000000000000000\n",
                "sekisho-ahead 1 -1 0000000000000000000000000000000000000000000000000000000000000000\n{}\n",
                "sekisho-ahead 1 99999 0000000000000000000000000000000000000000000000000000000000000000\n{}\n",
                "sekisho-ahead 1 16384 0000000000000000000000000000000000000000000000000000000000000000\n{}\n",
                "sekisho-ahead 1 3 00000000000000000000000000000000000000000000000000000000000000001\n{}\n",
                "sekisho-ahead 1 3 0000000000000000000000000000000000000000000000000000000000000000\n{}\n",
                "sekisho-ahead 1 1 0000000000000000000000000000000000000000000000000000000000000000\n\n",
        };
        for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
                char slot[AHEAD_SLOT] = "";
                memcpy(slot, headers[i], strlen(headers[i]));
                const char *lines = NULL;
                assert_int_equal(ahead_find(slot, "agent", 0, chain_zeros, &lines), 0);
        }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

int main(void) {
        if (sodium_init() < 0)
                return 1;
        const struct CMUnitTest tests[] = {
                CASE(test_cut_everywhere), CASE(test_goes_on),        CASE(test_rubbish_at_the_end),
                CASE(test_older_log),      CASE(test_half_a_slot),    CASE(test_too_much_for_a_slot),
                CASE(test_rotation),       CASE(test_something_else), cmocka_unit_test(test_hostile_slots),
        };
        return cmocka_run_group_tests_name("ahead", tests, NULL, NULL);
}
