/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sessions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"

#define LOGIND       "org.freedesktop.login1"
#define MANAGER_PATH "/org/freedesktop/login1"
#define MANAGER      LOGIND ".Manager"
#define SESSION      LOGIND ".Session"
#define PROPERTIES   "org.freedesktop.DBus.Properties"
#define RETRY_USEC   UINT64_C(10000000)

struct sessions {
        sd_event *event;
        const struct root *root;
        void (*changed)(void *userdata);
        void *userdata;

        sd_bus *bus;           /* NULL: not connected */
        sd_event_source *soon; /* tells of changes, and connects again */
        bool lost;             /* the connection has to be closed, outside of its own callback */
        bool news;
        struct session_info list[SESSIONS_MAX];
        size_t n;
        bool listed, overflow;
};

size_t sessions_count(const struct sessions *s) {
        return s ? s->n : 0;
}

const struct session_info *sessions_get(const struct sessions *s, size_t i) {
        return &s->list[i];
}

const struct session_info *sessions_find(const struct sessions *s, const char *id) {
        for (size_t i = 0; i < sessions_count(s); i++)
                if (strcmp(s->list[i].id, id) == 0)
                        return &s->list[i];
        return NULL;
}

bool sessions_all_seen(const struct sessions *s) {
        return s && s->listed && !s->overflow;
}

bool session_is_a_screen(const struct session_info *i) {
        return i->user && !i->closing && (*i->seat || i->graphical);
}

static void schedule(struct sessions *s, uint64_t usec) {
        (void) sd_event_source_set_time_relative(s->soon, usec);
        (void) sd_event_source_set_enabled(s->soon, SD_EVENT_ONESHOT);
}

static void note_change(struct sessions *s) {
        s->news = true;
        schedule(s, 0);
}

static void lose(struct sessions *s) {
        s->lost = true;
        schedule(s, 0);
}

/* ---- one session ---- */

/* A value that does not fit is none. */
static int read_text(sd_bus_message *m, const char *type, char *to, size_t size) {
        const char *text = NULL, *path = NULL;
        int r = strcmp(type, "(so)") == 0 ? sd_bus_message_read(m, "v", "(so)", &text, &path)
                                          : sd_bus_message_read(m, "v", "s", &text);
        size_t n = r < 0 ? 0 : strlen(text);
        if (n >= size)
                n = 0;
        if (n > 0)
                memcpy(to, text, n);
        to[n] = '\0';
        return r;
}

static int read_flag(sd_bus_message *m, bool *ret) {
        int flag = 0;
        int r = sd_bus_message_read(m, "v", "b", &flag);
        *ret = flag;
        return r;
}

static int read_number(sd_bus_message *m, const char *key, struct session_info *i) {
        if (strcmp(key, "IdleSinceHintMonotonic") == 0)
                return sd_bus_message_read(m, "v", "t", &i->idle_since);
        if (strcmp(key, "Leader") == 0) {
                uint32_t pid = 0;
                int r = sd_bus_message_read(m, "v", "u", &pid);
                i->leader = (pid_t) pid;
                return r;
        }
        const char *path = NULL;
        return sd_bus_message_read(m, "v", "(uo)", &i->uid, &path);
}

static int read_property(sd_bus_message *m, const char *key, struct session_info *i) {
        char word[16];
        const struct {
                const char *key;
                bool *flag;
        } flags[] = { { "Active", &i->active },
                      { "Remote", &i->remote },
                      { "IdleHint", &i->idle },
                      { "LockedHint", &i->locked } };
        for (size_t k = 0; k < sizeof flags / sizeof *flags; k++)
                if (strcmp(key, flags[k].key) == 0)
                        return read_flag(m, flags[k].flag);
        int r;
        if (strcmp(key, "Id") == 0)
                return read_text(m, "s", i->id, sizeof i->id);
        if (strcmp(key, "TTY") == 0)
                return read_text(m, "s", i->tty, sizeof i->tty);
        if (strcmp(key, "Type") == 0)
                return read_text(m, "s", i->type, sizeof i->type);
        if (strcmp(key, "Seat") == 0)
                return read_text(m, "(so)", i->seat, sizeof i->seat);
        if (strcmp(key, "Class") == 0) {
                r = read_text(m, "s", word, sizeof word);
                i->user = strcmp(word, "user") == 0;
                return r;
        }
        if (strcmp(key, "State") == 0) {
                r = read_text(m, "s", word, sizeof word);
                i->closing = strcmp(word, "closing") == 0;
                return r;
        }
        if (strcmp(key, "User") == 0 || strcmp(key, "Leader") == 0 || strcmp(key, "IdleSinceHintMonotonic") == 0)
                return read_number(m, key, i);
        return sd_bus_message_skip(m, "v");
}

