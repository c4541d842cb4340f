/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OpenSSH signatures over files, verified in our own process.
 *
 * Owned by the policy library. Formats: PROTOCOL.sshsig (the armour and the blob, "SSHSIG" version 1), RFC 4253 section
 * 6.6 and RFC 8709 (ssh-ed25519), PROTOCOL.u2f (sk-ssh-ed25519@openssh.com), all of OpenSSH. Signatures are made by
 * `ssh-keygen -Y sign -n NAMESPACE`; this library makes none.
 *
 * Nothing here says whom a key belongs to: that is trust.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SSH_KEY_BYTES          32
#define SSH_SIGNATURE_BYTES    64
#define SSH_APPLICATION_MAX    64    /* "ssh:" and what people add, with its NUL */
#define SSHSIG_NAMESPACE_MAX   64    /* with its NUL */
#define SSHSIG_BLOCK_MAX       4096u /* bytes of one armoured block; ed25519 takes about 300 */
#define SSHSIG_FINGERPRINT_MAX 52    /* "SHA256:" and 43 characters, with its NUL */

enum ssh_key_type {
        SSH_KEY_ED25519,
        SSH_KEY_SK_ED25519, /* held by a hardware key */
        SSH_KEY_TYPE_MAX,
        SSH_KEY_TYPE_INVALID = -22,
};

struct ssh_key {
        enum ssh_key_type type;
        uint8_t bytes[SSH_KEY_BYTES];
        char application[SSH_APPLICATION_MAX]; /* hardware keys; "" for the others */
};

/* One line as in id_ed25519.pub: type, base64, and perhaps a comment. text[0..length). 0; 1: not a key of these types,
 * or damaged. */
int ssh_key_parse(const char *text, size_t length, struct ssh_key *ret);
bool ssh_key_equal(const struct ssh_key *a, const struct ssh_key *b);
/* As `ssh-keygen -l` prints it. */
void ssh_key_fingerprint(const struct ssh_key *k, char ret[static SSHSIG_FINGERPRINT_MAX]);

enum sshsig_hash { SSHSIG_SHA256, SSHSIG_SHA512 };

struct sshsig {
        struct ssh_key key;
        char namespace[SSHSIG_NAMESPACE_MAX];
        enum sshsig_hash hash;
        uint8_t signature[SSH_SIGNATURE_BYTES];
        bool touched;  /* hardware keys: a person touched it (flag 0x01) */
        bool verified; /* hardware keys: and gave its PIN (flag 0x04) */
        uint8_t flags;
        uint32_t counter; /* hardware keys */
};

enum sshsig_outcome {
        SSHSIG_OK = 0,
        SSHSIG_END = 1,     /* no further block */
        SSHSIG_MALFORMED,   /* a block, but damaged or not of this format; *cursor is behind it */
        SSHSIG_UNSUPPORTED, /* a well-formed block of another kind of key or hash; *cursor is behind it */
        SSHSIG_BAD,         /* the signature does not belong to these bytes */
};

/* The next armoured block in *cursor..end, which several may follow each other in one file; white space between them is
 * passed over, anything else there is SSHSIG_MALFORMED. CR LF is understood. Moves *cursor. SSHSIG_OK, _END,
 * _MALFORMED, _UNSUPPORTED. */
int sshsig_next(const char **cursor, const char *end, struct sshsig *ret);

/* Both digests of a message, so that many signatures hash it once. */
struct sshsig_message {
        uint8_t sha256[32], sha512[64];
};
void sshsig_digest(const void *bytes, size_t size, struct sshsig_message *ret);

/* Whether s is its key's signature over m under s->namespace; the caller compares the namespace. SSHSIG_OK or
 * SSHSIG_BAD. sodium_init() must have been called. */
int sshsig_verify(const struct sshsig *s, const struct sshsig_message *m);
