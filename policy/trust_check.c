/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What signatures beside a document are worth. */
#include <assert.h>
#include <sekisho/trust.h>
#include <string.h>

#include "i18n.h"
#include "names.h"

static const struct {
        const char *name, *text;
} states[] = {
        [SIGNATURE_COUNTS] = { "counts", N_("the signature is good") },
        [SIGNATURE_MALFORMED] = { "malformed", N_("this is not an OpenSSH signature, or it is damaged") },
        [SIGNATURE_UNSUPPORTED] = { "unsupported",
                                    N_("only signatures of ed25519 keys and ed25519 hardware keys are accepted") },
        [SIGNATURE_NAMESPACE] = { "namespace", N_("the signature was made for another kind of document") },
        [SIGNATURE_UNKNOWN] = { "unknown-key", N_("the key belongs to no holder of the trust document") },
        [SIGNATURE_ROLE] = { "role", N_("the holder may not sign this kind of document") },
        [SIGNATURE_BAD] = { "bad-signature", N_("the file is not the one that was signed: its bytes differ") },
        [SIGNATURE_NO_TOUCH] = { "no-touch", N_("the hardware key was not touched when it signed") },
        [SIGNATURE_NO_PIN] = { "no-pin", N_("the hardware key did not ask for its PIN when it signed") },
        [SIGNATURE_SAME_HOLDER] = { "same-holder", N_("the signature is good, but this holder has signed already") },
};
static_assert(sizeof states / sizeof states[0] == SIGNATURE_STATE_MAX, "a name for each state");

const char *signature_state_name(enum signature_state s) {
        return states[s].name;
}
const char *signature_state_text(enum signature_state s) {
        return _(states[s].text);
}

static const struct trust_holder *find_holder(const struct trust *t, const struct ssh_key *key) {
        for (uint32_t i = 0; i < t->n_holders; i++)
                if (ssh_key_equal(t->holders[i].key, key))
                        return &t->holders[i];
        return NULL;
}

static bool counted_already(const struct trust_check *c, const struct trust_holder *h) {
        for (unsigned i = 0; i < c->n; i++)
                if (c->signatures[i].state == SIGNATURE_COUNTS && strcmp(c->signatures[i].holder->name, h->name) == 0)
                        return true;
        return false;
}

static enum signature_state judge(const struct trust_check *c, const struct trust_holder *h, enum trust_role role,
                                  const char *namespace, const struct sshsig *s, const struct sshsig_message *m) {
        if (strcmp(s->namespace, namespace) != 0)
                return SIGNATURE_NAMESPACE;
        if (!h)
                return SIGNATURE_UNKNOWN;
        if (!(h->roles & (1u << role)))
                return SIGNATURE_ROLE;
        if (sshsig_verify(s, m) != SSHSIG_OK)
                return SIGNATURE_BAD;
        if (h->touch == PRESENCE_REQUIRED && !s->touched)
                return SIGNATURE_NO_TOUCH;
        if (h->pin == PRESENCE_REQUIRED && !s->verified)
                return SIGNATURE_NO_PIN;
        return counted_already(c, h) ? SIGNATURE_SAME_HOLDER : SIGNATURE_COUNTS;
}

int trust_check(const struct trust *t, enum trust_role role, const char *namespace, const void *bytes, size_t size,
                const char *signatures, size_t signatures_size, struct trust_check *ret) {
        struct trust_check c = { .needed = t->threshold[role] };
        struct sshsig_message message;
        sshsig_digest(bytes, size, &message);

        const char *cursor = signatures, *end = signatures + signatures_size;
        struct sshsig s;
        for (int r; (r = sshsig_next(&cursor, end, &s)) != SSHSIG_END;) {
                if (c.n == SIGNATURES_MAX) {
                        c.more = true;
                        break;
                }
                enum signature_state state = r == SSHSIG_UNSUPPORTED ? SIGNATURE_UNSUPPORTED : SIGNATURE_MALFORMED;
                if (r == SSHSIG_OK) {
                        const struct trust_holder *h = find_holder(t, &s.key);
                        state = judge(&c, h, role, namespace, &s, &message);
                        c.signatures[c.n].holder = h;
                        ssh_key_fingerprint(&s.key, c.signatures[c.n].fingerprint);
                }
                c.signatures[c.n++].state = state;
                c.counted += state == SIGNATURE_COUNTS;
        }
        *ret = c;
        return c.needed > 0 && c.counted >= c.needed ? 0 : 1;
}

int trust_step(const struct trust *t, const struct trust *next, const void *bytes, size_t size, const char *signatures,
               size_t signatures_size, struct trust_check *ret) {
        if (t && strcmp(t->fleet, next->fleet) != 0)
                return TRUST_STEP_FLEET;
        if (t && next->version != t->version + 1)
                return TRUST_STEP_VERSION;
        if (t && trust_check(t, TRUST_ROLE_TRUST, TRUST_NAMESPACE, bytes, size, signatures, signatures_size, ret) != 0)
                return TRUST_STEP_OLD_HOLDERS;
        if (trust_check(next, TRUST_ROLE_TRUST, TRUST_NAMESPACE, bytes, size, signatures, signatures_size, ret) != 0)
                return TRUST_STEP_NEW_HOLDERS;
        return TRUST_STEP_OK;
}
