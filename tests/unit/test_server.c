/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A real server on a real event loop, at the other end of a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "ipc/agent_interface.h"
#include "ipc/connection.h"
#include "ipc/ipc.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct world {
        sd_event *event;
        struct ipc_server *server;
        int fd; /* the peer's end */
        struct ipc_call *pending, *stream;
        unsigned gone, calls;
};

static int echo(struct ipc_call *call, json_t *parameters, void *userdata) {
        ((struct world *) userdata)->calls++;
        return ipc_reply(call, json_incref(parameters));
}

static void on_gone(struct ipc_call *call, void *userdata) {
        struct world *w = userdata;
        w->gone++;
        if (w->pending == call)
                w->pending = NULL;
        if (w->stream == call)
                w->stream = NULL;
}

static int later(struct ipc_call *call, json_t *parameters, void *userdata) {
        (void) parameters;
        struct world *w = userdata;
        w->pending = call;
        ipc_call_on_gone(call, on_gone, w);
        return 0;
}

static int stream(struct ipc_call *call, json_t *parameters, void *userdata) {
        (void) parameters;
        struct world *w = userdata;
        w->stream = call;
        ipc_call_on_gone(call, on_gone, w);
        return 0;
}

static int broken(struct ipc_call *call, json_t *parameters, void *userdata) {
        (void) call, (void) parameters, (void) userdata;
        return -EIO;
}

static const struct ipc_param echo_params[] = { { "text", IPC_STRING, true }, { 0 } };
static const struct ipc_method methods[] = {
        { .name = "Echo", .call = echo, .params = echo_params },
        { .name = "Later", .call = later },
        { .name = "Stream", .more = true, .call = stream },
        { .name = "Broken", .call = broken },
        { .name = "Missing" },
};
static const struct ipc_interface interface = {
        .name = "org.example.Test",
        .description = "interface org.example.Test\n",
        .methods = methods,
        .n_methods = COUNT(methods),
};

static int setup(void **state) {
        struct world *w = calloc(1, sizeof *w);
        assert_non_null(w);
        assert_int_equal(sd_event_new(&w->event), 0);
        const struct ipc_server_options options = { .vendor = "v", .product = "p", .version = "1", .url = "u" };
        assert_int_equal(ipc_server_new(w->event, -1, &options, &w->server), 0);
        assert_int_equal(ipc_server_add(w->server, &interface, w), 0);
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        assert_int_equal(ipc_server_take(w->server, pair[0]), 0);
        w->fd = pair[1];
        *state = w;
        return 0;
}

static int teardown(void **state) {
        struct world *w = *state;
        ipc_server_free(w->server);
        sd_event_unref(w->event);
        close_p(&w->fd);
        free(w);
        return 0;
}

static void settle(struct world *w) {
        while (sd_event_run(w->event, 0) > 0)
                ;
}

static void say(struct world *w, const char *bytes, size_t size) {
        assert_int_equal(send(w->fd, bytes, size, MSG_NOSIGNAL), (ssize_t) size);
        settle(w);
}

#define SAY(w, text) say(w, text, sizeof(text)) /* with its NUL */

/* What came back, NULs shown as '|'. "EOF" at the end when the server closed. */
static const char *heard(struct world *w) {
        static char text[65536];
        size_t n = 0;
        for (;;) {
                ssize_t r = recv(w->fd, text + n, sizeof text - n - 8, 0);
                if (r < 0)
                        break;
                if (r == 0) {
                        memcpy(text + n, "EOF", 3);
                        n += 3;
                        break;
                }
                n += (size_t) r;
        }
        for (size_t i = 0; i < n; i++)
                if (!text[i])
                        text[i] = '|';
        text[n] = '\0';
        return text;
}

#define T           "org.example.Test."
#define V           "org.varlink.service."
#define ERROR(e, p) "{\"error\":\"" V e "\",\"parameters\":{" p "}}|"

struct row {
        const char *name;
        const char *say; /* '|' stands for NUL */
        const char *hear;
};

