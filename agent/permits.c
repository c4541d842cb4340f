/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "permits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

#define USEC UINT64_C(1000000)
/* Between two looks at how much was written: while nothing is, and while something is. */
#define MEASURE_IDLE (USEC / 10)
#define MEASURE_BUSY (USEC / 100)
#define SLACK_USEC   1000

/* Before the end somebody is told, so many seconds ahead; the nearest last. */
static const unsigned warnings[] = { 600, 60 };
#define WARNINGS (sizeof warnings / sizeof *warnings)

static bool is_pending(const struct stored_permit *p) {
        return !p->over && p->life.state <= PERMIT_LIVE;
}

bool permit_may_be_used(const struct stored_permit *p) {
        return !p->over && !p->suspended && (p->life.state == PERMIT_READY || p->life.state == PERMIT_LIVE);
}

bool permit_is_overdue(const struct agent *a, const struct stored_permit *p) {
        return p->life.state == PERMIT_USED && time_now(&a->time) >= p->life.ended + (int64_t) p->permit->return_within;
}

/* Microseconds of the boot clock until the end; 0: it is over. */
static uint64_t left_usec(const struct agent *a, const struct stored_permit *p) {
        int64_t wall = p->permit->expires - time_now(&a->time);
        uint64_t left = wall > 0 ? (uint64_t) wall * USEC : 0, now = time_boot_usec(&a->time);
        if (p->life.state != PERMIT_LIVE)
                return left;
        uint64_t end = p->life.started_boot + p->permit->duration * USEC;
        uint64_t of_duration = end > now ? end - now : 0;
        return of_duration < left ? of_duration : left;
}

int64_t permits_left(const struct agent *a, const struct stored_permit *p) {
        return permit_may_be_used(p) ? (int64_t) ((left_usec(a, p) + USEC - 1) / USEC) : 0;
}

/* ---- those that may be used ---- */

/* Whole again each time: there are few. A failure leaves fewer than there are. */
static void collect(struct agent *a) {
        struct permits *s = a->permits;
        s->n_grants = 0;
        struct permit_grant *grants = reallocarray(s->grants, s->store.n + 1, sizeof *grants);
        if (!grants) {
                agent_raise(a, FAILURE_MEMORY, NULL);
                return;
        }
        s->grants = grants;
        for (int pass = 0; pass < 2; pass++)
                for (size_t i = 0; i < s->store.n; i++) {
                        const struct stored_permit *p = s->store.list[i];
                        if (permit_may_be_used(p) && (p->life.state == PERMIT_LIVE) == (pass == 0))
                                grants[s->n_grants++] = (struct permit_grant){ p->permit, p->life.port };
                }
}

void permits_context(const struct agent *a, struct context *ret) {
        if (!a->permits)
                return;
        ret->grants = a->permits->grants;
        ret->n_grants = a->permits->n_grants;
}

void permits_changed(struct agent *a) {
        collect(a);
        permits_look(a);
}

/* ---- telling ---- */

int permits_record(struct agent *a, const struct stored_permit *p, const char *outcome, const char *detail, int64_t uid,
                   enum audit_when when) {
        const struct permit_life *l = &p->life;
        const struct audit_permit what = { .outcome = outcome,
                                           .detail = detail,
                                           .permit = p->permit,
                                           .sha256 = p->sha256,
                                           .uid = uid,
                                           .files = l->files,
                                           .bytes = l->written > l->told ? l->written : l->told,
                                           .by = *l->closed_by ? l->closed_by : NULL,
                                           .returned = l->returned,
                                           .erased = l->erased };
        log_notice("permit %s: %s%s%s", p->permit->id, outcome, detail ? ", " : "", detail ? detail : "");
        int r = agent_record(a, audit_event_permit(&a->identity, time_now(&a->time), &what), when);
        agent_tell_permit(a, p, outcome);
        return r;
}

/* ---- the end ---- */

void permits_end(struct agent *a, struct stored_permit *p, enum permit_end end, int64_t uid) {
        struct permit_life next = p->life;
        next.state = next.state == PERMIT_LIVE ? PERMIT_USED : PERMIT_LAPSED;
        next.end = end;
        next.ended = time_now(&a->time);
        next.port[0] = '\0';
        memset(next.disks, 0, sizeof next.disks);
        if (*p->life.port)
                p->left = next.ended;
        p->over = true;
        /* If it cannot be written now, the clock or the boot says the same to the next agent; here it is over. */
        if (permit_store_step(&a->permits->store, p, &next) < 0) {
                p->life = next;
                p->dirty = true;
                agent_raise(a, FAILURE_PERMIT_NOT_STORED, p->permit->id);
        }
        (void) permits_record(a, p, "ended", permit_end_name(end), uid, AUDIT_DURABLE);
}

