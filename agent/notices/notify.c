/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "front.h"

#define NAME        "org.freedesktop.Notifications"
#define PATH        "/org/freedesktop/Notifications"
#define RETRY_USEC  UINT64_C(5000000)
#define EXPIRE_MSEC 20000 /* long enough to be read */

struct notify {
        sd_event *event;
        const struct notify_events *events;
        sd_bus *bus;
        sd_event_source *retry;
        bool lost; /* the connection has to be closed, outside of its own callback */
        bool ready, markup;
        uint32_t ids[NOTICE_SLOTS_ALL]; /* 0: none is shown */
};

static void forget_ids(struct notify *n) {
        memset(n->ids, 0, sizeof n->ids);
}

static void schedule(struct notify *n, uint64_t usec) {
        (void) sd_event_source_set_time_relative(n->retry, usec);
        (void) sd_event_source_set_enabled(n->retry, SD_EVENT_ONESHOT);
}

static void lose(struct notify *n) {
        n->ready = false;
        n->lost = true;
        schedule(n, 0);
}

static int on_capabilities(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct notify *n = userdata;
        const char *word = NULL;
        (void) error;
        if (sd_bus_message_is_method_error(m, NULL)) {
                schedule(n, RETRY_USEC);
                return 0;
        }
        n->markup = false;
        int r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &word)) > 0)
                n->markup = n->markup || strcmp(word, "body-markup") == 0;
        n->ready = true;
        n->events->ready(n->events->userdata);
        return 0;
}

static void ask_capabilities(struct notify *n) {
        if (sd_bus_call_method_async(n->bus, NULL, NAME, PATH, NAME, "GetCapabilities", on_capabilities, n, "") < 0)
                lose(n);
}

/* Another daemon numbers anew, and may read other markup. */
static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct notify *n = userdata;
        const char *owner = NULL;
        (void) error;
        if (sd_bus_message_read(m, "sss", NULL, NULL, &owner) < 0)
                return 0;
        forget_ids(n);
        n->ready = false;
        if (*owner)
                ask_capabilities(n);
        else
                schedule(n, RETRY_USEC); /* it may be one that is started when it is asked */
        return 0;
}

static int on_closed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct notify *n = userdata;
        uint32_t id = 0, reason = 0;
        (void) error;
        if (sd_bus_message_read(m, "uu", &id, &reason) < 0 || id == 0)
                return 0;
        for (unsigned i = 0; i < NOTICE_SLOTS_ALL; i++)
                if (n->ids[i] == id) {
                        n->ids[i] = 0;
                        n->events->dismissed(i, n->events->userdata);
                }
        return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) m;
        (void) error;
        lose(userdata);
        return 0;
}

static int watch(struct notify *n) {
        int r = sd_bus_match_signal(n->bus, NULL, "org.freedesktop.DBus.Local", NULL, "org.freedesktop.DBus.Local",
                                    "Disconnected", on_disconnected, n);
        if (r >= 0)
                r = sd_bus_match_signal_async(n->bus, NULL, NAME, PATH, NAME, "NotificationClosed", on_closed, NULL, n);
        if (r >= 0)
                r = sd_bus_add_match_async(n->bus, NULL,
                                           "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
                                           "arg0='" NAME "'",
                                           on_owner, NULL, n);
        return r;
}

static void disconnect(struct notify *n) {
        n->ready = false;
        forget_ids(n);
        if (n->bus) {
                (void) sd_bus_detach_event(n->bus);
                n->bus = sd_bus_close_unref(n->bus);
        }
}

static void connect_bus(struct notify *n) {
        int r = sd_bus_open_user(&n->bus);
        if (r >= 0)
                r = sd_bus_attach_event(n->bus, n->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = watch(n);
        if (r < 0) {
                disconnect(n);
                schedule(n, RETRY_USEC);
                return;
        }
        ask_capabilities(n);
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata) {
        struct notify *n = userdata;
        (void) s;
        (void) usec;
        if (n->lost) {
                n->lost = false;
                disconnect(n);
                schedule(n, RETRY_USEC);
        } else if (!n->bus)
                connect_bus(n);
        else if (!n->ready)
                ask_capabilities(n);
        return 0;
}

int notify_new(sd_event *event, const struct notify_events *events, struct notify **ret) {
        struct notify *n = calloc(1, sizeof *n);
        if (!n)
                return -ENOMEM;
        n->event = sd_event_ref(event);
        n->events = events;
        int r = sd_event_add_time_relative(event, &n->retry, CLOCK_MONOTONIC, 0, 1000, on_retry, n);
        if (r < 0) {
                (void) notify_free(n);
                return r;
        }
        *ret = n;
        return 0;
}

struct notify *notify_free(struct notify *n) {
        if (!n)
                return NULL;
        disconnect(n);
        (void) sd_event_source_disable_unref(n->retry);
        (void) sd_event_unref(n->event);
        free(n);
        return NULL;
}

bool notify_is_ready(const struct notify *n, bool *ret_markup) {
        *ret_markup = n->markup;
        return n->ready;
}

/* ---- showing ---- */

struct showing {
        struct notify *n;
        unsigned slot;
};

static int on_shown(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const struct showing *s = userdata;
        uint32_t id = 0;
        (void) error;
        if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "u", &id) >= 0)
                s->n->ids[s->slot] = id;
        else
                s->n->events->lost(s->slot, s->n->events->userdata);
        return 0;
}

/* a{sv} */
static int append_hints(sd_bus_message *m, const struct notice *notice) {
        static const char *const categories[NOTICE_KIND_MAX] = { [NOTICE_DEVICE] = "device.error",
                                                                 [NOTICE_NETWORK] = "network.error",
                                                                 [NOTICE_CLIPBOARD] = "transfer.error",
                                                                 [NOTICE_PERMIT] = "device",
                                                                 [NOTICE_SCREEN] = "device.error" };
        return sd_bus_message_append(m, "a{sv}", 2, "urgency", "y", (int) notice->urgency, "category", "s",
                                     categories[notice->kind]);
}

static int compose(struct notify *n, const struct notice *notice, sd_bus_message **ret) {
        sd_bus_message *m = NULL;
        uint32_t replaces = notice->again ? n->ids[notice->slot] : 0;
        int r = sd_bus_message_new_method_call(n->bus, &m, NAME, PATH, NAME, "Notify");
        if (r >= 0)
                r = sd_bus_message_append(m, "susssas", "Sekisho", replaces, "dialog-warning", notice->title,
                                          notice->body, 0);
        if (r >= 0)
                r = append_hints(m, notice);
        if (r >= 0)
                r = sd_bus_message_append(m, "i", notice->urgency == NOTICE_CRITICAL ? 0 : EXPIRE_MSEC);
        if (r < 0) {
                (void) sd_bus_message_unref(m);
                return r;
        }
        *ret = m;
        return 0;
}

int notify_show(struct notify *n, const struct notice *notice) {
        if (!n->ready)
                return -ENOTCONN;
        struct showing *s = calloc(1, sizeof *s);
        if (!s)
                return -ENOMEM;
        *s = (struct showing){ n, notice->slot };
        sd_bus_message *m = NULL;
        sd_bus_slot *slot = NULL;
        int r = compose(n, notice, &m);
        if (r >= 0)
                r = sd_bus_call_async(n->bus, &slot, m, on_shown, s, 0);
        (void) sd_bus_message_unref(m);
        if (r < 0) {
                free(s);
                return r;
        }
        (void) sd_bus_slot_set_destroy_callback(slot, free);
        (void) sd_bus_slot_set_floating(slot, 1);
        (void) sd_bus_slot_unref(slot);
        return 0;
}
