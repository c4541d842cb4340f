/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nothing that was not answered for is forgotten; and what is too much is refused, not dropped. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/transfer.h"
#include "sys/outbox.h"
#include "sys/packet.h"

static char top[64];
static struct root root;
static sd_event *event;
static struct outbox *outbox;
static unsigned connections;

static int encode(const void *message, uint64_t id, void *buffer, size_t size) {
        struct transfer t = *(const struct transfer *) message;
        t.id = id;
        return transfer_encode(&t, buffer, size);
}

static const struct outbox_kind KIND = { TRANSFER_SOCKET, 4u * 1024u * 1024u, encode };

static void on_changed(bool connected, void *userdata) {
        (void) userdata;
        connections += connected;
}

static int set_up(void **state) {
        (void) state;
        connections = 0;
        (void) snprintf(top, sizeof top, "/tmp/test_outbox.XXXXXX");
        if (!mkdtemp(top) || root_open(top, &root) < 0 || root_mkdirs(&root, "run/sekisho", 0755) < 0 ||
            sd_event_new(&event) < 0)
                return -1;
        return outbox_new(event, &root, &KIND, on_changed, NULL, &outbox);
}

static int tear_down(void **state) {
        (void) state;
        char path[128];
        outbox = outbox_free(outbox);
        event = sd_event_unref(event);
        root_close(&root);
        (void) snprintf(path, sizeof path, "%s/" TRANSFER_SOCKET, top);
        (void) unlink(path);
        (void) snprintf(path, sizeof path, "%s/run/sekisho", top);
        (void) rmdir(path);
        (void) snprintf(path, sizeof path, "%s/run", top);
        (void) rmdir(path);
        return rmdir(top);
}

static void turn(void) {
        for (int i = 0; i < 20; i++)
                assert_true(sd_event_run(event, 10000) >= 0);
}

static int accept_caller(int listener) {
        for (int i = 0; i < 300; i++) {
                assert_true(sd_event_run(event, 10000) >= 0);
                int fd = packet_accept(listener);
                if (fd >= 0)
                        return fd;
                assert_int_equal(fd, -EAGAIN);
        }
        fail_msg("nobody calls");
        return -1;
}

static uint64_t read_id(int fd, const char *path) {
        char bytes[TRANSFER_MESSAGE_MAX];
        struct transfer t;
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n < 0)
                return 0;
        assert_int_equal(transfer_decode(bytes, (size_t) n, &t), 0);
        assert_string_equal(t.path, path);
        return t.id;
}

static int put(const char *path) {
        const struct transfer t = { .kind = TRANSFER_WRITTEN, .path = path };
        return outbox_put(outbox, &t);
}

static void kept_until_answered(void **state) {
        (void) state;
        assert_int_equal(put("/a"), 0); /* before anybody listens */
        assert_int_equal(put("/b"), 0);
        CLEANUP(close_p) int listener = packet_listen(&root, TRANSFER_SOCKET);
        assert_true(listener >= 0);
        int first = accept_caller(listener);
        turn();
        uint64_t a = read_id(first, "/a");
        assert_true(a > 0);
        assert_int_equal(send(first, &a, sizeof a, 0), sizeof a);
        turn();
        uint64_t b = read_id(first, "/b");
        (void) close(first); /* unanswered */

        CLEANUP(close_p) int second = accept_caller(listener);
        turn();
        assert_int_equal(read_id(second, "/b"), b);
        assert_int_equal(read_id(second, ""), 0);
        assert_false(outbox_is_empty(outbox));
        assert_int_equal(send(second, &b, sizeof b, 0), sizeof b);
        turn();
        assert_true(outbox_is_empty(outbox));
        assert_int_equal(connections, 2);
}

static void wrong_answer(void **state) {
        (void) state;
        CLEANUP(close_p) int listener = packet_listen(&root, TRANSFER_SOCKET);
        CLEANUP(close_p) int caller = accept_caller(listener);
        assert_int_equal(put("/a"), 0);
        turn();
        uint64_t id = read_id(caller, "/a") + 1;
        assert_int_equal(send(caller, &id, sizeof id, 0), sizeof id);
        turn();
        assert_false(outbox_is_empty(outbox));
        assert_int_equal(recv(caller, &id, sizeof id, 0), 0); /* hung up */
}

static void full(void **state) {
        (void) state;
        static char path[4000];
        memset(path, 'x', sizeof path - 1);
        size_t n = 0;
        bool warned = false;
        int r;
        while ((r = put(path)) == 0) {
                warned = warned || outbox_is_full(outbox);
                n++;
        }
        assert_int_equal(r, -ENOBUFS);
        assert_true(warned);
        assert_in_range(n, KIND.bytes_max / 5000, KIND.bytes_max / 4000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(kept_until_answered, set_up, tear_down),
                cmocka_unit_test_setup_teardown(wrong_answer, set_up, tear_down),
                cmocka_unit_test_setup_teardown(full, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
