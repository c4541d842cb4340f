/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that only the holder of one Ed25519 key can read, and that nobody altered, cut or put together anew since it
 * was sealed. The format stands in sekisho-record(5). It does not say who sealed it: what is in it says that.
 * Private to agent/ctl. sodium_init() must have been called. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <sekisho/sshsig.h>

#include "base/cleanup.h"

#define SEALED_MAGIC      "sekisho-sealed 1" /* 16 bytes, without a NUL */
#define SEALED_MAGIC_SIZE 16u
#define SEALED_CHUNK      65536u /* bytes of plain text in each chunk but the last, which has fewer */
#define SEALED_KEY        32u
#define SEALED_KEY_FILE   16384u /* bytes of a private key's file at most */

enum sealed_fault {
        SEALED_OK = 0,
        SEALED_NOT_SEALED = 1, /* it does not begin as one */
        SEALED_NOT_FOR_KEY,    /* the key does not open it, or its first chunk was altered or cut */
        SEALED_DAMAGED,        /* altered, cut within a chunk, chunks exchanged, or bytes behind the end */
        SEALED_CUT,            /* it ends where a chunk ends, or within the head */
        SEALED_KEY_FORM,       /* no private key of OpenSSH, or damaged */
        SEALED_KEY_TYPE,       /* not ssh-ed25519 */
        SEALED_KEY_LOCKED,     /* with a passphrase */
        SEALED_FAULT_MAX,
};
const char *sealed_fault_text(enum sealed_fault f); /* translated */

/* ---- sealing ---- */

struct sealer;
/* to: an ssh-ed25519 key. Writes to fd, which is borrowed. 0; SEALED_KEY_FORM, SEALED_KEY_TYPE: not a key to seal to;
 * -errno. */
int sealer_new(int fd, const struct ssh_key *to, struct sealer **ret);
int sealer_write(struct sealer *s, const void *bytes, size_t size); /* 0 or -errno */
int sealer_end(struct sealer *s);                                   /* 0 or -errno; without it the file is a cut one */
struct sealer *sealer_free(struct sealer *s);                       /* wipes; NULL allowed */
DEFINE_FREEP(struct sealer, sealer_free)

/* ---- opening ---- */

/* Secrets: wiped by sealed_key_clear(). */
struct sealed_key {
        uint8_t secret[SEALED_KEY], public[SEALED_KEY]; /* X25519 */
};
void sealed_key_clear(struct sealed_key *k);
/* text: a private key as ssh-keygen writes it, without a passphrase. SEALED_OK, _KEY_FORM, _KEY_TYPE, _KEY_LOCKED. */
int sealed_key_parse(const char *text, size_t size, struct sealed_key *ret);

/* From in's position to its end. What was written to out counts only after SEALED_OK. SEALED_OK, _NOT_SEALED,
 * _NOT_FOR_KEY, _DAMAGED, _CUT, or -errno. */
int sealed_open(int in, const struct sealed_key *k, int out);
