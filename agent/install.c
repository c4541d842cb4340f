/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <libintl.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include <sekisho/document.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "counter.h"
#include "helpers.h"

#define _(text)            dgettext("sekisho", text)

#define TERMINAL_DIRECTORY "etc/sekisho"
#define TERMINAL_FILE      "terminal.yaml"

static const char *const refusal_names[INSTALL_REFUSAL_MAX] = {
        [INSTALL_PROBLEMS] = "problems",
        [INSTALL_SERIAL] = "serial",
        [INSTALL_TARGET] = "target",
        [INSTALL_EXPIRED] = "expired",
        [INSTALL_ISSUED_IN_FUTURE] = "issued-in-future",
        [INSTALL_NOT_APPLIED] = "not-applied",
        [INSTALL_NOT_STORED] = "not-stored",
        [INSTALL_SIGNATURE_REQUIRED] = "signature-required",
        [INSTALL_SIGNATURES] = "signatures",
        [INSTALL_FLEET] = "fleet",
        [INSTALL_NO_TRIAL] = "no-trial",
        [INSTALL_NOTHING_BEFORE] = "nothing-before",
        [INSTALL_DISK_FULL] = "disk-full",
        [INSTALL_TRIAL_TIME] = "trial-time",
};

const char *install_refusal_name(int refusal) {
        return refusal > 0 && refusal < INSTALL_REFUSAL_MAX ? refusal_names[refusal] : NULL;
}

static void problems_p(struct problems *p) {
        problems_clear(p);
}

void agent_read_terminal(struct agent *a) {
        CLEANUP(close_p) int directory = root_openat(&a->root, TERMINAL_DIRECTORY, O_PATH | O_DIRECTORY, 0);
        CLEANUP(document_clear) struct document d = { 0 };
        if (directory < 0 || document_read(directory, TERMINAL_FILE, DOCUMENT_MAX, &d) != 0)
                return; /* in no group */
        CLEANUP(problems_p) struct problems problems = { 0 };
        struct terminal *t = NULL;
        if (terminal_parse(d.bytes, d.size, &problems, &t) == 0) {
                (void) terminal_free(a->terminal);
                a->terminal = t;
                return;
        }
        for (size_t i = 0; i < problems.n && i < 5; i++)
                log_warning("/" TERMINAL_DIRECTORY "/" TERMINAL_FILE ":%u: %s", problems.list[i].line,
                            problems.list[i].message);
}

int agent_record_document(struct agent *a, const struct submission *s, struct audit_document d, enum audit_when when) {
        d.uid = s->uid;
        d.via = s->via;
        d.name = s->name;
        return agent_record(a, audit_event_document(&a->identity, time_now(&a->time), &d), when);
}

static int record_policy(struct agent *a, const struct submission *s, const struct stored_policy *p,
                         const char *outcome, const char *detail, const struct trust_check *c, enum audit_when when) {
        return agent_record_document(a, s,
                                     (struct audit_document){ .what = "policy",
                                                              .serial = p->policy->header.serial,
                                                              .sha256 = p->sha256,
                                                              .source = policy_source_name(p->source),
                                                              .outcome = outcome,
                                                              .detail = detail,
                                                              .signatures = c },
                                     when);
}

static const struct submission by_itself = { .uid = 0 };

void agent_report_policy(struct agent *a) {
        const struct stored_policy *p = &a->active;
        if (p->adopted)
                (void) record_policy(a, &by_itself, p, "installed", NULL, NULL, AUDIT_DURABLE);
        if (p->state_damaged)
                agent_raise(a, FAILURE_STATE_DAMAGED, NULL);
        if (p->file_changed)
                agent_raise(a, FAILURE_POLICY_CHANGED, "/" STORE_DIRECTORY "/" STORE_POLICY);
        if (p->origin == ORIGIN_LAST_GOOD) {
                agent_raise(a, FAILURE_POLICY_LAST_GOOD, NULL);
                (void) record_policy(a, &by_itself, p, "restored", "last-good", NULL, AUDIT_BATCH);
        }
        if (p->origin == ORIGIN_BUILTIN)
                agent_raise(a, FAILURE_POLICY_BUILTIN, NULL);
}

