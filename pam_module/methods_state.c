/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What there is: the list, the state of the verifier; and phone grants, which are signed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include <sekisho/document.h>
#include <sekisho/grant.h>
#include <sekisho/trust.h>

#include "base/cleanup.h"
#include "code.h"
#include "methods.h"

#define PAGE             200u
#define BREAK_GLASS_DAYS 7
#define TRUST_DIRECTORY  "var/lib/sekisho/policy"
#define TRUST_FILE       "trust.yaml"
#define USEC             UINT64_C(1000000)

static json_t *time_json(int64_t seconds) {
        char text[40];
        return seconds <= 0 || time_format(seconds, text, sizeof text) < 0 ? json_null() : json_string(text);
}

/* ---- List ---- */

static const char *state_word(const struct otpd *o, const struct vault_user *u, int outcome) {
        if (outcome == VAULT_PENDING)
                return "pending";
        if (outcome != VAULT_OK)
                return "damaged";
        return u->state.failures >= o->active.policy->login.throttle_stop_after ? "locked" : "enrolled";
}

static const char *algorithm_word(uint8_t a) {
        static const char *const those[OTP_ALGORITHM_MAX] = { "sha1", "sha256", "sha512" };
        return a < OTP_ALGORITHM_MAX ? those[a] : "";
}

static void fingerprint(const struct otpd *o, const struct totp *t, char *ret) {
        uint8_t key[STATE_KEY_SIZE], digest[crypto_generichash_BYTES_MIN];
        *ret = '\0';
        if (t->n_secret == 0 || o->vault.seal.n == 0)
                return;
        seal_derive(&o->vault.seal.keys[0], "fingerprint", t->secret, t->n_secret, key);
        (void) crypto_generichash(digest, sizeof digest, key, sizeof key, NULL, 0);
        (void) sodium_bin2hex(ret, 2 * 8 + 1, digest, 8);
}

static json_int_t wait_of(const struct otpd *o, const struct vault_user *u) {
        uint64_t now = time_boot_usec(&o->time);
        bool same_boot = memcmp(u->state.boot_id, o->boot_id, sizeof o->boot_id) == 0;
        return same_boot && u->state.not_before > now ? (json_int_t) ((u->state.not_before - now) / USEC) + 1 : 0;
}

static json_int_t codes_left(const struct vault_user *u) {
        if (u->enrolment.codes == 0)
                return 0;
        unsigned used = u->state.codes == u->enrolment.codes ? u->state.used_codes : 0;
        return (json_int_t) VAULT_CODES - __builtin_popcount(used & ((1u << VAULT_CODES) - 1));
}

static json_t *user_json(const struct otpd *o, uint64_t uid) {
        char name[OTPD_NAME_MAX] = "", print[2 * 8 + 1];
        account_name(o, (uid_t) uid, name, sizeof name);
        struct vault_user u = { .directory = -1 };
        const struct seal_owner owner = { uid, name };
        int outcome = vault_user_open(&o->vault, &owner, &u);
        struct totp none = { 0 };
        const struct totp *t = outcome == VAULT_OK || outcome == VAULT_DAMAGED ? &u.enrolment.totp : &none;
        fingerprint(o, t, print);
        bool ok = outcome == VAULT_OK;
        json_t *j = json_pack("{s:s, s:I, s:s, s:i, s:i, s:s, s:I, s:I, s:I, s:b, s:s, s:o}", "user", name, "uid",
                              (json_int_t) uid, "state", state_word(o, &u, outcome), "digits", t->digits, "period",
                              (int) t->period, "algorithm", t->n_secret ? algorithm_word(t->algorithm) : "", "failures",
                              (json_int_t) (ok ? u.state.failures : 0), "wait", ok ? wait_of(o, &u) : 0, "recovery",
                              ok ? codes_left(&u) : 0, "reenrol", ok && u.state.reenrol, "fingerprint", print, "last",
                              time_json(ok ? u.state.accepted_at : 0));
        if (outcome >= 0 && outcome != VAULT_UNKNOWN)
                vault_user_close(&u);
        return j;
}

int method_list(struct ipc_call *call, json_t *parameters, void *userdata) {
        const struct otpd *o = userdata;
        const json_t *after = json_object_get(parameters, "after");
        uint64_t uids[PAGE];
        ssize_t n = o->vault_error < 0 ? o->vault_error
                                       : vault_uids(&o->vault, json_is_integer(after) ? json_integer_value(after) : -1,
                                                    uids, PAGE);
        if (n < 0)
                return ipc_error(call, OTP_ERROR_NOT_STORED, json_pack("{s:s}", "detail", strerrordesc_np((int) -n)));
        json_t *list = json_array();
        for (ssize_t i = 0; i < n; i++)
                (void) json_array_append_new(list, user_json(o, uids[i]));
        return method_answer(call, json_pack("{s:o}", "users", list));
}

/* ---- Status ---- */

static void find(json_t *list, const char *severity, const char *code, const char *detail) {
        (void) json_array_append_new(
                list, json_pack("{s:s, s:s, s:s}", "severity", severity, "code", code, "detail", detail));
}

static json_t *attention(const struct otpd *o) {
        json_t *list = json_array();
        int64_t glass = otpd_last_break_glass(o);
        char text[40], detail[OTPD_NAME_MAX + 64];
        if (glass > 0 && time_now(&o->time) - glass < (int64_t) BREAK_GLASS_DAYS * 86400 &&
            time_format(glass, text, sizeof text) == 0) {
                (void) snprintf(detail, sizeof detail, "%s %s", text, o->break_glass_user);
                find(list, "short", "break-glass", detail);
        }
        struct time_source lenient = o->time;
        lenient.floor -= 60; /* a clock that a server keeps right is set back by moments all the time */
        if (time_behind_floor(&lenient))
                find(list, "short", "clock-suspect", "");
        if (o->vault_error < 0)
                find(list, "short", "damaged", strerrordesc_np(-o->vault_error));
        if (o->lost > 0 || !o->log)
                find(list, "short", "record", "");
        if (o->active.from == FROM_BUILTIN || o->active.distrusted)
                find(list, "short", "policy", policy_from_name(o->active.from));
        return list;
}

