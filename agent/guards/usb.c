/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usb.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/sysfs.h"
#include "sys/uevent.h"
#include "sys/worker.h"
#include "usb_boot.h"
#include "usb_device.h"
#include "usb_ports.h"

/* A device that is being built: looked at again after 20 ms, 40 ms ... 1 s; then it is judged by what there is. */
#define WAIT_FIRST_USEC UINT64_C(20000)
#define WAIT_LAST_USEC  UINT64_C(1000000)
#define WAIT_TRIES      12u

/* What hangs on a hub that was there at boot, and that we have just opened, was there at boot too. */
#define BOOT_GRACE_USEC UINT64_C(5000000)

/* After a worker was lost to a device the next one is risked later and later. */
#define STUCK_FIRST_USEC  UINT64_C(30000000)
#define STUCK_DOUBLES_MAX 6u

struct subject {
        uint64_t handle;
        struct usb_device device;
        uint64_t noticed; /* boot clock */
        uint64_t opened;  /* boot clock; 0: not by us */
        bool wanted;      /* the door should be open */
        bool settled;     /* and the kernel has confirmed it since */
        bool busy;        /* a worker is at it */
        bool attempting;  /* what that worker was told */
        bool twice_read;  /* the second reader has been asked */
        unsigned stuck;
        uint64_t not_before;
};

struct waiting {
        char name[USB_NAME_MAX];
        unsigned tries;
        uint64_t due;
        bool at_boot;
};

struct usb_guard {
        struct guard base;
        struct guard_env env;
        struct subject **subjects; /* by pointer: they are held while callbacks run */
        size_t n_subjects;
        struct waiting *waiting;
        size_t n_waiting;
        uint64_t next_handle;
        struct uevent_monitor *monitor;
        sd_event_source *again;
        struct usb_boot boot;
        bool ports_open; /* as last told */
};

static void look(struct usb_guard *g, const char *name, bool at_boot);

/* ---- ports: what arrives, arrives shut ---- */

static void check_ports(struct usb_guard *g) {
        int r = usb_ports_shut(g->env.root);
        if ((r < 0) == g->ports_open)
                return;
        g->ports_open = r < 0;
        g->env.trouble(&g->base, r < 0 ? "ports-open-by-default" : "ports-shut", r < 0 ? strerrordesc_np(-r) : "",
                       g->env.userdata);
}

/* ---- subjects ---- */

static struct subject *find_handle(const struct usb_guard *g, uint64_t handle) {
        for (size_t i = 0; i < g->n_subjects; i++)
                if (g->subjects[i]->handle == handle)
                        return g->subjects[i];
        return NULL;
}

static struct subject *find_name(const struct usb_guard *g, const char *name) {
        for (size_t i = 0; i < g->n_subjects; i++)
                if (strcmp(g->subjects[i]->device.name, name) == 0)
                        return g->subjects[i];
        return NULL;
}

static struct subject *subject_free(struct subject *s) {
        if (!s)
                return NULL;
        usb_device_clear(&s->device);
        free(s);
        return NULL;
}

