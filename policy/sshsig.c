/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sekisho/sshsig.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define BEGIN            "-----BEGIN SSH SIGNATURE-----"
#define END              "-----END SSH SIGNATURE-----"
#define MAGIC            "SSHSIG"
#define MAGIC_SIZE       6
#define KEY_BLOB_MAX     256 /* decoded; a hardware key's is about 90 */

#define SK_FLAG_TOUCHED  0x01u
#define SK_FLAG_VERIFIED 0x04u

static const char *const key_types[SSH_KEY_TYPE_MAX] = {
        [SSH_KEY_ED25519] = "ssh-ed25519",
        [SSH_KEY_SK_ED25519] = "sk-ssh-ed25519@openssh.com",
};

/* ---- the wire format: big-endian lengths, RFC 4251 section 5 ---- */

struct span {
        const uint8_t *bytes;
        size_t size;
};

static bool take(struct span *from, size_t size, struct span *ret) {
        if (size > from->size)
                return false;
        *ret = (struct span){ from->bytes, size };
        from->bytes += size;
        from->size -= size;
        return true;
}

static bool take_u32(struct span *from, uint32_t *ret) {
        struct span s;
        if (!take(from, 4, &s))
                return false;
        *ret = (uint32_t) s.bytes[0] << 24 | (uint32_t) s.bytes[1] << 16 | (uint32_t) s.bytes[2] << 8 | s.bytes[3];
        return true;
}

static bool take_string(struct span *from, struct span *ret) {
        uint32_t size;
        return take_u32(from, &size) && take(from, size, ret);
}

static bool span_is(const struct span *s, const char *text) {
        return s->size == strlen(text) && memcmp(s->bytes, text, s->size) == 0;
}

/* Into a buffer as text: without control characters, for it will be shown. */
static bool span_text(const struct span *s, char *buffer, size_t size) {
        if (s->size == 0 || s->size >= size)
                return false;
        for (size_t i = 0; i < s->size; i++)
                if (s->bytes[i] < 0x21 || s->bytes[i] > 0x7e)
                        return false;
        memcpy(buffer, s->bytes, s->size);
        buffer[s->size] = 0;
        return true;
}

static enum ssh_key_type key_type(const struct span *name) {
        for (int i = 0; i < SSH_KEY_TYPE_MAX; i++)
                if (span_is(name, key_types[i]))
                        return (enum ssh_key_type) i;
        return SSH_KEY_TYPE_INVALID;
}

/* ---- keys ---- */

static int parse_key(struct span blob, struct ssh_key *ret) {
        struct span type, bytes, application;
        struct ssh_key k = { 0 };
        if (!take_string(&blob, &type))
                return SSHSIG_MALFORMED;
        k.type = key_type(&type);
        if (k.type == SSH_KEY_TYPE_INVALID)
                return SSHSIG_UNSUPPORTED;
        if (!take_string(&blob, &bytes) || bytes.size != sizeof k.bytes)
                return SSHSIG_MALFORMED;
        memcpy(k.bytes, bytes.bytes, sizeof k.bytes);
        if (k.type == SSH_KEY_SK_ED25519 &&
            (!take_string(&blob, &application) || !span_text(&application, k.application, sizeof k.application)))
                return SSHSIG_MALFORMED;
        if (blob.size > 0)
                return SSHSIG_MALFORMED;
        *ret = k;
        return SSHSIG_OK;
}