static const struct row rows[] = {
        { "a call gets its reply", "{\"method\":\"" T "Echo\",\"parameters\":{\"text\":\"x\"}}|",
          "{\"parameters\":{\"text\":\"x\"}}|" },
        { "no parameters", "{\"method\":\"" T "Echo\"}|", "{\"parameters\":{}}|" },
        { "pipelined calls, in order",
          "{\"method\":\"" T "Echo\",\"parameters\":{\"text\":\"1\"}}|{\"method\":\"" T
          "Echo\",\"parameters\":{\"text\":\"2\"}}|",
          "{\"parameters\":{\"text\":\"1\"}}|{\"parameters\":{\"text\":\"2\"}}|" },
        { "oneway gets none", "{\"method\":\"" T "Echo\",\"oneway\":true}|{\"method\":\"" T "Echo\"}|",
          "{\"parameters\":{}}|" },
        { "oneway gets no error either", "{\"method\":\"" T "Nope\",\"oneway\":true}|{\"method\":\"" T "Echo\"}|",
          "{\"parameters\":{}}|" },
        { "half a frame", "{\"method\":\"" T "Echo\"", "" },
        { "unknown interface", "{\"method\":\"org.example.Other.Echo\"}|",
          ERROR("InterfaceNotFound", "\"interface\":\"org.example.Other\"") },
        { "prefix of an interface", "{\"method\":\"org.example.Echo\"}|",
          ERROR("InterfaceNotFound", "\"interface\":\"org.example\"") },
        { "unknown method", "{\"method\":\"" T "Nope\"}|", ERROR("MethodNotFound", "\"method\":\"" T "Nope\"") },
        { "no handler", "{\"method\":\"" T "Missing\"}|",
          ERROR("MethodNotImplemented", "\"method\":\"" T "Missing\"") },
        { "no dot", "{\"method\":\"Echo\"}|", ERROR("InvalidParameter", "\"parameter\":\"method\"") },
        { "wrong type", "{\"method\":\"" T "Echo\",\"parameters\":{\"text\":1}}|",
          ERROR("InvalidParameter", "\"parameter\":\"text\"") },
        { "unknown parameter", "{\"method\":\"" T "Echo\",\"parameters\":{\"x\":1}}|",
          ERROR("InvalidParameter", "\"parameter\":\"x\"") },
        { "upgrade", "{\"method\":\"" T "Echo\",\"upgrade\":true}|",
          ERROR("InvalidParameter", "\"parameter\":\"upgrade\"") },
        { "stream without more", "{\"method\":\"" T "Stream\"}|", ERROR("ExpectedMore", "") },
        { "more where one reply is all", "{\"method\":\"" T "Echo\",\"more\":true}|", "{\"parameters\":{}}|" },
        { "not JSON", "hello|", "EOF" },
        { "empty frame", "|", "EOF" },
        { "not an object", "[]|", "EOF" },
        { "no method", "{}|", "EOF" },
        { "handler fails", "{\"method\":\"" T "Broken\"}|", "EOF" },
        { "info", "{\"method\":\"" V "GetInfo\"}|",
          "{\"parameters\":{\"vendor\":\"v\",\"product\":\"p\",\"version\":\"1\",\"url\":\"u\",\"interfaces\":"
          "[\"org.varlink.service\",\"org.example.Test\"]}}|" },
        { "description",
          "{\"method\":\"" V "GetInterfaceDescription\",\"parameters\":{\"interface\":\"org.example.Test\"}}|",
          "{\"parameters\":{\"description\":\"interface org.example.Test\\n\"}}|" },
        { "description of nothing",
          "{\"method\":\"" V "GetInterfaceDescription\",\"parameters\":{\"interface\":\"x.y\"}}|",
          ERROR("InterfaceNotFound", "\"interface\":\"x.y\"") },
        { "description without a name", "{\"method\":\"" V "GetInterfaceDescription\"}|",
          ERROR("InvalidParameter", "\"parameter\":\"interface\"") },
};

