/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "storage_guard.h"

/* udev has to look at the disk and all that belongs to it: 10 ms, 20 ms ... 1 s between our looks. */
#define LOOK_FIRST_USEC UINT64_C(10000)
#define LOOK_LAST_USEC  UINT64_C(1000000)
#define CHECK_USEC      UINT64_C(10000000)
/* Something is not as it was: somebody else's event may be under way. */
#define GRACE_USEC UINT64_C(2000000)
/* The helper writes back what is not on the medium yet. systemd ends it a little earlier. */
#define CLOSE_USEC UINT64_C(65000000)

static uint64_t now(const struct storage_guard *g) {
        return time_boot_usec(g->env.time);
}

static void set_alarm(struct storage_guard *g) {
        uint64_t due = UINT64_MAX;
        for (size_t i = 0; i < g->n_subjects; i++)
                if (g->subjects[i]->phase != STORAGE_IDLE && g->subjects[i]->due < due)
                        due = g->subjects[i]->due;
        if (due != UINT64_MAX)
                (void) sd_event_source_set_time(g->again, due);
        (void) sd_event_source_set_enabled(g->again, due == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

/* ---- what a verdict asks for ---- */

static char *join_users(const struct strings *users) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        for (uint32_t i = 0; i < users->n; i++)
                (void) fprintf(f, "%s%s", i > 0 ? " " : "", users->list[i]);
        return fclose(f) == 0 ? text : (free(text), NULL);
}

static int hold_for(const struct verdict *v, uint64_t inode, struct media_hold *ret) {
        struct media_hold h = { .inode = inode, .access = MEDIA_SHUT };
        if (verdict_opens(v))
                h.access = MEDIA_OPEN;
        if (verdict_has_conditions(v)) {
                h.access = v->action == ACTION_READ_ONLY ? MEDIA_READ_ONLY : MEDIA_OPEN;
                h.encrypted = v->encrypted != ENCRYPTED_ANY;
                h.users = v->users.n > 0 ? join_users(&v->users) : NULL;
                if (v->users.n > 0 && !h.users)
                        return -ENOMEM;
        }
        *ret = h;
        return 0;
}

/* What is mounted under the one may not be under the other. Without a mark nobody knows who has it mounted. */
static enum storage_close close_between(const struct media_hold *before, const struct media_hold *after) {
        if (before && before->access == MEDIA_SHUT)
                return STORAGE_CLOSE_NONE;
        bool other_users = after->users && (!before || !before->users || strcmp(before->users, after->users) != 0);
        if (after->access == MEDIA_SHUT || other_users || (after->encrypted && !(before && before->encrypted)))
                return STORAGE_CLOSE_DETACH;
        if (after->access == MEDIA_READ_ONLY && !(before && before->access == MEDIA_READ_ONLY))
                return STORAGE_CLOSE_READ_ONLY;
        return STORAGE_CLOSE_NONE;
}

/* ---- reporting ---- */

static unsigned conditions_of(const struct media_hold *h) {
        return h->access == MEDIA_SHUT ? 0
                                       : (h->access == MEDIA_READ_ONLY ? HELD_READ_ONLY : 0u) |
                                                 (h->users ? HELD_USERS : 0u) | (h->encrypted ? HELD_LUKS : 0u);
}

static void report(struct storage_subject *s, enum effect_result result, int error) {
        struct storage_guard *g = s->guard;
        struct storage_state state = { .open = true };
        int r = storage_disk_state(g->env.root, &s->disk, &s->hold, &state);
        struct effect e = { .result = result, .error = error, .open = state.open };
        if (r == -ENOENT)
                e = (struct effect){ .result = EFFECT_GONE };
        e.held = e.result == EFFECT_AS_DECIDED ? conditions_of(&s->hold) : 0;
        e.usec = now(g) - s->noticed;
        s->settled = e.result == EFFECT_AS_DECIDED;
        s->phase = STORAGE_IDLE;
        set_alarm(g);
        g->env.effect(&g->base, s->handle, &e, g->env.userdata);
}

static bool is_so(const struct storage_subject *s) {
        struct storage_state state;
        return s->has_hold && storage_disk_state(s->guard->env.root, &s->disk, &s->hold, &state) == 0 && state.as_held;
}

/* ---- carrying out ---- */

static void check(struct storage_subject *s, bool trigger) {
        struct storage_guard *g = s->guard;
        if (trigger)
                storage_disk_trigger(g->env.root, &s->disk);
        s->phase = STORAGE_CHECKING;
        s->triggered = trigger;
        s->looks = 0;
        s->due = now(g) + LOOK_FIRST_USEC;
        s->deadline = now(g) + (trigger ? CHECK_USEC : GRACE_USEC);
        set_alarm(g);
}

/* Not before everything is written and nothing is mounted: what the kernel then refuses to write would be lost. */
static void closed(struct storage_subject *s, int result) {
        s->closer = storage_closer_free(s->closer);
        s->close_error = result == -ENOENT ? 0 : result; /* the disk has gone; so has what was mounted */
        if (s->close_error == 0)
                s->to_close = STORAGE_CLOSE_NONE;
        check(s, true);
}

static void on_closed(int result, void *userdata) {
        closed(userdata, result);
}

static void carry_out(struct storage_subject *s) {
        struct storage_guard *g = s->guard;
        s->closer = storage_closer_free(s->closer);
        s->close_error = 0;
        if (s->to_close == STORAGE_CLOSE_NONE) {
                check(s, true);
                return;
        }
        int r = storage_closer_new(g->env.event, g->env.root, s->disk.name, s->disk.inode, s->to_close, on_closed, s,
                                   &s->closer);
        if (r < 0) {
                closed(s, r);
                return;
        }
        s->phase = STORAGE_CLOSING;
        s->due = s->deadline = now(g) + CLOSE_USEC;
        set_alarm(g);
}

static void look_again(struct storage_subject *s) {
        struct storage_guard *g = s->guard;
        if (s->phase == STORAGE_CLOSING) {
                closed(s, -ETIMEDOUT);
                return;
        }
        if (is_so(s)) {
                /* Somebody may still write to it: that is not what was decided. */
                report(s, s->close_error ? EFFECT_FAILED : EFFECT_AS_DECIDED, -s->close_error);
                return;
        }
        if (now(g) >= s->deadline && s->triggered) {
                report(s, EFFECT_DIFFERS, s->close_error ? -s->close_error : 0);
                return;
        }
        if (now(g) >= s->deadline) {
                g->env.trouble(&g->base, "drift", s->disk.name, g->env.userdata);
                check(s, true);
                return;
        }
        uint64_t pause = LOOK_FIRST_USEC << (s->looks < 7 ? s->looks : 7);
        s->looks++;
        s->due = now(g) + (pause < LOOK_LAST_USEC ? pause : LOOK_LAST_USEC);
        set_alarm(g);
}

/* By handle: what is told to the agent may change the list. */
static int on_again(sd_event_source *source, uint64_t usec, void *userdata) {
        struct storage_guard *g = userdata;
        (void) source;
        (void) usec;
        for (size_t i = 0; i < g->n_subjects; i++)
                if (g->subjects[i]->phase != STORAGE_IDLE && g->subjects[i]->due <= now(g))
                        look_again(g->subjects[i]);
        set_alarm(g);
        return 0;
}

int storage_enforce_start(struct storage_guard *g) {
        int r = sd_event_add_time(g->env.event, &g->again, CLOCK_BOOTTIME, 0, 1000, on_again, g);
        return r < 0 ? r : sd_event_source_set_enabled(g->again, SD_EVENT_OFF);
}

void storage_take_up(struct storage_subject *s) {
        struct media_hold h;
        if (media_mark_read(s->guard->env.root, s->disk.name, &h) < 0)
                return;
        if (h.inode != s->disk.inode) {
                media_hold_clear(&h);
                return;
        }
        s->hold = h;
        s->has_hold = true;
}

int storage_apply(struct guard *base, const struct verdict *v) {
        struct storage_guard *g = (struct storage_guard *) base;
        struct storage_subject *s = storage_find_handle(g, v->handle);
        if (!s)
                return 1;
        CLEANUP(media_hold_clear) struct media_hold wanted = { .access = MEDIA_SHUT };
        int r = hold_for(v, s->disk.inode, &wanted);
        if (r < 0)
                return r;

        if (s->has_hold && media_hold_same(&s->hold, &wanted)) {
                if (s->phase != STORAGE_IDLE)
                        return 0; /* look_again() answers */
                if (s->to_close == STORAGE_CLOSE_NONE && is_so(s))
                        report(s, EFFECT_AS_DECIDED, 0);
                else if (s->settled)
                        check(s, false);
                else
                        carry_out(s);
                return 0;
        }

        /* From here on nobody new gets in: who asks reads the mark. */
        r = media_mark_write(g->env.root, s->disk.name, &wanted);
        if (r < 0) {
                report(s, EFFECT_FAILED, -r);
                return 0;
        }
        enum storage_close how = close_between(s->has_hold ? &s->hold : NULL, &wanted);
        s->to_close = how > s->to_close ? how : s->to_close;
        media_hold_clear(&s->hold);
        s->hold = wanted;
        wanted.users = NULL;
        s->has_hold = true;
        s->settled = false;
        carry_out(s);
        return 0;
}
