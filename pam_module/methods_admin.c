/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sekishoctl otp asks: enrolment and its end. Root, or a user for himself while the policy lets users enrol. */
#include "methods.h"

#include <errno.h>
#include <liboath/oath.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "code.h"

#define PAGE          200u
#define CONFIRM_STEPS 20 /* on either side: a token that was never used may be off */

/* ---- opening a user ---- */

struct subject {
        struct account account;
        struct vault_user user;
        int outcome; /* enum vault_outcome; VAULT_UNKNOWN: user is not open */
};

static void subject_close(struct subject *s) {
        if (s->outcome >= 0 && s->outcome != VAULT_UNKNOWN)
                vault_user_close(&s->user);
        account_clear(&s->account);
}

static int not_stored(struct ipc_call *call, int r) {
        return ipc_error(call, OTP_ERROR_NOT_STORED, json_pack("{s:s}", "detail", strerrordesc_np(-r)));
}

static bool self_enrolment(const struct otpd *o) {
        const struct login_policy *p = &o->active.policy->login;
        return p->enrolment_by == ENROLMENT_SELF && time_now(&o->time) < p->enrolment_until;
}

/* 0: open, subject_close() is due; 1: answered with an error; -errno. */
static int subject_open(struct otpd *o, struct ipc_call *call, const json_t *parameters, struct subject *ret) {
        struct subject s = { .outcome = VAULT_UNKNOWN };
        const char *name = text_of(parameters, "user");
        active_refresh(o);
        int r = account_find(o, name, &s.account);
        if (r == 0)
                r = method_may_ask(&s.account, call);
        if (r == 0 && !method_is_root(call) && !self_enrolment(o))
                r = (method_user_error(call, OTP_ERROR_NOT_PERMITTED, name), 1);
        if (r == 0 && !s.account.known)
                r = (method_user_error(call, OTP_ERROR_UNKNOWN_USER, name), 1);
        if (r != 0) {
                account_clear(&s.account);
                return r;
        }
        *ret = s; /* the owner's name is borrowed from where it stays */
        const struct seal_owner owner = { ret->account.uid, ret->account.name };
        r = o->vault_error < 0 ? o->vault_error : vault_user_open(&o->vault, &owner, &ret->user);
        if (r < 0) {
                account_clear(&ret->account);
                (void) not_stored(call, r);
                return 1;
        }
        ret->outcome = r;
        return 0;
}

static void record_factor(struct otpd *o, const struct ipc_call *call, const struct account *who, const char *outcome,
                          const char *detail) {
        const struct audit_login a = { .phase = "factor",
                                       .outcome = outcome,
                                       .user = who->name,
                                       .uid = (int64_t) who->uid,
                                       .detail = detail,
                                       .by = (int64_t) ipc_call_uid(call) };
        otpd_record(o, &a, NULL, AUDIT_DURABLE);
        method_schedule_flush(o);
}

/* ---- Enroll ---- */

static enum otp_algorithm algorithm_from(const char *name) {
        static const char *const those[OTP_ALGORITHM_MAX] = { "sha1", "sha256", "sha512" };
        for (int i = 0; i < OTP_ALGORITHM_MAX; i++)
                if (strcmp(those[i], name) == 0)
                        return (enum otp_algorithm) i;
        return OTP_ALGORITHM_INVALID;
}

static const char *algorithm_name(uint8_t a) {
        static const char *const those[OTP_ALGORITHM_MAX] = { "sha1", "sha256", "sha512" };
        return a < OTP_ALGORITHM_MAX ? those[a] : "";
}

static int read_secret(const char *text, struct totp *t) {
        char *bytes = NULL;
        size_t n = 0;
        if (oath_base32_decode(text, strlen(text), &bytes, &n) != OATH_OK)
                return 1;
        bool fits = n >= TOTP_SECRET_MIN && n <= TOTP_SECRET_MAX;
        if (fits) {
                memcpy(t->secret, bytes, n);
                t->n_secret = (uint8_t) n;
        }
        sodium_memzero(bytes, n);
        free(bytes);
        return fits ? 0 : 1;
}

