/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit_fixture.h"

#define LINES 20u

/* For tests/integration/test_record.py: what was judged and how, so that the independent verifier can be asked too. */
static void export_verdict(const void *p, size_t n, const struct audit_verdict *v) {
        static unsigned count;
        const char *directory = getenv("SEKISHO_RECORD_OUT");
        char path[512];
        if (!directory)
                return;
        (void) snprintf(path, sizeof path, "%s/%03u-%d-%lu-%s", directory, count++, v->fault, (unsigned long) v->line,
                        v->head);
        CLEANUP(close_p) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, p, n), 0);
}

struct record {
        struct machine m;
        struct bytes b;
        size_t start[LINES + 1]; /* of each line; the last entry is the size */
};

static int setup(void **state) {
        struct record *r = calloc(1, sizeof *r);
        machine_init(&r->m, NULL);
        machine_fill(&r->m, LINES);
        r->b = machine_read(&r->m, LOG_PATH);
        size_t n = 0;
        for (size_t i = 0; i < r->b.n; i++)
                if (r->b.p[i] == '\n')
                        r->start[++n] = i + 1;
        assert_int_equal(n, LINES);
        *state = r;
        return 0;
}

static int teardown(void **state) {
        struct record *r = *state;
        machine_clear(&r->m);
        bytes_clear(&r->b);
        free(r);
        return 0;
}

static void test_whole(void **state) {
        struct record *r = *state;
        struct audit_verdict v = verify_bytes(r->b.p, r->b.n, chain_zeros);
        export_verdict(r->b.p, r->b.n, &v);
        assert_int_equal(v.fault, AUDIT_OK);
        assert_int_equal(v.records, LINES);
        assert_int_equal(v.bytes, r->b.n);
        assert_int_equal(v.first_seq, 1);
        assert_int_equal(v.last_seq, LINES);
        char head[CHAIN_HEX + 1];
        chain_hash(r->b.p + r->start[LINES - 1], r->b.n - r->start[LINES - 1] - 1, head);
        assert_string_equal(v.head, head);
}

static void test_empty(void **state) {
        (void) state;
        struct audit_verdict v = verify_bytes("", 0, NULL);
        assert_int_equal(v.fault, AUDIT_OK);
        assert_int_equal(v.records, 0);
        assert_string_equal(v.head, chain_zeros);
}

/* Whether the altered last line is still a record that follows the one before it. */
static bool last_line_still_fits(const struct record *r, const char *p, size_t n) {
        char head[CHAIN_HEX + 1];
        struct chain c;
        size_t last = r->start[LINES - 1], before = r->start[LINES - 2];
        if (p[n - 1] != '\n' || memchr(p + last, '\n', n - last - 1))
                return false;
        chain_hash(r->b.p + before, last - before - 1, head);
        return chain_parse_json(p + last, n - last - 1, &c) == AUDIT_OK && c.seq == LINES &&
               strcmp(c.prev, head) == 0 && strcmp(c.log, "agent") == 0;
}

/* Every byte of the file, changed to several values, is found. The one exception, and exactly it: a change of the last
 * line that leaves it a well-formed record with the same chain fields, because nothing after it holds its hash. */
static void test_every_byte(void **state) {
        struct record *r = *state;
        static const unsigned char flips[] = { 0x01, 0x20, 0x80 };
        size_t unseen = 0, line = 1;
        for (size_t i = 0; i < r->b.n; i++) {
                line += i == r->start[line];
                for (size_t f = 0; f < sizeof flips; f++) {
                        char kept = r->b.p[i];
                        r->b.p[i] = (char) ((unsigned char) kept ^ flips[f]);
                        struct audit_verdict v = verify_bytes(r->b.p, r->b.n, chain_zeros);
                        if (i % 97 == 0)
                                export_verdict(r->b.p, r->b.n, &v);
                        if (i < r->start[LINES - 1]) {
                                assert_int_not_equal(v.fault, AUDIT_OK);
                        } else {
                                bool fits = last_line_still_fits(r, r->b.p, r->b.n);
                                assert_int_equal(v.fault == AUDIT_OK, fits);
                                unseen += fits;
                        }
                        /* The fault is named at the line that was touched or at the one after it. */
                        if (v.fault != AUDIT_OK) {
                                assert_in_range(v.line, line, line + 1);
                                assert_int_equal(v.records, v.line - 1);
                        }
                        r->b.p[i] = kept;
                }
        }
        assert_true(unseen > 0); /* the exception is real; an outside head (an anchor) closes it */
}

