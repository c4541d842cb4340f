/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The blocking client, against a peer that says what the test wants; and the socket that a server listens on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ipc/ipc.h"

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define TIMEOUT_USEC 200000u   /* of what never comes */
#define PATIENT_USEC 10000000u /* of what comes, on a machine that is busy */

static char directory[] = "/tmp/sekisho-client-XXXXXX";
static struct root root_ = { .fd = -1 };

static int make_directory(void **state) {
        (void) state;
        return mkdtemp(directory) && root_open(directory, &root_) == 0 ? 0 : 1;
}

static int remove_directory(void **state) {
        (void) state;
        (void) unlinkat(root_.fd, "sock", 0);
        root_close(&root_);
        return rmdir(directory);
}

/* A child that takes one connection, reads one request, says `bytes`, and then closes or stays. */
static pid_t peer(int listen_fd, const char *bytes, size_t size, bool stays) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child > 0)
                return child;
        int flags = fcntl(listen_fd, F_GETFL);
        (void) fcntl(listen_fd, F_SETFL, flags & ~O_NONBLOCK);
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
        char request[4096];
        if (read(fd, request, sizeof request) <= 0)
                _exit(1); /* no request, no answer */
        while (size > 0) {
                ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
                if (n <= 0)
                        break;
                bytes += n;
                size -= (size_t) n;
        }
        _exit(stays && read(fd, request, sizeof request) < 0); /* until the client hangs up */
}

struct row {
        const char *name, *say;
        size_t size;
        bool stays;
        int result;
        const char *error;
};

#define SAY(text) text, sizeof(text)

static const struct row rows[] = {
        { "reply", SAY("{\"parameters\":{\"a\":1}}"), true, 0, NULL },
        { "reply without parameters", SAY("{}"), true, 0, NULL },
        { "error", SAY("{\"error\":\"a.B\",\"parameters\":{\"a\":1}}"), true, 1, "a.B" },
        { "closes at once", "", 0, false, -ECONNRESET, NULL },
        { "closes in the middle", "{\"para", 6, false, -ECONNRESET, NULL },
        { "says nothing", "", 0, true, -ETIMEDOUT, NULL },
        { "stops in the middle", "{\"para", 6, true, -ETIMEDOUT, NULL },
        { "not JSON", SAY("hello"), true, -EBADMSG, NULL },
        { "unknown field", SAY("{\"method\":\"a.B\"}"), true, -EBADMSG, NULL },
        { "continues without being asked to", SAY("{\"continues\":true}"), true, -EBADMSG, NULL },
};

static void calls(void **state) {
        (void) state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                int listen_fd = ipc_listen_at(&root_, "sock", 0600);
                assert_true(listen_fd >= 0);
                pid_t child = peer(listen_fd, rows[i].say, rows[i].size, rows[i].stays);
                struct ipc_client *client = NULL;
                json_t *reply = NULL;
                char *error = NULL;
                uint64_t timeout = rows[i].result == -ETIMEDOUT ? TIMEOUT_USEC : PATIENT_USEC;
                assert_int_equal(ipc_client_connect_at(&root_, "sock", timeout, &client), 0);
                int r = ipc_client_call(client, "a.B", NULL, &reply, &error);
                if (r != rows[i].result)
                        fail_msg("%s: %d", rows[i].name, r);
                assert_int_equal(reply != NULL, r >= 0);
                assert_int_equal(error != NULL, r == 1);
                if (error)
                        assert_string_equal(error, rows[i].error);
                json_decref(reply);
                free(error);
                ipc_client_free(client);
                close_p(&listen_fd);
                assert_int_equal(waitpid(child, NULL, 0), child);
        }
}