/* Its job, if one is running, is forgotten with it: done() will not find the handle. */
static void forget(struct usb_guard *g, const struct subject *s) {
        uint64_t handle = s->handle;
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
static struct subject *remember(struct usb_guard *g, struct usb_device *d) {
        struct subject **list = reallocarray(g->subjects, g->n_subjects + 1, sizeof *list);
        if (!list)
                return NULL;
        g->subjects = list;
        struct subject *s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        s->handle = ++g->next_handle;
        s->noticed = time_boot_usec(g->env.time);
        s->device = *d;
        d->fd = -1;
        g->subjects[g->n_subjects++] = s;
        return s;
}

static bool came_with_hub(const struct usb_guard *g, const char *name) {
        char parent[USB_NAME_MAX];
        if (!usb_name_parent(name, parent))
                return false;
        const struct subject *hub = find_name(g, parent);
        return hub && hub->device.facts.present_at_boot && hub->opened != 0 &&
               time_boot_usec(g->env.time) - hub->opened < BOOT_GRACE_USEC;
}

static void judge_present_at_boot(struct usb_guard *g, struct usb_device *d, bool at_boot) {
        if (!at_boot && !usb_boot_has(&g->boot, d) && !came_with_hub(g, d->name))
                return;
        d->facts.present_at_boot = true;
        /* No memory: the next agent takes it for a newcomer, which is the safe side. */
        (void) usb_boot_add(&g->boot, d);
}

static void notice(struct usb_guard *g, const struct subject *s) {
        struct facts facts = { .kind = FACTS_DEVICE, .device = s->device.facts };
        g->env.noticed(&g->base, s->handle, &facts, g->env.userdata);
}

/* ---- devices that are not complete yet ---- */

static void set_alarm(struct usb_guard *g) {
        uint64_t due = UINT64_MAX;
        for (size_t i = 0; i < g->n_waiting; i++)
                if (g->waiting[i].due < due)
                        due = g->waiting[i].due;
        if (due == UINT64_MAX)
                (void) sd_event_source_set_enabled(g->again, SD_EVENT_OFF);
        else {
                (void) sd_event_source_set_time(g->again, due);
                (void) sd_event_source_set_enabled(g->again, SD_EVENT_ONESHOT);
        }
}

static struct waiting *find_waiting(const struct usb_guard *g, const char *name) {
        for (size_t i = 0; i < g->n_waiting; i++)
                if (strcmp(g->waiting[i].name, name) == 0)
                        return &g->waiting[i];
        return NULL;
}

static bool stop_waiting(struct usb_guard *g, const char *name) {
        struct waiting *w = find_waiting(g, name);
        if (!w)
                return false;
        bool at_boot = w->at_boot;
        *w = g->waiting[--g->n_waiting];
        set_alarm(g);
        return at_boot;
}

/* False when it has been waited for long enough. */
static bool wait_for(struct usb_guard *g, const char *name, bool at_boot) {
        struct waiting *w = find_waiting(g, name);
        if (!w) {
                struct waiting *list = reallocarray(g->waiting, g->n_waiting + 1, sizeof *list);
                if (!list)
                        return false;
                g->waiting = list;
                w = &list[g->n_waiting++];
                *w = (struct waiting){ .at_boot = at_boot };
                (void) snprintf(w->name, sizeof w->name, "%s", name);
        }
        if (w->tries >= WAIT_TRIES)
                return false;

        uint64_t now = time_boot_usec(g->env.time);
        if (w->due > now)
                return true; /* already to be looked at */
        uint64_t delay = WAIT_FIRST_USEC << w->tries++;
        w->due = now + (delay < WAIT_LAST_USEC ? delay : WAIT_LAST_USEC);
        set_alarm(g);
        return true;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata) {
        struct usb_guard *g = userdata;
        (void) source;
        (void) usec;

        uint64_t now = time_boot_usec(g->env.time);
        size_t n = g->n_waiting;
        for (size_t i = 0; i < n; i++) {
                if (i >= g->n_waiting || g->waiting[i].due > now)
                        continue;
                char name[USB_NAME_MAX];
                memcpy(name, g->waiting[i].name, sizeof name);
                look(g, name, false);
        }
        set_alarm(g); /* what a removal has moved under our hands is due still */
        return 0;
}

/* ---- looking ---- */

static void look_at_known(struct usb_guard *g, struct subject *s, struct usb_device *d) {
        int fd = s->device.fd;
        s->device.fd = d->fd;
        d->fd = fd;
        notice(g, s);
}

static void look_at_new(struct usb_guard *g, struct usb_device *d, bool at_boot) {
        if (d->facts.is_root_hub)
                check_ports(g); /* a controller has come, perhaps with its ports open */
        judge_present_at_boot(g, d, at_boot);
        const struct subject *s = remember(g, d);
        if (s)
                notice(g, s);
        else
                g->env.trouble(&g->base, "no-memory", d->name, g->env.userdata);
}

/* Given up on: judged by what there is, as a device that does not hold together. */
static void give_up_waiting(struct usb_guard *g, struct usb_device *d) {
        (void) stop_waiting(g, d->name);
        d->facts.descriptors_valid = false;
        g->env.trouble(&g->base, "facts-unreadable", d->name, g->env.userdata);
        look_at_new(g, d, false);
}

static void look(struct usb_guard *g, const char *name, bool at_boot) {
        CLEANUP(usb_device_clear) struct usb_device d;
        int r = usb_device_look(g->env.root, name, &d);
        struct subject *known = find_name(g, name);

        if (r < 0 && d.fd < 0) {
                (void) stop_waiting(g, name);
                if (known)
                        forget(g, known);
                return;
        }
        if (r == 0 && known && usb_identity_same(&known->device.identity, &d.identity)) {
                (void) stop_waiting(g, name);
                look_at_known(g, known, &d);
                return;
        }
        if (known) {
                /* While it is torn down its files go one by one; a subject that was given up on stays what it is. */
                if (r < 0 && known->device.identity.inode == d.identity.inode) {
                        notice(g, known);
                        return;
                }
                forget(g, known);
        }

        if (r == 0)
                r = usb_device_read_strings(&d);
        if (r < 0) {
                if (!wait_for(g, name, at_boot))
                        give_up_waiting(g, &d);
                return;
        }
        at_boot = stop_waiting(g, name) || at_boot;
        look_at_new(g, &d, at_boot);
}

static int look_callback(const char *name, void *userdata) {
        struct usb_guard *g = userdata;
        if (usb_name_is_device(name))
                look(g, name, g->boot.first_scan);
        return 0;
}

/* Parents come before their children: "usb1" is looked at first by a pass of its own, "1-2" sorts before "1-2.3". */
static int look_at_root_hub(const char *name, void *userdata) {
        return name[0] == 'u' ? look_callback(name, userdata) : 0;
}

static int look_at_other(const char *name, void *userdata) {
        return name[0] != 'u' ? look_callback(name, userdata) : 0;
}

/* Those whose directory is there no more. */
static void look_for_lost(struct usb_guard *g, int directory) {
        for (size_t i = g->n_subjects; i-- > 0;) {
                if (i >= g->n_subjects || faccessat(directory, g->subjects[i]->device.name, F_OK, 0) == 0)
                        continue;
                char name[USB_NAME_MAX]; /* its owner is about to be freed */
                memcpy(name, g->subjects[i]->device.name, sizeof name);
                look(g, name, false);
        }
}

static int usb_resync(struct guard *base) {
        struct usb_guard *g = (struct usb_guard *) base;
        check_ports(g);

        CLEANUP(close_p) int directory = sysfs_open_directory(g->env.root, USB_DEVICES);
        if (directory < 0 && directory != -ENOENT)
                return directory;
        if (directory < 0) {
                while (g->n_subjects > 0)
                        forget(g, g->subjects[g->n_subjects - 1]);
                return 0;
        }
        look_for_lost(g, directory);
        int r = sysfs_each_name(directory, look_at_root_hub, g);
        if (r == 0)
                r = sysfs_each_name(directory, look_at_other, g);
        return r;
}

static void on_uevent(enum uevent_kind kind, const char *name, void *userdata) {
        struct usb_guard *g = userdata;
        switch (kind) {
        case UEVENT_LOOK:
                if (usb_name_is_device(name)) {
                        look(g, name, false);
                        (void) usb_boot_save(g->env.root, &g->boot);
                }
                return;
        case UEVENT_LOST:
                g->env.trouble(&g->base, "events-lost", "", g->env.userdata);
                break;
        case UEVENT_LOOK_AT_ALL:
                break;
        }
        (void) usb_resync(&g->base);
        (void) usb_boot_save(g->env.root, &g->boot);
}

/* ---- enforcing ---- */

static void report(struct usb_guard *g, struct subject *s, enum effect_result result, int error) {
        struct usb_state state = { .authorized = false };
        int r = usb_device_state(&s->device, &state);
        struct effect e = {
                .result = result,
                .error = error,
                /* Unknown counts as what would be wrong. An interface without authorisation is open as well: its driver
                 * is still bound. */
                .open = r < 0 ? !s->wanted : state.authorized || state.interfaces,
                .usec = time_boot_usec(g->env.time) - s->noticed,
        };
        if (r == -ENOENT || r == -ENODEV)
                e = (struct effect){ .result = EFFECT_GONE, .usec = e.usec };
        else if (result == EFFECT_AS_DECIDED && e.open != s->wanted)
                e.result = EFFECT_DIFFERS;
        s->settled = e.result == EFFECT_AS_DECIDED;
        g->env.effect(&g->base, s->handle, &e, g->env.userdata);
}

static void on_done(uint64_t handle, const struct job_result *result, void *userdata);

static int start_job(struct usb_guard *g, struct subject *s) {
        CLEANUP(close_p) int node = -1;
        if (s->wanted)
                node = usb_device_open_node(g->env.root, &s->device);
        int r = worker_pool_submit(g->env.workers, s->wanted ? JOB_USB_OPEN : JOB_USB_SHUT, s->device.fd, node,
                                   &s->device.facts, on_done, s->handle, g);
        if (r < 0)
                return r;
        s->busy = true;
        s->attempting = s->wanted;
        if (s->wanted) /* what hangs on it may be seen before the worker's answer is */
                s->opened = time_boot_usec(g->env.time);
        return 0;
}

/* Whether the kernel already holds what is wanted. A device that was open before we came is read a second time, too. */
static bool is_so(const struct subject *s) {
        struct usb_state state;
        if (usb_device_state(&s->device, &state) < 0)
                return false;
        if (s->wanted)
                return state.authorized && (s->twice_read || s->device.facts.is_root_hub);
        return !state.authorized && !state.interfaces;
}

static void enforce(struct usb_guard *g, struct subject *s) {
        if (s->busy)
                return; /* on_done() goes on */
        if (is_so(s)) {
                report(g, s, EFFECT_AS_DECIDED, 0);
                return;
        }
        if (s->settled)
                g->env.trouble(&g->base, "drift", s->device.name, g->env.userdata);
        if (time_boot_usec(g->env.time) < s->not_before) {
                report(g, s, EFFECT_TIMED_OUT, ETIMEDOUT);
                return;
        }
        int r = start_job(g, s);
        if (r < 0)
                report(g, s, EFFECT_FAILED, -r);
}

/* The two readers saw different devices: whoever made it that way is not let in. */
static void distrust(struct usb_guard *g, struct subject *s) {
        s->device.facts.descriptors_valid = false;
        s->wanted = false;
        report(g, s, EFFECT_FAILED, EBADMSG);
        notice(g, s);
}

static void note_stuck(struct usb_guard *g, struct subject *s) {
        unsigned doubles = s->stuck < STUCK_DOUBLES_MAX ? s->stuck : STUCK_DOUBLES_MAX;
        s->stuck++;
        s->not_before = time_boot_usec(g->env.time) + (STUCK_FIRST_USEC << doubles);
}

static void on_done(uint64_t handle, const struct job_result *result, void *userdata) {
        struct usb_guard *g = userdata;
        struct subject *s = find_handle(g, handle);
        if (!s)
                return;
        s->busy = false;
        if (s->attempting && result->error == 0)
                s->twice_read = true;
        if (result->second == SECOND_FAILED)
                g->env.trouble(&g->base, "second-reader-failed", s->device.name, g->env.userdata);

        if (result->error == -ETIMEDOUT) {
                note_stuck(g, s);
                report(g, s, EFFECT_TIMED_OUT, ETIMEDOUT);
        } else if (result->second == SECOND_DIFFERS)
                distrust(g, s);
        else if (s->wanted != s->attempting)
                enforce(g, s); /* the verdict changed while the worker was at it */
        else if (result->error == 0)
                report(g, s, EFFECT_AS_DECIDED, 0);
        else
                report(g, s, EFFECT_FAILED, -result->error);
}

static int usb_apply(struct guard *base, const struct verdict *v) {
        struct usb_guard *g = (struct usb_guard *) base;
        struct subject *s = find_handle(g, v->handle);
        if (!s)
                return 1;
        bool wanted = verdict_opens(v);
        s->settled = s->settled && wanted == s->wanted;
        s->wanted = wanted;
        enforce(g, s);
        return 0;
}

static int usb_instance(const struct guard *base, uint64_t handle, char ret[GUARD_INSTANCE_MAX]) {
        const struct subject *s = find_handle((const struct usb_guard *) base, handle);
        if (!s)
                return 1;
        const struct usb_identity *i = &s->device.identity;
        (void) snprintf(ret, GUARD_INSTANCE_MAX, "%s %u %u %" PRIu64, s->device.name, i->busnum, i->devnum, i->inode);
        return 0;
}

/* ---- life ---- */

static void usb_stop(struct guard *base) {
        struct usb_guard *g = (struct usb_guard *) base;
        if (!g)
                return;
        (void) uevent_monitor_free(g->monitor);
        (void) sd_event_source_disable_unref(g->again);
        for (size_t i = 0; i < g->n_subjects; i++)
                (void) subject_free(g->subjects[i]);
        free(g->subjects);
        free(g->waiting);
        usb_boot_clear(&g->boot);
        free(g);
}

static void stop_p(struct usb_guard **g) {
        if (*g)
                usb_stop(&(*g)->base);
}

static int usb_start(const struct guard_env *env, struct guard **ret) {
        CLEANUP(stop_p) struct usb_guard *g = calloc(1, sizeof *g);
        if (!g)
                return -ENOMEM;
        g->base.ops = &usb_guard_ops;
        g->env = *env;

        int r = usb_boot_load(env->root, &g->boot);
        if (r < 0)
                return r;
        r = sd_event_add_time(env->event, &g->again, CLOCK_BOOTTIME, 0, 1000, on_again, g);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(g->again, SD_EVENT_OFF);
        if (r < 0)
                return r;

        /* Listening begins before the look, so that nothing comes in between. */
        r = uevent_monitor_new(env->event, env->root, env->root->is_machine, on_uevent, g, &g->monitor);
        if (r < 0)
                env->trouble(&g->base, "no-events", strerrordesc_np(-r), env->userdata);

        r = usb_resync(&g->base);
        if (r < 0)
                return r;
        g->boot.changed = g->boot.changed || g->boot.first_scan; /* "there was nothing" is an answer, too */
        (void) usb_boot_save(env->root, &g->boot);
        g->boot.first_scan = false;
        *ret = &TAKE_PTR(g)->base;
        return 0;
}

const struct guard_ops usb_guard_ops = {
        .name = "usb",
        .shut_early = usb_ports_shut,
        .start = usb_start,
        .apply = usb_apply,
        .resync = usb_resync,
        .instance = usb_instance,
        .stop = usb_stop,
};