static void conversations(void **state) {
        (void) state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                void *fresh;
                setup(&fresh);
                size_t size = strlen(rows[i].say);
                char *bytes = strdup(rows[i].say);
                for (size_t k = 0; k < size; k++)
                        if (bytes[k] == '|')
                                bytes[k] = '\0';
                say(fresh, bytes, size);
                free(bytes);
                const char *got = heard(fresh);
                if (strcmp(got, rows[i].hear) != 0)
                        fail_msg("%s:\n got  %s\n want %s", rows[i].name, got, rows[i].hear);
                teardown(&fresh);
        }
}

static void later_calls_wait_their_turn(void **state) {
        struct world *w = *state;
        SAY(w, "{\"method\":\"" T "Later\"}");
        SAY(w, "{\"method\":\"" T "Echo\"}");
        assert_non_null(w->pending);
        assert_string_equal(heard(w), "");
        assert_int_equal(w->calls, 0);

        assert_int_equal(ipc_call_uid(w->pending), getuid());
        assert_int_equal(ipc_call_pid(w->pending), getpid());
        assert_int_equal(ipc_reply(w->pending, json_pack("{s:b}", "late", 1)), 0);
        settle(w);
        assert_string_equal(heard(w), "{\"parameters\":{\"late\":true}}|{\"parameters\":{}}|");
}

static void stream_until_the_last(void **state) {
        struct world *w = *state;
        SAY(w, "{\"method\":\"" T "Stream\",\"more\":true}");
        assert_int_equal(ipc_reply_continues(w->stream, json_pack("{s:i}", "n", 1)), 0);
        assert_int_equal(ipc_reply_continues(w->stream, NULL), 0);
        assert_int_equal(ipc_reply(w->stream, json_pack("{s:i}", "n", 3)), 0);
        settle(w);
        assert_string_equal(heard(w), "{\"parameters\":{\"n\":1},\"continues\":true}|"
                                      "{\"parameters\":{},\"continues\":true}|{\"parameters\":{\"n\":3}}|");
        SAY(w, "{\"method\":\"" T "Echo\"}");
        assert_string_equal(heard(w), "{\"parameters\":{}}|");
        assert_int_equal(w->gone, 0);
}

static void peer_goes_while_a_call_is_pending(void **state) {
        struct world *w = *state;
        SAY(w, "{\"method\":\"" T "Later\"}");
        assert_non_null(w->pending);
        close_p(&w->fd);
        w->fd = -1;
        settle(w);
        assert_int_equal(w->gone, 1);
        assert_int_equal(w->server->n_connections, 0);
}

static void half_closed_peer_still_gets_its_reply(void **state) {
        struct world *w = *state;
        SAY(w, "{\"method\":\"" T "Later\"}");
        assert_int_equal(shutdown(w->fd, SHUT_WR), 0);
        settle(w);
        assert_int_equal(w->gone, 0);
        assert_int_equal(ipc_reply(w->pending, NULL), 0);
        settle(w);
        assert_string_equal(heard(w), "{\"parameters\":{}}|EOF");
        assert_int_equal(w->server->n_connections, 0);
}

static void oneway_and_goodbye_is_still_heard(void **state) {
        struct world *w = *state;
        static const char text[] =
                "{\"method\":\"" T "Echo\",\"oneway\":true}\0{\"method\":\"" T "Echo\",\"oneway\":true}";
        assert_int_equal(send(w->fd, text, sizeof text, MSG_NOSIGNAL), sizeof text);
        close_p(&w->fd);
        w->fd = -1;
        settle(w);
        assert_int_equal(w->calls, 2);
        assert_int_equal(w->server->n_connections, 0);
}

static void slow_reader_is_cut_off(void **state) {
        struct world *w = *state;
        SAY(w, "{\"method\":\"" T "Stream\",\"more\":true}");
        char text[4096];
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        unsigned sent = 0;
        int r = 0;
        while (r == 0 && sent < 10000) {
                r = ipc_reply_continues(w->stream, json_pack("{s:s}", "text", text));
                sent++;
                settle(w);
        }
        assert_int_equal(r, -EPIPE);
        assert_int_equal(w->gone, 1);
        assert_null(w->stream);
        /* Twice what the cap holds covers the socket's own buffer. */
        assert_in_range(sent, IPC_STREAM_MAX / sizeof text, 2 * IPC_STREAM_MAX / sizeof text);
        assert_int_equal(w->server->n_connections, 0);
}

