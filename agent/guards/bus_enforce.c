/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus_guard.h"

/* udev has to look, a module perhaps to be loaded: 10 ms, 20 ms ... 1 s between our looks. */
#define LOOK_FIRST_USEC UINT64_C(10000)
#define LOOK_LAST_USEC  UINT64_C(1000000)
#define CHECK_USEC      UINT64_C(20000000)
/* It was as it is to be: udev's own event may be under way. */
#define GRACE_USEC UINT64_C(1000000)

static uint64_t now(const struct bus_guard *g) {
        return time_boot_usec(g->env.time);
}

static void set_alarm(struct bus_guard *g) {
        uint64_t due = UINT64_MAX;
        for (size_t i = 0; i < g->n_subjects; i++)
                if (g->subjects[i]->checking && g->subjects[i]->due < due)
                        due = g->subjects[i]->due;
        if (due != UINT64_MAX)
                (void) sd_event_source_set_time(g->again, due);
        (void) sd_event_source_set_enabled(g->again, due == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static void report(struct bus_guard *g, struct bus_subject *s, enum effect_result result, int error) {
        bool open = false, may_open = true;
        struct effect e = { .result = result, .error = error };
        if (bus_device_state(&s->device, &open, &may_open) < 0)
                e = (struct effect){ .result = EFFECT_GONE };
        e.open = e.result != EFFECT_GONE && (open || may_open);
        e.usec = now(g) - s->noticed;
        s->settled = e.result == EFFECT_AS_DECIDED;
        s->checking = false;
        set_alarm(g);
        g->env.effect(&g->base, s->handle, &e, g->env.userdata);
}

static bool is_so(const struct bus_subject *s) {
        bool open, may_open;
        return bus_device_state(&s->device, &open, &may_open) < 0 || (s->wanted ? may_open : !open && !may_open);
}

/* "add" has udev load the module that belongs to a device that is open; nothing else has to hear of one that is shut.
 */
static void trigger(const struct bus_subject *s) {
        (void) file_write_value_at(s->device.fd, "uevent", s->wanted ? "add" : "change");
}

static void check(struct bus_guard *g, struct bus_subject *s, bool with_trigger) {
        if (with_trigger)
                trigger(s);
        s->checking = true;
        s->triggered = with_trigger;
        s->looks = 0;
        s->due = now(g) + LOOK_FIRST_USEC;
        s->deadline = now(g) + (with_trigger ? CHECK_USEC : GRACE_USEC);
        set_alarm(g);
}

static void look_again(struct bus_guard *g, struct bus_subject *s) {
        if (is_so(s)) {
                report(g, s, EFFECT_AS_DECIDED, 0);
                return;
        }
        if (now(g) >= s->deadline && s->triggered) {
                report(g, s, EFFECT_DIFFERS, 0);
                return;
        }
        if (now(g) >= s->deadline) {
                g->env.trouble(&g->base, "drift", s->device.door, g->env.userdata);
                check(g, s, true);
                return;
        }
        uint64_t pause = LOOK_FIRST_USEC << (s->looks < 7 ? s->looks : 7);
        s->looks++;
        s->due = now(g) + (pause < LOOK_LAST_USEC ? pause : LOOK_LAST_USEC);
        set_alarm(g);
}

/* By index, looked up anew: what is told to the agent may change the list. */
static int on_again(sd_event_source *source, uint64_t usec, void *userdata) {
        struct bus_guard *g = userdata;
        (void) source;
        (void) usec;
        for (size_t i = 0; i < g->n_subjects; i++)
                if (g->subjects[i]->checking && g->subjects[i]->due <= now(g))
                        look_again(g, g->subjects[i]);
        set_alarm(g);
        return 0;
}

int bus_enforce_start(struct bus_guard *g) {
        int r = sd_event_add_time(g->env.event, &g->again, CLOCK_BOOTTIME, 0, 1000, on_again, g);
        return r < 0 ? r : sd_event_source_set_enabled(g->again, SD_EVENT_OFF);
}

int bus_apply(struct guard *base, const struct verdict *v) {
        struct bus_guard *g = (struct bus_guard *) base;
        struct bus_subject *s = bus_find_handle(g, v->handle);
        if (!s)
                return 1;
        bool wanted = verdict_opens(v);
        if (s->decided && s->wanted == wanted) {
                if (s->checking)
                        return 0; /* look_again() answers */
                if (is_so(s))
                        report(g, s, EFFECT_AS_DECIDED, 0);
                else
                        check(g, s, !s->settled);
                return 0;
        }
        s->decided = true;
        s->wanted = wanted;
        s->settled = false;
        struct door_mark mark = { .inode = s->device.inode,
                                  .state = wanted ? DOOR_OPEN : DOOR_SHUT,
                                  .at_boot = s->device.facts.present_at_boot };
        int r = door_mark_write(g->env.root, s->device.door, &mark);
        if (r < 0) {
                report(g, s, EFFECT_FAILED, -r);
                return 0;
        }
        if (is_so(s))
                report(g, s, EFFECT_AS_DECIDED, 0);
        else
                check(g, s, true);
        return 0;
}
