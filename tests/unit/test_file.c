/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define N(a) (sizeof(a) / sizeof *(a))

/* top/outside ("secret") beside top/root, the root under test:
 *   a/b/file "hello\n", a/up -> ../../outside, a/abs -> /a/b/file, a/dangling -> nowhere, a/out -> .., fifo, lines */
static char top[] = "/tmp/sekisho-file.XXXXXX";
static int top_fd = -1;
static struct root root = { .fd = -1 };

static void put(const char *path, const char *text) {
        int fd = openat(top_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        (void) close(fd);
}

static int set_up(void **state) {
        (void) state;
        if (!mkdtemp(top))
                return -1;
        top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(top_fd >= 0);
        put("outside", "secret\n");
        assert_int_equal(mkdirat(top_fd, "root", 0755), 0);
        assert_int_equal(mkdirat(top_fd, "root/a", 0755), 0);
        assert_int_equal(mkdirat(top_fd, "root/a/b", 0755), 0);
        put("root/a/b/file", "hello\n");
        put("root/lines", "one \t\r\n\n");
        put("root/empty", "");
        assert_int_equal(symlinkat("../../outside", top_fd, "root/a/up"), 0);
        assert_int_equal(symlinkat("/a/b/file", top_fd, "root/a/abs"), 0);
        assert_int_equal(symlinkat("nowhere", top_fd, "root/a/dangling"), 0);
        assert_int_equal(symlinkat("..", top_fd, "root/a/out"), 0);
        assert_int_equal(symlinkat("loop", top_fd, "root/loop"), 0);
        assert_int_equal(mkfifoat(top_fd, "root/fifo", 0644), 0);

        char path[64];
        (void) snprintf(path, sizeof path, "%s/root", top);
        assert_int_equal(root_open(path, &root), 0);
        assert_false(root.is_machine);
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path);
}

