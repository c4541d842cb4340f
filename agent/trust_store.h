/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The trust documents on disk: the whole chain, from the first one, which root installed, to the one in force.
 *
 * Owned by agent.c and its helpers. Below the root, in var/lib/sekisho/policy/trust.d:
 *   N.yaml, N.yaml.sig   version N; the appearance of N.yaml is its commit
 * and beside the policy:
 *   trust.yaml           a copy of the one in force, for people and for the verifier of second factors
 * At each start the chain is walked and verified again, link by link.
 */
#pragma once

#include <sekisho/trust.h>

#include "store.h"

#define TRUST_DIRECTORY     STORE_DIRECTORY "/trust.d"
#define TRUST_COPY          "trust.yaml"
#define TRUST_SIGNATURE_MAX (64u * 1024u)
#define TRUST_VERSIONS_MAX  10000u /* links that a start walks at most */

struct stored_trust {
        struct trust *trust; /* NULL: none was installed. Owned */
        char *text;
        size_t size;
        char sha256[DIGEST_HEX_SIZE];
        uint64_t damaged; /* version of the first link that does not hold; 0: all do. What comes before it holds */
        uint64_t reset_version, reset_floor; /* the newest version that sets the floor of policy serials, and to what;
                                              * 0: none does */
};

/* Finds the document in force. 0 or -ENOMEM. */
int trust_store_load(const struct store *s, struct stored_trust *ret);

/* Whether signatures suffice for a policy's exact bytes under version, which may be an older one of the chain. 0; 1:
 * they do not, or there is no such version; -ENOMEM. */
int trust_store_verify(const struct store *s, uint64_t version, const char *text, size_t size, const char *signatures,
                       size_t signatures_size);

/* Makes text, already judged, the document in force. 0 or -errno; on failure nothing has changed. */
int trust_store_commit(const struct store *s, uint64_t version, const char *text, size_t size, const char *signatures,
                       size_t signatures_size);

/* Parses, and fills text (copied) and digest, of one that is not on disk yet. 0, 1 (see problems), -ENOMEM. */
int stored_trust_new(const char *text, size_t size, struct problems *problems, struct stored_trust *ret);
/* next, which follows on t, does not say anew what t's chain says of the floor of serials. */
void stored_trust_inherit(struct stored_trust *next, const struct stored_trust *t);
void stored_trust_clear(struct stored_trust *t);
