/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "counter.h"
#include "medium.h"
#include "permits.h"

static const char *const refusal_names[TRUST_REFUSAL_MAX] = {
        [TRUST_PROBLEMS] = "problems",
        [TRUST_FLEET] = "fleet",
        [TRUST_VERSION] = "version",
        [TRUST_SIGNATURES] = "signatures",
        [TRUST_OWN_SIGNATURES] = "own-signatures",
        [TRUST_EXPIRED] = "expired",
        [TRUST_ISSUED_IN_FUTURE] = "issued-in-future",
        [TRUST_NOT_STORED] = "not-stored",
};

const char *trust_refusal_name(int refusal) {
        return refusal > 0 && refusal < TRUST_REFUSAL_MAX ? refusal_names[refusal] : NULL;
}

static const enum trust_refusal refusal_of_step[TRUST_STEP_MAX] = {
        [TRUST_STEP_OK] = TRUST_OK,
        [TRUST_STEP_FLEET] = TRUST_FLEET,
        [TRUST_STEP_VERSION] = TRUST_VERSION,
        [TRUST_STEP_OLD_HOLDERS] = TRUST_SIGNATURES,
        [TRUST_STEP_NEW_HOLDERS] = TRUST_OWN_SIGNATURES,
};

/* The first one names those who have to sign it, so that it is read without; it is root's own hand. */
static enum trust_refusal judge_signatures(const struct agent *a, const struct submission *s, struct trust_check *ret) {
        const struct trust *t = a->trust.trust;
        *ret = (struct trust_check){ 0 };
        return !t || trust_check(t, TRUST_ROLE_TRUST, TRUST_NAMESPACE, s->text, s->size, s->signatures,
                                 s->signatures_size, ret) == 0
                       ? TRUST_OK
                       : TRUST_SIGNATURES;
}

static enum trust_refusal judge(const struct agent *a, const struct stored_trust *next, const struct submission *s,
                                struct trust_check *ret) {
        int64_t now = time_now(&a->time);
        int step =
                trust_step(a->trust.trust, next->trust, next->text, next->size, s->signatures, s->signatures_size, ret);
        if (step != TRUST_STEP_OK)
                return refusal_of_step[step];
        if (next->trust->expires <= now)
                return TRUST_EXPIRED;
        return next->trust->issued > now + INSTALL_AHEAD_MAX ? TRUST_ISSUED_IN_FUTURE : TRUST_OK;
}

static int record(struct agent *a, const struct submission *s, const struct stored_trust *t, bool first,
                  const char *outcome, const char *detail, const struct trust_check *c, enum audit_when when) {
        return agent_record_document(a, s,
                                     (struct audit_document){ .what = "trust",
                                                              .serial = t->trust ? t->trust->version : 0,
                                                              .sha256 = t->sha256,
                                                              .source = first ? "local" : "signed",
                                                              .outcome = outcome,
                                                              .detail = detail,
                                                              .signatures = c },
                                     when);
}

static enum trust_refusal put_in_force(struct agent *a, struct stored_trust *next, bool first,
                                       const struct submission *s, const struct trust_check *c) {
        uint64_t counter = counter_next(a);
        if (record(a, s, next, first, "installed", NULL, c, AUDIT_DURABLE) < 0 ||
            store_count(&a->store, &a->active, counter) < 0 ||
            trust_store_commit(&a->store, next->trust->version, next->text, next->size, s->signatures,
                               s->signatures_size) < 0)
                return TRUST_NOT_STORED;
        stored_trust_inherit(next, &a->trust);
        stored_trust_clear(&a->trust);
        a->trust = *next;
        *next = (struct stored_trust){ 0 };
        time_raise_floor(&a->time, a->trust.trust->issued);
        agent_clear(a, FAILURE_TRUST_DAMAGED);
        bool was_suspended = a->suspended;
        counter_reach(a, a->active.counter);
        if (was_suspended && !a->suspended && agent_decide_again(a) < 0)
                agent_raise(a, FAILURE_GUARD, "trust");
        return TRUST_OK;
}

int agent_install_trust(struct agent *a, const struct submission *s, struct problems *problems,
                        struct trust_check *ret) {
        CLEANUP(stored_trust_clear) struct stored_trust next = { 0 };
        bool first = !a->trust.trust;
        enum trust_refusal refusal = judge_signatures(a, s, ret);
        int r = refusal == TRUST_OK ? stored_trust_new(s->text, s->size, problems, &next) : 0;
        if (r < 0)
                return r;
        if (r > 0)
                refusal = TRUST_PROBLEMS;
        if (refusal == TRUST_OK)
                refusal = judge(a, &next, s, ret);
        if (refusal == TRUST_OK)
                refusal = put_in_force(a, &next, first, s, ret);
        if (refusal == TRUST_OK) {
                log_notice("trust version %" PRIu64 " installed by uid %lld", a->trust.trust->version,
                           (long long) s->uid);
                agent_tell(a, "policy", NULL, "trust-installed");
                permits_verify(a);
                medium_look(a);
                return 0;
        }
        const char *reason = trust_refusal_name((int) refusal);
        if (!next.sha256[0]) {
                uint8_t digest[DIGEST_BYTES];
                digest_sha256(s->text, s->size, digest);
                digest_hex(digest, next.sha256);
        }
        log_notice("trust %s refused: %s", next.sha256, reason);
        (void) record(a, s, &next, first, "refused", reason, ret, AUDIT_BATCH);
        agent_tell(a, "policy", NULL, reason);
        return (int) refusal;
}

int agent_load_trust(struct agent *a) {
        if (sodium_init() < 0)
                return -ENODEV; /* no random bytes: nothing can be verified, and doors stay shut */
        int r = trust_store_load(&a->store, &a->trust);
        if (r < 0)
                return r;
        if (a->trust.trust)
                time_raise_floor(&a->time, a->trust.trust->issued);
        if (a->trust.damaged) {
                char detail[64];
                (void) snprintf(detail, sizeof detail, "/" TRUST_DIRECTORY "/%" PRIu64 ".yaml", a->trust.damaged);
                agent_raise(a, FAILURE_TRUST_DAMAGED, detail);
        }
        return 0;
}
