/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signed statements of a log: anchors, and what else is signed with its key. Private to agent/audit (and its tests).
 *
 * An anchor is a line of the chain like any other, so that whatever carries the record off the machine carries the
 * anchors too, and a verifier reads one file. It says of the line before it, by number and hash, that it was the last
 * one; `next` is the public key that signs from here on. What is signed is a text of a few lines, anchor_text(), which
 * a person can write down by hand and verify with openssl(1).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "audit/chain.h"

#define ANCHOR_HEX_SIZE    65u  /* a key or a hash in lower-case hex, with its NUL */
#define ANCHOR_SIGNATURE   129u /* likewise a signature */
#define ANCHOR_MACHINE_MAX 64u  /* with its NUL */
#define ANCHOR_TEXT_MAX    512u

struct anchor {
        char log[CHAIN_LOG_MAX + 1];
        char machine[ANCHOR_MACHINE_MAX]; /* letters, digits, '-' */
        int64_t time;                     /* seconds since the epoch */
        uint64_t seq;                     /* of the line before it */
        char head[ANCHOR_HEX_SIZE];       /* its hash */
        uint32_t segment;
        char next[ANCHOR_HEX_SIZE]; /* "": the key stays */
        char key[ANCHOR_HEX_SIZE];  /* whose signature it is; a hint, nothing is believed of it */
        char signature[ANCHOR_SIGNATURE];
};

/* What is signed; NUL-terminated. */
void anchor_text(const struct anchor *a, char ret[static ANCHOR_TEXT_MAX]);

/* Signs a with a secret key of libsodium (64 bytes): sets key and signature. */
void anchor_sign(struct anchor *a, const uint8_t *secret);
/* key: hex of the public key that must have signed it. Constant time is of no use here: nothing is secret. */
bool anchor_verify(const struct anchor *a, const char *key);

/* The member unmapped.sekisho.anchor. New reference or NULL. */
json_t *anchor_json(const struct anchor *a);
/* Of a whole event. 0; 1: it is no anchor; -EBADMSG: it is one, but not of this form. */
int anchor_read(const json_t *event, struct anchor *ret);

/* Hex of a text's signature, for other statements (export.c). text: NUL-terminated. */
void statement_sign(const char *text, const uint8_t *secret, char ret[static ANCHOR_SIGNATURE]);
bool statement_verify(const char *text, const char *key, const char *signature);

/* A line as in id_ed25519.pub, "ssh-ed25519 AAAA... COMMENT", of a key in hex; free(). NULL: no memory. */
char *anchor_key_line(const char *key, const char *comment);
