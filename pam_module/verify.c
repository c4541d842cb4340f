/* SPDX-License-Identifier: GPL-2.0-or-later */
/* load -> throttle -> persist the charge -> compare with every candidate -> later than the last one -> persist -> yes.
 *
 * Whatever kills this in between leaves a charge that counts, or a step that is used up without a yes. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "code.h"
#include "otpd.h"
#include "throttle.h"

/* Two consecutive codes may show that this terminal's clock is wrong. They are looked for from the floor on, so that a
 * clock which was set back, or far ahead, does not matter; and not further than a long holiday, so that one pair of
 * guesses is right once in thirty million. */
#define DRIFT_SECONDS   (10 * 86400)
#define DRIFT_PAIR_USEC UINT64_C(300000000) /* between the two */

static const char *const names[VERIFY_MAX] = {
        [VERIFY_ACCEPTED] = "accepted",
        [VERIFY_WRONG_CODE] = "wrong-code",
        [VERIFY_REPLAYED] = "replayed",
        [VERIFY_WAIT] = "throttled",
        [VERIFY_LOCKED] = "locked",
        [VERIFY_NOT_ENROLLED] = "not-enrolled",
        [VERIFY_DAMAGED] = "state-damaged",
        [VERIFY_ROLLED_BACK] = "state-rolled-back",
        [VERIFY_EMPTY] = "no-code",
        [VERIFY_NOT_STORED] = "not-stored",
        [VERIFY_BUSY] = "busy",
        [VERIFY_PHONE] = "phone",
};

const char *verify_reason_name(enum verify_reason r) {
        return (unsigned) r < VERIFY_MAX ? names[r] : NULL;
}

static uint64_t keyed(const uint8_t *key, const char *purpose, const void *bytes, size_t n) {
        uint8_t digest[16];
        uint64_t mark;
        crypto_generichash_state h;
        (void) crypto_generichash_init(&h, key, STATE_KEY_SIZE, sizeof digest);
        (void) crypto_generichash_update(&h, (const uint8_t *) purpose, strlen(purpose) + 1);
        (void) crypto_generichash_update(&h, bytes, n);
        (void) crypto_generichash_final(&h, digest, sizeof digest);
        memcpy(&mark, digest, sizeof mark);
        return mark;
}

static uint64_t mark_of(const struct vault_user *u, const char *code) {
        return keyed(u->code_key, "drift", code, strlen(code));
}

/* Different for each grant that was used, so that one grant is good once. */
void verify_nonce(const struct vault_user *u, char *ret) {
        uint64_t bits = keyed(u->code_key, "nonce", &u->state.grants, sizeof u->state.grants);
        code_spell((const unsigned char *) &bits, sizeof bits, ret);
}

/* ---- candidates ---- */

struct window {
        int64_t now, from, to; /* steps */
};

static struct window window_of(const struct otpd *o, const struct vault_user *u) {
        const struct login_policy *p = &o->active.policy->login;
        int64_t now = time_now(&o->time), period = u->enrolment.totp.period;
        int64_t least = (TOTP_TIME_LEAST > o->time.floor ? TOTP_TIME_LEAST : o->time.floor) / period - p->totp_skew;
        struct window w = { .now = now / period };
        w.from = w.now + u->state.offset - p->totp_skew;
        w.to = w.now + u->state.offset + p->totp_skew;
        if (w.from < least)
                w.from = least; /* nothing before the floor */
        return w;
}

/* Steps whose code is this one and whose code before was the one marked. To the end, like every comparison. */
static int find_pair(const struct otpd *o, const struct vault_user *u, const char *code, uint64_t mark, bool has_mark,
                     int64_t *ret) {
        const struct totp *t = &u->enrolment.totp;
        int64_t floor = o->time.floor / t->period - o->active.policy->login.totp_skew;
        int64_t from = u->state.last_step > floor ? u->state.last_step : floor;
        int64_t to = from + DRIFT_SECONDS / t->period, found = -1;
        char before[TOTP_DIGITS_MAX + 1] = { 0 }, candidate[TOTP_DIGITS_MAX + 1] = { 0 };
        char given[TOTP_DIGITS_MAX + 1] = { 0 };
        if (from * (int64_t) t->period < TOTP_TIME_LEAST)
                return 1;
        bool fits = strlen(code) == t->digits;
        memcpy(given, code, fits ? t->digits : 0);
        int r = totp_code(t, from, before);
        for (int64_t step = from + 1; step <= to && r == 0; step++) {
                r = totp_code(t, step, candidate);
                if (r == 0 && sodium_memcmp(candidate, given, sizeof given) == 0 && mark_of(u, before) == mark)
                        found = step;
                memcpy(before, candidate, sizeof before);
        }
        sodium_memzero(before, sizeof before);
        sodium_memzero(candidate, sizeof candidate);
        sodium_memzero(given, sizeof given);
        if (r < 0 || found < 0 || !has_mark || !fits)
                return r < 0 ? r : 1;
        *ret = found;
        return 0;
}