/* A later trust document may have set the floor anew. */
uint64_t agent_serial_floor(const struct agent *a) {
        return a->trust.reset_version > a->active.trust_version ? a->trust.reset_floor : a->active.serial_floor;
}

/* Each step once, in the order of agent_install_policy(). */
static enum install_refusal judge(struct agent *a, const struct stored_policy *p) {
        const struct policy_header *h = &p->policy->header;
        int64_t now = time_now(&a->time);
        if (a->trust.trust && strcmp(h->fleet, a->trust.trust->fleet) != 0)
                return INSTALL_FLEET;
        if (!terminal_is_target(&h->target, a->machine_id, a->terminal))
                return INSTALL_TARGET;
        if (h->serial <= agent_serial_floor(a))
                return INSTALL_SERIAL;
        if (h->expires <= now)
                return INSTALL_EXPIRED;
        if (h->issued > now + INSTALL_AHEAD_MAX)
                return INSTALL_ISSUED_IN_FUTURE;
        return INSTALL_OK;
}

void agent_took_effect(struct agent *a) {
        helpers_adopt(a);
        loop_schedule_hours(a);
        time_raise_floor(&a->time, a->active.policy->header.issued);
        agent_apply_audit_policy(a);
        static const enum failure over[] = { FAILURE_POLICY_BUILTIN, FAILURE_POLICY_LAST_GOOD, FAILURE_POLICY_CHANGED,
                                             FAILURE_STATE_DAMAGED };
        for (size_t i = 0; i < sizeof over / sizeof *over; i++)
                agent_clear(a, over[i]);
        agent_look_at_itself(a);
}

/* A guard could not take the new policy: the old one again, on the disk first, where some guards read it, then in every
 * guard. */
static int go_back(struct agent *a, struct stored_policy *old) {
        struct stored_policy refused = a->active;
        a->active = *old;
        *old = (struct stored_policy){ 0 };
        a->active.counter = refused.counter;
        if (!a->active.text || store_commit(&a->store, &a->active) < 0)
                agent_raise(a, FAILURE_POLICY_CHANGED, "/" STORE_DIRECTORY "/" STORE_POLICY);
        (void) sd_notify(0, "WATCHDOG=1");
        (void) agent_decide_again(a);
        agent_raise(a, FAILURE_POLICY_NOT_APPLIED, NULL);
        stored_policy_forget_text(&a->active);
        (void) record_policy(a, &by_itself, &a->active, "restored", "not-applied", NULL, AUDIT_BATCH);
        stored_policy_clear(&refused);
        return INSTALL_NOT_APPLIED;
}

/* next is taken over. The record comes before the commit, because the commit may open doors. */
static int put_in_force(struct agent *a, struct stored_policy *next, const struct submission *s,
                        const struct trust_check *c) {
        trial_return(a, "replaced");
        if (s->trial > 0) {
                int r = trial_prepare(a, next, s->trial);
                if (r != INSTALL_OK)
                        return r;
                next->serial_floor = a->active.serial_floor; /* it may be installed for good afterwards */
        }
        if (record_policy(a, s, next, "installed", s->trial > 0 ? "trial" : NULL, c, AUDIT_DURABLE) < 0)
                return INSTALL_NOT_STORED;
        next->counter = counter_next(a);
        (void) store_recall_text(&a->store, &a->active); /* for go_back(), before the disk has another */
        if (store_commit(&a->store, next) < 0) {
                stored_policy_forget_text(&a->active);
                return INSTALL_NOT_STORED;
        }

        struct stored_policy old = a->active;
        a->active = *next;
        *next = (struct stored_policy){ 0 };
        counter_reach(a, a->active.counter);
        /* Those that may refuse come first: no device's door has moved then. */
        if (agent_adopt(a) < 0 || agent_decide_again(a) < 0)
                return go_back(a, &old);
        if (a->active.trial.on)
                trial_begin(a, &old);
        stored_policy_clear(&old);
        stored_policy_forget_text(&a->active);
        agent_took_effect(a);
        return INSTALL_OK;
}

/* Once there is a trust document, what nobody signed is refused, unless that document says otherwise. A chain with a
 * damaged link may have lost the news that somebody was removed: nothing new is believed until it is mended. */