bool permits_cut(const struct agent *a, const char *id) {
        const struct stored_permit *p = a->permits && id ? permit_store_find(&a->permits->store, id) : NULL;
        return p && p->life.end == PERMIT_END_BYTES;
}

static enum permit_end why_over(const struct agent *a, const struct stored_permit *p) {
        const struct permit_life *l = &p->life;
        if (l->state == PERMIT_LIVE && strcmp(l->boot_id, a->permits->boot_id) != 0)
                return PERMIT_END_REBOOT;
        if (permit_wrote_too_much(p))
                return PERMIT_END_BYTES;
        if (left_usec(a, p) > 0)
                return PERMIT_END_NONE;
        return time_now(&a->time) >= p->permit->expires ? PERMIT_END_EXPIRED : PERMIT_END_DURATION;
}

/* ---- looking ---- */

static void warn(struct agent *a, struct stored_permit *p, uint64_t left) {
        for (size_t i = WARNINGS; i-- > 0;) {
                if (left > warnings[i] * USEC || p->permit->duration <= warnings[i])
                        continue;
                if (p->warned == 0 || p->warned > warnings[i]) {
                        p->warned = warnings[i];
                        agent_tell_permit(a, p, "ending");
                }
                return;
        }
}

/* From here to the next moment at which something is to be done about p. */
static uint64_t next_look(const struct agent *a, const struct stored_permit *p) {
        uint64_t left = left_usec(a, p), due = left;
        if (p->life.state != PERMIT_LIVE)
                return due;
        for (size_t i = 0; i < WARNINGS; i++)
                if (left > warnings[i] * USEC && left - warnings[i] * USEC < due)
                        due = left - warnings[i] * USEC;
        uint64_t measure = p->busy ? MEASURE_BUSY : MEASURE_IDLE;
        return permit_is_measured(p) && measure < due ? measure : due;
}

