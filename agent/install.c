/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <libintl.h>
#include <stdio.h>
#include <string.h>

#include <sekisho/document.h>

#include "base/cleanup.h"
#include "base/log.h"

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

static int record_document(struct agent *a, const struct stored_policy *p, const char *outcome, const char *detail,
                           int64_t uid, enum audit_when when) {
        return agent_record(a,
                            audit_event_document(&a->identity, time_now(&a->time), "policy", p->policy->header.serial,
                                                 p->sha256, policy_source_name(p->source), outcome, detail, uid),
                            when);
}

void agent_report_policy(struct agent *a) {
        const struct stored_policy *p = &a->active;
        if (p->adopted)
                (void) record_document(a, p, "installed", NULL, 0, AUDIT_DURABLE);
        if (p->state_damaged)
                agent_raise(a, FAILURE_STATE_DAMAGED, NULL);
        if (p->file_changed)
                agent_raise(a, FAILURE_POLICY_CHANGED, "/" STORE_DIRECTORY "/" STORE_POLICY);
        if (p->origin == ORIGIN_LAST_GOOD) {
                agent_raise(a, FAILURE_POLICY_LAST_GOOD, NULL);
                (void) record_document(a, p, "restored", "last-good", 0, AUDIT_BATCH);
        }
        if (p->origin == ORIGIN_BUILTIN)
                agent_raise(a, FAILURE_POLICY_BUILTIN, NULL);
}

/* Each step once, in the order of policy.md. */
static enum install_refusal judge(struct agent *a, const struct stored_policy *p) {
        const struct policy_header *h = &p->policy->header;
        int64_t now = time_now(&a->time);
        if (!terminal_is_target(&h->target, a->machine_id, a->terminal))
                return INSTALL_TARGET;
        if (h->serial <= a->active.serial_floor)
                return INSTALL_SERIAL;
        if (h->expires <= now)
                return INSTALL_EXPIRED;
        if (h->issued > now + INSTALL_AHEAD_MAX)
                return INSTALL_ISSUED_IN_FUTURE;
        return INSTALL_OK;
}

static void take_effect(struct agent *a) {
        time_raise_floor(&a->time, a->active.policy->header.issued);
        agent_apply_audit_policy(a);
        static const enum failure over[] = { FAILURE_POLICY_BUILTIN, FAILURE_POLICY_LAST_GOOD, FAILURE_POLICY_CHANGED,
                                             FAILURE_STATE_DAMAGED };
        for (size_t i = 0; i < sizeof over / sizeof *over; i++)
                agent_clear(a, over[i]);
}

/* A guard could not take the new policy: the old one again, on the devices and on the disk. */
static int go_back(struct agent *a, struct stored_policy *old) {
        struct stored_policy refused = a->active;
        a->active = *old;
        *old = (struct stored_policy){ 0 };
        (void) agent_decide_again(a);
        if (a->active.text && store_commit(&a->store, a->active.text, a->active.size, a->active.policy->header.serial,
                                           a->active.source) < 0)
                agent_raise(a, FAILURE_POLICY_CHANGED, "/" STORE_DIRECTORY "/" STORE_POLICY);
        agent_raise(a, FAILURE_POLICY_NOT_APPLIED, NULL);
        (void) record_document(a, &a->active, "restored", "not-applied", 0, AUDIT_BATCH);
        stored_policy_clear(&refused);
        return INSTALL_NOT_APPLIED;
}

/* next is taken over. The record comes before the commit, because the commit may open doors. */
static int put_in_force(struct agent *a, struct stored_policy *next, int64_t uid) {
        if (record_document(a, next, "installed", NULL, uid, AUDIT_DURABLE) < 0)
                return INSTALL_NOT_STORED;
        if (store_commit(&a->store, next->text, next->size, next->policy->header.serial, next->source) < 0)
                return INSTALL_NOT_STORED;

        struct stored_policy old = a->active;
        a->active = *next;
        *next = (struct stored_policy){ 0 };
        if (agent_decide_again(a) < 0)
                return go_back(a, &old);
        stored_policy_clear(&old);
        take_effect(a);
        agent_look_at_itself(a);
        return INSTALL_OK;
}

static int parse(const char *text, size_t size, struct problems *problems, struct policy **ret) {
        if (size <= DOCUMENT_MAX)
                return policy_parse(text, size, problems, ret);
        (void) problems_add(problems, SEVERITY_ERROR, 0, 0, "", _("The document is larger than %u bytes."),
                            DOCUMENT_MAX);
        return 1;
}

int agent_install_policy(struct agent *a, const char *text, size_t size, int64_t uid, struct problems *problems) {
        struct policy *policy = NULL;
        int r = parse(text, size, problems, &policy);
        if (r < 0)
                return r;

        CLEANUP(stored_policy_clear) struct stored_policy next = { 0 };
        int refusal = INSTALL_PROBLEMS;
        if (r == 0) {
                r = stored_policy_new(policy, text, size, SOURCE_LOCAL_UNSIGNED, &next);
                if (r < 0)
                        return r;
                refusal = (int) judge(a, &next);
        }
        uint64_t serial = next.policy ? next.policy->header.serial : 0;
        char sha256[DIGEST_HEX_SIZE];
        uint8_t digest[DIGEST_BYTES];
        digest_sha256(text, size, digest);
        digest_hex(digest, sha256);
        if (refusal == INSTALL_OK)
                refusal = put_in_force(a, &next, uid);
        if (refusal == INSTALL_OK) {
                log_notice("policy %s installed by uid %lld", sha256, (long long) uid);
                agent_tell(a, "policy", NULL, "installed");
                return 0;
        }

        const char *reason = install_refusal_name(refusal);
        log_notice("policy %s refused: %s", sha256, reason);
        (void) agent_record(a,
                            audit_event_document(&a->identity, time_now(&a->time), "policy", serial, sha256,
                                                 policy_source_name(SOURCE_LOCAL_UNSIGNED), "refused", reason, uid),
                            AUDIT_BATCH);
        agent_tell(a, "policy", NULL, reason);
        return refusal;
}
