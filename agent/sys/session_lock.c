/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One round: list the sessions, ask each for its properties, count those of people at a seat that are not locked. None:
 * done. Else ask logind to lock, once, and count again until none is left or time is over. A bus connection lives for
 * one round only: keyboards are plugged in rarely, and the bus may be restarted in between. */
#include "session_lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bus.h"

#define LOGIND        "org.freedesktop.login1"
#define MANAGER_PATH  "/org/freedesktop/login1"
#define MANAGER       LOGIND ".Manager"
#define SESSION       LOGIND ".Session"

#define LOOK_USEC     UINT64_C(100000)  /* between two looks at whether it is locked by now */
#define BUS_WAIT_USEC UINT64_C(3000000) /* for one answer */

struct session_lock {
        sd_event *event;
        const struct root *root;
        void (*done)(int result, void *userdata);
        void *userdata;

        sd_bus *bus; /* NULL: no round now */
        sd_event_source *timer;
        bool may_lock;    /* else only look */
        bool look_next;   /* what the timer is for; else to judge what was seen */
        uint64_t give_up; /* monotonic; 0: logind has not been asked to lock yet */
        unsigned waiting; /* answers that are still to come */
        unsigned open;    /* sessions that are not locked, of those that have answered */
        int error;
};

static uint64_t now_usec(void) {
        struct timespec ts;
        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * UINT64_C(1000000) + (uint64_t) ts.tv_nsec / 1000;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata);

static void end_round(struct session_lock *l) {
        l->timer = sd_event_source_disable_unref(l->timer);
        if (l->bus) {
                (void) sd_bus_detach_event(l->bus);
                l->bus = sd_bus_close_unref(l->bus);
        }
}

/* From the loop, so that the bus is not closed inside its own callback. */
static int schedule(struct session_lock *l, uint64_t usec) {
        l->timer = sd_event_source_disable_unref(l->timer);
        return sd_event_add_time_relative(l->event, &l->timer, CLOCK_MONOTONIC, usec, 1000, on_timer, l);
}

static void fail(struct session_lock *l, int error) {
        if (l->error == 0)
                l->error = error;
        (void) schedule(l, 0);
}

/* {"Class": <"user">, "Seat": <("seat0", path)>, "State": <"active">, "LockedHint": <false>, ...}. A session that is
 * closing was left, and only its processes linger: nothing of it is on a screen. */
static int read_session(sd_bus_message *m, bool *ret_open) {
        bool is_user = false, has_seat = false, locked = false, closing = false;
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *key = NULL, *text = NULL, *path = NULL;
                int flag = 0;
                r = sd_bus_message_read(m, "s", &key);
                if (r < 0)
                        return r;
                if (strcmp(key, "Class") == 0) {
                        r = sd_bus_message_read(m, "v", "s", &text);
                        is_user = r >= 0 && strcmp(text, "user") == 0;
                } else if (strcmp(key, "Seat") == 0) {
                        r = sd_bus_message_read(m, "v", "(so)", &text, &path);
                        has_seat = r >= 0 && *text;
                } else if (strcmp(key, "State") == 0) {
                        r = sd_bus_message_read(m, "v", "s", &text);
                        closing = r >= 0 && strcmp(text, "closing") == 0;
                } else if (strcmp(key, "LockedHint") == 0) {
                        r = sd_bus_message_read(m, "v", "b", &flag);
                        locked = r >= 0 && flag;
                } else
                        r = sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r < 0)
                return r;
        *ret_open = is_user && has_seat && !locked && !closing;
        return 0;
}

/* A session that has ended meanwhile answers with an error: nothing is open there. */
static int on_session(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct session_lock *l = userdata;
        (void) error;
        bool open = false;
        if (!sd_bus_message_is_method_error(m, NULL) && read_session(m, &open) < 0)
                open = true;
        l->open += open;
        if (--l->waiting == 0)
                (void) schedule(l, 0);
        return 0;
}

static int ask_session(struct session_lock *l, const char *path) {
        int r = sd_bus_call_method_async(l->bus, NULL, LOGIND, path, "org.freedesktop.DBus.Properties", "GetAll",
                                         on_session, l, "s", SESSION);
        if (r >= 0)
                l->waiting++;
        return r;
}

static int on_sessions(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct session_lock *l = userdata;
        (void) error;
        if (sd_bus_message_is_method_error(m, NULL)) {
                fail(l, -sd_bus_message_get_errno(m));
                return 0;
        }
        int r = sd_bus_message_enter_container(m, 'a', "(susso)");
        const char *path = NULL;
        while (r >= 0 && (r = sd_bus_message_read(m, "(susso)", NULL, NULL, NULL, NULL, &path)) > 0)
                r = ask_session(l, path);
        if (r < 0)
                fail(l, r);
        else if (l->waiting == 0)
                (void) schedule(l, 0);
        return 0;
}

static int look(struct session_lock *l) {
        l->look_next = false;
        l->waiting = l->open = 0;
        return sd_bus_call_method_async(l->bus, NULL, LOGIND, MANAGER_PATH, MANAGER, "ListSessions", on_sessions, l,
                                        "");
}

/* The answer to LockSessions() says nothing that LockedHint does not. */
static int look_later(struct session_lock *l) {
        l->look_next = true;
        return schedule(l, LOOK_USEC);
}

/* Everything that was asked has been answered. *ret_over: the round is, with this result. */
static int judge(struct session_lock *l, bool *ret_over) {
        *ret_over = l->error < 0 || l->open == 0 || !l->may_lock || (l->give_up != 0 && now_usec() >= l->give_up);
        if (l->error < 0)
                return l->error;
        if (*ret_over)
                return l->open == 0 ? 0 : -ETIMEDOUT;
        if (l->give_up != 0)
                return look_later(l);
        l->give_up = now_usec() + SESSION_LOCK_USEC;
        int r = sd_bus_call_method_async(l->bus, NULL, LOGIND, MANAGER_PATH, MANAGER, "LockSessions", NULL, NULL, "");
        return r < 0 ? r : look_later(l);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        struct session_lock *l = userdata;
        (void) s;
        (void) usec;
        bool over = false;
        int r = l->look_next ? look(l) : judge(l, &over);
        if (r >= 0 && !over)
                return 0;
        end_round(l);
        l->done(r < 0 ? r : 0, l->userdata);
        return 0;
}

int session_lock_ask(struct session_lock *l, bool may_lock) {
        bool running = l->timer || l->bus;
        l->may_lock = may_lock || (running && l->may_lock);
        if (running)
                return 0;
        l->give_up = 0;
        l->look_next = false;
        l->waiting = l->open = 0;
        l->error = 0;
        int r = bus_open(l->root, &l->bus);
        if (r == -ENOENT) /* no bus, so no logind and no session that it knows of */
                return schedule(l, 0);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(l->bus, BUS_WAIT_USEC);
        if (r >= 0)
                r = sd_bus_attach_event(l->bus, l->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = look(l);
        if (r < 0)
                end_round(l);
        return r < 0 ? r : 0;
}

int session_lock_new(sd_event *event, const struct root *root, void (*done)(int result, void *userdata), void *userdata,
                     struct session_lock **ret) {
        struct session_lock *l = calloc(1, sizeof *l);
        if (!l)
                return -ENOMEM;
        l->event = event;
        l->root = root;
        l->done = done;
        l->userdata = userdata;
        *ret = l;
        return 0;
}

struct session_lock *session_lock_free(struct session_lock *l) {
        if (!l)
                return NULL;
        end_round(l);
        free(l);
        return NULL;
}