static void set_timer(struct agent *a) {
        uint64_t due = UINT64_MAX;
        for (size_t i = 0; i < a->permits->store.n; i++) {
                const struct stored_permit *p = a->permits->store.list[i];
                uint64_t next = is_pending(p) ? next_look(a, p) : UINT64_MAX;
                due = next < due ? next : due;
        }
        if (due != UINT64_MAX)
                (void) sd_event_source_set_time(a->permits->timer, time_boot_usec(&a->time) + due);
        (void) sd_event_source_set_enabled(a->permits->timer, due == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static bool look_at(struct agent *a, struct stored_permit *p) {
        if (permit_is_measured(p))
                permits_measure(a, p);
        enum permit_end end = why_over(a, p);
        if (end != PERMIT_END_NONE) {
                permits_end(a, p, end, -1);
                return true;
        }
        if (p->life.state == PERMIT_LIVE)
                warn(a, p, left_usec(a, p));
        if (p->dirty)
                loop_schedule_flush(a);
        return false;
}

void permits_look(struct agent *a) {
        struct permits *s = a->permits;
        if (!s || s->looking)
                return;
        s->looking = true;
        bool ended = false;
        for (size_t i = 0; i < s->store.n; i++)
                if (is_pending(s->store.list[i]))
                        ended = look_at(a, s->store.list[i]) || ended;
        s->looking = false;
        if (ended) {
                collect(a);
                (void) agent_decide_again(a); /* what failed is in its effect, and tried again by the tick */
                agent_look_at_itself(a);
        }
        set_timer(a);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) source;
        (void) usec;
        permits_look(userdata);
        return 0;
}

void permits_save(struct agent *a) {
        for (size_t i = 0; a->permits && i < a->permits->store.n; i++) {
                struct stored_permit *p = a->permits->store.list[i];
                struct permit_life same = p->life;
                if (p->dirty && permit_store_step(&a->permits->store, p, &same) < 0)
                        agent_raise(a, FAILURE_PERMIT_NOT_STORED, p->permit->id);
        }
}

/* ---- the beginning ---- */

int permits_begin(struct agent *a, const struct subject *s) {
        struct stored_permit *p = permit_store_find(&a->permits->store, s->verdict.permit);
        if (!p || !permit_may_be_used(p) || !*a->permits->boot_id)
                return -ESTALE;
        const char *port = s->facts.device.port;
        bool first = p->life.state == PERMIT_READY;
        if (!first && strcmp(p->life.port, port) == 0) {
                memcpy(p->last_port, p->life.port, sizeof p->last_port); /* another agent began it */
                return 0;
        }

        struct permit_life next = p->life;
        (void) snprintf(next.port, sizeof next.port, "%s", port);
        if (first) {
                next.state = PERMIT_LIVE;
                next.started = time_now(&a->time);
                next.started_boot = time_boot_usec(&a->time);
                memcpy(next.boot_id, a->permits->boot_id, sizeof next.boot_id);
        }
        /* What was written before is another's. */
        struct permit_life there = next;
        struct stored_permit here = { .permit = p->permit, .life = next };
        (void) permits_count_disks(a, &here, &there);
        memcpy(next.disks, there.disks, sizeof next.disks);

        int r = permit_store_step(&a->permits->store, p, &next);
        if (r < 0) {
                agent_raise(a, FAILURE_PERMIT_NOT_STORED, p->permit->id);
                return r;
        }
        memcpy(p->last_port, next.port, sizeof p->last_port);
        p->left = 0;
        collect(a);
        set_timer(a);
        return first ? permits_record(a, p, "used", NULL, -1, AUDIT_DURABLE) : 0;
}

void permits_on_gone(struct agent *a, const struct subject *s) {
        if (!a->permits || !s->verdict.permit || s->guard->ops->holds_conditions)
                return;
        struct stored_permit *p = permit_store_find(&a->permits->store, s->verdict.permit);
        if (!p || strcmp(p->life.port, s->facts.device.port) != 0)
                return;
        p->left = time_now(&a->time);
        p->life.port[0] = '\0';
        memset(p->life.disks, 0, sizeof p->life.disks);
        p->dirty = true;
        loop_schedule_flush(a);
        collect(a);
        set_timer(a);
}

/* ---- whom to believe ---- */

static bool is_signed(const struct agent *a, const struct stored_permit *p) {
        struct trust_check c;
        return strcmp(p->permit->fleet, a->trust.trust->fleet) == 0 &&
               trust_check(a->trust.trust, TRUST_ROLE_PERMIT, PERMIT_NAMESPACE, p->text, p->size, p->signatures,
                           p->signatures_size, &c) == 0;
}

void permits_verify(struct agent *a) {
        struct permits *s = a->permits;
        if (!s)
                return;
        bool nobody = !a->trust.trust || a->trust.damaged;
        for (size_t i = 0; i < s->store.n; i++) {
                struct stored_permit *p = s->store.list[i];
                if (!is_pending(p))
                        continue;
                p->suspended = nobody;
                if (!nobody && !is_signed(a, p))
                        permits_end(a, p, PERMIT_END_REVOKED, -1);
        }
        collect(a);
        (void) agent_decide_again(a);
        permits_look(a);
}

/* ---- life ---- */

static void read_boot_id(struct agent *a) {
        char *id = a->permits->boot_id;
        CLEANUP(close_p) int directory = root_openat(&a->root, "proc/sys/kernel/random", O_PATH | O_DIRECTORY, 0);
        if (directory < 0 || file_read_line_at(directory, "boot_id", id, sizeof a->permits->boot_id - 1) < 0)
                id[0] = '\0';
}

int permits_new(struct agent *a) {
        a->permits = calloc(1, sizeof *a->permits);
        if (!a->permits)
                return -ENOMEM;
        a->permits->store.directory = -1;
        int r = sd_event_add_time(a->event, &a->permits->timer, CLOCK_BOOTTIME, 0, SLACK_USEC, on_timer, a);
        if (r >= 0)
                r = sd_event_source_set_enabled(a->permits->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        read_boot_id(a);
        r = permit_store_load(&a->root, &a->permits->store);
        if (r < 0)
                agent_raise(a, FAILURE_PERMITS_DAMAGED, strerrordesc_np(-r));
        else if (a->permits->store.damaged > 0)
                agent_raise(a, FAILURE_PERMITS_DAMAGED, a->permits->store.damaged_name);
        permits_verify(a);
        return 0;
}

/* Where an earlier agent's permit was in use, another device may be plugged in now, or none. */
void permits_start(struct agent *a) {
        bool changed = false;
        for (size_t i = 0; i < a->permits->store.n; i++) {
                struct stored_permit *p = a->permits->store.list[i];
                bool there = p->life.state != PERMIT_LIVE || !*p->life.port;
                for (size_t k = 0; k < a->registry.n && !there; k++) {
                        const struct subject *s = a->registry.list[k];
                        there = s->decided && s->verdict.permit == p->permit->id;
                }
                if (there)
                        continue;
                p->life.port[0] = '\0';
                p->dirty = changed = true;
        }
        if (!changed)
                return;
        permits_save(a);
        collect(a);
        (void) agent_decide_again(a);
        permits_look(a);
}

void permits_free(struct agent *a) {
        if (!a->permits)
                return;
        permits_save(a);
        (void) sd_event_source_disable_unref(a->permits->timer);
        permit_store_clear(&a->permits->store);
        free(a->permits->grants);
        free(a->permits);
        a->permits = NULL;
}
