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
#include "usb_guard.h"
#include "usb_node.h"
#include "usb_ports.h"

/* What hangs on a hub that was there at boot, and that we have just opened, was there at boot too. */
#define BOOT_GRACE_USEC UINT64_C(5000000)

/* ---- ports: what arrives, arrives shut ---- */

static void check_ports(struct usb_guard *g) {
        if (!usb_is_opening_in_part(g))
                (void) usb_ports_reset_interfaces(g->env.root); /* tried again at each look */
        int r = usb_ports_shut(g->env.root);
        if ((r < 0) == g->ports_open)
                return;
        g->ports_open = r < 0;
        g->env.trouble(&g->base, r < 0 ? "ports-open-by-default" : "ports-shut", r < 0 ? strerrordesc_np(-r) : "",
                       g->env.userdata);
}

/* ---- subjects ---- */

struct usb_subject *usb_find_handle(const struct usb_guard *g, uint64_t handle) {
        for (size_t i = 0; i < g->n_subjects; i++)
                if (g->subjects[i]->handle == handle)
                        return g->subjects[i];
        return NULL;
}

static struct usb_subject *find_name(const struct usb_guard *g, const char *name) {
        for (size_t i = 0; i < g->n_subjects; i++)
                if (strcmp(g->subjects[i]->device.name, name) == 0)
                        return g->subjects[i];
        return NULL;
}

static struct usb_subject *subject_free(struct usb_subject *s) {
        if (!s)
                return NULL;
        usb_device_clear(&s->device);
        free(s);
        return NULL;
}