int method_status(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct otpd *o = userdata;
        (void) parameters;
        active_refresh(o);
        const struct policy *p = o->active.policy;
        return method_answer(call, json_pack("{s:s, s:I, s:s, s:s, s:I, s:s, s:o}", "version", SEKISHO_VERSION,
                                             "enrolled", (json_int_t) (o->vault_error < 0 ? 0 : vault_count(&o->vault)),
                                             "key", o->vault.seal.source ? o->vault.seal.source : "", "policy",
                                             policy_from_name(o->active.from), "serial", (json_int_t) p->header.serial,
                                             "mode", mode_name(p->login.mode), "attention", attention(o)));
}

/* ---- Grant ---- */

static void problems_p(struct problems *p) {
        problems_clear(p);
}
DEFINE_FREEP(struct trust, trust_free)
DEFINE_FREEP(struct grant, grant_free)

static int read_trust(const struct otpd *o, struct trust **ret) {
        CLEANUP(close_p) int directory = root_openat(&o->root, TRUST_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        CLEANUP(document_clear) struct document d = { 0 };
        CLEANUP(problems_p) struct problems problems = { 0 };
        if (directory < 0 || document_read(directory, TRUST_FILE, DOCUMENT_MAX, &d) != 0)
                return 1;
        return trust_parse(d.bytes, d.size, &problems, ret) == 0 ? 0 : 1;
}

/* NULL, or the word that says why not. In the order in which a document is trusted: signature first. */
static const char *refuse_document(const struct otpd *o, const char *text, const char *signature, struct grant **ret) {
        CLEANUP(trust_freep) struct trust *trust = NULL;
        CLEANUP(grant_freep) struct grant *g = NULL;
        CLEANUP(problems_p) struct problems problems = { 0 };
        struct trust_check check;
        if (read_trust(o, &trust) != 0)
                return "no-trust";
        if (trust_check(trust, TRUST_ROLE_PERMIT, GRANT_NAMESPACE, text, strlen(text), signature, strlen(signature),
                        &check) != 0)
                return "signature";
        if (grant_parse(text, strlen(text), &problems, &g) != 0)
                return "problems";
        if (strcmp(g->fleet, trust->fleet) != 0 || !terminal_is_target(&g->target, o->machine_id, NULL))
                return "target";
        if (time_now(&o->time) >= g->expires)
                return "expired";
        *ret = TAKE_PTR(g);
        return NULL;
}

static const char *arm(struct otpd *o, const struct grant *g, struct vault_user *u) {
        struct armed_grant armed = { .expires = g->expires };
        char given[CODE_MAX + 1], nonce[16];
        verify_nonce(u, nonce);
        if (code_fold(g->nonce, given) != CODE_NONCE || sodium_memcmp(given, nonce, CODE_NONCE_LENGTH) != 0)
                return "nonce";
        memcpy(armed.nonce, nonce, CODE_NONCE_LENGTH);
        memcpy(armed.boot_id, o->boot_id, sizeof armed.boot_id);
        armed.deadline_boot_usec = time_boot_usec(&o->time) + (uint64_t) (g->expires - time_now(&o->time)) * USEC;
        return vault_write_grant(u, &armed) < 0 ? "not-stored" : NULL;
}

static const char *accept_grant(struct otpd *o, const struct grant *g) {
        struct account who;
        if (account_find(o, g->user, &who) < 0 || o->vault_error < 0)
                return "not-stored";
        struct vault_user u = { .directory = -1 };
        const struct seal_owner owner = { who.uid, who.name };
        int outcome = who.known ? vault_user_open(&o->vault, &owner, &u) : VAULT_UNKNOWN;
        const char *fault = outcome == VAULT_OK ? arm(o, g, &u) : "not-enrolled";
        if (outcome >= 0 && outcome != VAULT_UNKNOWN)
                vault_user_close(&u);
        account_clear(&who);
        return fault;
}

static void record_grant(struct otpd *o, const struct ipc_call *call, const struct grant *g, const char *fault) {
        char detail[512];
        (void) snprintf(detail, sizeof detail, "grant %s%s%s; %s; %s", g ? g->id : "", fault ? ": " : "",
                        fault ? fault : "", g ? g->approver : "", g ? g->reason : "");
        const struct audit_login a = { .phase = "factor",
                                       .outcome = fault ? "refused" : "enrolled",
                                       .user = g ? g->user : "",
                                       .uid = -1,
                                       .detail = detail,
                                       .by = (int64_t) ipc_call_uid(call) };
        otpd_record(o, &a, NULL, AUDIT_DURABLE);
        method_schedule_flush(o);
}

int method_grant(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct otpd *o = userdata;
        CLEANUP(grant_freep) struct grant *g = NULL;
        active_refresh(o);
        const char *fault = refuse_document(o, text_of(parameters, "document"), text_of(parameters, "signature"), &g);
        if (!fault) {
                clock_document(o, g->issued);
                fault = accept_grant(o, g);
        }
        record_grant(o, call, g, fault);
        if (fault)
                return ipc_error(call, OTP_ERROR_GRANT_REFUSED, json_pack("{s:s}", "reason", fault));
        return method_answer(call, json_pack("{s:s, s:o}", "user", g->user, "expires", time_json(g->expires)));
}
