/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A private key of OpenSSH (PROTOCOL.key), of the one kind that opens what is sealed: ssh-ed25519, no passphrase. */
#include <sodium.h>
#include <string.h>

#include "sealed.h"

#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END   "-----END OPENSSH PRIVATE KEY-----"
#define MAGIC "openssh-key-v1" /* with its NUL */
#define TYPE  "ssh-ed25519"

void sealed_key_clear(struct sealed_key *k) {
        sodium_memzero(k, sizeof *k);
}

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

static bool take_number(struct span *from, uint32_t *ret) {
        struct span s;
        if (!take(from, 4, &s))
                return false;
        *ret = (uint32_t) s.bytes[0] << 24 | (uint32_t) s.bytes[1] << 16 | (uint32_t) s.bytes[2] << 8 | s.bytes[3];
        return true;
}

static bool take_string(struct span *from, struct span *ret) {
        uint32_t size;
        return take_number(from, &size) && take(from, size, ret);
}

static bool is(const struct span *s, const char *text) {
        return s->size == strlen(text) && memcmp(s->bytes, text, s->size) == 0;
}

/* Behind the comment: 1, 2, 3 ... to a multiple of eight. */
static bool is_padding(const struct span *s) {
        for (size_t i = 0; i < s->size; i++)
                if (s->bytes[i] != (uint8_t) (i + 1))
                        return false;
        return s->size < 8;
}

static int convert(const struct span *public, const struct span *private, struct sealed_key *ret) {
        uint8_t key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
        if (public->size != sizeof key || private->size != sizeof secret)
                return SEALED_KEY_FORM;
        /* The first half is the seed; the rest must be what follows from it. */
        (void) crypto_sign_seed_keypair(key, secret, private->bytes);
        bool whole = sodium_memcmp(secret, private->bytes, sizeof secret) == 0 &&
                     sodium_memcmp(key, public->bytes, sizeof key) == 0;
        if (whole) {
                (void) crypto_sign_ed25519_sk_to_curve25519(ret->secret, secret);
                (void) crypto_scalarmult_base(ret->public, ret->secret);
        }
        sodium_memzero(secret, sizeof secret);
        return whole ? SEALED_OK : SEALED_KEY_FORM;
}

static int parse_private(struct span in, struct sealed_key *ret) {
        uint32_t check, again;
        struct span type, public, private, comment;
        if (!take_number(&in, &check) || !take_number(&in, &again) || check != again || !take_string(&in, &type))
                return SEALED_KEY_FORM;
        if (!is(&type, TYPE))
                return SEALED_KEY_TYPE;
        if (!take_string(&in, &public) || !take_string(&in, &private) || !take_string(&in, &comment) ||
            !is_padding(&in))
                return SEALED_KEY_FORM;
        return convert(&public, &private, ret);
}

static int parse_blob(struct span in, struct sealed_key *ret) {
        struct span magic, cipher, kdf, options, public, private;
        uint32_t n;
        if (!take(&in, sizeof MAGIC, &magic) || memcmp(magic.bytes, MAGIC, sizeof MAGIC) != 0 ||
            !take_string(&in, &cipher) || !take_string(&in, &kdf) || !take_string(&in, &options) ||
            !take_number(&in, &n) || n != 1 || !take_string(&in, &public) || !take_string(&in, &private) ||
            in.size != 0)
                return SEALED_KEY_FORM;
        return is(&cipher, "none") && is(&kdf, "none") && options.size == 0 ? parse_private(private, ret)
                                                                            : SEALED_KEY_LOCKED;
}

int sealed_key_parse(const char *text, size_t size, struct sealed_key *ret) {
        uint8_t blob[SEALED_KEY_FILE];
        size_t n = 0;
        const char *begin = size <= SEALED_KEY_FILE ? memmem(text, size, BEGIN, strlen(BEGIN)) : NULL;
        if (begin != text || !begin)
                return SEALED_KEY_FORM;
        begin += strlen(BEGIN);
        const char *end = memmem(begin, (size_t) (text + size - begin), END, strlen(END));
        if (!end)
                return SEALED_KEY_FORM;
        int r = sodium_base642bin(blob, sizeof blob, begin, (size_t) (end - begin), "\r\n", &n, NULL,
                                  sodium_base64_VARIANT_ORIGINAL) == 0
                        ? parse_blob((struct span){ blob, n }, ret)
                        : SEALED_KEY_FORM;
        sodium_memzero(blob, sizeof blob);
        return r;
}
