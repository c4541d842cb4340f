/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose signatures count: the fleet's trust document, and what it says about a signed file.
 *
 * Owned by the policy library. Pure: no clock, no files. The language is described in sekisho-trust(5).
 *
 *   sekisho-trust: 1
 *   header: {fleet: omura-mynumber, version: 3, issued: 2026-11-23T09:00:00+09:00, expires: never}
 *   unsigned-policy: refuse
 *   roles: {trust: {threshold: 2}, policy: {threshold: 2}, permit: {threshold: 1}, audit: {threshold: 1}}
 *   holders:
 *     - {name: 政策課長, roles: [trust, policy], key: ssh-ed25519 AAAA..., touch: required}
 */
#pragma once

#include <sekisho/policy.h>
#include <sekisho/sshsig.h>

#define TRUST_NAMESPACE  "trust@sekisho"
#define POLICY_NAMESPACE "policy@sekisho"
#define PERMIT_NAMESPACE "permit@sekisho"
#define GRANT_NAMESPACE  "grant@sekisho" /* a login grant: signed by holders of the permit role */

enum trust_role {
        TRUST_ROLE_TRUST,
        TRUST_ROLE_POLICY,
        TRUST_ROLE_PERMIT,
        TRUST_ROLE_AUDIT,
        TRUST_ROLE_MAX,
        TRUST_ROLE_INVALID = -22,
};
const char *trust_role_name(enum trust_role r); /* "policy" */

enum presence { PRESENCE_OPTIONAL, PRESENCE_REQUIRED, PRESENCE_MAX };

/* One key of one person. Rows with the same name are the same person with several keys: thresholds count people. */
struct trust_holder {
        const char *name;
        const struct ssh_key *key;
        uint32_t roles; /* mask of 1 << enum trust_role */
        uint8_t touch;  /* enum presence; hardware keys only */
        uint8_t pin;
        uint32_t line;
};

struct trust {
        const char *fleet;
        uint64_t version; /* 1 .. 2^53-1 */
        int64_t issued, expires;
        bool unsigned_policy;         /* root of the terminal may install a policy that nobody signed */
        uint64_t policy_serial_floor; /* policies need a greater serial from here on, whatever was accepted before; 0:
                                       * as before */
        uint8_t threshold[TRUST_ROLE_MAX]; /* 0: nobody can sign for this role */
        const struct trust_holder *holders;
        uint32_t n_holders;
        struct arena *arena; /* private */
};

/* As policy_parse(). Refused too: a role that its holders cannot fill, one key twice, a touch or PIN demanded of a key
 * that has none. */
int trust_parse(const char *bytes, size_t size, struct problems *problems, struct trust **ret);
struct trust *trust_free(struct trust *t);

/* What became of each signature beside a document, in the order of the file. */
enum signature_state {
        SIGNATURE_COUNTS = 0,
        SIGNATURE_MALFORMED,
        SIGNATURE_UNSUPPORTED, /* another kind of key, or a format that is not known */
        SIGNATURE_NAMESPACE,   /* made for another kind of document */
        SIGNATURE_UNKNOWN,     /* no holder has this key */
        SIGNATURE_ROLE,        /* the holder may not sign this kind of document */
        SIGNATURE_BAD,         /* the bytes are not those that were signed */
        SIGNATURE_NO_TOUCH,    /* the hardware key was not touched */
        SIGNATURE_NO_PIN,
        SIGNATURE_SAME_HOLDER, /* good, but this person was counted already */
        SIGNATURE_STATE_MAX,
};
const char *signature_state_name(enum signature_state s); /* "same-holder"; stable */
const char *signature_state_text(enum signature_state s); /* a sentence, translated */

#define SIGNATURES_MAX 32 /* of one document; what follows is not looked at */

struct trust_check {
        unsigned counted, needed; /* people; needed 0: nobody may sign for this role */
        unsigned n;
        bool more; /* there were more than SIGNATURES_MAX */
        struct {
                enum signature_state state;
                const struct trust_holder *holder;        /* borrowed from the trust; NULL: not known */
                char fingerprint[SSHSIG_FINGERPRINT_MAX]; /* "" if the key could not be read */
        } signatures[SIGNATURES_MAX];
};

/* Whether signatures (the text of FILE.sig) suffice for a document's exact bytes in that role and namespace.
 * 0: they do; 1: they do not; *ret is filled in both cases. sodium_init() must have been called. */
int trust_check(const struct trust *t, enum trust_role role, const char *namespace, const void *bytes, size_t size,
                const char *signatures, size_t signatures_size, struct trust_check *ret);

enum trust_step {
        TRUST_STEP_OK = 0,
        TRUST_STEP_FLEET = 1,   /* of another fleet */
        TRUST_STEP_VERSION,     /* not the version after this one */
        TRUST_STEP_OLD_HOLDERS, /* those of the old version have not all signed */
        TRUST_STEP_NEW_HOLDERS, /* nor those of the new one */
        TRUST_STEP_MAX,
};

/* Whether next, whose exact bytes are given, may take the place of t: version N + 1, signed by the threshold of both.
 * t NULL: the first one, which only its own holders sign. 0 or a positive enum trust_step; the check that failed is in
 * *ret (of the last one made). */
int trust_step(const struct trust *t, const struct trust *next, const void *bytes, size_t size, const char *signatures,
               size_t signatures_size, struct trust_check *ret);
