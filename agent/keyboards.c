/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keyboards.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/cleanup.h"
#include "sys/input.h"
#include "sys/session_lock.h"

/* The way back from `keyboards: listed`: whoever starts the machine adds this word to the kernel's command line. */
#define FALLBACK_WORD "sekisho.keyboards=present"
#define CMDLINE_MAX   4096u

struct keyboard_watch {
        bool fallback;
        struct session_lock *lock;
};

static bool has_word(const char *line, const char *word) {
        size_t length = strlen(word);
        for (const char *p = strstr(line, word); p; p = strstr(p + 1, word))
                if ((p == line || p[-1] == ' ') && strchr(" \n", p[length]))
                        return true;
        return false;
}

static bool read_fallback(const struct root *root) {
        char line[CMDLINE_MAX + 1];
        CLEANUP(close_p) int proc = root_openat(root, "proc", O_PATH | O_DIRECTORY, 0);
        return proc >= 0 && file_read_at(proc, "cmdline", line, CMDLINE_MAX) > 0 && has_word(line, FALLBACK_WORD);
}

/* Decided again, by pointer: nothing is removed meanwhile. */
static void on_locked(int result, void *userdata) {
        struct agent *a = userdata;
        for (size_t i = 0; i < a->registry.n; i++) {
                struct subject *s = a->registry.list[i];
                if (s->lock != LOCK_ASKED && s->lock != LOCK_ASKED_AGAIN)
                        continue;
                s->lock = result == 0 ? LOCK_DONE : LOCK_FAILED;
                agent_decide_on(a, s);
        }
        agent_look_at_itself(a);
}

int keyboards_new(struct agent *a) {
        a->keyboards = calloc(1, sizeof *a->keyboards);
        if (!a->keyboards)
                return -ENOMEM;
        a->keyboards->fallback = read_fallback(&a->root);
        return session_lock_new(a->event, &a->root, on_locked, a, &a->keyboards->lock);
}

void keyboards_free(struct agent *a) {
        if (a->keyboards)
                (void) session_lock_free(a->keyboards->lock);
        free(a->keyboards);
        a->keyboards = NULL;
}

bool keyboards_fallback(const struct agent *a) {
        return a->keyboards && a->keyboards->fallback && a->active.policy->devices.keyboards == KEYBOARDS_LISTED;
}

static unsigned others_that_work(const struct agent *a, const struct subject *s) {
        int n = input_count_keyboards(&a->root, s->facts.device.port);
        return n > 0 ? (unsigned) n : 0;
}

/* The disk of a stick with a keyboard in it is not one keyboard more. */
static bool is_newcomer_that_types(const struct subject *s, const struct verdict *v) {
        const struct device_facts *d = &s->facts.device;
        return s->facts.kind == FACTS_DEVICE && !*d->node && (!d->present_at_boot || d->returned) && v->enforce &&
               verdict_opens(v) && device_can_type(&s->facts.device, v->interfaces);
}

void keyboards_context(const struct agent *a, const struct subject *s, struct context *ret) {
        /* A device's own keys do not count, or the last keyboard would lose its floor by working. And what the floor
         * has given, it keeps: two keyboards that came at once must not take it from each other. An error counts as no
         * keyboard, because a keyboard too many does less harm than none. Of what is more than a keyboard nobody asks,
         * and the looking takes its time. */
        enum reason before = s->decided ? s->verdict.reason : registry_earlier_reason(&a->registry, s);
        if (before != REASON_FLOOR_LAST_KEYBOARD && device_is_hid_only(&s->facts.device))
                ret->working_keyboards = others_that_work(a, s);
        for (size_t i = 0; i < a->registry.n; i++) {
                const struct subject *other = a->registry.list[i];
                ret->late_keyboards += other != s && other->decided && is_newcomer_that_types(other, &other->verdict);
        }
        ret->keyboards_fallback = keyboards_fallback(a);
}

/* The first time the lock is asked for; later, as somebody works at an unlocked screen, it is only looked for. */
static enum keyboards_lock ask(struct agent *a, struct subject *s) {
        bool first = s->lock == LOCK_NOT_ASKED;
        int r = session_lock_ask(a->keyboards->lock, first);
        if (r < 0) {
                s->lock = LOCK_FAILED;
                return KEYBOARDS_LOCK_REFUSED;
        }
        s->lock = first ? LOCK_ASKED : LOCK_ASKED_AGAIN;
        return first ? KEYBOARDS_LOCK_ASKED : KEYBOARDS_LOCK_REFUSED;
}

enum keyboards_lock keyboards_lock_first(struct agent *a, struct subject *s) {
        bool is_open = s->has_effect && s->effect.open;
        if (!is_newcomer_that_types(s, &s->verdict) || is_open || s->lock == LOCK_DONE)
                return KEYBOARDS_LOCK_NEEDLESS;
        if (s->lock == LOCK_ASKED)
                return KEYBOARDS_LOCK_ASKED;
        if (s->lock != LOCK_NOT_ASKED && others_that_work(a, s) == 0)
                return KEYBOARDS_LOCK_NEEDLESS; /* a keyboard stays alive, whatever can hear it */
        return s->lock == LOCK_ASKED_AGAIN ? KEYBOARDS_LOCK_REFUSED : ask(a, s);
}
