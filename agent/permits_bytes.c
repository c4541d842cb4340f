/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What went to the medium of a permit: by the kernel's own count of its disks, and by the files that were closed. */
#include <stdio.h>
#include <string.h>

#include "permits.h"

bool permit_wrote_too_much(const struct stored_permit *p) {
        const struct permit_life *l = &p->life;
        return p->permit->rule.action == ACTION_ALLOW && l->state == PERMIT_LIVE &&
               (l->written > p->permit->max_bytes || l->told > p->permit->max_bytes);
}

bool permit_is_measured(const struct stored_permit *p) {
        return permit_may_be_used(p) && p->life.state == PERMIT_LIVE && p->permit->rule.action == ACTION_ALLOW &&
               *p->life.port;
}

static bool is_disk_of(const struct subject *s, const struct stored_permit *p) {
        return s->guard->ops->written && s->facts.kind == FACTS_DEVICE &&
               strcmp(s->facts.device.port, p->life.port) == 0;
}

/* What is new since the last look; of a disk that was not there before, all. A medium with more disks than there is
 * room for has the others counted whole each time, and is over soon. */
static uint64_t count_disk(struct permit_life *l, uint64_t inode, uint64_t bytes) {
        size_t i = 0;
        while (i < PERMIT_DISKS_MAX && l->disks[i].inode && l->disks[i].inode != inode)
                i++;
        if (i == PERMIT_DISKS_MAX)
                return bytes;
        uint64_t before = l->disks[i].inode ? l->disks[i].bytes : 0;
        l->disks[i] = (struct permit_disk){ inode, bytes };
        return bytes > before ? bytes - before : 0;
}

uint64_t permits_count_disks(const struct agent *a, const struct stored_permit *p, struct permit_life *l) {
        uint64_t news = 0;
        for (size_t i = 0; i < a->registry.n; i++) {
                const struct subject *s = a->registry.list[i];
                uint64_t inode, bytes;
                if (is_disk_of(s, p) && s->guard->ops->written(s->guard, s->handle, &inode, &bytes) == 0)
                        news += count_disk(l, inode, bytes);
        }
        return news;
}

void permits_measure(struct agent *a, struct stored_permit *p) {
        uint64_t news = permits_count_disks(a, p, &p->life);
        p->life.written += news;
        p->busy = news > 0;
        p->dirty = p->dirty || news > 0;
}

/* It was open at that port when the file was closed. */
static bool was_open_then(const struct stored_permit *p, const struct transfer *t) {
        int64_t when = t->msec / 1000;
        return *p->last_port && strcmp(p->last_port, t->port) == 0 && p->life.started <= when &&
               (p->left == 0 || when <= p->left);
}

static bool is_medium_of(const struct subject *s, const struct permit *p) {
        const struct device_facts *d = &s->facts.device;
        return d->vendor == p->rule.vendor && d->product == p->rule.product && strcmp(d->serial, p->rule.serial) == 0;
}

/* A file is hashed before it is told: meanwhile the permit may have ended, and the medium gone. */
const struct verdict *permits_why(const struct agent *a, const struct subject **medium, const struct transfer *t,
                                  struct verdict *buffer) {
        const struct verdict *now = *medium ? &(*medium)->verdict : NULL;
        if (!a->permits || (now && now->permit))
                return now;
        for (size_t i = 0; i < a->permits->store.n; i++) {
                const struct stored_permit *p = a->permits->store.list[i];
                if (!was_open_then(p, t))
                        continue;
                *buffer = (struct verdict){ .action = (enum action) p->permit->rule.action,
                                            .reason = REASON_PERMIT,
                                            .enforce = true,
                                            .permit = p->permit->id,
                                            .ticket = p->permit->ticket,
                                            .policy_serial = a->active.policy->header.serial };
                if (*medium && !is_medium_of(*medium, p->permit))
                        *medium = NULL;
                return buffer;
        }
        return now;
}

void permits_on_transferred(struct agent *a, const char *id, const struct transfer *t) {
        struct stored_permit *p = id && a->permits ? permit_store_find(&a->permits->store, id) : NULL;
        if (!p || t->kind != TRANSFER_WRITTEN)
                return;
        p->life.files++;
        p->life.told += t->size > 0 ? (uint64_t) t->size : 0;
        p->dirty = true;
        loop_schedule_flush(a);
        if (permit_wrote_too_much(p))
                permits_look(a);
}
