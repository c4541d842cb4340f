/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "storage_guard.h"
#include "sys/sysfs.h"

struct storage_subject *storage_find_handle(const struct storage_guard *g, uint64_t handle) {
        for (size_t i = 0; i < g->n_subjects; i++)
                if (g->subjects[i]->handle == handle)
                        return g->subjects[i];
        return NULL;
}

static struct storage_subject *find_name(const struct storage_guard *g, const char *name) {
        for (size_t i = 0; i < g->n_subjects; i++)
                if (strcmp(g->subjects[i]->disk.name, name) == 0)
                        return g->subjects[i];
        return NULL;
}

static struct storage_subject *subject_free(struct storage_subject *s) {
        if (!s)
                return NULL;
        (void) storage_closer_free(s->closer);
        storage_disk_clear(&s->disk);
        media_hold_clear(&s->hold);
        free(s);
        return NULL;
}

static void forget(struct storage_guard *g, const struct storage_subject *s) {
        uint64_t handle = s->handle;
        (void) media_mark_remove(g->env.root, s->disk.name);
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
static struct storage_subject *remember(struct storage_guard *g, struct storage_disk *d) {
        struct storage_subject **list = reallocarray(g->subjects, g->n_subjects + 1, sizeof *list);
        if (!list)
                return NULL;
        g->subjects = list;
        struct storage_subject *s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        s->handle = ++g->next_handle;
        s->noticed = time_boot_usec(g->env.time);
        s->guard = g;
        s->disk = *d;
        d->fd = -1;
        g->subjects[g->n_subjects++] = s;
        storage_take_up(s);
        return s;
}

static void notice(struct storage_guard *g, const struct storage_subject *s) {
        struct facts facts = { .kind = FACTS_DEVICE, .device = s->disk.facts };
        g->env.noticed(&g->base, s->handle, &facts, g->env.userdata);
}

/* A disk whose device cannot be read now is looked at again by the slow tick; until then it is shut, having no mark. */
static void look(struct storage_guard *g, const char *name) {
        CLEANUP(storage_disk_clear) struct storage_disk d;
        int r = storage_disk_look(g->env.root, name, &d);
        const struct storage_subject *s = find_name(g, name);
        if (s && (r == 1 || r == -ENOENT || (d.fd >= 0 && d.inode != s->disk.inode))) {
                forget(g, s);
                s = NULL;
        }
        if (s) {
                notice(g, s);
                return;
        }
        if (r != 0)
                return;
        s = remember(g, &d);
        if (s)
                notice(g, s);
        else
                g->env.trouble(&g->base, "no-memory", name, g->env.userdata);
}

static int look_callback(const char *name, void *userdata) {
        look(userdata, name);
        return 0;
}

/* Marks of disks that are no more. */
static int sweep_callback(const char *name, void *userdata) {
        const struct storage_guard *g = userdata;
        if (!find_name(g, name))
                (void) media_mark_remove(g->env.root, name);
        return 0;
}

static int storage_resync(struct guard *base) {
        struct storage_guard *g = (struct storage_guard *) base;
        for (size_t i = g->n_subjects; i-- > 0;) {
                char name[MEDIA_NAME_MAX];
                if (i >= g->n_subjects)
                        continue;
                memcpy(name, g->subjects[i]->disk.name, sizeof name);
                CLEANUP(storage_disk_clear) struct storage_disk d;
                if (storage_disk_look(g->env.root, name, &d) == -ENOENT)
                        look(g, name);
        }
        CLEANUP(close_p) int disks = sysfs_open_directory(g->env.root, STORAGE_DISKS);
        if (disks < 0)
                return disks == -ENOENT ? 0 : disks;
        return sysfs_each_name(disks, look_callback, g);
}

/* A partition is part of its disk's business. */
static const char *disk_of(const struct storage_guard *g, const char *name) {
        for (size_t i = 0; i < g->n_subjects; i++) {
                const char *disk = g->subjects[i]->disk.name;
                size_t n = strlen(disk);
                const char *rest = name + n + (name[n] == 'p'); /* "sda1", "mmcblk0p1"; but not "sdaa" */
                if (strncmp(name, disk, n) == 0 && rest[strspn(rest, "0123456789")] == '\0')
                        return disk;
        }
        return name;
}

static void on_uevent(enum uevent_kind kind, const char *name, void *userdata) {
        struct storage_guard *g = userdata;
        char disk[MEDIA_NAME_MAX];
        switch (kind) {
        case UEVENT_LOOK:
                if (media_name_is_valid(name)) {
                        (void) snprintf(disk, sizeof disk, "%s", disk_of(g, name));
                        look(g, disk);
                }
                return;
        case UEVENT_LOST:
                g->env.trouble(&g->base, "events-lost", "", g->env.userdata);
                break;
        case UEVENT_LOOK_AT_ALL:
                break;
        }
        (void) storage_resync(&g->base);
}

static int storage_instance(const struct guard *base, uint64_t handle, char ret[GUARD_INSTANCE_MAX]) {
        const struct storage_subject *s = storage_find_handle((const struct storage_guard *) base, handle);
        if (!s)
                return 1;
        (void) snprintf(ret, GUARD_INSTANCE_MAX, "%s %" PRIu64, s->disk.name, s->disk.inode);
        return 0;
}

static int storage_written(const struct guard *base, uint64_t handle, uint64_t *ret_inode, uint64_t *ret_bytes) {
        const struct storage_subject *s = storage_find_handle((const struct storage_guard *) base, handle);
        if (!s)
                return 1;
        *ret_inode = s->disk.inode;
        return storage_disk_written(&s->disk, ret_bytes);
}

/* ---- life ---- */

/* The marks stay: what is held stays held. */
static void storage_stop(struct guard *base) {
        struct storage_guard *g = (struct storage_guard *) base;
        if (!g)
                return;
        (void) uevent_monitor_free(g->monitor);
        (void) sd_event_source_disable_unref(g->again);
        for (size_t i = 0; i < g->n_subjects; i++)
                (void) subject_free(g->subjects[i]);
        free(g->subjects);
        free(g);
}

static void stop_p(struct storage_guard **g) {
        if (*g)
                storage_stop(&(*g)->base);
}

static int storage_start(const struct guard_env *env, struct guard **ret) {
        CLEANUP(stop_p) struct storage_guard *g = calloc(1, sizeof *g);
        if (!g)
                return -ENOMEM;
        g->base.ops = &storage_guard_ops;
        g->env = *env;
        int r = storage_enforce_start(g);
        if (r < 0)
                return r;

        /* Listening begins before the look, so that nothing comes in between. A fake machine may have no disks. */
        r = uevent_monitor_new(env->event, env->root, UEVENT_BLOCK_DEVICES, env->root->is_machine, on_uevent, g,
                               &g->monitor);
        if (r < 0 && (env->root->is_machine || r != -ENOENT))
                env->trouble(&g->base, "no-events", strerrordesc_np(-r), env->userdata);

        r = storage_resync(&g->base);
        if (r < 0)
                return r;
        CLEANUP(close_p) int marks = sysfs_open_directory(env->root, MEDIA_MARKS);
        if (marks >= 0)
                (void) sysfs_each_name(marks, sweep_callback, g);
        *ret = &TAKE_PTR(g)->base;
        return 0;
}

const struct guard_ops storage_guard_ops = {
        .name = "storage",
        .holds_conditions = true,
        .start = storage_start,
        .apply = storage_apply,
        .resync = storage_resync,
        .instance = storage_instance,
        .written = storage_written,
        .stop = storage_stop,
};
