/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sway's answers say of the focus, and who may give them. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "session/focus.h"

#define UNTOUCHED ((pid_t) -7)
#define WINDOW    "\"pid\":42,\"shell\":\"xdg_shell\""

struct row {
        const char *text;
        int r;
        pid_t pid;
};

static void check(const struct row *rows, size_t n, int (*parse)(const char *text, size_t size, pid_t *ret)) {
        for (size_t i = 0; i < n; i++) {
                pid_t pid = UNTOUCHED;
                assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &pid), rows[i].r);
                assert_int_equal(pid, rows[i].r == 0 ? rows[i].pid : UNTOUCHED);
        }
}

static void test_tree(void **state) {
        static const struct row rows[] = {
                { "", -EBADMSG, 0 },
                { "[]", -EBADMSG, 0 },
                { "{", -EBADMSG, 0 },
                { "null", -EBADMSG, 0 },
                { "{}", 0, 0 },
                { "{\"focused\":true}", 0, 0 },
                { "{\"focused\":true," WINDOW "}", 0, 42 },
                { "{\"focused\":false," WINDOW "}", 0, 0 },
                { "{\"focused\":\"true\"," WINDOW "}", 0, 0 },
                { "{\"nodes\":[{\"focused\":false},{\"nodes\":[{\"focused\":true," WINDOW "}]}]}", 0, 42 },
                { "{\"nodes\":[],\"floating_nodes\":[{\"focused\":true," WINDOW "}]}", 0, 42 },
                { "{\"nodes\":7,\"floating_nodes\":{\"focused\":true," WINDOW "}}", 0, 0 },
                { "{\"nodes\":[7,null,\"x\"]}", 0, 0 },
                /* an X window says itself whose it is */
                { "{\"focused\":true,\"pid\":42,\"shell\":\"xwayland\"}", 0, 0 },
                { "{\"focused\":true,\"pid\":42}", 0, 0 },
                { "{\"focused\":true,\"pid\":0,\"shell\":\"xdg_shell\"}", 0, 0 },
                { "{\"focused\":true,\"pid\":-42,\"shell\":\"xdg_shell\"}", 0, 0 },
                { "{\"focused\":true,\"pid\":4294967338,\"shell\":\"xdg_shell\"}", 0, 0 },
                { "{\"focused\":true,\"pid\":\"42\",\"shell\":\"xdg_shell\"}", 0, 0 },
                { "{\"focused\":true,\"pid\":42,\"shell\":7}", 0, 0 },
        };
        (void) state;
        check(rows, sizeof rows / sizeof *rows, focus_of_tree);
}

static void test_event(void **state) {
        static const struct row rows[] = {
                { "", -EBADMSG, 0 },
                { "[]", -EBADMSG, 0 },
                { "{}", -EBADMSG, 0 },
                { "{\"change\":7}", -EBADMSG, 0 },
                { "{\"change\":\"focus\",\"container\":{" WINDOW "}}", 0, 42 },
                { "{\"change\":\"focus\",\"container\":{\"pid\":42,\"shell\":\"xwayland\"}}", 0, 0 },
                { "{\"change\":\"focus\"}", 0, 0 },
                { "{\"change\":\"title\",\"container\":{" WINDOW "}}", 1, 0 },
                { "{\"change\":\"close\",\"container\":{" WINDOW "}}", 2, 0 },
                { "{\"change\":\"new\",\"container\":{" WINDOW "}}", 2, 0 },
                { "{\"change\":\"something else\"}", 2, 0 },
        };
        (void) state;
        check(rows, sizeof rows / sizeof *rows, focus_of_event);
}

/* Deeper than anybody's windows. */
static void test_deep(void **state) {
        (void) state;
        enum { DEPTH = 100000 };
        static const char level[] = "{\"nodes\":[";
        char *text = malloc(DEPTH * strlen(level) + 1);
        assert_non_null(text);
        for (size_t i = 0; i < DEPTH; i++)
                memcpy(text + i * strlen(level), level, strlen(level) + 1);
        pid_t pid = UNTOUCHED;
        assert_int_equal(focus_of_tree(text, strlen(text), &pid), -EBADMSG);
        free(text);
}

/* ---- the connection: this process takes sway's place ---- */

static unsigned changes;

