/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arbitrary bytes to a real server on a real event loop. What must hold for any bytes: every complete frame gets
 * exactly one reply (none if it is a valid oneway call), in order, or the connection is closed; and nothing else comes
 * back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "ipc/agent_interface.h"
#include "ipc/codec.h"
#include "ipc/connection.h"
#include "ipc/ipc.h"

static int answer(struct ipc_call *call, json_t *parameters, void *userdata) {
        (void) userdata;
        return ipc_reply(call, json_incref(parameters));
}

static int stream(struct ipc_call *call, json_t *parameters, void *userdata) {
        (void) userdata;
        for (int i = 0; i < 3; i++) {
                int r = ipc_reply_continues(call, json_incref(parameters));
                if (r < 0)
                        return 0; /* the call is gone */
        }
        return ipc_reply(call, NULL);
}

static int refuse(struct ipc_call *call, json_t *parameters, void *userdata) {
        (void) parameters, (void) userdata;
        return ipc_error(call, AGENT_ERROR_POLICY_REFUSED, NULL);
}

static const struct ipc_param text[] = { { "text", IPC_STRING, false }, { "list", IPC_STRING_LIST, true }, { 0 } };
static const struct ipc_method methods[] = {
        { .name = "GetStatus", .call = answer },
        { .name = "Watch", .more = true, .call = stream },
        { .name = "InstallPolicy", .permission = IPC_ROOT, .call = answer, .params = text },
        { .name = "GetPolicy", .call = refuse },
};
static const struct ipc_interface interface = { AGENT_INTERFACE_NAME, ipc_agent_description, methods, 4 };

static void check(bool holds) {
        if (!holds)
                abort();
}

/* Replies that the frames of the input are due, by the codec alone; *ret_closed: a frame closes the connection. */
static size_t due(const uint8_t *data, size_t size, bool *ret_closed) {
        size_t replies = 0;
        const uint8_t *end;
        for (; size > 0 && (end = memchr(data, 0, size)); size -= (size_t) (end - data) + 1, data = end + 1) {
                json_t *message;
                struct ipc_request q;
                *ret_closed = ipc_message_parse((const char *) data, (size_t) (end - data), &message) < 0;
                if (*ret_closed)
                        break;
                *ret_closed = ipc_request_read(message, &q) < 0;
                replies += !*ret_closed && !q.oneway;
                json_decref(message);
                if (*ret_closed)
                        break;
        }
        return replies;
}

/* Final replies (without "continues") among what came back. */
static size_t count(struct ipc_buffer *in) {
        size_t size, replies = 0;
        while (ipc_buffer_frame(in, &size)) {
                json_t *message;
                struct ipc_response p;
                check(ipc_message_parse(in->bytes, size, &message) == 0);
                check(ipc_response_read(message, &p) == 0);
                replies += !p.continues;
                json_decref(message);
                ipc_buffer_consume(in, size + 1);
        }
        return replies;
}

static void receive(int fd, struct ipc_buffer *in, bool *closed) {
        char bytes[16384];
        ssize_t n;
        while ((n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
                check(ipc_buffer_add(in, bytes, (size_t) n, SIZE_MAX) == 0);
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
                *closed = true;
}

static void converse(sd_event *event, int fd, const uint8_t *data, size_t size, struct ipc_buffer *in, bool *closed) {
        size_t sent = 0;
        while (!*closed) {
                int ran = sd_event_run(event, 0);
                check(ran >= 0);
                size_t before = in->n;
                receive(fd, in, closed);
                ssize_t n = sent < size ? send(fd, data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
                if (n > 0)
                        sent += (size_t) n;
                if (ran == 0 && n <= 0 && in->n == before)
                        break;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size > 32768) /* what a frame may hold at most is tested by test_server */
                return 0;

        sd_event *event;
        struct ipc_server *server;
        int pair[2];
        const struct ipc_server_options options = { .vendor = "v" };
        check(sd_event_new(&event) >= 0);
        check(ipc_server_new(event, -1, &options, &server) == 0);
        check(ipc_server_add(server, &interface, NULL) == 0);
        check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
        check(ipc_server_take(server, pair[0]) == 0);

        bool expect_closed = false, closed = false;
        size_t expected = due(data, size, &expect_closed);
        struct ipc_buffer in = { 0 };
        converse(event, pair[1], data, size, &in, &closed);

        size_t replies = count(&in);
        check(in.n == 0); /* whole frames only */
        check(replies == expected);
        check(closed == expect_closed);
        check(server->n_connections == !closed);

        ipc_buffer_clear(&in);
        ipc_server_free(server);
        sd_event_unref(event);
        close_p(&pair[1]);
        return 0;
}