/* NULL, or the name of the parameter at fault. */
static const char *read_totp(const struct otpd *o, const json_t *parameters, struct totp *t) {
        const struct login_policy *p = &o->active.policy->login;
        const json_t *digits = json_object_get(parameters, "digits"), *period = json_object_get(parameters, "period");
        const char *algorithm = text_of(parameters, "algorithm"), *secret = text_of(parameters, "secret");
        json_int_t d = json_is_integer(digits) ? json_integer_value(digits) : p->totp_digits;
        json_int_t s = json_is_integer(period) ? json_integer_value(period) : (json_int_t) p->totp_period;
        enum otp_algorithm a = algorithm ? algorithm_from(algorithm) : p->totp_algorithm;
        if (d < 6 || d > 8)
                return "digits";
        if (s < 15 || s > 300)
                return "period";
        if (a < 0)
                return "algorithm";
        t->digits = (uint8_t) d;
        t->period = (uint32_t) s;
        t->algorithm = (uint8_t) a;
        if (secret)
                return read_secret(secret, t) == 0 ? NULL : "secret";
        t->n_secret = TOTP_SECRET_NEW;
        randombytes_buf(t->secret, TOTP_SECRET_NEW);
        return NULL;
}

static void put_escaped(FILE *f, const char *text) {
        for (; *text; text++) {
                unsigned char c = (unsigned char) *text;
                bool plain =
                        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("-._~", c);
                (void) fprintf(f, plain ? "%c" : "%%%02X", c);
        }
}

/* The form that authenticator apps read: "Key Uri Format" of Google Authenticator's wiki. *ret: free() after wiping. */
static int make_uri(const struct otpd *o, const char *user, const struct totp *t, const char *secret, char **ret) {
        static const char *const upper[OTP_ALGORITHM_MAX] = { "SHA1", "SHA256", "SHA512" };
        size_t size = 0;
        FILE *f = open_memstream(ret, &size);
        if (!f)
                return -ENOMEM;
        (void) fputs("otpauth://totp/Sekisho:", f);
        put_escaped(f, user);
        (void) fputs("%40", f);
        put_escaped(f, o->hostname);
        /* What is not said is the format's default; the shorter it is, the larger are the squares that a camera sees.
         */
        (void) fprintf(f, "?secret=%s&issuer=Sekisho", secret);
        if (t->algorithm != OTP_SHA1)
                (void) fprintf(f, "&algorithm=%s", upper[t->algorithm]);
        if (t->digits != 6)
                (void) fprintf(f, "&digits=%u", t->digits);
        if (t->period != 30)
                (void) fprintf(f, "&period=%u", t->period);
        return fclose(f) == 0 ? 0 : -ENOMEM;
}

static int answer_enrolled(struct otpd *o, struct ipc_call *call, const struct account *who, const struct totp *t,
                           bool pending) {
        char *secret = NULL, *uri = NULL;
        size_t n = 0;
        if (oath_base32_encode((const char *) t->secret, t->n_secret, &secret, &n) != OATH_OK)
                return -ENOMEM;
        secret[strcspn(secret, "=")] = '\0';
        int r = make_uri(o, who->name, t, secret, &uri);
        if (r == 0)
                r = method_answer(call, json_pack("{s:s, s:s, s:i, s:i, s:s, s:b}", "uri", uri, "secret", secret,
                                                  "digits", t->digits, "period", (int) t->period, "algorithm",
                                                  algorithm_name(t->algorithm), "pending", pending));
        sodium_memzero(secret, n);
        free(secret);
        if (uri)
                sodium_memzero(uri, strlen(uri));
        free(uri);
        return r;
}

static int put_in_force(struct otpd *o, struct subject *s, struct enrolment *e, int64_t step, int64_t offset) {
        struct otp_state first = { .last_step = step, .offset = offset };
        memcpy(first.boot_id, o->boot_id, sizeof first.boot_id);
        int r = vault_write_enrolment(&s->user, e, &first);
        return r < 0 ? r : vault_drop_pending(&s->user);
}

/* A user for himself may begin, or begin again what no code has verified, or replace what is known to be lost. */
static bool may_enroll(const struct subject *s, bool root, bool replace) {
        if (s->outcome == VAULT_UNKNOWN || s->outcome == VAULT_PENDING)
                return true;
        if (root)
                return replace;
        return s->outcome == VAULT_OK && s->user.state.reenrol;
}

