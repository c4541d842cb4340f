/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people do with a permit: bring it, give its code, confirm that its medium is back. */
#include <errno.h>
#include <grp.h>
#include <libintl.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "permits.h"

#define _(text) dgettext("sekisho", text)

static const char *const refusal_names[PERMIT_REFUSAL_MAX] = {
        [PERMIT_REFUSED_PROBLEMS] = "problems",
        [PERMIT_REFUSED_SIGNATURES] = "signatures",
        [PERMIT_REFUSED_FLEET] = "fleet",
        [PERMIT_REFUSED_TARGET] = "target",
        [PERMIT_REFUSED_KNOWN] = "known",
        [PERMIT_REFUSED_EXPIRED] = "expired",
        [PERMIT_REFUSED_IN_FUTURE] = "issued-in-future",
        [PERMIT_REFUSED_NOT_STORED] = "not-stored",
        [PERMIT_REFUSED_DISK_FULL] = "disk-full",
        [PERMIT_REFUSED_UNKNOWN] = "unknown",
        [PERMIT_REFUSED_USER] = "user",
        [PERMIT_REFUSED_STATE] = "state",
        [PERMIT_REFUSED_FORM] = "form",
        [PERMIT_REFUSED_CODE] = "code",
        [PERMIT_REFUSED_NOT_CONFIRMED] = "not-confirmed",
};

const char *permit_refusal_name(int refusal) {
        return refusal > 0 && refusal < PERMIT_REFUSAL_MAX ? refusal_names[refusal] : NULL;
}

/* ---- installing ---- */

/* A chain of trust with a damaged link may have lost the news that somebody was removed. */
static enum permit_refusal judge_signatures(const struct agent *a, const struct permit_submission *s,
                                            struct trust_check *ret) {
        const struct trust *t = a->trust.trust;
        *ret = (struct trust_check){ 0 };
        if (!t)
                return PERMIT_REFUSED_SIGNATURES;
        int r = trust_check(t, TRUST_ROLE_PERMIT, PERMIT_NAMESPACE, s->text, s->size, s->signatures, s->signatures_size,
                            ret);
        return r == 0 && !a->trust.damaged && time_now(&a->time) < t->expires ? PERMIT_OK : PERMIT_REFUSED_SIGNATURES;
}

static enum permit_refusal judge(const struct agent *a, const struct permit *p) {
        int64_t now = time_now(&a->time);
        if (a->log && audit_log_on_reserve(a->log))
                return PERMIT_REFUSED_DISK_FULL;
        if (strcmp(p->fleet, a->trust.trust->fleet) != 0)
                return PERMIT_REFUSED_FLEET;
        if (!terminal_is_target(&p->target, a->machine_id, NULL))
                return PERMIT_REFUSED_TARGET;
        if (permit_store_knows(&a->permits->store, p->id))
                return PERMIT_REFUSED_KNOWN;
        if (p->expires <= now)
                return PERMIT_REFUSED_EXPIRED;
        return p->issued > now + INSTALL_AHEAD_MAX ? PERMIT_REFUSED_IN_FUTURE : PERMIT_OK;
}

static int parse(const struct permit_submission *s, struct problems *problems, struct permit **ret) {
        if (s->size <= PERMIT_SIZE_MAX && s->signatures_size <= PERMIT_SIGNATURE_MAX)
                return permit_parse(s->text, s->size, problems, ret);
        (void) problems_add(problems, SEVERITY_ERROR, 0, 0, "", _("The document is larger than %u bytes."),
                            PERMIT_SIZE_MAX);
        return 1;
}

/* The record comes before the commit, because the commit may open a door. */
static enum permit_refusal take(struct agent *a, struct stored_permit *p, int64_t uid) {
        p->life.state = p->permit->activation ? PERMIT_SEALED : PERMIT_READY;
        p->life.installed = time_now(&a->time);
        p->life.installed_by = uid >= 0 ? uid : 0;
        if (permits_record(a, p, "installed", NULL, uid, AUDIT_DURABLE) < 0 ||
            permit_store_add(&a->permits->store, p) < 0)
                return PERMIT_REFUSED_NOT_STORED;
        time_raise_floor(&a->time, p->permit->issued);
        return PERMIT_OK;
}

