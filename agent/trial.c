/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trial.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/log.h"

#define USEC_PER_SEC UINT64_C(1000000)

static void finding(struct agent *a) {
        char when[40] = "";
        uint64_t now = time_boot_usec(&a->time), ends = a->active.trial.ends;
        uint64_t left = ends > now ? (ends - now) / USEC_PER_SEC : 0;
        (void) time_format(time_now(&a->time) + (int64_t) left, when, sizeof when);
        agent_raise(a, FAILURE_POLICY_ON_TRIAL, when);
}

static void record(struct agent *a, const struct stored_policy *p, const char *outcome, const char *detail, int64_t uid,
                   enum audit_when when) {
        const struct submission local = { .uid = uid, .via = uid < 0 ? NULL : "socket" };
        (void) agent_record_document(a, &local,
                                     (struct audit_document){ .what = "policy",
                                                              .serial = p->policy->header.serial,
                                                              .sha256 = p->sha256,
                                                              .source = policy_source_name(p->source),
                                                              .outcome = outcome,
                                                              .detail = detail },
                                     when);
}

int trial_prepare(struct agent *a, struct stored_policy *next, uint64_t seconds) {
        if (store_recall_text(&a->store, &a->active) != 0)
                return INSTALL_NOTHING_BEFORE;
        struct stored_trial t = { .on = true, .ends = time_boot_usec(&a->time) + seconds * USEC_PER_SEC };
        store_boot_id(&a->root, t.boot);
        if (store_keep_before(&a->store, &a->active, &t) < 0)
                return INSTALL_NOT_STORED;
        next->trial = t;
        return INSTALL_OK;
}

static int on_over(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) s, (void) usec;
        trial_return(userdata, "not-confirmed");
        return 0;
}

static void start_timer(struct agent *a) {
        a->trial.timer = sd_event_source_disable_unref(a->trial.timer);
        int r = sd_event_add_time(a->event, &a->trial.timer, CLOCK_BOOTTIME, a->active.trial.ends, USEC_PER_SEC,
                                  on_over, a);
        if (r < 0) /* nobody would end it */
                trial_return(a, "not-confirmed");
}

void trial_begin(struct agent *a, struct stored_policy *before) {
        a->trial.before = *before;
        *before = (struct stored_policy){ 0 };
        finding(a);
        start_timer(a);
}

static void end(struct agent *a) {
        a->trial.timer = sd_event_source_disable_unref(a->trial.timer);
        agent_clear(a, FAILURE_POLICY_ON_TRIAL);
}

void trial_return(struct agent *a, const char *detail) {
        if (!a->active.trial.on)
                return;
        end(a);
        struct stored_policy tried = a->active;
        a->active = a->trial.before;
        a->active.counter = tried.counter;
        a->trial.before = (struct stored_policy){ 0 };
        /* In memory it is over in any case; if the disk does not take it, the next start ends it again. */
        record(a, &a->active, "restored", detail, -1, AUDIT_DURABLE);
        if (a->active.text && store_commit(&a->store, &a->active) < 0)
                agent_raise(a, FAILURE_POLICY_CHANGED, "/" STORE_DIRECTORY "/" STORE_POLICY);
        log_warning("policy serial %" PRIu64 " was on trial and is over (%s); serial %" PRIu64 " holds again",
                    tried.policy->header.serial, detail, a->active.policy->header.serial);
        if (agent_decide_again(a) < 0)
                agent_raise(a, FAILURE_GUARD, "trial");
        stored_policy_clear(&tried);
        stored_policy_forget_text(&a->active);
        agent_took_effect(a);
        agent_tell(a, "policy", NULL, detail);
}

int trial_confirm(struct agent *a, int64_t uid) {
        if (!a->active.trial.on)
                return INSTALL_NO_TRIAL;
        if (store_recall_text(&a->store, &a->active) != 0)
                return INSTALL_NOT_STORED;
        a->active.trial.on = false;
        record(a, &a->active, "installed", "confirmed", uid, AUDIT_DURABLE);
        if (store_commit(&a->store, &a->active) < 0) {
                a->active.trial.on = true;
                return INSTALL_NOT_STORED;
        }
        a->active.serial_floor = a->active.policy->header.serial;
        end(a);
        stored_policy_clear(&a->trial.before);
        stored_policy_forget_text(&a->active);
        log_notice("policy %s confirmed by uid %lld", a->active.sha256, (long long) uid);
        agent_tell(a, "policy", NULL, "confirmed");
        return INSTALL_OK;
}

static bool goes_on(const struct agent *a) {
        char boot[sizeof a->active.trial.boot];
        store_boot_id(&a->root, boot);
        return a->active.owned && strcmp(boot, a->active.trial.boot) == 0 &&
               a->active.trial.ends > time_boot_usec(&a->time) &&
               a->active.trial.ends - time_boot_usec(&a->time) <= TRIAL_MAX * USEC_PER_SEC;
}

int trial_resume(struct agent *a) {
        if (!a->active.trial.on)
                return 0;
        struct stored_policy before = { 0 };
        int r = store_load_before(&a->store, &a->active.trial, &before);
        if (r < 0)
                return r;
        if (r > 0) { /* the way back is gone: nothing is allowed but the floor, once the trial is over */
                before = (struct stored_policy){ .policy = policy_builtin(),
                                                 .origin = ORIGIN_BUILTIN,
                                                 .source = SOURCE_DEFAULT,
                                                 .serial_floor = a->active.trial.before.serial };
                agent_raise(a, FAILURE_POLICY_CHANGED, "/" STORE_DIRECTORY "/" STORE_BEFORE);
        }
        a->active.serial_floor = before.serial_floor;
        bool more = goes_on(a);
        trial_begin(a, &before);
        if (!more)
                trial_return(a, "not-confirmed");
        return 0;
}

void trial_free(struct agent *a) {
        a->trial.timer = sd_event_source_disable_unref(a->trial.timer);
        stored_policy_clear(&a->trial.before);
}