static int enroll(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct otpd *o = userdata;
        bool root = method_is_root(call);
        bool confirmed = json_is_true(json_object_get(parameters, "confirmed"));
        bool replace = json_is_true(json_object_get(parameters, "replace"));
        if (!root && (confirmed || replace || text_of(parameters, "secret")))
                return ipc_error(call, IPC_ERROR_PERMISSION_DENIED, NULL);
        struct enrolment e = { .created = time_now(&o->time) };
        active_refresh(o);
        const char *wrong = read_totp(o, parameters, &e.totp);
        wipe_text(parameters, "secret");
        if (wrong)
                return ipc_error(call, IPC_ERROR_INVALID_PARAMETER, json_pack("{s:s}", "parameter", wrong));

        struct subject s;
        int r = subject_open(o, call, parameters, &s);
        if (r != 0)
                return r < 0 ? r : 0;
        if (!may_enroll(&s, root, replace)) {
                r = method_user_error(call, OTP_ERROR_ALREADY_ENROLLED, s.account.name);
        } else {
                if (s.outcome == VAULT_UNKNOWN) {
                        const struct seal_owner owner = { s.account.uid, s.account.name };
                        r = vault_user_create(&o->vault, &owner, &s.user);
                        s.outcome = r < 0 ? VAULT_UNKNOWN : r;
                }
                if (r >= 0)
                        r = confirmed ? put_in_force(o, &s, &e, 0, 0) : vault_write_pending(&s.user, &e);
                if (r < 0) {
                        r = not_stored(call, r);
                } else {
                        record_factor(o, call, &s.account, "enrolled", confirmed ? "in-force" : "pending");
                        r = answer_enrolled(o, call, &s.account, &e.totp, !confirmed);
                }
        }
        sodium_memzero(&e, sizeof e);
        subject_close(&s);
        return r;
}

/* ---- Confirm, Codes, Reset, Unlock ---- */

static int confirm(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct otpd *o = userdata;
        struct subject s;
        int r = subject_open(o, call, parameters, &s);
        if (r != 0)
                return r < 0 ? r : 0;

        struct enrolment e = { 0 };
        char code[CODE_MAX + 1];
        enum code_kind kind = code_fold(text_of(parameters, "code"), code);
        wipe_text(parameters, "code");
        if (s.outcome == VAULT_UNKNOWN || vault_read_pending(&s.user, &e) != 0) {
                r = method_user_error(call, OTP_ERROR_NOT_PENDING, s.account.name);
        } else {
                int64_t now = time_now(&o->time) / e.totp.period, step = 0;
                int64_t from = now - CONFIRM_STEPS, least = TOTP_TIME_LEAST / e.totp.period;
                r = kind == CODE_TOTP
                            ? totp_find(&e.totp, code, from < least ? least : from, now + CONFIRM_STEPS, &step)
                            : 1;
                int64_t skew = o->active.policy->login.totp_skew, ahead = step - now;
                if (r != 0) {
                        r = method_user_error(call, OTP_ERROR_WRONG_CODE, s.account.name);
                } else if ((r = put_in_force(o, &s, &e, step, ahead >= -skew && ahead <= skew ? 0 : ahead)) < 0) {
                        r = not_stored(call, r);
                } else {
                        record_factor(o, call, &s.account, "enrolled", "confirmed");
                        r = method_answer(call, json_object());
                }
        }
        sodium_memzero(&e, sizeof e);
        sodium_memzero(code, sizeof code);
        subject_close(&s);
        return r;
}

static json_t *draw_codes(struct vault_user *u, struct enrolment *e) {
        json_t *list = json_array();
        for (unsigned i = 0; i < VAULT_CODES; i++) {
                uint8_t bytes[10];
                char code[17], grouped[24];
                randombytes_buf(bytes, sizeof bytes);
                code_spell(bytes, sizeof bytes, code);
                code[CODE_RECOVERY_LENGTH] = '\0';
                code_group(code, 5, grouped, sizeof grouped);
                vault_code_digest(u, code, e->digests[i]);
                (void) json_array_append_new(list, json_string(grouped));
                sodium_memzero(bytes, sizeof bytes);
                sodium_memzero(code, sizeof code);
                sodium_memzero(grouped, sizeof grouped);
        }
        return list;
}

