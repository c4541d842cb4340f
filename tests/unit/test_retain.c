/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is deleted leaves its last line; integration/record_export does the rest. */
#include "audit_fixture.h"

static struct audit_log *three_segments(struct machine *m) {
        enum audit_key key;
        struct audit_log *l = machine_open(m, NULL);
        assert_int_equal(audit_log_sign(l, &m->root, machine_terminal(), "var/lib/sekisho/record", &key), 0);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(machine_append(l, i, AUDIT_BATCH), 0);
                assert_int_equal(audit_log_rotate(l), 0);
        }
        return l;
}

static void add_to_closed(struct machine *m, const char *bytes, size_t size) {
        CLEANUP(close_p) int fd = root_openat(&m->root, AUDIT_DIRECTORY "/" AUDIT_CLOSED_FILE, O_WRONLY | O_APPEND, 0);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, size), (ssize_t) size);
}

/* The line of the segment that goes next was written in part when the machine stopped, or in whole. */
static void test_torn_list(void **state) {
        (void) state;
        static const struct {
                const char *what;
                double part;      /* of the next line */
                const char *text; /* instead */
                int outcome;
        } rows[] = { { "nothing", 0, NULL, 0 },
                     { "a part", 0.5, NULL, 0 },
                     { "all but the newline", 1, NULL, 0 },
                     { "the line", 2, NULL, 0 },
                     { "other text", 0, "{\"rubbish", -EBADMSG } };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct machine machine, *m = &machine;
                machine_init(m, NULL);
                struct audit_log *l = three_segments(m);
                CLEANUP(bytes_clear) struct bytes second = machine_read(m, AUDIT_DIRECTORY "/audit-00000002.jsonl");
                unsigned n = 0;
                /* The first one goes, as it is older than the last line of the second. */
                CLEANUP(bytes_clear) struct bytes first = machine_read(m, AUDIT_DIRECTORY "/audit-00000001.jsonl");
                uint64_t lines = 0;
                for (size_t k = 0; k < first.n; k++)
                        lines += first.p[k] == '\n';
                assert_int_equal(audit_log_retain(l, INT64_MAX, lines, &n), 0);
                assert_int_equal(n, 1);

                size_t end = second.n - 1, start = end;
                while (second.p[start - 1] != '\n')
                        start--;
                size_t size = rows[i].part > 1 ? end - start + 1 : (size_t) ((double) (end - start) * rows[i].part);
                add_to_closed(m, second.p + start, size);
                if (rows[i].text)
                        add_to_closed(m, rows[i].text, strlen(rows[i].text));
                int r = audit_log_retain(l, INT64_MAX, UINT64_MAX, &n);
                if (r != rows[i].outcome)
                        fail_msg("%s: %d", rows[i].what, r);
                assert_int_equal(n, r == 0);
                CLEANUP(bytes_clear) struct bytes closed = machine_read(m, AUDIT_DIRECTORY "/" AUDIT_CLOSED_FILE);
                unsigned kept = 0;
                for (size_t k = 0; k < closed.n; k++)
                        kept += closed.p[k] == '\n';
                assert_int_equal(kept, r == 0 ? 2 : 1);
                if (r == 0)
                        assert_memory_equal(closed.p + closed.n - (end - start) - 1, second.p + start, end - start + 1);
                audit_log_free(l);
                machine_clear(m);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_torn_list) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