static int read_session(sd_bus_message *m, struct session_info *i) {
        i->uid = (uid_t) -1;
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *key = NULL;
                r = sd_bus_message_read(m, "s", &key);
                if (r >= 0)
                        r = read_property(m, key, i);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        static const char *const graphical[] = { "x11", "wayland", "mir" };
        for (size_t k = 0; k < sizeof graphical / sizeof *graphical; k++)
                i->graphical = i->graphical || strcmp(i->type, graphical[k]) == 0;
        return r < 0 ? r : 0;
}

static int list(struct sessions *s);

/* s->n: it is not there. */
static size_t index_of(const struct sessions *s, const char *path) {
        size_t i = 0;
        while (i < s->n && strcmp(s->list[i].path, path) != 0)
                i++;
        return i;
}

static void forget(struct sessions *s, const char *path) {
        size_t i = index_of(s, path);
        if (i == s->n)
                return;
        s->list[i] = s->list[--s->n];
        note_change(s);
        if (s->overflow && list(s) < 0) /* there is a place for one that was not seen */
                lose(s);
}

static void keep(struct sessions *s, const struct session_info *found) {
        size_t i = index_of(s, found->path);
        if (i == SESSIONS_MAX) {
                s->overflow = true;
                return;
        }
        if (i == s->n)
                s->n++;
        s->list[i] = *found;
        note_change(s);
}

/* The answer to GetAll() does not say of whom; each question carries its path along. */
struct question {
        struct sessions *s;
        char path[128];
};

static int on_session(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const struct question *q = userdata;
        (void) error;
        struct session_info found = { 0 };
        memcpy(found.path, q->path, sizeof found.path);
        if (sd_bus_message_is_method_error(m, SD_BUS_ERROR_NO_REPLY))
                lose(q->s); /* it may be there: all are listed again */
        else if (sd_bus_message_is_method_error(m, NULL))
                forget(q->s, q->path); /* it ended meanwhile */
        else if (read_session(m, &found) == 0 && *found.id)
                keep(q->s, &found);
        return 0;
}

static void ask(struct sessions *s, const char *path) {
        struct question *q = strlen(path) < sizeof q->path ? calloc(1, sizeof *q) : NULL;
        if (!q) {
                s->overflow = true;
                return;
        }
        q->s = s;
        (void) snprintf(q->path, sizeof q->path, "%s", path);
        sd_bus_slot *slot = NULL;
        int r = sd_bus_call_method_async(s->bus, &slot, LOGIND, path, PROPERTIES, "GetAll", on_session, q, "s",
                                         SESSION);
        if (r < 0) {
                free(q);
                lose(s);
                return;
        }
        (void) sd_bus_slot_set_destroy_callback(slot, free);
        (void) sd_bus_slot_set_floating(slot, 1);
        (void) sd_bus_slot_unref(slot);
}

void sessions_refresh(struct sessions *s) {
        for (size_t i = 0; s->bus && i < s->n; i++)
                ask(s, s->list[i].path);
}

/* ---- all of them ---- */

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct sessions *s = userdata;
        (void) error;
        if (sd_bus_message_is_method_error(m, NULL)) {
                lose(s);
                return 0;
        }
        s->listed = true;
        s->overflow = false;
        note_change(s);
        bool there[SESSIONS_MAX] = { false };
        int r = sd_bus_message_enter_container(m, 'a', "(susso)");
        const char *path = NULL;
        while (r >= 0 && (r = sd_bus_message_read(m, "(susso)", NULL, NULL, NULL, NULL, &path)) > 0) {
                size_t i = index_of(s, path);
                if (i < s->n)
                        there[i] = true;
                ask(s, path);
        }
        for (size_t i = s->n; i-- > 0;) /* those that are still there stay as they were known, until they answer */
                if (!there[i])
                        s->list[i] = s->list[--s->n];
        if (r < 0)
                lose(s);
        return 0;
}