static void on_changed(void *userdata) {
        (void) userdata;
        changes++;
}

static int listen_as(char *directory, pid_t pid) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        (void) snprintf(address.sun_path, sizeof address.sun_path, "%s/sway-ipc.%u.%d.sock", directory,
                        (unsigned) getuid(), (int) pid);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof address), 0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

static void answer(int fd, uint32_t type, const char *text, size_t claimed) {
        char bytes[1024];
        uint32_t head[2] = { (uint32_t) claimed, type };
        memcpy(bytes, "i3-ipc", 6);
        memcpy(bytes + 6, head, sizeof head);
        memcpy(bytes + 14, text, strlen(text));
        assert_int_equal(write(fd, bytes, 14 + strlen(text)), 14 + strlen(text));
}

static void run(sd_event *event) {
        while (sd_event_run(event, 20000) > 0)
                ;
}

static void test_connection(void **state) {
        (void) state;
        char directory[] = "/tmp/sekisho-focus-XXXXXX";
        assert_non_null(mkdtemp(directory));
        assert_int_equal(setenv("XDG_RUNTIME_DIR", directory, 1), 0);
        sd_event *event = NULL;
        assert_int_equal(sd_event_new(&event), 0);
        struct focus *f = NULL;
        const struct ucred us = { .pid = getpid(), .uid = getuid() };
        assert_int_equal(focus_new(event, &us, on_changed, NULL, &f), -ENOENT);
        assert_null(f);
        assert_string_equal(focus_program(NULL), "");

        int server = listen_as(directory, getpid());
        assert_int_equal(focus_new(event, &us, on_changed, NULL, &f), 0);
        int sway = accept(server, NULL, NULL);
        assert_true(sway >= 0);
        char tree[128], self[PATH_MAX] = "";
        assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
        (void) snprintf(tree, sizeof tree, "{\"focused\":true,\"pid\":%d,\"shell\":\"xdg_shell\"}", (int) getpid());
        answer(sway, 2, "{\"success\":true}", 16);
        run(event);
        assert_string_equal(focus_program(f), "");
        answer(sway, 4, tree, strlen(tree));
        run(event);
        assert_string_equal(focus_program(f), self);
        assert_int_equal(changes, 1);
        static const char elsewhere[] = "{\"change\":\"focus\",\"container\":{\"shell\":\"xwayland\",\"pid\":1}}";
        answer(sway, 0x80000003, elsewhere, strlen(elsewhere));
        run(event);
        assert_string_equal(focus_program(f), "");
        assert_int_equal(changes, 2);
        /* Word by word. */
        (void) snprintf(tree, sizeof tree, "{\"change\":\"focus\",\"container\":{\"shell\":\"xdg_shell\",\"pid\":%d}}",
                        (int) getpid());
        answer(sway, 0x80000003, "", strlen(tree));
        for (size_t i = 0; i < strlen(tree); i++) {
                assert_int_equal(write(sway, &tree[i], 1), 1);
                run(event);
        }
        assert_string_equal(focus_program(f), self);
        /* An answer larger than any: it is not waited for, and nothing is known any more. */
        answer(sway, 4, "{}", SIZE_MAX & UINT32_MAX);
        run(event);
        assert_string_equal(focus_program(f), "");
        assert_int_equal(changes, 4);
        f = focus_free(f);
        close(sway);
        close(server);

        /* The name is right, and another process answers. */
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                (void) pause();
                _exit(0);
        }
        server = listen_as(directory, child);
        const struct ucred other = { .pid = child, .uid = getuid() };
        assert_int_equal(focus_new(event, &other, on_changed, NULL, &f), -EPERM);
        close(server);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);

        char path[PATH_MAX];
        const pid_t pids[] = { getpid(), child };
        for (size_t i = 0; i < 2; i++) {
                (void) snprintf(path, sizeof path, "%s/sway-ipc.%u.%d.sock", directory, (unsigned) getuid(),
                                (int) pids[i]);
                assert_int_equal(unlink(path), 0);
        }
        assert_int_equal(rmdir(directory), 0);
        sd_event_unref(event);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tree),
                cmocka_unit_test(test_event),
                cmocka_unit_test(test_deep),
                cmocka_unit_test(test_connection),
        };
        return cmocka_run_group_tests_name("focus", tests, NULL, NULL);
}