static void reader_that_keeps_up_is_not(void **state) {
        struct world *w = *state;
        SAY(w, "{\"method\":\"" T "Stream\",\"more\":true}");
        char text[4096];
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        for (unsigned i = 0; i < 1000; i++) {
                assert_int_equal(ipc_reply_continues(w->stream, json_pack("{s:s}", "text", text)), 0);
                settle(w);
                char sink[8192];
                while (recv(w->fd, sink, sizeof sink, 0) > 0)
                        ;
        }
        assert_int_equal(w->gone, 0);
}

/* Sends until the server closes; number of bytes that it took, at most limit. */
static size_t pour(struct world *w, size_t limit) {
        char bytes[65536];
        memset(bytes, ' ', sizeof bytes);
        size_t sent = 0;
        while (sent < limit) {
                ssize_t n = send(w->fd, bytes, sizeof bytes, MSG_NOSIGNAL);
                if (n < 0 && errno != EAGAIN)
                        break;
                if (n > 0)
                        sent += (size_t) n;
                settle(w);
        }
        return sent;
}

static void endless_frame_is_cut_off(void **state) {
        struct world *w = *state;
        size_t max = w->server->limits.message_max;
        assert_int_equal(max, IPC_MESSAGE_MAX);
        max = w->server->limits.message_max = 4u << 20; /* sooner */
        size_t sent = pour(w, 4 * max);
        assert_in_range(sent, max, max + 1024 * 1024);
        assert_int_equal(w->server->n_connections, 0);
}

static void an_ordinary_peer_may_send_less(void **state) {
        struct world *w = *state;
        w->server->connections->is_root = false;
        size_t sent = pour(w, 64 * (size_t) IPC_MESSAGE_ORDINARY_MAX);
        assert_in_range(sent, IPC_MESSAGE_ORDINARY_MAX, 16 * IPC_MESSAGE_ORDINARY_MAX);
        assert_int_equal(w->server->n_connections, 0);
}

static void many_calls_without_reading_replies(void **state) {
        struct world *w = *state;
        static const char call[] = "{\"method\":\"" V "GetInfo\"}";
        size_t sent = 0;
        for (unsigned i = 0; i < 200000; i++) {
                ssize_t n = send(w->fd, call, sizeof call, MSG_NOSIGNAL);
                if (n != sizeof call)
                        break;
                sent++;
                if (i % 64 == 0)
                        settle(w);
        }
        /* The server stopped reading instead of piling up replies. */
        assert_in_range(sent, 1, 199999);
        assert_int_equal(w->server->n_connections, 1);
        assert_in_range(w->server->connections->out.n, 1, 4u << 20);
        assert_in_range(w->server->connections->in.allocated, 1, 262144);
}

static void partial_frame_and_undrained_reply_have_deadlines(void **state) {
        struct world *w = *state;
        struct ipc_connection *c = w->server->connections;
        assert_int_equal(c->frame_deadline, 0);
        say(w, "{", 1);
        uint64_t deadline = c->frame_deadline;
        assert_int_not_equal(deadline, 0);
        say(w, "\"", 1);
        assert_int_equal(c->frame_deadline, deadline); /* a byte now and then does not extend it */

        /* The deadline has come: the event loop's own timer closes the connection. */
        assert_true(sd_event_source_set_time(c->timer, 1) >= 0);
        settle(w);
        assert_string_equal(heard(w), "EOF");
        assert_int_equal(w->server->n_connections, 0);
}

static void idle_connection_has_no_deadline(void **state) {
        struct world *w = *state;
        SAY(w, "{\"method\":\"" T "Echo\"}");
        int enabled = 1;
        assert_true(sd_event_source_get_enabled(w->server->connections->timer, &enabled) >= 0);
        assert_int_equal(enabled, SD_EVENT_OFF);
}