static void endless_reply(void **state) {
        (void) state;
        size_t size = IPC_MESSAGE_MAX + 1000000;
        char *bytes = malloc(size);
        assert_non_null(bytes);
        memset(bytes, ' ', size);
        int listen_fd = ipc_listen_at(&root_, "sock", 0600);
        pid_t child = peer(listen_fd, bytes, size, false);
        free(bytes);
        struct ipc_client *client = NULL;
        json_t *reply = NULL;
        char *error = NULL;
        assert_int_equal(ipc_client_connect_at(&root_, "sock", 10 * 1000000, &client), 0);
        assert_int_equal(ipc_client_call(client, "a.B", NULL, &reply, &error), -EMSGSIZE);
        ipc_client_free(client);
        close_p(&listen_fd);
        assert_int_equal(waitpid(child, NULL, 0), child);
}

static void stream(void **state) {
        (void) state;
        static const char bytes[] = "{\"parameters\":{\"n\":1},\"continues\":true}\0{\"continues\":true}\0{}";
        int listen_fd = ipc_listen_at(&root_, "sock", 0600);
        pid_t child = peer(listen_fd, bytes, sizeof bytes, true);
        struct ipc_client *client = NULL;
        assert_int_equal(ipc_client_connect_at(&root_, "sock", TIMEOUT_USEC, &client), 0);
        assert_int_equal(ipc_client_call_more(client, "a.B", NULL), 0);
        static const int results[] = { 0, 0, 2 };
        for (size_t i = 0; i < COUNT(results); i++) {
                json_t *reply = NULL;
                char *error = NULL;
                assert_int_equal(ipc_client_next(client, &reply, &error), results[i]);
                if (i == 0)
                        assert_int_equal(json_integer_value(json_object_get(reply, "n")), 1);
                json_decref(reply);
        }
        json_t *reply = NULL;
        char *error = NULL;
        assert_int_equal(ipc_client_next(client, &reply, &error), -ENODATA);
        ipc_client_free(client);
        close_p(&listen_fd);
        assert_int_equal(waitpid(child, NULL, 0), child);
}

static void nobody_there(void **state) {
        (void) state;
        struct ipc_client *client = NULL;
        (void) unlinkat(root_.fd, "sock", 0);
        assert_int_equal(ipc_client_connect_at(&root_, "sock", TIMEOUT_USEC, &client), -ENOENT);
        assert_int_equal(ipc_client_connect_at(&root_, "run/none/sock", TIMEOUT_USEC, &client), -ENOENT);
        int fd = ipc_listen_at(&root_, "sock", 0600);
        close_p(&fd);
        assert_int_equal(ipc_client_connect_at(&root_, "sock", TIMEOUT_USEC, &client), -ECONNREFUSED);
        assert_null(client);
}

static void listening(void **state) {
        (void) state;
        static const mode_t modes[] = { 0600, 0660, 0666 };
        mode_t before = umask(0077);
        for (size_t i = 0; i < COUNT(modes); i++) {
                int fd = ipc_listen_at(&root_, "sock", modes[i]); /* replaces the old one */
                struct stat st;
                assert_true(fd >= 0);
                assert_int_equal(fstatat(root_.fd, "sock", &st, AT_SYMLINK_NOFOLLOW), 0);
                assert_int_equal(st.st_mode & 07777, modes[i]);
                close_p(&fd);
        }
        (void) umask(before);

        /* Only a socket is replaced. */
        assert_int_equal(unlinkat(root_.fd, "sock", 0), 0);
        int fd = openat(root_.fd, "sock", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        close_p(&fd);
        assert_int_equal(ipc_listen_at(&root_, "sock", 0600), -EEXIST);
        assert_int_equal(unlinkat(root_.fd, "sock", 0), 0);
        assert_int_equal(symlinkat("/tmp", root_.fd, "sock"), 0);
        assert_int_equal(ipc_listen_at(&root_, "sock", 0600), -EEXIST);
        assert_int_equal(unlinkat(root_.fd, "sock", 0), 0);
        assert_int_equal(ipc_listen_at(&root_, "", 0600), -EINVAL);
        assert_int_equal(ipc_listen_at(&root_, "x/..", 0600), -EINVAL);
        assert_int_equal(ipc_listen_at(&root_, "missing/sock", 0600), -ENOENT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(calls),        cmocka_unit_test(endless_reply), cmocka_unit_test(stream),
                cmocka_unit_test(nobody_there), cmocka_unit_test(listening),
        };
        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
