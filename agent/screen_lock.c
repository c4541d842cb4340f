/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "screen_lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "varlink.h"

#define SEC            UINT64_C(1000000)
#define IDLE_MAX       (INT64_C(10) * 365 * 86400) /* seconds; more is no measurement */
#define TEXT_LOOK_USEC (60 * SEC)                  /* a key in a text session is not announced */

struct screens {
        struct screen list[SESSIONS_MAX];
        size_t n;
        uint64_t asleep; /* microseconds that the machine has slept since it was booted, when it was looked at last */
        sd_event_source *timer;
};

static uint64_t now_usec(const struct agent *a) {
        uint64_t now = 0;
        (void) sd_event_now(a->event, CLOCK_MONOTONIC, &now);
        return now;
}

static uint64_t limit_usec(const struct agent *a) {
        const struct login_policy *p = &a->active.policy->login;
        return p->mode == MODE_ENFORCE ? p->screen_lock * SEC : 0;
}

/* ---- pure ---- */

/* Since when nobody was there. UINT64_MAX: somebody is, or nothing is known; then *ret_due. */
static uint64_t idle_since(const struct session_info *i, const struct screen *s, uint64_t limit, uint64_t now,
                           uint64_t *ret_due) {
        if (!i->graphical) {
                *ret_due = now + (limit < TEXT_LOOK_USEC ? limit : TEXT_LOOK_USEC);
                return i->idle_since > 0 ? i->idle_since : UINT64_MAX;
        }
        *ret_due = UINT64_MAX;
        bool fresh = s->told > 0 && now - s->told <= SCREEN_FRESH_USEC;
        if (fresh)
                *ret_due = s->told + SCREEN_FRESH_USEC + 1;
        if (fresh)
                return s->told > s->measured ? s->told - s->measured : 0;
        /* Its helper measures, and has nothing to tell: somebody is there. */
        if (s->told > 0 && now - s->told < limit)
                return UINT64_MAX;
        return i->idle ? 0 : UINT64_MAX;
}

static bool is_locked(const struct session_info *i, const struct screen *s, uint64_t now) {
        return i->locked || (s->told_locked && now - s->told <= SCREEN_FRESH_USEC);
}

enum screen_step screen_step(const struct session_info *i, const struct screen *s, uint64_t limit, uint64_t now,
                             uint64_t *ret_due) {
        *ret_due = UINT64_MAX;
        if (limit == 0 || !session_is_a_screen(i) || is_locked(i, s, now))
                return SCREEN_WAIT;
        uint64_t since = idle_since(i, s, limit, now, ret_due);
        if (since == UINT64_MAX)
                return SCREEN_WAIT;
        if (now < since || now - since < limit) {
                *ret_due = since + limit < *ret_due ? since + limit : *ret_due;
                return SCREEN_WAIT;
        }
        if (s->asked == 0 || now - s->asked >= SCREEN_AGAIN_USEC) {
                *ret_due = now + SCREEN_GRACE_USEC;
                return SCREEN_LOCK;
        }
        if (now - s->asked < SCREEN_GRACE_USEC) {
                *ret_due = s->asked + SCREEN_GRACE_USEC;
                return SCREEN_WAIT;
        }
        if (s->asked + SCREEN_AGAIN_USEC < *ret_due)
                *ret_due = s->asked + SCREEN_AGAIN_USEC;
        return SCREEN_STAYS;
}

bool screen_oversleeps(const struct session_info *i, const struct screen *s, uint64_t limit, uint64_t asleep,
                       uint64_t now) {
        uint64_t due;
        if (limit == 0 || !session_is_a_screen(i) || !i->graphical || is_locked(i, s, now))
                return false;
        uint64_t since = idle_since(i, s, limit, now, &due);
        uint64_t before = since < now ? now - since : 0;
        return before + asleep >= limit;
}

/* ---- acting ---- */

static struct screen *screen_of(struct screens *l, const char *id) {
        for (size_t i = 0; i < l->n; i++)
                if (strcmp(l->list[i].id, id) == 0)
                        return &l->list[i];
        if (l->n == SESSIONS_MAX)
                return NULL;
        struct screen *s = &l->list[l->n++];
        *s = (struct screen){ 0 };
        (void) snprintf(s->id, sizeof s->id, "%s", id);
        return s;
}

static void stays_open(struct agent *a, const struct session_info *i, struct screen *s) {
        bool ends = a->active.policy->clipboard.without_helper == HELPER_END_SESSION;
        if (ends)
                (void) sessions_end(a->sessions, i->id);
        if (s->failed)
                return;
        s->failed = true;
        char detail[FINDING_DETAIL_MAX];
        (void) snprintf(detail, sizeof detail, "session %s, uid %u, %s%s", i->id, (unsigned) i->uid, i->type,
                        ends ? ": ended" : "");
        agent_raise(a, FAILURE_SCREEN_OPEN, detail);
        varlink_own_screen(a, (int64_t) i->uid, i->id);
}