static bool is_space(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int ssh_key_parse(const char *text, size_t length, struct ssh_key *ret) {
        const char *space = memchr(text, ' ', length);
        if (!space)
                return 1;
        const char *start = space + 1, *end = start;
        while (end < text + length && !is_space(*end))
                end++;

        uint8_t blob[KEY_BLOB_MAX];
        size_t size;
        struct ssh_key k;
        if (sodium_base642bin(blob, sizeof blob, start, (size_t) (end - start), NULL, &size, NULL,
                              sodium_base64_VARIANT_ORIGINAL) != 0)
                return 1;
        if (parse_key((struct span){ blob, size }, &k) != SSHSIG_OK)
                return 1;
        const struct span name = { (const uint8_t *) text, (size_t) (space - text) };
        if (key_type(&name) != k.type)
                return 1;
        *ret = k;
        return 0;
}

bool ssh_key_equal(const struct ssh_key *a, const struct ssh_key *b) {
        return a->type == b->type && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0 &&
               strcmp(a->application, b->application) == 0;
}

static void append(uint8_t *buffer, size_t *used, const void *bytes, size_t size) {
        memcpy(buffer + *used, bytes, size);
        *used += size;
}

static void append_string(uint8_t *buffer, size_t *used, const void *bytes, size_t size) {
        const uint8_t length[4] = { (uint8_t) (size >> 24), (uint8_t) (size >> 16), (uint8_t) (size >> 8),
                                    (uint8_t) size };
        append(buffer, used, length, sizeof length);
        append(buffer, used, bytes, size);
}

void ssh_key_fingerprint(const struct ssh_key *k, char ret[static SSHSIG_FINGERPRINT_MAX]) {
        uint8_t blob[KEY_BLOB_MAX], digest[crypto_hash_sha256_BYTES];
        size_t used = 0;
        append_string(blob, &used, key_types[k->type], strlen(key_types[k->type]));
        append_string(blob, &used, k->bytes, sizeof k->bytes);
        if (k->type == SSH_KEY_SK_ED25519)
                append_string(blob, &used, k->application, strlen(k->application));
        (void) crypto_hash_sha256(digest, blob, used);
        char text[sodium_base64_ENCODED_LEN(sizeof digest, sodium_base64_VARIANT_ORIGINAL_NO_PADDING)];
        (void) sodium_bin2base64(text, sizeof text, digest, sizeof digest, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
        (void) snprintf(ret, SSHSIG_FINGERPRINT_MAX, "SHA256:%s", text);
}

/* ---- signatures ---- */

static int parse_signature(struct span blob, struct sshsig *s) {
        struct span type, bytes, flags;
        if (!take_string(&blob, &type) || key_type(&type) != s->key.type || !take_string(&blob, &bytes) ||
            bytes.size != sizeof s->signature)
                return SSHSIG_MALFORMED;
        memcpy(s->signature, bytes.bytes, sizeof s->signature);
        if (s->key.type == SSH_KEY_SK_ED25519) {
                if (!take(&blob, 1, &flags) || !take_u32(&blob, &s->counter))
                        return SSHSIG_MALFORMED;
                s->flags = flags.bytes[0];
                s->touched = s->flags & SK_FLAG_TOUCHED;
                s->verified = s->flags & SK_FLAG_VERIFIED;
        }
        return blob.size == 0 ? SSHSIG_OK : SSHSIG_MALFORMED;
}

static int parse_blob(struct span blob, struct sshsig *ret) {
        struct span magic, key, namespace, reserved, hash, signature;
        struct sshsig s = { 0 };
        uint32_t version;
        if (!take(&blob, MAGIC_SIZE, &magic) || !span_is(&magic, MAGIC) || !take_u32(&blob, &version))
                return SSHSIG_MALFORMED;
        if (version != 1)
                return SSHSIG_UNSUPPORTED;
        if (!take_string(&blob, &key) || !take_string(&blob, &namespace) || !take_string(&blob, &reserved) ||
            !take_string(&blob, &hash) || !take_string(&blob, &signature) || blob.size > 0)
                return SSHSIG_MALFORMED;
        int r = parse_key(key, &s.key);
        if (r != SSHSIG_OK)
                return r;
        /* What is signed is put together again from what was understood, and "reserved" is always empty there. */
        if (!span_text(&namespace, s.namespace, sizeof s.namespace) || reserved.size > 0)
                return SSHSIG_UNSUPPORTED;
        if (span_is(&hash, "sha512"))
                s.hash = SSHSIG_SHA512;
        else if (span_is(&hash, "sha256"))
                s.hash = SSHSIG_SHA256;
        else
                return SSHSIG_UNSUPPORTED;
        r = parse_signature(signature, &s);
        if (r == SSHSIG_OK)
                *ret = s;
        return r;
}

static const char *skip_space(const char *s, const char *end) {
        while (s < end && is_space(*s))
                s++;
        return s;
}

static bool starts_with(const char *s, const char *end, const char *text) {
        size_t n = strlen(text);
        return (size_t) (end - s) >= n && memcmp(s, text, n) == 0;
}

int sshsig_next(const char **cursor, const char *end, struct sshsig *ret) {
        const char *start = skip_space(*cursor, end);
        if (start == end) {
                *cursor = end;
                return SSHSIG_END;
        }
        const char *stop = memmem(start, (size_t) (end - start), END, strlen(END));
        *cursor = stop ? stop + strlen(END) : end;
        /* No block begins inside another: what a reader takes for two must not be one to us. */
        if (!stop || !starts_with(start, end, BEGIN) || (size_t) (stop - start) > SSHSIG_BLOCK_MAX)
                return SSHSIG_MALFORMED;
        start += strlen(BEGIN);
        /* A NUL would pass for white space below. */
        if (start == stop || !is_space(*start) || memchr(start, 0, (size_t) (stop - start)))
                return SSHSIG_MALFORMED;

        uint8_t blob[SSHSIG_BLOCK_MAX];
        const char *rest;
        size_t size;
        if (sodium_base642bin(blob, sizeof blob, start, (size_t) (stop - start), " \t\r\n", &size, &rest,
                              sodium_base64_VARIANT_ORIGINAL) != 0 ||
            rest != stop)
                return SSHSIG_MALFORMED;
        return parse_blob((struct span){ blob, size }, ret);
}

void sshsig_digest(const void *bytes, size_t size, struct sshsig_message *ret) {
        (void) crypto_hash_sha256(ret->sha256, bytes, size);
        (void) crypto_hash_sha512(ret->sha512, bytes, size);
}

/* A hardware key signs SHA-256(application), flags, counter, SHA-256(what a plain key would sign). */
static size_t wrap_for_hardware(const struct sshsig *s, uint8_t *buffer, size_t size) {
        uint8_t digest[crypto_hash_sha256_BYTES], application[crypto_hash_sha256_BYTES];
        const uint8_t rest[5] = { s->flags, (uint8_t) (s->counter >> 24), (uint8_t) (s->counter >> 16),
                                  (uint8_t) (s->counter >> 8), (uint8_t) s->counter };
        size_t used = 0;
        (void) crypto_hash_sha256(digest, buffer, size);
        (void) crypto_hash_sha256(application, (const uint8_t *) s->key.application, strlen(s->key.application));
        append(buffer, &used, application, sizeof application);
        append(buffer, &used, rest, sizeof rest);
        append(buffer, &used, digest, sizeof digest);
        return used;
}

int sshsig_verify(const struct sshsig *s, const struct sshsig_message *m) {
        uint8_t signed_bytes[MAGIC_SIZE + 4 * 4 + SSHSIG_NAMESPACE_MAX + sizeof "sha512" + sizeof m->sha512];
        size_t used = 0;
        append(signed_bytes, &used, MAGIC, MAGIC_SIZE);
        append_string(signed_bytes, &used, s->namespace, strlen(s->namespace));
        append_string(signed_bytes, &used, "", 0);
        if (s->hash == SSHSIG_SHA512) {
                append_string(signed_bytes, &used, "sha512", 6);
                append_string(signed_bytes, &used, m->sha512, sizeof m->sha512);
        } else {
                append_string(signed_bytes, &used, "sha256", 6);
                append_string(signed_bytes, &used, m->sha256, sizeof m->sha256);
        }
        if (s->key.type == SSH_KEY_SK_ED25519)
                used = wrap_for_hardware(s, signed_bytes, used);
        return crypto_sign_verify_detached(s->signature, signed_bytes, used, s->key.bytes) == 0 ? SSHSIG_OK
                                                                                                : SSHSIG_BAD;
}