static int refuse_document(struct agent *a, const struct permit_submission *s, const struct permit *p, int refusal) {
        uint8_t digest[DIGEST_BYTES];
        char sha256[DIGEST_HEX_SIZE];
        digest_sha256(s->text, s->size, digest);
        digest_hex(digest, sha256);
        const char *reason = permit_refusal_name(refusal);
        const struct audit_permit what = {
                .outcome = "refused", .detail = reason, .permit = p, .sha256 = sha256, .uid = s->uid
        };
        log_notice("permit %s refused: %s", sha256, reason);
        (void) agent_record(a, audit_event_permit(&a->identity, time_now(&a->time), &what), AUDIT_BATCH);
        agent_tell(a, "permit", NULL, reason);
        return refusal;
}

int agent_install_permit(struct agent *a, const struct permit_submission *s, struct problems *problems,
                         struct trust_check *ret, const struct stored_permit **ret_permit) {
        int refusal = (int) judge_signatures(a, s, ret);
        if (refusal != PERMIT_OK)
                return refuse_document(a, s, NULL, refusal);
        struct permit *permit = NULL;
        int r = parse(s, problems, &permit);
        if (r < 0)
                return r;
        if (r > 0)
                return refuse_document(a, s, NULL, PERMIT_REFUSED_PROBLEMS);
        struct stored_permit *p = NULL;
        r = stored_permit_new(permit, s->text, s->size, s->signatures, s->signatures_size, &p);
        if (r < 0)
                return r;
        refusal = (int) judge(a, p->permit);
        if (refusal == PERMIT_OK)
                refusal = (int) take(a, p, s->uid);
        if (refusal != PERMIT_OK) {
                (void) refuse_document(a, s, p->permit, refusal);
                (void) stored_permit_free(p);
                return refusal;
        }
        permits_changed(a);
        (void) agent_decide_again(a); /* its medium may be plugged in already */
        agent_look_at_itself(a);
        if (ret_permit)
                *ret_permit = p;
        return PERMIT_OK;
}

/* ---- the code by phone ---- */

static bool in_group(const struct passwd *pw, const char *name) {
        struct group group, *found = NULL;
        char buffer[16384];
        gid_t groups[256];
        int n = sizeof groups / sizeof *groups;
        if (getgrnam_r(name, &group, buffer, sizeof buffer, &found) != 0 || !found)
                return false;
        gid_t wanted = found->gr_gid;
        if (getgrouplist(pw->pw_name, pw->pw_gid, groups, &n) < 0)
                return false;
        for (int i = 0; i < n; i++)
                if (groups[i] == wanted)
                        return true;
        return false;
}

bool permit_names(const struct permit *p, int64_t uid) {
        struct passwd pw, *found = NULL;
        char buffer[16384];
        if (getpwuid_r((uid_t) uid, &pw, buffer, sizeof buffer, &found) != 0 || !found)
                return false;
        for (uint32_t i = 0; i < p->rule.users.n; i++) {
                const char *name = p->rule.users.list[i];
                bool is_group = strncmp(name, "group:", 6) == 0;
                if (is_group ? in_group(found, name + 6) : strcmp(name, found->pw_name) == 0)
                        return true;
        }
        return false;
}

/* Root, or one of those whom the permit is for: others could spend its tries. */
static bool may_activate(const struct permit *p, int64_t uid) {
        return uid == 0 || uid == (int64_t) geteuid() || permit_names(p, uid);
}