static int list(struct sessions *s) {
        return sd_bus_call_method_async(s->bus, NULL, LOGIND, MANAGER_PATH, MANAGER, "ListSessions", on_list, s, "");
}

static int on_new(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *path = NULL;
        (void) error;
        if (sd_bus_message_read(m, "so", NULL, &path) >= 0)
                ask(userdata, path);
        return 0;
}

static int on_removed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *path = NULL;
        (void) error;
        if (sd_bus_message_read(m, "so", NULL, &path) >= 0)
                forget(userdata, path);
        return 0;
}

static int on_properties(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) error;
        ask(userdata, sd_bus_message_get_path(m));
        return 0;
}

/* logind came back: it may number its sessions anew. */
static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct sessions *s = userdata;
        const char *owner = NULL;
        (void) error;
        if (sd_bus_message_read(m, "sss", NULL, NULL, &owner) >= 0 && *owner && list(s) < 0)
                lose(s);
        return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) m;
        (void) error;
        lose(userdata);
        return 0;
}

/* ---- the bus ---- */

static int watch(struct sessions *s) {
        static const struct {
                const char *rule;
                sd_bus_message_handler_t handler;
        } matches[] = {
                { "type='signal',sender='" LOGIND "',interface='" MANAGER "',member='SessionNew'", on_new },
                { "type='signal',sender='" LOGIND "',interface='" MANAGER "',member='SessionRemoved'", on_removed },
                { "type='signal',sender='" LOGIND "',interface='" PROPERTIES
                  "',member='PropertiesChanged',path_namespace='" MANAGER_PATH "/session'",
                  on_properties },
                { "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" LOGIND "'", on_owner },
        };
        int r = sd_bus_match_signal(s->bus, NULL, "org.freedesktop.DBus.Local", NULL, "org.freedesktop.DBus.Local",
                                    "Disconnected", on_disconnected, s);
        for (size_t i = 0; r >= 0 && i < sizeof matches / sizeof *matches; i++)
                r = sd_bus_add_match_async(s->bus, NULL, matches[i].rule, matches[i].handler, NULL, s);
        return r;
}

static void disconnect(struct sessions *s) {
        if (s->bus) {
                (void) sd_bus_detach_event(s->bus);
                s->bus = sd_bus_close_unref(s->bus);
        }
        s->listed = false;
        s->news = s->news || s->n > 0;
        s->n = 0;
}

static void connect_bus(struct sessions *s) {
        int r = bus_open(s->root, &s->bus);
        if (r >= 0)
                r = sd_bus_attach_event(s->bus, s->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = watch(s);
        if (r >= 0)
                r = list(s);
        if (r < 0)
                disconnect(s);
}

static int on_soon(sd_event_source *source, uint64_t usec, void *userdata) {
        struct sessions *s = userdata;
        (void) source;
        (void) usec;
        bool was_lost = s->lost;
        s->lost = false;
        if (was_lost)
                disconnect(s);
        else if (!s->bus)
                connect_bus(s);
        if (!s->bus)
                schedule(s, RETRY_USEC);
        if (s->news) {
                s->news = false;
                s->changed(s->userdata);
        }
        return 0;
}

int sessions_new(sd_event *event, const struct root *root, void (*changed)(void *userdata), void *userdata,
                 struct sessions **ret) {
        struct sessions *s = calloc(1, sizeof *s);
        if (!s)
                return -ENOMEM;
        s->event = sd_event_ref(event);
        s->root = root;
        s->changed = changed;
        s->userdata = userdata;
        int r = sd_event_add_time_relative(event, &s->soon, CLOCK_BOOTTIME, 0, 1000, on_soon, s);
        if (r < 0) {
                (void) sessions_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

struct sessions *sessions_free(struct sessions *s) {
        if (!s)
                return NULL;
        disconnect(s);
        (void) sd_event_source_disable_unref(s->soon);
        (void) sd_event_unref(s->event);
        free(s);
        return NULL;
}

static int request(struct sessions *s, const char *method, const char *id) {
        if (!s->bus)
                return -ENOTCONN;
        int r = sd_bus_call_method_async(s->bus, NULL, LOGIND, MANAGER_PATH, MANAGER, method, NULL, NULL, "s", id);
        return r < 0 ? r : 0;
}

int sessions_lock(struct sessions *s, const char *id) {
        return request(s, "LockSession", id);
}

int sessions_end(struct sessions *s, const char *id) {
        return request(s, "TerminateSession", id);
}