/* Its job, if one is running, is forgotten with it: done() will not find the handle. */
static void forget(struct usb_guard *g, struct usb_subject *s) {
        uint64_t handle = s->handle;
        usb_release(g, s, JOB_USB_SHUT);
        usb_return_note(&g->returns, &s->device, time_boot_usec(g->env.time));
        usb_boot_remove(&g->boot, &s->device);
        (void) usb_node_mark(g->env.root, s->device.name, false);
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
static struct usb_subject *remember(struct usb_guard *g, struct usb_device *d) {
        struct usb_subject **list = reallocarray(g->subjects, g->n_subjects + 1, sizeof *list);
        if (!list)
                return NULL;
        g->subjects = list;
        struct usb_subject *s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        s->handle = ++g->next_handle;
        s->noticed = time_boot_usec(g->env.time);
        s->device = *d;
        d->fd = -1;
        g->subjects[g->n_subjects++] = s;
        return s;
}

static struct usb_subject *find_hub(const struct usb_guard *g, const char *name) {
        char parent[USB_NAME_MAX];
        return usb_name_parent(name, parent) ? find_name(g, parent) : NULL;
}

/* The hub that it hangs on, if we have opened that hub just before now. NULL: none, or long ago. */
static const struct usb_subject *fresh_hub(const struct usb_guard *g, const char *name, uint64_t now) {
        const struct usb_subject *hub = find_hub(g, name);
        return hub && hub->opened != 0 && now - hub->opened < BOOT_GRACE_USEC ? hub : NULL;
}

/* A hub that has come back vouches for nobody: whoever pulled it may have put something else into it. And an agent that
 * finds it open tells by what the first one saw. */
static bool came_with_hub(const struct usb_guard *g, const char *name) {
        const struct usb_subject *hub = fresh_hub(g, name, time_boot_usec(g->env.time));
        return hub && g->is_first && hub->device.facts.present_at_boot && !hub->device.facts.returned;
}

/* When it was back. What hangs on a hub that is back itself was as soon as the hub, however long the hub took to start.
 */
static uint64_t came_back(const struct usb_guard *g, const char *name, uint64_t now) {
        const struct usb_subject *hub = fresh_hub(g, name, now);
        return hub && hub->device.facts.returned ? came_back(g, hub->device.name, hub->noticed) : now;
}

static void judge_present_at_boot(struct usb_guard *g, struct usb_device *d, bool at_boot) {
        d->facts.returned = usb_return_take(&g->returns, d, came_back(g, d->name, time_boot_usec(g->env.time)));
        if (!at_boot && !d->facts.returned && !usb_boot_has(&g->boot, d) && !came_with_hub(g, d->name))
                return;
        d->facts.present_at_boot = true;
        /* No memory: the next agent takes it for a newcomer, which is the safe side. */
        (void) usb_boot_add(&g->boot, d);
}

void usb_notice(struct usb_guard *g, const struct usb_subject *s) {
        struct facts facts = { .kind = FACTS_DEVICE, .device = s->device.facts };
        g->env.noticed(&g->base, s->handle, &facts, g->env.userdata);
}

/* ---- looking ---- */

static void look_at_known(struct usb_guard *g, struct usb_subject *s, struct usb_device *d) {
        int fd = s->device.fd;
        s->device.fd = d->fd;
        d->fd = fd;
        usb_notice(g, s);
}

static void look_at_new(struct usb_guard *g, struct usb_device *d, bool at_boot) {
        if (d->facts.is_root_hub)
                check_ports(g); /* a controller has come, perhaps with its ports open */
        judge_present_at_boot(g, d, at_boot);
        const struct usb_subject *s = remember(g, d);
        if (s)
                usb_notice(g, s);
        else
                g->env.trouble(&g->base, "no-memory", d->name, g->env.userdata);
}

/* Given up on: judged by what there is, as a device that does not hold together. */
static void give_up_waiting(struct usb_guard *g, struct usb_device *d) {
        (void) usb_wait_stop(g, d->name);
        d->facts.descriptors_valid = false;
        g->env.trouble(&g->base, "facts-unreadable", d->name, g->env.userdata);
        look_at_new(g, d, false);
}

void usb_look(struct usb_guard *g, const char *name, bool at_boot) {
        CLEANUP(usb_device_clear) struct usb_device d;
        const struct usb_subject *hub = find_hub(g, name);
        int r = usb_device_look(g->env.root, name, hub ? &hub->device : NULL, &d);
        struct usb_subject *known = find_name(g, name);

        if (r < 0 && d.fd < 0) {
                (void) usb_wait_stop(g, name);
                if (known)
                        forget(g, known);
                return;
        }
        if (r == 0 && known && usb_identity_same(&known->device.identity, &d.identity)) {
                (void) usb_wait_stop(g, name);
                look_at_known(g, known, &d);
                return;
        }
        if (known) {
                /* While it is torn down its files go one by one; a subject that was given up on stays what it is. */
                if (r < 0 && known->device.identity.inode == d.identity.inode) {
                        usb_notice(g, known);
                        return;
                }
                forget(g, known);
        }

        if (r == 0)
                r = usb_device_read_strings(&d);
        if (r < 0) {
                if (!usb_wait_for(g, name, at_boot))
                        give_up_waiting(g, &d);
                return;
        }
        at_boot = usb_wait_stop(g, name) || at_boot;
        look_at_new(g, &d, at_boot);
}

static int look_callback(const char *name, void *userdata) {
        struct usb_guard *g = userdata;
        if (usb_name_is_device(name))
                usb_look(g, name, g->boot.first_scan);
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
                usb_look(g, name, false);
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
                        usb_look(g, name, false);
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

static int usb_instance(const struct guard *base, uint64_t handle, char ret[GUARD_INSTANCE_MAX]) {
        const struct usb_subject *s = usb_find_handle((const struct usb_guard *) base, handle);
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
        free(g->jobs);
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

        (void) usb_node_sweep(env->root);
        int r = usb_boot_load(env->root, &g->boot);
        if (r < 0)
                return r;
        r = usb_wait_start(g);
        if (r < 0)
                return r;

        /* Listening begins before the look, so that nothing comes in between. */
        r = uevent_monitor_new(env->event, env->root, UEVENT_USB_DEVICES, env->root->is_machine, on_uevent, g,
                               &g->monitor);
        if (r < 0)
                env->trouble(&g->base, "no-events", strerrordesc_np(-r), env->userdata);

        r = usb_resync(&g->base);
        if (r < 0)
                return r;
        g->is_first = g->boot.first_scan;
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
        .prepare = usb_prepare,
        .apply = usb_apply,
        .lend = usb_lend,
        .take_back = usb_take_back,
        .resync = usb_resync,
        .instance = usb_instance,
        .stop = usb_stop,
};