/* The try is on the disk before the code is looked at, so that nobody tries twice by killing us. */
static int try_code(struct agent *a, struct stored_permit *p, const char *code, int64_t uid) {
        struct permit_life next = p->life;
        next.tries++;
        if (permit_store_step(&a->permits->store, p, &next) < 0)
                return PERMIT_REFUSED_NOT_STORED;
        if (!permit_code_fits(p->permit, code)) {
                (void) permits_record(a, p, "refused", permit_refusal_name(PERMIT_REFUSED_CODE), uid, AUDIT_DURABLE);
                if (p->life.tries >= PERMIT_TRIES_MAX)
                        permits_end(a, p, PERMIT_END_TRIES, uid);
                return PERMIT_REFUSED_CODE;
        }
        next.state = PERMIT_READY;
        next.activated = time_now(&a->time);
        if (permits_record(a, p, "activated", NULL, uid, AUDIT_DURABLE) < 0 ||
            permit_store_step(&a->permits->store, p, &next) < 0)
                return PERMIT_REFUSED_NOT_STORED;
        return PERMIT_OK;
}

int agent_activate_permit(struct agent *a, const char *id, const char *text, int64_t uid, unsigned *ret_left) {
        struct stored_permit *p = permit_store_find(&a->permits->store, id);
        char code[PERMIT_CODE_CHARS + 1];
        *ret_left = 0;
        if (!p)
                return PERMIT_REFUSED_UNKNOWN;
        if (!may_activate(p->permit, uid))
                return PERMIT_REFUSED_USER;
        permits_look(a);
        if (p->over || p->life.state != PERMIT_SEALED || p->suspended)
                return PERMIT_REFUSED_STATE;
        /* What cannot be a code says nothing about it, and costs no try. */
        int r = PERMIT_REFUSED_FORM;
        if (permit_code_read(text, code))
                r = try_code(a, p, code, uid);
        sodium_memzero(code, sizeof code);
        *ret_left = p->life.state == PERMIT_SEALED ? PERMIT_TRIES_MAX - p->life.tries : 0;
        if (r != PERMIT_OK)
                return r;
        permits_changed(a);
        (void) agent_decide_again(a);
        agent_look_at_itself(a);
        return PERMIT_OK;
}

/* ---- the end, by hand ---- */

/* 0, or why not. Ends what is not over. */
static int withdraw(struct agent *a, struct stored_permit *p, int64_t uid) {
        permits_end(a, p, PERMIT_END_WITHDRAWN, uid);
        permits_changed(a);
        (void) agent_decide_again(a);
        return p->dirty ? PERMIT_REFUSED_NOT_STORED : PERMIT_OK;
}

static int confirm(struct agent *a, struct stored_permit *p, const char *by, int64_t uid) {
        struct permit_life next = p->life;
        next.state = PERMIT_CLOSED;
        next.closed = time_now(&a->time);
        next.returned = next.erased = true;
        (void) snprintf(next.closed_by, sizeof next.closed_by, "%s", by);
        struct stored_permit said = { .permit = p->permit, .life = next };
        memcpy(said.sha256, p->sha256, sizeof said.sha256);
        if (permits_record(a, &said, "closed", NULL, uid, AUDIT_DURABLE) < 0 ||
            permit_store_step(&a->permits->store, p, &next) < 0)
                return PERMIT_REFUSED_NOT_STORED;
        return PERMIT_OK;
}

int agent_close_permit(struct agent *a, const char *id, const char *by, bool returned, bool erased, int64_t uid) {
        struct stored_permit *p = permit_store_find(&a->permits->store, id);
        if (!p)
                return PERMIT_REFUSED_UNKNOWN;
        if (!*by || strlen(by) >= PERMIT_BY_MAX)
                return PERMIT_REFUSED_FORM;
        permits_look(a);
        if (p->life.state >= PERMIT_CLOSED)
                return PERMIT_REFUSED_STATE;
        int r = p->life.state == PERMIT_USED ? PERMIT_OK : withdraw(a, p, uid);
        if (r == PERMIT_OK && p->life.state == PERMIT_USED)
                r = returned && erased ? confirm(a, p, by, uid) : PERMIT_REFUSED_NOT_CONFIRMED;
        agent_look_at_itself(a);
        return r;
}
