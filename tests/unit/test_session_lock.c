/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Against a logind that is played here, on a bus of one: what is open, what locks, what never does. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/session_lock.h"

#define N(a) (sizeof(a) / sizeof *(a))

struct session {
        const char *class, *seat;
        bool locked, obeys; /* LockSessions() makes it set LockedHint */
        bool closing;
};

struct fixture {
        char path[64];
        struct root root;
        sd_event *event;
        int listening;
        sd_event_source *incoming;
        sd_bus *server;
        struct session sessions[3];
        size_t n;
        bool broken; /* logind answers nothing but errors */
        unsigned asked_to_lock;
        struct session_lock *lock;
        unsigned n_done;
        int result;
};

static int on_hello(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) userdata;
        (void) error;
        return sd_bus_reply_method_return(m, "s", ":1.7");
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct fixture *f = userdata;
        if (f->broken)
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "no");
        sd_bus_message *reply = NULL;
        assert_true(sd_bus_message_new_method_return(m, &reply) >= 0);
        assert_true(sd_bus_message_open_container(reply, 'a', "(susso)") >= 0);
        for (size_t i = 0; i < f->n; i++) {
                char path[32];
                (void) snprintf(path, sizeof path, "/s%zu", i);
                assert_true(sd_bus_message_append(reply, "(susso)", "1", 1000u, "staff", "seat0", path) >= 0);
        }
        assert_true(sd_bus_message_close_container(reply) >= 0);
        int r = sd_bus_send(NULL, reply, NULL);
        (void) sd_bus_message_unref(reply);
        return r;
}

static int on_lock(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct fixture *f = userdata;
        (void) error;
        f->asked_to_lock++;
        for (size_t i = 0; i < f->n; i++)
                f->sessions[i].locked = f->sessions[i].locked || f->sessions[i].obeys;
        return sd_bus_reply_method_return(m, "");
}

static int on_get_all(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct fixture *f = userdata;
        (void) error;
        size_t i = (size_t) (sd_bus_message_get_path(m)[2] - '0');
        assert_true(i < f->n);
        const struct session *s = &f->sessions[i];
        return sd_bus_reply_method_return(m, "a{sv}", 5, "Class", "s", s->class, "VTNr", "u", 7u, "Seat", "(so)",
                                          s->seat, "/seat", "State", "s", s->closing ? "closing" : "active",
                                          "LockedHint", "b", s->locked);
}

static const sd_bus_vtable hello_table[] = { SD_BUS_VTABLE_START(0),
                                             SD_BUS_METHOD("Hello", "", "s", on_hello, SD_BUS_VTABLE_UNPRIVILEGED),
                                             SD_BUS_VTABLE_END };
static const sd_bus_vtable manager_table[] = {
        SD_BUS_VTABLE_START(0), SD_BUS_METHOD("ListSessions", "", "a(susso)", on_list, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("LockSessions", "", "", on_lock, SD_BUS_VTABLE_UNPRIVILEGED), SD_BUS_VTABLE_END
};

/* The properties of a session, as sd-bus' own table would not let the test be anything else than right. */
static int on_any(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "GetAll"))
                return on_get_all(m, userdata, error);
        return 0;
}

static int on_connection(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct fixture *f = userdata;
        (void) s;
        (void) revents;
        int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(connection >= 0);
        if (f->server) {
                (void) sd_bus_detach_event(f->server);
                (void) sd_bus_close_unref(f->server);
        }
        sd_id128_t id = SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0);
        assert_true(sd_bus_new(&f->server) >= 0);
        assert_true(sd_bus_set_fd(f->server, connection, connection) >= 0);
        assert_true(sd_bus_set_server(f->server, true, id) >= 0);
        assert_true(sd_bus_add_object_vtable(f->server, NULL, "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                             hello_table, f) >= 0);
        assert_true(sd_bus_add_object_vtable(f->server, NULL, "/org/freedesktop/login1",
                                             "org.freedesktop.login1.Manager", manager_table, f) >= 0);
        assert_true(sd_bus_add_filter(f->server, NULL, on_any, f) >= 0);
        assert_true(sd_bus_start(f->server) >= 0);
        assert_true(sd_bus_attach_event(f->server, f->event, SD_EVENT_PRIORITY_NORMAL) >= 0);
        return 0;
}

static void on_done(int result, void *userdata) {
        struct fixture *f = userdata;
        f->n_done++;
        f->result = result;
}

static void make_bus(struct fixture *f) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        assert_int_equal(root_mkdirs(&f->root, "run/dbus", 0700), 0);
        (void) snprintf(address.sun_path, sizeof address.sun_path, "%s/run/dbus/system_bus_socket", f->path);
        f->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(f->listening >= 0);
        assert_int_equal(bind(f->listening, (struct sockaddr *) &address, sizeof address), 0);
        assert_int_equal(listen(f->listening, 4), 0);
        assert_true(sd_event_add_io(f->event, &f->incoming, f->listening, EPOLLIN, on_connection, f) >= 0);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof *f);
        if (!f)
                return -1;
        *state = f;
        f->listening = -1;
        (void) snprintf(f->path, sizeof f->path, "/tmp/test_session_lock.XXXXXX");
        if (!mkdtemp(f->path) || root_open(f->path, &f->root) < 0 || sd_event_new(&f->event) < 0)
                return -1;
        return session_lock_new(f->event, &f->root, on_done, f, &f->lock);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void) st;
        (void) flag;
        (void) ftw;
        return remove(path);
}