/* ---- one factor each: VERIFY_ACCEPTED with the state changed but not stored, or why not ---- */

static enum verify_reason try_totp(struct otpd *o, struct vault_user *u, const char *code, uint64_t mark,
                                   bool has_mark) {
        struct window w = window_of(o, u);
        int64_t step = -1, pair = -1;
        int r = totp_find(&u->enrolment.totp, code, w.from, w.to, &step);
        if (r == 0 && step <= u->state.last_step)
                return VERIFY_REPLAYED;
        int period = (int) u->enrolment.totp.period;
        if (r == 0) {
                u->state.last_step = step;
                int64_t when = step * period, wall = time_now(&o->time);
                /* A token that is ahead must not drag the time of all the others along. */
                if (u->state.offset == 0)
                        clock_accepted(o, when < wall ? when : wall);
                return VERIFY_ACCEPTED;
        }
        if (find_pair(o, u, code, mark, has_mark, &pair) != 0)
                return VERIFY_WRONG_CODE;
        u->state.last_step = pair;
        u->state.offset = pair - w.now;
        return VERIFY_ACCEPTED;
}

static enum verify_reason try_recovery(struct vault_user *u, const char *code) {
        uint8_t digest[VAULT_CODE_DIGEST];
        vault_code_digest(u, code, digest);
        int found = -1;
        for (unsigned i = 0; i < VAULT_CODES; i++)
                found = sodium_memcmp(digest, u->enrolment.digests[i], sizeof digest) == 0 ? (int) i : found;
        if (u->state.codes != u->enrolment.codes) { /* a new set: none of it was used */
                u->state.codes = u->enrolment.codes;
                u->state.used_codes = 0;
        }
        if (found < 0 || u->enrolment.codes == 0)
                return VERIFY_WRONG_CODE;
        if (u->state.used_codes & 1u << found)
                return VERIFY_REPLAYED;
        u->state.used_codes = (uint16_t) (u->state.used_codes | 1u << found);
        u->state.reenrol = true;
        return VERIFY_ACCEPTED;
}

static enum verify_reason try_grant(struct otpd *o, struct vault_user *u, const char *code) {
        struct armed_grant g = { 0 };
        char nonce[16];
        verify_nonce(u, nonce);
        if (vault_read_grant(u, &g) != 0 || sodium_memcmp(g.nonce, nonce, CODE_NONCE_LENGTH) != 0 ||
            sodium_memcmp(code, nonce, CODE_NONCE_LENGTH) != 0)
                return VERIFY_WRONG_CODE;
        /* Within one boot by the boot clock, which nobody sets. */
        bool same_boot = memcmp(g.boot_id, o->boot_id, sizeof g.boot_id) == 0;
        if (time_now(&o->time) >= g.expires || (same_boot && time_boot_usec(&o->time) >= g.deadline_boot_usec))
                return VERIFY_WRONG_CODE;
        u->state.grants++;
        u->state.reenrol = true;
        return VERIFY_ACCEPTED;
}

static enum verify_reason try_code(struct otpd *o, struct vault_user *u, enum code_kind kind, const char *code,
                                   uint64_t mark, bool has_mark, const char **ret_factor) {
        switch (kind) {
        case CODE_TOTP:
                *ret_factor = "totp";
                return try_totp(o, u, code, mark, has_mark);
        case CODE_RECOVERY:
                *ret_factor = "recovery";
                return try_recovery(u, code);
        case CODE_NONCE:
                *ret_factor = "grant";
                return try_grant(o, u, code);
        case CODE_EMPTY:
        case CODE_PHONE:
        case CODE_OTHER:
                break;
        }
        return VERIFY_WRONG_CODE;
}

/* What was no one-time code takes as long as one that is wrong. */
static void compare_nothing(const struct otpd *o, const struct vault_user *u) {
        struct window w = window_of(o, u);
        int64_t step;
        (void) totp_find(&u->enrolment.totp, "", w.from, w.to, &step);
        (void) find_pair(o, u, "", 0, false, &step);
}

/* ---- under the lock ---- */

/* What a real try costs, for one that cannot succeed. */
static void spend(struct otpd *o, const char *code) {
        struct vault_user u;
        if (o->vault_error < 0 || vault_decoy_open(&o->vault, &u) != 0)
                return;
        const struct login_policy *p = &o->active.policy->login;
        u.enrolment.totp.digits = p->totp_digits;
        u.enrolment.totp.period = p->totp_period;
        u.enrolment.totp.algorithm = (uint8_t) p->totp_algorithm;
        u.state.last_step = 0;
        (void) vault_store(&u);
        (void) try_totp(o, &u, code, 0, false);
        vault_user_close(&u);
}

static void yes(struct otpd *o, struct vault_user *u) {
        u->state.failures = 0;
        u->state.not_before = 0;
        u->state.drift_boot_usec = 0;
        u->state.drift_mark = 0;
        u->state.accepted_at = time_now(&o->time);
}

