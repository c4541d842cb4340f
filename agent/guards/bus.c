/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bus_guard.h"
#include "sys/sysfs.h"

/* udevd may be busy for long after boot; whoever waits for that with a disk in his hand waits in vain. */
#define BOOT_LOOK_USEC UINT64_C(250000)
#define BOOT_USEC      UINT64_C(60000000)

struct bus_subject *bus_find_handle(const struct bus_guard *g, uint64_t handle) {
        for (size_t i = 0; i < g->n_subjects; i++)
                if (g->subjects[i]->handle == handle)
                        return g->subjects[i];
        return NULL;
}

static struct bus_subject *find_door(const struct bus_guard *g, const char *door) {
        for (size_t i = 0; i < g->n_subjects; i++)
                if (strcmp(g->subjects[i]->device.door, door) == 0)
                        return g->subjects[i];
        return NULL;
}

static struct bus_subject *subject_free(struct bus_subject *s) {
        if (!s)
                return NULL;
        bus_device_clear(&s->device);
        free(s);
        return NULL;
}

static void forget(struct bus_guard *g, const struct bus_subject *s) {
        uint64_t handle = s->handle;
        (void) door_mark_remove(g->env.root, s->device.door);
        for (size_t i = 0; i < g->n_subjects; i++)
                if (g->subjects[i]->handle == handle) {
                        (void) subject_free(g->subjects[i]);
                        g->n_subjects--;
                        memmove(&g->subjects[i], &g->subjects[i + 1], (g->n_subjects - i) * sizeof *g->subjects);
                        break;
                }
        g->env.gone(&g->base, handle, g->env.userdata);
}

/* Takes over what *d owns. */
static struct bus_subject *remember(struct bus_guard *g, struct bus_device *d) {
        struct bus_subject **list = reallocarray(g->subjects, g->n_subjects + 1, sizeof *list);
        if (!list)
                return NULL;
        g->subjects = list;
        struct bus_subject *s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        s->handle = ++g->next_handle;
        s->noticed = time_boot_usec(g->env.time);
        s->device = *d;
        d->fd = -1;
        g->subjects[g->n_subjects++] = s;
        return s;
}

static void notice(struct bus_guard *g, const struct bus_subject *s) {
        struct facts facts = { .kind = FACTS_DEVICE, .device = s->device.facts };
        g->env.noticed(&g->base, s->handle, &facts, g->env.userdata);
}

static void look(struct bus_guard *g, const struct bus_kind *kind, const char *name) {
        CLEANUP(bus_device_clear) struct bus_device d = { .fd = -1 };
        if (!bus_name_is_device(kind, name))
                return;
        int r = bus_device_find(g->env.root, kind, name, &d);
        const struct bus_subject *s = find_door(g, d.door);
        if (s && (d.fd < 0 || d.inode != s->device.inode)) {
                forget(g, s);
                s = NULL;
        }
        if (s) {
                notice(g, s);
                return;
        }
        struct door_mark mark = { .at_boot = false };
        if (r < 0 || d.is_usb)
                return;
        bool has_mark = door_mark_read(g->env.root, d.door, d.inode, &mark) == 0;
        if (kind->radio_only && !has_mark && faccessat(d.fd, "bluetooth", F_OK, 0) < 0)
                return;
        if (mark.state == DOOR_MACHINE || bus_device_read(g->env.root, name, &d) < 0)
                return;
        d.facts.present_at_boot = mark.at_boot || kind->radio_only;
        bus_device_hurry(&d, mark.state);
        s = remember(g, &d);
        if (s)
                notice(g, s);
        else
                g->env.trouble(&g->base, "no-memory", name, g->env.userdata);
}

struct scan {
        struct bus_guard *guard;
        const struct bus_kind *kind;
};

static int look_callback(const char *name, void *userdata) {
        const struct scan *s = userdata;
        look(s->guard, s->kind, name);
        return 0;
}

/* Those whose directory is there no more. By door: forgetting tells the agent, which may change the list. */
static void look_for_lost(struct bus_guard *g) {
        for (size_t i = g->n_subjects; i-- > 0;) {
                if (i >= g->n_subjects)
                        continue;
                const struct bus_subject *s = g->subjects[i];
                bool open, may_open;
                if (bus_device_state(&s->device, &open, &may_open) == -ENOENT)
                        forget(g, s);
        }
}

static void check_buses(struct bus_guard *g) {
        int r = bus_shut_early(g->env.root);
        if ((r < 0) == g->open_by_default)
                return;
        g->open_by_default = r < 0;
        g->env.trouble(&g->base, r < 0 ? "buses-open-by-default" : "buses-shut", r < 0 ? strerrordesc_np(-r) : "",
                       g->env.userdata);
}