static int tear_down(void **state) {
        struct fixture *f = *state;
        (void) session_lock_free(f->lock);
        if (f->server) {
                (void) sd_bus_detach_event(f->server);
                (void) sd_bus_close_unref(f->server);
        }
        (void) sd_event_source_disable_unref(f->incoming);
        if (f->listening >= 0)
                (void) close(f->listening);
        (void) sd_event_unref(f->event);
        root_close(&f->root);
        int r = nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(f);
        return r;
}

static void run(struct fixture *f, unsigned n_done) {
        for (int i = 0; i < 2000 && f->n_done < n_done; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_int_equal(f->n_done, n_done);
}

static const struct row {
        const char *name;
        struct session sessions[3];
        size_t n;
        bool may_lock, broken;
        int result;
        unsigned asked_to_lock;
} rows[] = {
        { "nobody is logged in", { { 0 } }, 0, true, false, 0, 0 },
        { "a greeter", { { "greeter", "seat0", false, false, false } }, 1, true, false, 0, 0 },
        { "by ssh only", { { "user", "", false, false, false } }, 1, true, false, 0, 0 },
        { "locked already", { { "user", "seat0", true, false, false } }, 1, true, false, 0, 0 },
        { "left, but something of it runs on", { { "user", "seat0", false, false, true } }, 1, true, false, 0, 0 },
        { "left, but something of it runs on", { { "user", "seat0", false, false, true } }, 1, true, false, 0, 0 },
        { "open, and locks", { { "user", "seat0", false, true, false } }, 1, true, false, 0, 1 },
        { "two, and both lock",
          { { "user", "seat0", false, true, false },
            { "user", "seat1", false, true, false },
            { "user", "", false, false, false } },
          3,
          true,
          false,
          0,
          1 },
        { "open, and only looked at", { { "user", "seat0", false, true, false } }, 1, false, false, -ETIMEDOUT, 0 },
        { "locked, and only looked at", { { "user", "seat0", true, true, false } }, 1, false, false, 0, 0 },
        { "one of two never locks",
          { { "user", "seat0", false, true, false }, { "user", "seat0", false, false, false } },
          2,
          true,
          false,
          -ETIMEDOUT,
          1 },
        { "logind refuses", { { "user", "seat0", false, true, false } }, 1, true, true, -EACCES, 0 },
};

static void test_row(void **state) {
        const struct row *row = *state;
        struct fixture *f = NULL;
        assert_int_equal(set_up((void **) &f), 0);
        make_bus(f);
        memcpy(f->sessions, row->sessions, sizeof f->sessions);
        f->n = row->n;
        f->broken = row->broken;
        assert_int_equal(session_lock_ask(f->lock, row->may_lock), 0);
        assert_int_equal(session_lock_ask(f->lock, false), 0); /* one round at a time */
        assert_int_equal(f->n_done, 0);                        /* never from inside the call */
        run(f, 1);
        assert_int_equal(f->result, row->result);
        assert_int_equal(f->asked_to_lock, row->asked_to_lock);
        assert_int_equal(tear_down((void **) &f), 0);
}

static void test_no_bus(void **state) {
        struct fixture *f = *state;
        assert_int_equal(session_lock_ask(f->lock, true), 0);
        run(f, 1);
        assert_int_equal(f->result, 0); /* nobody can be logged in */
}

static void test_again(void **state) {
        struct fixture *f = *state;
        make_bus(f);
        f->n = 1;
        f->sessions[0] = (struct session){ "user", "seat0", false, false, false };
        assert_int_equal(session_lock_ask(f->lock, false), 0);
        run(f, 1);
        assert_int_equal(f->result, -ETIMEDOUT);
        f->sessions[0].locked = true; /* by hand */
        assert_int_equal(session_lock_ask(f->lock, false), 0);
        run(f, 2);
        assert_int_equal(f->result, 0);
}

int main(void) {
        struct CMUnitTest tests[N(rows) + 2];
        size_t n = 0;
        for (size_t i = 0; i < N(rows); i++)
                tests[n++] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_no_bus, set_up, tear_down);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_again, set_up, tear_down);
        return cmocka_run_group_tests_name("session_lock", tests, NULL, NULL);
}