/* With a head kept elsewhere the exception is gone: an altered last line has another head. */
static void test_last_line_against_outside_head(void **state) {
        struct record *r = *state;
        struct audit_verdict good = verify_bytes(r->b.p, r->b.n, chain_zeros);
        char *detail = strstr(r->b.p + r->start[LINES - 1], "event 19");
        assert_non_null(detail);
        detail[7] = '8';
        struct audit_verdict v = verify_bytes(r->b.p, r->b.n, chain_zeros);
        detail[7] = '9';
        assert_int_equal(v.fault, AUDIT_OK);
        assert_string_not_equal(v.head, good.head);
}

enum edit { REMOVE, SWAP, DUPLICATE, INSERT_FOREIGN, MOVE_TO_END, CUT_TAIL, CUT_MIDDLE, STRIP_NEWLINE };

static const struct {
        const char *name;
        enum edit edit;
        size_t line; /* from 0 */
        enum audit_fault fault;
        uint64_t at; /* line of the fault, from 1 */
} edits[] = {
        { "first removed", REMOVE, 0, AUDIT_PREV_DIFFERS, 1 },
        { "second removed", REMOVE, 1, AUDIT_PREV_DIFFERS, 2 },
        { "last but one removed", REMOVE, LINES - 2, AUDIT_PREV_DIFFERS, LINES - 1 },
        { "last removed: not found without an outside head", REMOVE, LINES - 1, AUDIT_OK, 0 },
        { "first two swapped", SWAP, 0, AUDIT_PREV_DIFFERS, 1 },
        { "swapped in the middle", SWAP, 9, AUDIT_PREV_DIFFERS, 10 },
        { "last two swapped", SWAP, LINES - 2, AUDIT_PREV_DIFFERS, LINES - 1 },
        { "first duplicated", DUPLICATE, 0, AUDIT_PREV_DIFFERS, 2 },
        { "last duplicated", DUPLICATE, LINES - 1, AUDIT_PREV_DIFFERS, LINES + 1 },
        { "foreign line at the start", INSERT_FOREIGN, 0, AUDIT_NO_CHAIN, 1 },
        { "foreign line in the middle", INSERT_FOREIGN, 10, AUDIT_NO_CHAIN, 11 },
        { "moved to the end", MOVE_TO_END, 4, AUDIT_PREV_DIFFERS, 5 },
        { "tail cut at a line: not found without an outside head", CUT_TAIL, 12, AUDIT_OK, 0 },
        { "tail cut inside a line", CUT_MIDDLE, 12, AUDIT_TORN, 13 },
        { "last newline missing", STRIP_NEWLINE, LINES - 1, AUDIT_TORN, LINES },
};

static void put(struct bytes *b, const char *p, size_t n) {
        memcpy(b->p + b->n, p, n);
        b->n += n;
}

static void edit(const struct record *r, enum edit edit, size_t line, struct bytes *out) {
        static const char foreign[] = "{\"unmapped\":{}}\n";
        const size_t *s = r->start;
        const char *p = r->b.p;
        size_t a = s[line], b = s[line + 1], end = r->b.n;
        out->n = 0;
        put(out, p, a);
        switch (edit) {
        case REMOVE:
                put(out, p + b, end - b);
                break;
        case SWAP:
                put(out, p + b, s[line + 2] - b);
                put(out, p + a, b - a);
                put(out, p + s[line + 2], end - s[line + 2]);
                break;
        case DUPLICATE:
                put(out, p + a, b - a);
                put(out, p + a, end - a);
                break;
        case INSERT_FOREIGN:
                put(out, foreign, sizeof foreign - 1);
                put(out, p + a, end - a);
                break;
        case MOVE_TO_END:
                put(out, p + b, end - b);
                put(out, p + a, b - a);
                break;
        case CUT_TAIL:
                break;
        case CUT_MIDDLE:
                put(out, p + a, (b - a) / 2);
                break;
        case STRIP_NEWLINE:
                put(out, p + a, b - a - 1);
                break;
        }
}

static void test_edits(void **state) {
        struct record *r = *state;
        struct bytes out = { .p = malloc(2 * r->b.n) };
        for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
                edit(r, edits[i].edit, edits[i].line, &out);
                struct audit_verdict v = verify_bytes(out.p, out.n, chain_zeros);
                export_verdict(out.p, out.n, &v);
                if (v.fault != edits[i].fault || v.line != edits[i].at)
                        fail_msg("%s: fault %d at line %lu", edits[i].name, v.fault, (unsigned long) v.line);
        }
        free(out.p);
}

/* A hand-made line with right chain fields: the rows that need one. */
static size_t forge(char *out, size_t size, const char *log, unsigned seq, const char *prev) {
        return (size_t) snprintf(out, size,
                                 "{\"unmapped\":{\"sekisho\":{\"log\":\"%s\",\"seq\":%u,\"prev\":\"%s\"}}}\n", log, seq,
                                 prev);
}