static void caps_on_connections(void **state) {
        struct world *w = *state;
        int ends[IPC_CONNECTIONS_PER_UID_MAX + 4];
        unsigned taken = 1; /* the world's own */
        for (size_t i = 0; i < COUNT(ends); i++) {
                int pair[2];
                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
                int r = ipc_server_take(w->server, pair[0]);
                assert_true(r == 0 || r == -EUSERS);
                taken += r == 0;
                ends[i] = pair[1];
        }
        assert_int_equal(taken, IPC_CONNECTIONS_PER_UID_MAX);
        close_p(&ends[0]);
        settle(w);
        assert_int_equal(w->server->n_connections, IPC_CONNECTIONS_PER_UID_MAX - 1);
        for (size_t i = 1; i < COUNT(ends); i++)
                close_p(&ends[i]);
}

static void permissions(void **state) {
        (void) state;
        static const struct ipc_method guarded[] = {
                { .name = "Anyone", .permission = IPC_ANYONE, .call = echo },
                { .name = "Auditor", .permission = IPC_AUDITOR, .call = echo },
                { .name = "Root", .permission = IPC_ROOT, .call = echo },
        };
        static const struct ipc_interface g = { "org.example.Guarded", "", guarded, COUNT(guarded) };
        static const struct {
                bool root, auditor;
                const char *method;
                bool allowed;
        } table[] = {
                { false, false, "Anyone", true }, { false, false, "Auditor", false }, { false, false, "Root", false },
                { false, true, "Anyone", true },  { false, true, "Auditor", true },   { false, true, "Root", false },
                { true, true, "Anyone", true },   { true, true, "Auditor", true },    { true, true, "Root", true },
        };
        for (size_t i = 0; i < COUNT(table); i++) {
                void *fresh;
                setup(&fresh);
                struct world *w = fresh;
                assert_int_equal(ipc_server_add(w->server, &g, w), 0);
                assert_int_equal(ipc_server_add(w->server, &g, w), -EEXIST);
                w->server->connections->is_root = table[i].root;
                w->server->connections->is_auditor = table[i].auditor;
                /* A wrong parameter must not be looked at before the permission is. */
                char call[256];
                int n = snprintf(call, sizeof call, "{\"method\":\"org.example.Guarded.%s\"%s}", table[i].method,
                                 table[i].allowed ? "" : ",\"parameters\":{\"x\":1}");
                say(w, call, (size_t) n + 1);
                assert_string_equal(heard(w),
                                    table[i].allowed ? "{\"parameters\":{}}|" : ERROR("PermissionDenied", ""));
                assert_int_equal(w->calls, table[i].allowed);
                teardown(&fresh);
        }
}

static void server_freed_with_open_calls(void **state) {
        struct world *w = *state;
        SAY(w, "{\"method\":\"" T "Later\"}");
        w->server = ipc_server_free(w->server);
        assert_int_equal(w->gone, 1);
        assert_string_equal(heard(w), "EOF");
}

static void description_is_the_file(void **state) {
        (void) state;
        FILE *f = fopen(VARLINK_FILE, "re");
        assert_non_null(f);
        char text[65536];
        size_t n = fread(text, 1, sizeof text - 1, f);
        fclose(f);
        text[n] = '\0';
        assert_string_equal(ipc_agent_description, text);
        assert_non_null(strstr(text, "interface " AGENT_INTERFACE_NAME "\n"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(conversations),
                TEST(later_calls_wait_their_turn),
                TEST(stream_until_the_last),
                TEST(peer_goes_while_a_call_is_pending),
                TEST(half_closed_peer_still_gets_its_reply),
                TEST(oneway_and_goodbye_is_still_heard),
                TEST(slow_reader_is_cut_off),
                TEST(reader_that_keeps_up_is_not),
                TEST(endless_frame_is_cut_off),
                TEST(an_ordinary_peer_may_send_less),
                TEST(many_calls_without_reading_replies),
                TEST(partial_frame_and_undrained_reply_have_deadlines),
                TEST(idle_connection_has_no_deadline),
                TEST(caps_on_connections),
                cmocka_unit_test(permissions),
                TEST(server_freed_with_open_calls),
                cmocka_unit_test(description_is_the_file),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
