/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may stand at a path instead of a document, and the terminal's own file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sekisho/document.h>
#include <sekisho/terminal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[64];
static int dirfd;

static void write_file(const char *name, const char *text, size_t size) {
        int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, size), size);
        (void) close(fd);
}

static int setup(void **state) {
        (void) state;
        (void) snprintf(directory, sizeof directory, "/tmp/test_document.XXXXXX");
        if (!mkdtemp(directory))
                return -1;
        dirfd = open(directory, O_DIRECTORY | O_CLOEXEC);
        write_file("file", "hello\n", 6);
        write_file("empty", "", 0);
        int r = symlinkat("file", dirfd, "link");
        r |= symlinkat("nowhere", dirfd, "dangling");
        r |= symlinkat("loop", dirfd, "loop");
        r |= mkfifoat(dirfd, "fifo", 0600);
        r |= mkdirat(dirfd, "dir", 0700);
        r |= symlinkat("dir", dirfd, "dirlink");
        write_file("dir/file", "inner", 5);

        struct sockaddr_un address = { .sun_family = AF_UNIX };
        (void) snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", directory);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        r |= bind(fd, (const struct sockaddr *) &address, sizeof address);
        (void) close(fd);
        return r;
}

static int teardown(void **state) {
        (void) state;
        static const char *const names[] = { "file", "empty",   "link",     "dangling", "loop",
                                             "fifo", "dirlink", "dir/file", "socket",   "growing" };
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                (void) unlinkat(dirfd, names[i], 0);
        (void) unlinkat(dirfd, "dir", AT_REMOVEDIR);
        (void) close(dirfd);
        return rmdir(directory);
}

static const struct {
        const char *name;
        size_t cap;
        int expected;
        const char *content;
} rows[] = {
        { "file", 100, 0, "hello\n" },
        { "file", 6, 0, "hello\n" },
        { "file", 5, DOCUMENT_TOO_LARGE, NULL },
        { "empty", 0, 0, "" },
        { "dir/file", 100, 0, "inner" },
        { "nothing", 100, DOCUMENT_NOT_FOUND, NULL },
        { "file/below", 100, DOCUMENT_NOT_FOUND, NULL },
        { "link", 100, DOCUMENT_IS_LINK, NULL },
        { "dangling", 100, DOCUMENT_IS_LINK, NULL },
        { "loop", 100, DOCUMENT_IS_LINK, NULL },
        { "fifo", 100, DOCUMENT_NOT_REGULAR, NULL }, /* and returns although nobody writes */
        { "dir", 100, DOCUMENT_NOT_REGULAR, NULL },
        { "socket", 100, DOCUMENT_NOT_REGULAR, NULL },
        { "/dev/zero", 100, DOCUMENT_NOT_REGULAR, NULL },
};

static void test_read(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct document d = { .bytes = NULL, .size = 12345 };
                int r = document_read(dirfd, rows[i].name, rows[i].cap, &d);
                if (r != rows[i].expected)
                        fail_msg("%s: %d, expected %d", rows[i].name, r, rows[i].expected);
                if (r != 0) {
                        assert_null(d.bytes); /* untouched */
                        assert_int_equal(d.size, 12345);
                        assert_true(strlen(document_outcome_text(r)) > 0);
                        continue;
                }
                assert_int_equal(d.size, strlen(rows[i].content));
                assert_memory_equal(d.bytes, rows[i].content, d.size + 1);
                document_clear(&d);
                assert_null(d.bytes);
        }
}

static volatile bool stop;
static void *rewrite(void *unused) {
        (void) unused;
        static const char text[65536];
        for (size_t i = 0; !stop; i++)
                write_file("growing", text, 1 + i * 7919 % sizeof text);
        return NULL;
}

/* Whatever somebody does to the file meanwhile, what comes back is as long as it says. */
static void test_race(void **state) {
        (void) state;
        pthread_t thread;
        write_file("growing", "", 0);
        stop = false;
        assert_int_equal(pthread_create(&thread, NULL, rewrite, NULL), 0);
        unsigned changed = 0;
        for (unsigned i = 0; i < 3000; i++) {
                struct document d = { 0 };
                int r = document_read(dirfd, "growing", 65536, &d);
                assert_true(r == 0 || r == DOCUMENT_CHANGED);
                changed += r == DOCUMENT_CHANGED;
                if (r == 0)
                        assert_int_equal(d.bytes[d.size], 0);
                document_clear(&d);
        }
        stop = true;
        (void) pthread_join(thread, NULL);
        print_message("%u of 3000 reads met a change\n", changed);
}

static void test_terminal(void **state) {
        (void) state;
        static const char text[] = "sekisho-terminal: 1\nname: 市民課 3番窓口\ngroups: [madoguchi, honcho]\n"
                                   "tpm-counter: 01800730\n";
        struct problems problems = { 0 };
        struct terminal *t = NULL;
        assert_int_equal(terminal_parse(text, sizeof text - 1, &problems, &t), 0);
        assert_int_equal(problems.n, 0);
        assert_string_equal(t->name, "市民課 3番窓口");
        assert_int_equal(t->groups.n, 2);
        assert_int_equal(t->tpm_counter, 0x01800730);

        static const struct {
                const char *target;
                bool with, without; /* a terminal file */
        } targets[] = {
                { "all", true, true },
                { "host:0123456789abcdef0123456789abcdef", true, true },
                { "host:0123456789abcdef0123456789abcdee", false, false },
                { "group:honcho", true, false },
                { "group:honch", false, false },
                { "honcho", false, false },
        };
        for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
                const char *const list[] = { "group:other", targets[i].target };
                const struct strings target = { list, 2 };
                const char *id = "0123456789abcdef0123456789abcdef";
                assert_int_equal(terminal_is_target(&target, id, t), targets[i].with);
                assert_int_equal(terminal_is_target(&target, id, NULL), targets[i].without);
        }
        const struct strings none = { NULL, 0 };
        assert_false(terminal_is_target(&none, "x", t));
        assert_null(terminal_free(t));

        static const char *const bad[] = { "",
                                           "name: x\n",
                                           "sekisho-terminal: 2\n",
                                           "sekisho: 1\n",
                                           "sekisho-terminal: 1\ngroups: [a b]\n",
                                           "sekisho-terminal: 1\ngroups: a\n",
                                           "sekisho-terminal: 1\ntpm-counter: 1800730\n",
                                           "sekisho-terminal: 1\ntpm-counter: 017fffff\n",
                                           "sekisho-terminal: 1\ntpm-counter: 01c00000\n",
                                           "sekisho-terminal: 1\ntpm-counter: 0x800730\n",
                                           "sekisho-terminal: 1\nx: 1\n" };
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                t = NULL;
                problems_clear(&problems);
                assert_int_equal(terminal_parse(bad[i], strlen(bad[i]), &problems, &t), 1);
                assert_null(t);
                assert_true(problems.n_errors > 0);
        }
        problems_clear(&problems);
        assert_int_equal(terminal_parse("sekisho-terminal: 1\n", 20, &problems, &t), 0);
        assert_string_equal(t->name, "");
        assert_int_equal(t->tpm_counter, 0);
        (void) terminal_free(t);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_read), cmocka_unit_test(test_race),
                                            cmocka_unit_test(test_terminal) };
        return cmocka_run_group_tests(tests, setup, teardown);
}
