/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal's key, and what is sealed with it: XChaCha20-Poly1305, bound to machine, user and enrolment. Private to
 * pam_module. sodium_init() must have been called. Nothing here is ever logged.
 *
 * The key comes from the credential "sekisho-otp.key" that systemd hands over (encrypted with the TPM where there is
 * one), else from the file "key" in the state directory. Both may be there: what was sealed with either is opened, and
 * the credential seals.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "state.h"

#define SEAL_KEY_SIZE 32u
#define SEAL_KEYS_MAX 2u
#define SEAL_KEY_ID   8u
#define SEAL_OVERHEAD (8u + SEAL_KEY_ID + STATE_ID_SIZE + 24u + 16u) /* magic, key, enrolment, nonce, tag */

struct seal_key {
        uint8_t bytes[SEAL_KEY_SIZE], id[SEAL_KEY_ID];
};

struct seal {
        struct seal_key keys[SEAL_KEYS_MAX]; /* the first one seals */
        size_t n;
        const char *source;     /* "credential" or "file" */
        const char *machine_id; /* borrowed */
};

/* Whose secret it is: part of what is authenticated. */
struct seal_owner {
        uint64_t uid;
        const char *name;
};

/* Adds a key. The first one added seals. bytes: SEAL_KEY_SIZE. */
void seal_add(struct seal *s, const uint8_t *bytes, const char *source);
void seal_clear(struct seal *s);

/* key: one of s, or NULL for the one that seals. ret: n + SEAL_OVERHEAD bytes. 0; -ENOKEY: there is no key. */
int seal_close(const struct seal *s, const struct seal_key *key, const struct seal_owner *owner,
               const uint8_t *enrolment, const void *plain, size_t n, uint8_t *ret);

/* 0: ret holds size - SEAL_OVERHEAD bytes, ret_enrolment STATE_ID_SIZE, *ret_key which key it was. 1: not ours,
 * changed, of another machine or user, or sealed with a key that is not here. */
int seal_open(const struct seal *s, const struct seal_owner *owner, const uint8_t *sealed, size_t size, void *ret,
              uint8_t *ret_enrolment, const struct seal_key **ret_key);

/* A key of its own for each purpose and enrolment. ret: STATE_KEY_SIZE. */
void seal_derive(const struct seal_key *k, const char *purpose, const void *context, size_t n, uint8_t *ret);