static enum verify_reason verify_locked(struct otpd *o, struct vault_user *u, enum code_kind kind, const char *code,
                                        struct verify_result *ret) {
        const struct login_policy *p = &o->active.policy->login;
        uint64_t boot = time_boot_usec(&o->time);
        bool rearmed = throttle_rearm(&u->state, p, o->boot_id, boot);
        enum throttle_answer answer = throttle_ask(&u->state, p, boot);
        if (answer != THROTTLE_GO) {
                if (rearmed && vault_store(u) < 0)
                        return VERIFY_NOT_STORED;
                return answer == THROTTLE_WAIT ? VERIFY_WAIT : VERIFY_LOCKED;
        }

        uint64_t mark = u->state.drift_mark;
        bool has_mark = u->state.drift_boot_usec != 0 && boot - u->state.drift_boot_usec <= DRIFT_PAIR_USEC;
        u->state.drift_mark = kind == CODE_TOTP ? mark_of(u, code) : 0;
        u->state.drift_boot_usec = kind == CODE_TOTP ? boot : 0;
        throttle_charge(&u->state, p, boot);
        if (vault_store(u) < 0)
                return VERIFY_NOT_STORED; /* what cannot be counted is not looked at */

        enum verify_reason r = try_code(o, u, kind, code, mark, has_mark, &ret->factor);
        if (r != VERIFY_ACCEPTED) {
                ret->now_locked = u->state.failures >= p->throttle_stop_after;
                if (kind != CODE_TOTP)
                        compare_nothing(o, u);
                return r;
        }
        yes(o, u);
        if (vault_store(u) < 0)
                return VERIFY_NOT_STORED;
        if (kind == CODE_NONCE)
                vault_drop_grant(u);
        ret->reenrol = u->state.reenrol;
        return r;
}

static void tell_nonce(const struct otpd *o, const struct vault_user *u, const struct account *who,
                       struct verify_result *ret) {
        char nonce[16];
        if (u) {
                verify_nonce(u, nonce);
        } else { /* always the same for the same name, like a real one */
                uint8_t key[STATE_KEY_SIZE] = { 0 };
                if (o->vault.seal.n > 0)
                        seal_derive(&o->vault.seal.keys[0], "decoy", NULL, 0, key);
                uint64_t bits = keyed(key, "nonce", who->name, strlen(who->name));
                code_spell((const unsigned char *) &bits, sizeof bits, nonce);
        }
        code_group(nonce, 4, ret->nonce, sizeof ret->nonce);
}

static enum verify_reason from_outcome(int r, const struct vault_user *u) {
        switch (r) {
        case VAULT_OK:
                return VERIFY_ACCEPTED;
        case VAULT_UNKNOWN:
        case VAULT_PENDING:
                return VERIFY_NOT_ENROLLED;
        case VAULT_DAMAGED:
                return u->rolled_back ? VERIFY_ROLLED_BACK : VERIFY_DAMAGED;
        default:
                return r == -ETIMEDOUT ? VERIFY_BUSY : r == -EROFS || r == -EACCES ? VERIFY_NOT_STORED : VERIFY_DAMAGED;
        }
}

static enum verify_reason verify_real(struct otpd *o, const struct account *who, enum code_kind kind, const char *code,
                                      struct verify_result *ret) {
        if (!who->known)
                return VERIFY_NOT_ENROLLED;
        if (o->vault_error < 0)
                return VERIFY_DAMAGED;
        struct vault_user u = { .directory = -1, .lock = -1, .state_fd = -1 };
        const struct seal_owner owner = { who->uid, who->name };
        int opened = vault_user_open(&o->vault, &owner, &u);
        enum verify_reason r = from_outcome(opened, &u);
        if (r == VERIFY_ACCEPTED && kind == CODE_PHONE) {
                tell_nonce(o, &u, who, ret);
                r = VERIFY_PHONE;
        } else if (r == VERIFY_ACCEPTED) {
                r = verify_locked(o, &u, kind, code, ret);
        }
        if (opened >= 0 && opened != VAULT_UNKNOWN)
                vault_user_close(&u);
        return r;
}

void verify_code(struct otpd *o, const struct account *who, const char *typed, bool decoy, struct verify_result *ret) {
        char code[CODE_MAX + 1];
        struct verify_result result = { .clock_suspect = time_behind_floor(&o->time) };
        enum code_kind kind = code_fold(typed, code);
        if (kind == CODE_EMPTY) {
                result.reason = VERIFY_EMPTY;
                *ret = result;
                return;
        }
        result.reason = decoy ? kind == CODE_PHONE ? VERIFY_PHONE : VERIFY_WRONG_CODE
                              : verify_real(o, who, kind, code, &result);
        bool looked = result.reason == VERIFY_ACCEPTED || result.reason == VERIFY_REPLAYED ||
                      (result.reason == VERIFY_WRONG_CODE && !decoy);
        if (kind == CODE_PHONE && result.nonce[0] == '\0') {
                tell_nonce(o, NULL, who, &result);
                result.reason = VERIFY_PHONE;
        } else if (!looked && kind != CODE_PHONE) {
                spend(o, code);
        }
        sodium_memzero(code, sizeof code);
        *ret = result;
}