static int tear_down(void **state) {
        (void) state;
        root_close(&root);
        assert_int_equal(root.fd, -1);
        (void) close(top_fd);
        return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- root_openat --- */

static const struct open_row {
        const char *name, *path;
        int flags, error;
        const char *content;
} opens[] = {
        { "relative", "a/b/file", O_RDONLY, 0, "hello\n" },
        { "leading slash", "/a/b/file", O_RDONLY, 0, "hello\n" },
        { "many slashes", "///a//b/file", O_RDONLY, 0, "hello\n" },
        { "the root", "", O_PATH | O_DIRECTORY, 0, NULL },
        { "the root, slash", "/", O_RDONLY | O_DIRECTORY, 0, NULL },
        { "absolute link stays inside", "a/abs", O_RDONLY, 0, "hello\n" },
        { "dots stay inside", "../../a/b/file", O_RDONLY, 0, "hello\n" },
        { "dots do not lead out", "../outside", O_RDONLY, ENOENT, NULL },
        { "link does not lead out", "a/up", O_RDONLY, ENOENT, NULL },
        { "link through the parent", "a/out/a/b/file", O_RDONLY, 0, "hello\n" },
        { "link not wanted", "a/abs", O_RDONLY | O_NOFOLLOW, ELOOP, NULL },
        { "loop", "loop", O_RDONLY, ELOOP, NULL },
        { "dangling", "a/dangling", O_RDONLY, ENOENT, NULL },
        { "missing", "a/c", O_RDONLY, ENOENT, NULL },
        { "not a directory", "a/b/file/x", O_RDONLY, ENOTDIR, NULL },
        { "directory wanted", "a/b/file", O_RDONLY | O_DIRECTORY, ENOTDIR, NULL },
};

static void test_open(void **state) {
        const struct open_row *row = *state;
        /* A mode where nothing is created must not matter (openat2 refuses it). */
        CLEANUP(close_p) int fd = root_openat(&root, row->path, row->flags, 0644);
        if (row->error) {
                assert_int_equal(fd, -row->error);
                return;
        }
        assert_true(fd >= 0);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        if (row->content) {
                char buffer[64] = "";
                assert_int_equal(read(fd, buffer, sizeof buffer - 1), strlen(row->content));
                assert_string_equal(buffer, row->content);
        }
}

static void test_create(void **state) {
        (void) state;
        mode_t before = umask(0);
        CLEANUP(close_p) int fd = root_openat(&root, "a/new", O_WRONLY | O_CREAT | O_EXCL, 0640);
        assert_true(fd >= 0);
        struct stat st;
        assert_int_equal(fstatat(top_fd, "root/a/new", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(root_openat(&root, "a/new", O_WRONLY | O_CREAT | O_EXCL, 0640), -EEXIST);

        CLEANUP(close_p) int unnamed = root_openat(&root, "a", O_WRONLY | O_TMPFILE, 0600);
        if (unnamed != -EOPNOTSUPP) {
                assert_true(unnamed >= 0);
                assert_int_equal(fstat(unnamed, &st), 0);
                assert_int_equal(st.st_mode & 07777, 0600);
        }
        (void) umask(before);
}

static void test_root(void **state) {
        (void) state;
        struct root r = { .fd = 7, .is_machine = true };
        assert_int_equal(root_open("/nowhere/at/all", &r), -ENOENT);
        assert_int_equal(r.fd, 7);
        assert_int_equal(root_open("/etc/passwd", &r), -ENOTDIR);
        assert_int_equal(r.fd, 7);
        assert_int_equal(root_open("/", &r), 0);
        assert_true(r.is_machine);
        root_close(&r);
        root_close(&r); /* again: harmless */
}

/* --- root_mkdirs --- */

static const struct mkdirs_row {
        const char *name, *path;
        int error;
        const char *made; /* below top */
} mkdirs[] = {
        { "new", "var/lib/sekisho", 0, "root/var/lib/sekisho" },
        { "again", "/var/lib/sekisho/", 0, "root/var/lib/sekisho" },
        { "slashes", "//run///sekisho//", 0, "root/run/sekisho" },
        { "nothing", "", 0, "root" },
        { "a file in the way", "a/b/file/x", -ENOTDIR, NULL },
        { "a file at the end", "a/b/file", -ENOTDIR, NULL },
        { "through a link, inside", "a/out/made", 0, "root/made" },
        { "dots do not lead out", "../../escaped", 0, "root/escaped" },
        { "a dangling link", "a/dangling/x", -ENOENT, NULL },
};

static void test_mkdirs(void **state) {
        const struct mkdirs_row *row = *state;
        assert_int_equal(root_mkdirs(&root, row->path, 0700), row->error);
        struct stat st;
        if (row->made) {
                assert_int_equal(fstatat(top_fd, row->made, &st, AT_SYMLINK_NOFOLLOW), 0);
                assert_true(S_ISDIR(st.st_mode));
        }
        assert_int_equal(fstatat(top_fd, "escaped", &st, AT_SYMLINK_NOFOLLOW), -1);
        assert_int_equal(fstatat(top_fd, "made", &st, AT_SYMLINK_NOFOLLOW), -1);
}

/* --- reading --- */

static const struct read_row {
        const char *name, *path;
        size_t cap;
        bool line;
        ssize_t outcome;
        const char *content;
} reads[] = {
        { "whole", "a/b/file", 100, false, 6, "hello\n" },
        { "exactly full", "a/b/file", 6, false, 6, "hello\n" },
        { "one too many", "a/b/file", 5, false, -EFBIG, NULL },
        { "no room", "a/b/file", 0, false, -EFBIG, NULL },
        { "empty, no room", "empty", 0, false, 0, "" },
        { "line", "a/b/file", 100, true, 5, "hello" },
        { "line, much white space", "lines", 100, true, 3, "one" },
        { "line, empty", "empty", 100, true, 0, "" },
        { "line, too long", "a/b/file", 5, true, -EFBIG, NULL },
        { "missing", "nothing", 100, false, -ENOENT, NULL },
        { "directory", "a", 100, false, -EISDIR, NULL },
        { "FIFO does not hang", "fifo", 100, false, 0, "" },
};

static void test_read(void **state) {
        const struct read_row *row = *state;
        /* Exactly the promised room, so that ASan sees one byte more. */
        CLEANUP(free_p) char *buffer = malloc(row->cap + 1);
        assert_non_null(buffer);
        ssize_t n = row->line ? file_read_line_at(root.fd, row->path, buffer, row->cap)
                              : file_read_at(root.fd, row->path, buffer, row->cap);
        assert_int_equal(n, row->outcome);
        if (row->content)
                assert_string_equal(buffer, row->content);
}

/* --- writing --- */

static void assert_content(const char *path, const char *content) {
        char buffer[64];
        assert_int_equal(file_read_at(top_fd, path, buffer, sizeof buffer - 1), strlen(content));
        assert_string_equal(buffer, content);
}

static void test_write_value(void **state) {
        (void) state;
        put("root/authorized", "0\n");
        assert_int_equal(file_write_value_at(root.fd, "authorized", "1"), 0);
        assert_content("root/authorized", "1\n");
        assert_int_equal(file_write_value_at(root.fd, "absent", "1"), -ENOENT);
        assert_int_equal(faccessat(top_fd, "root/absent", F_OK, 0), -1); /* and does not create it */
        assert_int_equal(file_write_value_at(root.fd, "a", "1"), -EISDIR);
}

static void test_write_all(void **state) {
        (void) state;
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(file_write_all(ends[1], "hello", 5), 0);
        assert_int_equal(file_write_all(ends[1], NULL, 0), 0);
        char buffer[8] = "";
        assert_int_equal(read(ends[0], buffer, sizeof buffer), 5);
        assert_string_equal(buffer, "hello");
        (void) close(ends[0]);
        (void) close(ends[1]);
        assert_int_equal(file_write_all(ends[1], "x", 1), -EBADF);
        CLEANUP(close_p) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
        assert_int_equal(file_write_all(full, "x", 1), -ENOSPC);
}

static void test_replace(void **state) {
        (void) state;
        struct stat st, other;
        assert_int_equal(file_replace_at(root.fd, "state", "one", 3, 0600), 0);
        assert_content("root/state", "one");
        assert_int_equal(fstatat(top_fd, "root/state", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0600);

        mode_t before = umask(077);
        assert_int_equal(file_replace_at(root.fd, "state", "twice", 5, 0644), 0);
        (void) umask(before);
        assert_content("root/state", "twice");
        assert_int_equal(fstatat(top_fd, "root/state", &other, 0), 0);
        assert_int_equal(other.st_mode & 07777, 0644); /* whatever the umask */
        assert_int_not_equal(st.st_ino, other.st_ino); /* replaced, not written over */
        assert_int_equal(faccessat(top_fd, "root/.state.new", F_OK, AT_SYMLINK_NOFOLLOW), -1);

        assert_int_equal(file_replace_at(root.fd, "state", "", 0, 0600), 0);
        assert_content("root/state", "");
}

/* A leftover of a crash, or a link laid in the way, is not written through. */
static void test_replace_leftover(void **state) {
        (void) state;
        assert_int_equal(symlinkat("../outside", top_fd, "root/.state.new"), 0);
        assert_int_equal(file_replace_at(root.fd, "state", "mine", 4, 0600), 0);
        assert_content("root/state", "mine");
        assert_content("outside", "secret\n");

        assert_int_equal(symlinkat("../outside", top_fd, "root/linked"), 0);
        assert_int_equal(file_replace_at(root.fd, "linked", "mine", 4, 0600), 0);
        struct stat st;
        assert_int_equal(fstatat(top_fd, "root/linked", &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_true(S_ISREG(st.st_mode)); /* the link is replaced, not followed */
        assert_content("outside", "secret\n");
}

static void test_replace_failures(void **state) {
        (void) state;
        assert_int_equal(file_replace_at(root.fd, "state", "old", 3, 0600), 0);
        assert_int_equal(file_replace_at(root.fd, "a/state", "x", 1, 0600), -EINVAL);
        assert_int_equal(file_replace_at(-1, "state", "x", 1, 0600), -EBADF);

        /* A directory of that name: the rename fails, and nothing is left behind. */
        assert_int_equal(file_replace_at(root.fd, "a", "x", 1, 0600), -EISDIR);
        assert_int_equal(faccessat(top_fd, "root/.a.new", F_OK, AT_SYMLINK_NOFOLLOW), -1);
        /* The temporary file cannot be made: its name is taken by something that does not go away. */
        assert_int_equal(mkdirat(top_fd, "root/.state.new", 0755), 0);
        assert_int_equal(file_replace_at(root.fd, "state", "new", 3, 0600), -EEXIST);
        assert_content("root/state", "old");
        assert_int_equal(unlinkat(top_fd, "root/.state.new", AT_REMOVEDIR), 0);
        assert_int_equal(file_replace_at(root.fd, "state", "new", 3, 0600), 0);
        assert_content("root/state", "new");
}

static void test_holds(void **state) {
        (void) state;
        static char large[50000];
        memset(large, 'x', sizeof large);
        assert_int_equal(file_replace_at(root.fd, "large", large, sizeof large, 0600), 0);
        assert_true(file_holds_at(root.fd, "large", large, sizeof large));
        assert_false(file_holds_at(root.fd, "large", large, sizeof large - 1));
        large[sizeof large - 1] = 'y';
        assert_false(file_holds_at(root.fd, "large", large, sizeof large));

        assert_true(file_holds_at(root.fd, "a/b/file", "hello\n", 6));
        assert_false(file_holds_at(root.fd, "a/b/file", "hello\n.", 7));
        assert_true(file_holds_at(root.fd, "empty", "", 0));
        assert_false(file_holds_at(root.fd, "empty", "x", 1));
        assert_false(file_holds_at(root.fd, "absent", "", 0));
        assert_false(file_holds_at(root.fd, "fifo", "", 0));
        assert_false(file_holds_at(root.fd, "loop", "", 0));
        assert_false(file_holds_at(root.fd, "a", "", 0));
        assert_int_equal(symlinkat("empty", root.fd, "link"), 0);
        assert_false(file_holds_at(root.fd, "link", "", 0));
}

#define ADD(rows, function)                                                                                            \
        for (size_t i = 0; i < N(rows); i++)                                                                           \
                tests[n++] = (struct CMUnitTest) {                                                                     \
                        rows[i].name, function, NULL, NULL, (void *) (uintptr_t) &rows[i]                              \
                }

int main(void) {
        struct CMUnitTest tests[N(opens) + N(mkdirs) + N(reads) + 8];
        size_t n = 0;
        ADD(opens, test_open);
        ADD(mkdirs, test_mkdirs);
        ADD(reads, test_read);
        tests[n++] = (struct CMUnitTest){ "create", test_create, NULL, NULL, NULL };
        tests[n++] = (struct CMUnitTest){ "root", test_root, NULL, NULL, NULL };
        tests[n++] = (struct CMUnitTest){ "write value", test_write_value, NULL, NULL, NULL };
        tests[n++] = (struct CMUnitTest){ "write all", test_write_all, NULL, NULL, NULL };
        tests[n++] = (struct CMUnitTest){ "holds", test_holds, NULL, NULL, NULL };
        tests[n++] = (struct CMUnitTest){ "replace", test_replace, NULL, NULL, NULL };
        tests[n++] = (struct CMUnitTest){ "replace, leftover", test_replace_leftover, NULL, NULL, NULL };
        tests[n++] = (struct CMUnitTest){ "replace, failures", test_replace_failures, NULL, NULL, NULL };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