/* Machine devices before newcomers; and a controller before what hangs on it, so that the record is in order. */
static int bus_resync(struct guard *base) {
        struct bus_guard *g = (struct bus_guard *) base;
        check_buses(g);
        look_for_lost(g);
        for (size_t i = n_bus_kinds; i-- > 0;) {
                struct scan s = { g, &bus_kinds[i] };
                CLEANUP(close_p) int devices = sysfs_open_directory(g->env.root, s.kind->devices);
                int r = devices == -ENOENT ? 0 : devices < 0 ? devices : sysfs_each_name(devices, look_callback, &s);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void on_uevent(enum uevent_kind kind, const char *name, void *userdata) {
        const struct listener *l = userdata;
        struct bus_guard *g = l->guard;
        switch (kind) {
        case UEVENT_LOOK:
                look(g, l->kind, name);
                return;
        case UEVENT_LOST:
                g->env.trouble(&g->base, "events-lost", "", g->env.userdata);
                break;
        case UEVENT_LOOK_AT_ALL:
                break;
        }
        (void) bus_resync(&g->base);
}

static int bus_instance(const struct guard *base, uint64_t handle, char ret[GUARD_INSTANCE_MAX]) {
        const struct bus_subject *s = bus_find_handle((const struct bus_guard *) base, handle);
        if (!s)
                return 1;
        (void) snprintf(ret, GUARD_INSTANCE_MAX, "%.80s %" PRIu64, s->device.door, s->device.inode);
        return 0;
}

/* ---- until the boot is over ---- */

static int on_boot(sd_event_source *source, uint64_t usec, void *userdata) {
        struct bus_guard *g = userdata;
        uint64_t now = time_boot_usec(g->env.time);
        (void) usec;
        int r = bus_first_look(g->env.root);
        bool over = bus_boot_is_over(g->env.root) || now >= g->boot_deadline;
        if (r == 0 && over && doors_keep(g->env.root) == 0)
                return sd_event_source_set_enabled(source, SD_EVENT_OFF);
        r = sd_event_source_set_time(source, now + BOOT_LOOK_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int wait_for_boot(struct bus_guard *g) {
        if (doors_are_kept(g->env.root))
                return 0;
        uint64_t now = time_boot_usec(g->env.time);
        g->boot_deadline = now + BOOT_USEC;
        return sd_event_add_time(g->env.event, &g->boot, CLOCK_BOOTTIME, now + BOOT_LOOK_USEC, 1000, on_boot, g);
}

/* ---- life ---- */

/* Shuts nothing and opens nothing: what comes later finds its bus shut. */
static void bus_stop(struct guard *base) {
        struct bus_guard *g = (struct bus_guard *) base;
        if (!g)
                return;
        for (size_t i = 0; i < BUS_MONITORS_MAX; i++)
                (void) uevent_monitor_free(g->monitors[i]);
        (void) sd_event_source_disable_unref(g->again);
        (void) sd_event_source_disable_unref(g->boot);
        for (size_t i = 0; i < g->n_subjects; i++)
                (void) subject_free(g->subjects[i]);
        free(g->subjects);
        free(g);
}

static void stop_p(struct bus_guard **g) {
        if (*g)
                bus_stop(&(*g)->base);
}

static void listen(struct bus_guard *g, size_t i) {
        g->listeners[i] = (struct listener){ g, &bus_kinds[i] };
        int r = uevent_monitor_new(g->env.event, g->env.root, bus_kinds[i].events, g->env.root->is_machine, on_uevent,
                                   &g->listeners[i], &g->monitors[i]);
        /* A fake machine may not have that bus. */
        if (r < 0 && (g->env.root->is_machine || r != -ENOENT))
                g->env.trouble(&g->base, "no-events", strerrordesc_np(-r), g->env.userdata);
}

static int bus_start(const struct guard_env *env, struct guard **ret) {
        CLEANUP(stop_p) struct bus_guard *g = calloc(1, sizeof *g);
        if (!g)
                return -ENOMEM;
        g->base.ops = &bus_guard_ops;
        g->env = *env;
        int r = bus_enforce_start(g);
        if (r < 0)
                return r;
        /* Listening begins before the look, so that nothing comes in between. */
        for (size_t i = 0; i < n_bus_kinds; i++)
                listen(g, i);
        r = bus_resync(&g->base);
        if (r == 0)
                r = wait_for_boot(g);
        if (r < 0)
                return r;
        *ret = &TAKE_PTR(g)->base;
        return 0;
}

const struct guard_ops bus_guard_ops = {
        .name = "bus",
        .shut_early = bus_shut_early,
        .start = bus_start,
        .apply = bus_apply,
        .resync = bus_resync,
        .instance = bus_instance,
        .stop = bus_stop,
};