static enum install_refusal judge_signatures(const struct agent *a, const struct submission *p,
                                             struct trust_check *ret) {
        const struct trust *t = a->trust.trust;
        *ret = (struct trust_check){ 0 };
        if (!t && !a->trust.damaged)
                return INSTALL_OK;
        if (t)
                (void) trust_check(t, TRUST_ROLE_POLICY, POLICY_NAMESPACE, p->text, p->size, p->signatures,
                                   p->signatures_size, ret);
        if (t && !a->trust.damaged && ret->counted >= ret->needed && time_now(&a->time) < t->expires)
                return INSTALL_OK;
        if (p->signatures_size > 0)
                return INSTALL_SIGNATURES;
        return t && !a->trust.damaged && t->unsigned_policy ? INSTALL_OK : INSTALL_SIGNATURE_REQUIRED;
}

static int record_refusal(struct agent *a, const struct submission *p, uint64_t serial, const struct trust_check *c,
                          int refusal) {
        uint8_t digest[DIGEST_BYTES];
        char sha256[DIGEST_HEX_SIZE];
        const char *reason = install_refusal_name(refusal);
        enum policy_source source = p->signatures_size > 0 ? SOURCE_SIGNED : SOURCE_LOCAL_UNSIGNED;
        digest_sha256(p->text, p->size, digest);
        digest_hex(digest, sha256);
        log_notice("policy %s refused: %s", sha256, reason);
        (void) agent_record_document(a, p,
                                     (struct audit_document){ .what = "policy",
                                                              .serial = serial,
                                                              .sha256 = sha256,
                                                              .source = policy_source_name(source),
                                                              .outcome = "refused",
                                                              .detail = reason,
                                                              .signatures = c },
                                     AUDIT_BATCH);
        agent_tell(a, "policy", NULL, reason);
        return refusal;
}

static int hear_change(const struct policy_change *change, void *userdata) {
        (void) userdata;
        return change->widens;
}

/* What opens more waits until records have room again; what shuts must not wait for whoever filled the disk. */
static bool waits_for_room(const struct agent *a, const struct policy *next) {
        return a->log && audit_log_on_reserve(a->log) && policy_diff(a->active.policy, next, hear_change, NULL) != 0;
}

int agent_install_policy(struct agent *a, const struct submission *p, struct problems *problems,
                         struct trust_check *ret) {
        int refusal = (int) judge_signatures(a, p, ret);
        if (refusal == INSTALL_OK && p->trial > 0 && (p->trial < TRIAL_MIN || p->trial > TRIAL_MAX))
                refusal = INSTALL_TRIAL_TIME;
        if (refusal != INSTALL_OK)
                return record_refusal(a, p, 0, ret, refusal);

        struct policy *policy = NULL;
        int r = policy_parse(p->text, p->size, problems, &policy);
        if (r < 0)
                return r;
        if (r > 0)
                return record_refusal(a, p, 0, ret, INSTALL_PROBLEMS);
        CLEANUP(stored_policy_clear) struct stored_policy next = { 0 };
        r = stored_policy_new(policy, p->text, p->size, SOURCE_LOCAL_UNSIGNED, &next);
        if (r == 0 && ret->counted > 0)
                r = stored_policy_sign(&next, a->trust.trust->version, p->signatures, p->signatures_size);
        if (r < 0)
                return r;

        uint64_t serial = next.policy->header.serial;
        refusal = (int) judge(a, &next);
        if (refusal == INSTALL_OK && waits_for_room(a, next.policy))
                refusal = INSTALL_DISK_FULL;
        if (refusal == INSTALL_OK && p->trial == 0 && a->active.trial.on && strcmp(next.sha256, a->active.sha256) == 0)
                refusal = trial_confirm(a, p->uid); /* the very one that is being tried: no door moves */
        else if (refusal == INSTALL_OK && agent_dry_run(a, p->text, p->size) < 0)
                refusal = INSTALL_NOT_APPLIED;
        else if (refusal == INSTALL_OK)
                refusal = put_in_force(a, &next, p, ret);
        if (refusal != INSTALL_OK)
                return record_refusal(a, p, serial, ret, refusal);
        log_notice("policy %s installed by uid %lld", a->active.sha256, (long long) p->uid);
        agent_tell(a, "policy", NULL, "installed");
        return 0;
}
