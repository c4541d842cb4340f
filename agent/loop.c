/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What wakes the agent, and in which order.
 *
 * Priorities: a signal to stop before anything else; then devices and workers' answers (the default priority), because
 * a person waits for them; then the batch of records; clients and logind are idle work. Between events nothing wakes us
 * but the heartbeat that systemd's watchdog asks for, on which the slow tick of every minute rides, and the minutes at
 * which hours of the policy begin or end. */
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "hours.h"
#include "inbox.h"
#include "medium.h"
#include "permits.h"
#include "screen_lock.h"
#include "sys/hwdb.h"
#include "sys/logind.h"

#define TICK_USEC       UINT64_C(60000000)
#define TICK_SLACK_USEC UINT64_C(10000000)
#define FLOOR_SAVE_USEC UINT64_C(600000000)

struct loop {
        sd_event_source *term, *interrupt, *hangup, *heartbeat, *flush, *hours;
        struct logind *logind;
        bool watched;         /* systemd waits for the heartbeat */
        uint64_t period;      /* of it */
        uint64_t ticked;      /* boot clock */
        uint64_t floor_saved; /* boot clock */
};

void agent_resync(struct agent *a) {
        bool failed = false;
        for (size_t i = 0; i < a->n_guards; i++) {
                int r = a->guards[i]->ops->resync(a->guards[i]);
                if (r < 0) {
                        failed = true;
                        agent_raise(a, FAILURE_GUARD, a->guards[i]->ops->name);
                }
        }
        if (!failed && a->n_guards > 0)
                agent_clear(a, FAILURE_GUARD);
        hwdb_rest(a->hwdb);
        agent_look_at_itself(a);
}

static int on_stop(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        struct agent *a = userdata;
        (void) s;
        (void) si;
        return sd_event_exit(a->event, 0);
}

static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        struct agent *a = userdata;
        (void) s;
        (void) si;
        agent_read_terminal(a);
        agent_resync(a);
        return 0;
}

static void on_resumed(void *userdata) {
        screen_lock_woke(userdata);
        agent_resync(userdata);
}

static void save_time_floor(struct agent *a, bool now) {
        uint64_t boot = time_boot_usec(&a->time);
        time_raise_floor(&a->time, time_now(&a->time));
        if (!now && boot - a->loop->floor_saved < FLOOR_SAVE_USEC)
                return;
        /* Best effort: a floor that is some minutes old serves as well. */
        if (store_write_time_floor(&a->store, a->time.floor) == 0)
                a->loop->floor_saved = boot;
}

static void tick(struct agent *a) {
        if (!a->loop->logind && a->root.is_machine)
                (void) logind_new(a->event, on_resumed, a, &a->loop->logind); /* the bus comes later than we do */
        screen_lock_woke(a);
        agent_resync(a);
        agent_mend_record(a);
        agent_tick_record(a);
        permits_look(a); /* the clock may have been set */
        inbox_tick(a);
        medium_look(a);
        save_time_floor(a, false);
        loop_schedule_hours(a); /* the clock may have been set */
        a->loop->ticked = time_boot_usec(&a->time);
}

