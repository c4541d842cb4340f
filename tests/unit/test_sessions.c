/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Against a logind that is played here, on a bus of one: who is seen, what is asked of whom, and what is heard of it.
 */
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

#include "sys/sessions.h"

#define N(a)      (sizeof(a) / sizeof *(a))

#define ROOT_PATH "/org/freedesktop/login1"

struct played {
        const char *class, *seat, *type, *state;
        bool locked;
};

struct fixture {
        char path[64];
        struct root root;
        sd_event *event;
        int listening;
        sd_event_source *incoming;
        sd_bus *server;
        struct played played[SESSIONS_MAX + 1];
        size_t first, n; /* those before the first are gone */
        char asked[64];
        unsigned changes, hellos;
        struct sessions *sessions;
};

static int on_hello(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct fixture *f = userdata;
        (void) error;
        f->hellos++;
        return sd_bus_reply_method_return(m, "s", ":1.7");
}

static int on_match(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) userdata;
        (void) error;
        return sd_bus_reply_method_return(m, "");
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct fixture *f = userdata;
        (void) error;
        sd_bus_message *reply = NULL;
        assert_true(sd_bus_message_new_method_return(m, &reply) >= 0);
        assert_true(sd_bus_message_open_container(reply, 'a', "(susso)") >= 0);
        for (size_t i = f->first; i < f->n; i++) {
                char path[64];
                (void) snprintf(path, sizeof path, ROOT_PATH "/session/%zu", i);
                assert_true(sd_bus_message_append(reply, "(susso)", "1", 1000u, "staff", "seat0", path) >= 0);
        }
        assert_true(sd_bus_message_close_container(reply) >= 0);
        int r = sd_bus_send(NULL, reply, NULL);
        (void) sd_bus_message_unref(reply);
        return r;
}

static int on_request(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct fixture *f = userdata;
        const char *id = NULL;
        (void) error;
        assert_true(sd_bus_message_read(m, "s", &id) >= 0);
        (void) snprintf(f->asked, sizeof f->asked, "%s %s", sd_bus_message_get_member(m), id);
        return 1;
}

/* The properties of a session, and one that is of no interest. */
static int on_any(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct fixture *f = userdata;
        (void) error;
        if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "GetAll"))
                return 0;
        const char *path = sd_bus_message_get_path(m);
        size_t i = strtoul(strrchr(path, '/') + 1, NULL, 10);
        if (i < f->first || i >= f->n)
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_OBJECT, "gone");
        const struct played *p = &f->played[i];
        char id[24];
        (void) snprintf(id, sizeof id, "c%zu", i);
        return sd_bus_reply_method_return(
                m, "a{sv}", 14, "Id", "s", id, "User", "(uo)", 1000u, "/user", "Class", "s", p->class, "Seat", "(so)",
                p->seat, "/seat", "Type", "s", p->type, "TTY", "s", "tty2", "State", "s", p->state, "Active", "b", 1,
                "Remote", "b", *p->seat == '\0', "LockedHint", "b", (int) p->locked, "IdleHint", "b", 0,
                "IdleSinceHintMonotonic", "t", UINT64_C(17), "Leader", "u", 4711u, "VTNr", "u", 2u);
}

static const sd_bus_vtable bus_table[] = { SD_BUS_VTABLE_START(0),
                                           SD_BUS_METHOD("Hello", "", "s", on_hello, SD_BUS_VTABLE_UNPRIVILEGED),
                                           SD_BUS_METHOD("AddMatch", "s", "", on_match, SD_BUS_VTABLE_UNPRIVILEGED),
                                           SD_BUS_METHOD("RemoveMatch", "s", "", on_match, SD_BUS_VTABLE_UNPRIVILEGED),
                                           SD_BUS_VTABLE_END };