static const struct {
        const char *log;
        unsigned seq;
        enum audit_fault fault;
} seconds[] = {
        { "agent", 6, AUDIT_OK },
        { "agent", 5, AUDIT_SEQ_DIFFERS },
        { "agent", 7, AUDIT_SEQ_DIFFERS },
        { "otp", 6, AUDIT_LOG_DIFFERS },
};

static void test_second_line(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
                char text[512], head[CHAIN_HEX + 1];
                size_t n = forge(text, sizeof text, "agent", 5, chain_zeros);
                chain_hash(text, n - 1, head);
                n += forge(text + n, sizeof text - n, seconds[i].log, seconds[i].seq, head);
                struct audit_verdict v = verify_bytes(text, n, chain_zeros);
                export_verdict(text, n, &v);
                assert_int_equal(v.fault, seconds[i].fault);
                assert_int_equal(v.records, v.fault == AUDIT_OK ? 2 : 1);
                assert_int_equal(v.first_seq, 5);
        }
}

static void test_first_prev(void **state) {
        struct record *r = *state;
        size_t at = r->start[3];
        char head[CHAIN_HEX + 1];
        chain_hash(r->b.p + r->start[2], at - r->start[2] - 1, head);
        assert_int_equal(verify_bytes(r->b.p + at, r->b.n - at, NULL).fault, AUDIT_OK);
        assert_int_equal(verify_bytes(r->b.p + at, r->b.n - at, head).fault, AUDIT_OK);
        assert_int_equal(verify_bytes(r->b.p + at, r->b.n - at, chain_zeros).fault, AUDIT_PREV_DIFFERS);
}

static void test_too_long(void **state) {
        (void) state;
        size_t n = AUDIT_LINE_MAX + 2;
        CLEANUP(free_p) char *p = malloc(n);
        size_t head = forge(p, n, "agent", 1, chain_zeros) - 1;
        memset(p + head, ' ', n - head);

        p[AUDIT_LINE_MAX] = '\n'; /* exactly the longest that is allowed: trailing blanks are JSON */
        assert_int_equal(verify_bytes(p, AUDIT_LINE_MAX + 1, chain_zeros).fault, AUDIT_OK);
        p[AUDIT_LINE_MAX] = ' ';
        p[AUDIT_LINE_MAX + 1] = '\n';
        assert_int_equal(verify_bytes(p, n, chain_zeros).fault, AUDIT_NOT_JSON);
}

struct heard {
        unsigned calls;
        uint64_t last;
};

static void hear(uint64_t bytes, void *userdata) {
        struct heard *h = userdata;
        assert_true(bytes > h->last);
        h->calls++;
        h->last = bytes;
}

/* A file larger than every buffer. */
static void test_large_and_progress(void **state) {
        (void) state;
        CLEANUP(close_p) int fd = memfd_create("record", MFD_CLOEXEC);
        FILE *f = fdopen(dup(fd), "w");
        char head[CHAIN_HEX + 1];
        memcpy(head, chain_zeros, sizeof head);
        static char text[8192];
        uint64_t size = 0;
        unsigned seq = 0;
        while (size < (uint64_t) 24 * 1024 * 1024) {
                size_t n = forge(text, sizeof text, "agent", ++seq, head) - 1;
                memset(text + n, ' ', 6000);
                n += 6000;
                chain_hash(text, n, head);
                text[n++] = '\n';
                assert_int_equal(fwrite(text, 1, n, f), n);
                size += n;
        }
        assert_int_equal(fclose(f), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);

        struct heard heard = { 0 };
        struct audit_verdict v;
        assert_int_equal(audit_verify(fd, chain_zeros, hear, &heard, &v), 0);
        assert_int_equal(v.fault, AUDIT_OK);
        assert_int_equal(v.records, seq);
        assert_int_equal(v.bytes, size);
        assert_string_equal(v.head, head);
        assert_true(heard.calls <= 3); /* asked every 8 MiB, told four times a second at most */
}

static void test_unreadable(void **state) {
        (void) state;
        struct audit_verdict v = { .records = 42 };
        assert_int_equal(audit_verify(-1, NULL, NULL, NULL, &v), -EBADF);
        assert_int_equal(v.records, 42);
}

static void test_texts(void **state) {
        (void) state;
        for (int i = 0; i < AUDIT_FAULT_MAX; i++)
                assert_true(strlen(audit_fault_text((enum audit_fault) i)) > 5);
        assert_string_equal(audit_fault_text(AUDIT_FAULT_MAX), "?");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whole),      cmocka_unit_test(test_empty),
                cmocka_unit_test(test_every_byte), cmocka_unit_test(test_last_line_against_outside_head),
                cmocka_unit_test(test_edits),      cmocka_unit_test(test_second_line),
                cmocka_unit_test(test_first_prev), cmocka_unit_test(test_too_long),
                cmocka_unit_test(test_unreadable), cmocka_unit_test(test_large_and_progress),
                cmocka_unit_test(test_texts),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