static int on_heartbeat(sd_event_source *s, uint64_t usec, void *userdata) {
        struct agent *a = userdata;
        (void) usec;
        if (a->loop->watched)
                (void) sd_notify(0, "WATCHDOG=1");
        if (time_boot_usec(&a->time) - a->loop->ticked >= TICK_USEC - TICK_SLACK_USEC)
                tick(a);
        int r = sd_event_source_set_time_relative(s, a->loop->period);
        return r < 0 ? r : sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* The boot clock counts suspend: after a long sleep the tick is due at once. */
static int start_heartbeat(struct agent *a) {
        struct loop *l = a->loop;
        uint64_t patience = 0;
        l->watched = sd_watchdog_enabled(0, &patience) > 0;
        l->period = l->watched && patience / 2 < TICK_USEC ? patience / 2 : TICK_USEC;
        l->ticked = time_boot_usec(&a->time);
        if (l->watched)
                (void) sd_notify(0, "WATCHDOG=1");
        uint64_t slack = l->period / 4 < TICK_SLACK_USEC ? l->period / 4 : TICK_SLACK_USEC;
        return sd_event_add_time_relative(a->event, &l->heartbeat, CLOCK_BOOTTIME, l->period, slack, on_heartbeat, a);
}

static int on_hours(sd_event_source *s, uint64_t usec, void *userdata) {
        struct agent *a = userdata;
        (void) s;
        (void) usec;
        (void) agent_decide_again(a); /* what failed is in its effect, and tried again by the tick */
        agent_look_at_itself(a);
        loop_schedule_hours(a);
        return 0;
}

void loop_schedule_hours(struct agent *a) {
        if (!a->loop)
                return;
        int64_t wall = time_now(&a->time);
        uint8_t weekday;
        uint16_t minute;
        unsigned ahead =
                time_local(wall, &weekday, &minute) < 0 ? 0 : hours_minutes_ahead(&a->active.policy->devices, minute);
        if (ahead == 0) {
                (void) sd_event_source_set_enabled(a->loop->hours, SD_EVENT_OFF);
                return;
        }
        uint64_t due = (uint64_t) (wall - wall % 60 + (int64_t) ahead * 60) * UINT64_C(1000000);
        (void) sd_event_source_set_time(a->loop->hours, due);
        (void) sd_event_source_set_enabled(a->loop->hours, SD_EVENT_ONESHOT);
}

static int on_flush(sd_event_source *s, uint64_t usec, void *userdata) {
        struct agent *a = userdata;
        (void) s;
        (void) usec;
        if (a->log) {
                int r = audit_log_flush(a->log);
                if (r < 0)
                        agent_raise(a, FAILURE_RECORD, strerrordesc_np(-r));
                if (audit_log_deadline(a->log) != UINT64_MAX)
                        loop_schedule_flush(a);
        }
        permits_save(a);
        /* Best effort: without it the next agent records some decisions once more. */
        (void) registry_save(&a->registry, &a->root);
        return 0;
}

void loop_schedule_flush(struct agent *a) {
        int on = SD_EVENT_OFF;
        if (!a->loop || sd_event_source_get_enabled(a->loop->flush, &on) < 0 || on != SD_EVENT_OFF)
                return;
        /* The deadline of what waits; the registry, which has none of its own, goes along. */
        uint64_t due = time_boot_usec(&a->time) + AUDIT_BATCH_USEC;
        uint64_t deadline = audit_log_deadline(a->log);
        (void) sd_event_source_set_time(a->loop->flush, deadline < due ? deadline : due);
        (void) sd_event_source_set_enabled(a->loop->flush, SD_EVENT_ONESHOT);
}

static int add_signals(struct agent *a) {
        struct loop *l = a->loop;
        const struct {
                int number;
                sd_event_signal_handler_t handler;
                sd_event_source **source;
        } signals[] = { { SIGTERM, on_stop, &l->term },
                        { SIGINT, on_stop, &l->interrupt },
                        { SIGHUP, on_hangup, &l->hangup } };
        for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
                int r = sd_event_add_signal(a->event, signals[i].source, signals[i].number, signals[i].handler, a);
                if (r < 0)
                        return r;
        }
        return sd_event_source_set_priority(l->term, SD_EVENT_PRIORITY_IMPORTANT);
}

int loop_new(struct agent *a) {
        a->loop = calloc(1, sizeof *a->loop);
        if (!a->loop)
                return -ENOMEM;
        int r = add_signals(a);
        if (r < 0)
                return r;
        r = start_heartbeat(a);
        if (r < 0)
                return r;
        r = sd_event_add_time(a->event, &a->loop->flush, CLOCK_BOOTTIME, 0, 1000, on_flush, a);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(a->loop->flush, SD_EVENT_OFF);
        if (r < 0)
                return r;
        /* By the wall clock, which may be set forward meanwhile; set back, the tick finds out. */
        r = sd_event_add_time(a->event, &a->loop->hours, CLOCK_REALTIME, 0, 1000, on_hours, a);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(a->loop->hours, SD_EVENT_OFF);
        if (r < 0)
                return r;
        loop_schedule_hours(a);
        if (a->root.is_machine)
                (void) logind_new(a->event, on_resumed, a, &a->loop->logind);
        return 0;
}

void loop_free(struct agent *a) {
        struct loop *l = a->loop;
        if (!l)
                return;
        save_time_floor(a, true);
        (void) registry_save(&a->registry, &a->root);
        (void) logind_free(l->logind);
        (void) sd_event_source_disable_unref(l->term);
        (void) sd_event_source_disable_unref(l->interrupt);
        (void) sd_event_source_disable_unref(l->hangup);
        (void) sd_event_source_disable_unref(l->heartbeat);
        (void) sd_event_source_disable_unref(l->flush);
        (void) sd_event_source_disable_unref(l->hours);
        free(l);
        a->loop = NULL;
}