static const sd_bus_vtable manager_table[] = {
        SD_BUS_VTABLE_START(0), SD_BUS_METHOD("ListSessions", "", "a(susso)", on_list, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("LockSession", "s", "", on_request, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("TerminateSession", "s", "", on_request, SD_BUS_VTABLE_UNPRIVILEGED), SD_BUS_VTABLE_END
};

static void hang_up(struct fixture *f) {
        if (!f->server)
                return;
        (void) sd_bus_detach_event(f->server);
        f->server = sd_bus_close_unref(f->server);
}

static int on_connection(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct fixture *f = userdata;
        (void) s;
        (void) revents;
        int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(connection >= 0);
        hang_up(f);
        sd_id128_t id = SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0);
        assert_true(sd_bus_new(&f->server) >= 0);
        assert_true(sd_bus_set_fd(f->server, connection, connection) >= 0);
        assert_true(sd_bus_set_server(f->server, true, id) >= 0);
        assert_true(sd_bus_add_object_vtable(f->server, NULL, "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                             bus_table, f) >= 0);
        assert_true(sd_bus_add_object_vtable(f->server, NULL, ROOT_PATH, "org.freedesktop.login1.Manager",
                                             manager_table, f) >= 0);
        assert_true(sd_bus_add_filter(f->server, NULL, on_any, f) >= 0);
        assert_true(sd_bus_start(f->server) >= 0);
        assert_true(sd_bus_attach_event(f->server, f->event, SD_EVENT_PRIORITY_NORMAL) >= 0);
        return 0;
}

static void on_changed(void *userdata) {
        ((struct fixture *) userdata)->changes++;
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
        (void) snprintf(f->path, sizeof f->path, "/tmp/test_sessions.XXXXXX");
        if (!mkdtemp(f->path) || root_open(f->path, &f->root) < 0 || sd_event_new(&f->event) < 0)
                return -1;
        make_bus(f);
        return sessions_new(f->event, &f->root, on_changed, f, &f->sessions);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void) st;
        (void) flag;
        (void) ftw;
        return remove(path);
}

static int tear_down(void **state) {
        struct fixture *f = *state;
        (void) sessions_free(f->sessions);
        hang_up(f);
        (void) sd_event_source_disable_unref(f->incoming);
        (void) close(f->listening);
        (void) sd_event_unref(f->event);
        root_close(&f->root);
        int r = nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(f);
        return r;
}

static void run_until(struct fixture *f, bool (*there)(const struct fixture *f)) {
        for (int i = 0; i < 1500 && !there(f); i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_true(there(f));
}

static bool all_seen(const struct fixture *f) {
        return sessions_all_seen(f->sessions) && sessions_count(f->sessions) == f->n - f->first && f->changes > 0;
}

static const struct row {
        const char *name;
        struct played played;
        bool user, graphical, closing, screen;
} rows[] = {
        { "a person at the terminal", { "user", "seat0", "x11", "active", false }, true, true, false, true },
        { "a person at the terminal, in text", { "user", "seat0", "tty", "active", false }, true, false, false, true },
        { "wayland, locked", { "user", "seat0", "wayland", "online", true }, true, true, false, true },
        { "a greeter", { "greeter", "seat0", "x11", "active", false }, false, true, false, false },
        { "by ssh", { "user", "", "tty", "active", false }, true, false, false, false },
        { "a remote desktop", { "user", "", "x11", "active", false }, true, true, false, true },
        { "left", { "user", "seat0", "x11", "closing", false }, true, true, true, false },
        { "names that are too long",
          { "user", "seat0", "0123456789abcdefg", "active", false },
          true,
          false,
          false,
          true },
};

static void test_row(void **state) {
        const struct row *row = *state;
        struct fixture *f = NULL;
        assert_int_equal(set_up((void **) &f), 0);
        assert_non_null(f);
        f->played[f->n++] = row->played;
        run_until(f, all_seen);
        const struct session_info *i = sessions_get(f->sessions, 0);
        assert_string_equal(i->id, "c0");
        assert_string_equal(i->seat, row->played.seat);
        assert_int_equal(i->uid, 1000);
        assert_int_equal(i->leader, 4711);
        assert_int_equal(i->idle_since, 17);
        assert_int_equal(i->locked, row->played.locked);
        assert_int_equal(i->user, row->user);
        assert_int_equal(i->graphical, row->graphical);
        assert_int_equal(i->closing, row->closing);
        assert_int_equal(session_is_a_screen(i), row->screen);
        assert_ptr_equal(sessions_find(f->sessions, "c0"), i);
        assert_null(sessions_find(f->sessions, "c1"));
        assert_int_equal(tear_down((void **) &f), 0);
}

static bool was_asked(const struct fixture *f) {
        return *f->asked != '\0';
}

static void test_requests(void **state) {
        struct fixture *f = *state;
        assert_int_equal(sessions_lock(f->sessions, "c0"), -ENOTCONN);
        f->n = 1;
        f->played[0] = rows[0].played;
        run_until(f, all_seen);
        assert_int_equal(sessions_lock(f->sessions, "c0"), 0);
        run_until(f, was_asked);
        assert_string_equal(f->asked, "LockSession c0");
        f->asked[0] = '\0';
        assert_int_equal(sessions_end(f->sessions, "c0"), 0);
        run_until(f, was_asked);
        assert_string_equal(f->asked, "TerminateSession c0");
}

static bool is_locked(const struct fixture *f) {
        const struct session_info *i = sessions_find(f->sessions, "c0");
        return i && i->locked;
}

static void test_refresh(void **state) {
        struct fixture *f = *state;
        f->n = 1;
        f->played[0] = rows[0].played;
        run_until(f, all_seen);
        f->played[0].locked = true;
        sessions_refresh(f->sessions);
        run_until(f, is_locked);
        f->n = 0; /* it ended, and nobody said so */
        sessions_refresh(f->sessions);
        run_until(f, all_seen);
}

static bool is_crowded(const struct fixture *f) {
        return sessions_count(f->sessions) == SESSIONS_MAX && !sessions_all_seen(f->sessions);
}

/* One more than there are places for: the first that goes makes room for it. */
static void test_crowd(void **state) {
        struct fixture *f = *state;
        f->n = SESSIONS_MAX + 1;
        for (size_t i = 0; i < f->n; i++)
                f->played[i] = rows[0].played;
        run_until(f, is_crowded);
        f->first = 1;
        sessions_refresh(f->sessions);
        run_until(f, all_seen);
        assert_non_null(sessions_find(f->sessions, "c64"));
}

static bool nobody(const struct fixture *f) {
        return sessions_count(f->sessions) == 0 && !sessions_all_seen(f->sessions);
}

static void test_hangs_up(void **state) {
        struct fixture *f = *state;
        f->n = 1;
        f->played[0] = rows[0].played;
        run_until(f, all_seen);
        hang_up(f);
        run_until(f, nobody);
        run_until(f, all_seen); /* it is tried again */
        assert_int_equal(f->hellos, 2);
}

int main(void) {
        struct CMUnitTest tests[N(rows) + 4];
        size_t n = 0;
        for (size_t i = 0; i < N(rows); i++)
                tests[n++] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_requests, set_up, tear_down);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_refresh, set_up, tear_down);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_crowd, set_up, tear_down);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_hangs_up, set_up, tear_down);
        return cmocka_run_group_tests_name("sessions", tests, NULL, NULL);
}