static uint64_t look_at(struct agent *a, const struct session_info *i, struct screen *s, uint64_t now) {
        uint64_t due = UINT64_MAX, limit = limit_usec(a);
        if (s->was_locked && !i->locked) { /* somebody has just shown who he is, whatever was measured before */
                s->told = now;
                s->measured = 0;
                s->told_locked = false;
                s->asked = 0;
                s->failed = false;
        }
        s->was_locked = i->locked;
        switch (screen_step(i, s, limit, now, &due)) {
        case SCREEN_LOCK:
                s->asked = now;
                (void) sessions_lock(a->sessions, i->id);
                break;
        case SCREEN_STAYS:
                stays_open(a, i, s);
                break;
        default:
                /* It is locked, or somebody is there: the next time is a new one. */
                if (s->asked == 0 || now - s->asked < SCREEN_GRACE_USEC)
                        break;
                s->asked = 0;
                s->failed = false;
                break;
        }
        return due;
}

void screen_lock_look(struct agent *a) {
        struct screens *l = a->screens;
        if (!l)
                return;
        uint64_t now = now_usec(a), next = UINT64_MAX;
        bool any_open = false;
        for (size_t i = 0; i < l->n; i++)
                l->list[i].seen = false;
        for (size_t i = 0; i < sessions_count(a->sessions); i++) {
                const struct session_info *info = sessions_get(a->sessions, i);
                struct screen *s = session_is_a_screen(info) ? screen_of(l, info->id) : NULL;
                if (!s)
                        continue;
                s->seen = true;
                uint64_t due = look_at(a, info, s, now);
                next = due < next ? due : next;
                any_open = any_open || s->failed;
        }
        for (size_t i = l->n; i-- > 0;)
                if (!l->list[i].seen)
                        l->list[i] = l->list[--l->n];
        if (!any_open)
                agent_clear(a, FAILURE_SCREEN_OPEN);
        (void) sd_event_source_set_time(l->timer, next);
        (void) sd_event_source_set_enabled(l->timer, next == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

/* Since boot. The boot clock counts sleep, the monotonic one does not. */
static uint64_t asleep_usec(const struct agent *a) {
        struct timespec ts;
        if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
                return 0;
        uint64_t awake = (uint64_t) ts.tv_sec * SEC + (uint64_t) ts.tv_nsec / 1000, boot = time_boot_usec(&a->time);
        return boot > awake ? boot - awake : 0;
}

void screen_lock_woke(struct agent *a) {
        struct screens *l = a->screens;
        if (!l)
                return;
        uint64_t asleep = asleep_usec(a), now = now_usec(a);
        if (asleep < l->asleep + SEC) /* the two are not read at once */
                return;
        for (size_t i = 0; i < sessions_count(a->sessions); i++) {
                const struct session_info *info = sessions_get(a->sessions, i);
                const struct screen *s = session_is_a_screen(info) ? screen_of(l, info->id) : NULL;
                if (s && screen_oversleeps(info, s, limit_usec(a), asleep - l->asleep, now))
                        (void) sessions_lock(a->sessions, info->id);
        }
        l->asleep = asleep;
}

/* What logind does not announce is asked; the answers bring another look. */
static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        struct agent *a = userdata;
        (void) s;
        (void) usec;
        screen_lock_look(a);
        sessions_refresh(a->sessions);
        return 0;
}

int screen_lock_report(struct agent *a, int64_t uid, const char *session, int64_t seconds, bool locked) {
        const struct session_info *i = sessions_find(a->sessions, session);
        if (!a->screens || !i || (int64_t) i->uid != uid || seconds < 0 || seconds > IDLE_MAX)
                return -EPERM;
        struct screen *s = screen_of(a->screens, session);
        if (!s)
                return 0;
        s->told = now_usec(a);
        s->measured = (uint64_t) seconds * SEC;
        s->told_locked = locked;
        screen_lock_look(a);
        return 0;
}

int screen_lock_new(struct agent *a) {
        a->screens = calloc(1, sizeof *a->screens);
        if (!a->screens)
                return -ENOMEM;
        a->screens->asleep = asleep_usec(a);
        return sd_event_add_time(a->event, &a->screens->timer, CLOCK_MONOTONIC, UINT64_MAX, 1000000, on_timer, a);
}

void screen_lock_free(struct agent *a) {
        if (!a->screens)
                return;
        (void) sd_event_source_disable_unref(a->screens->timer);
        free(a->screens);
        a->screens = NULL;
}