static int codes(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct otpd *o = userdata;
        struct subject s;
        int r = subject_open(o, call, parameters, &s);
        if (r != 0)
                return r < 0 ? r : 0;
        if (s.outcome != VAULT_OK) {
                r = method_user_error(call, s.outcome == VAULT_DAMAGED ? OTP_ERROR_DAMAGED : OTP_ERROR_NOT_ENROLLED,
                                      s.account.name);
        } else {
                struct enrolment e = s.user.enrolment;
                e.codes++;
                json_t *list = draw_codes(&s.user, &e);
                r = vault_rewrite(&s.user, &e);
                sodium_memzero(&e, sizeof e);
                if (r < 0) {
                        json_decref(list);
                        r = not_stored(call, r);
                } else {
                        record_factor(o, call, &s.account, "enrolled", "recovery-codes");
                        r = method_answer(call, json_pack("{s:o}", "codes", list));
                }
        }
        subject_close(&s);
        return r;
}

/* A folder may outlive its account: root may take it away by its number. */
static int reset(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct otpd *o = userdata;
        struct subject s;
        int r = subject_open(o, call, parameters, &s);
        if (r != 0)
                return r < 0 ? r : 0;
        if (s.outcome == VAULT_UNKNOWN)
                r = method_user_error(call, OTP_ERROR_NOT_ENROLLED, s.account.name);
        else if ((r = vault_remove(&s.user)) < 0)
                r = not_stored(call, r);
        else {
                record_factor(o, call, &s.account, "removed", NULL);
                r = method_answer(call, json_object());
        }
        subject_close(&s);
        return r;
}

static int unlock_user(struct otpd *o, struct subject *s) {
        if (s->outcome == VAULT_DAMAGED)
                /* Nothing that could have been used already is accepted again. */
                return vault_repair(&s->user, time_now(&o->time) / s->user.enrolment.totp.period +
                                                      o->active.policy->login.totp_skew);
        s->user.state.failures = 0;
        s->user.state.not_before = 0;
        return vault_store(&s->user);
}

static int unlock(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct otpd *o = userdata;
        struct subject s;
        int r = subject_open(o, call, parameters, &s);
        if (r != 0)
                return r < 0 ? r : 0;
        bool damaged = s.outcome == VAULT_DAMAGED;
        if (s.outcome == VAULT_UNKNOWN || s.outcome == VAULT_PENDING)
                r = method_user_error(call, OTP_ERROR_NOT_ENROLLED, s.account.name);
        else if (damaged && !totp_valid(&s.user.enrolment.totp))
                r = method_user_error(call, OTP_ERROR_DAMAGED, s.account.name); /* the secret itself is gone */
        else if ((r = unlock_user(o, &s)) < 0)
                r = not_stored(call, r);
        else {
                record_factor(o, call, &s.account, "unlocked", damaged ? "state-repaired" : NULL);
                r = method_answer(call, json_object());
        }
        subject_close(&s);
        return r;
}

/* ---- the tables ---- */

static const struct ipc_param user_params[] = { { "user", IPC_STRING, false }, { NULL, IPC_BOOL, false } };
static const struct ipc_param enroll_params[] = { { "user", IPC_STRING, false },     { "secret", IPC_STRING, true },
                                                  { "digits", IPC_INT, true },       { "period", IPC_INT, true },
                                                  { "algorithm", IPC_STRING, true }, { "confirmed", IPC_BOOL, true },
                                                  { "replace", IPC_BOOL, true },     { NULL, IPC_BOOL, false } };
static const struct ipc_param confirm_params[] = { { "user", IPC_STRING, false },
                                                   { "code", IPC_STRING, false },
                                                   { NULL, IPC_BOOL, false } };
static const struct ipc_param list_params[] = { { "after", IPC_INT, true }, { NULL, IPC_BOOL, false } };
static const struct ipc_param grant_params[] = { { "document", IPC_STRING, false },
                                                 { "signature", IPC_STRING, false },
                                                 { NULL, IPC_BOOL, false } };

const struct ipc_method otp_admin_methods[] = {
        { OTP_ENROLL, IPC_ANYONE, false, enroll, enroll_params },
        { OTP_CONFIRM, IPC_ANYONE, false, confirm, confirm_params },
        { OTP_CODES, IPC_ANYONE, false, codes, user_params },
        { OTP_RESET, IPC_ROOT, false, reset, user_params },
        { OTP_UNLOCK, IPC_ROOT, false, unlock, user_params },
        { OTP_LIST, IPC_ROOT, false, method_list, list_params },
        { OTP_GRANT, IPC_ROOT, false, method_grant, grant_params },
        { OTP_STATUS, IPC_ANYONE, false, method_status, NULL },
};
const size_t otp_n_admin_methods = sizeof otp_admin_methods / sizeof *otp_admin_methods;
