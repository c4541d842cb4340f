/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A security key in software, which ssh-keygen loads as SSH_SK_PROVIDER: a key of the type sk-ssh-ed25519@openssh.com
 * without hardware, whose private half lies in its handle. It says of itself what SK_FLAGS says (touched 1, PIN asked
 * 4; by default what it was asked for), also that nobody touched it, which no honest one would sign. For tests only.
 *
 * The interface is version 10 of PROTOCOL.u2f, "Middleware": the members below are in its order. */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INTERFACE_VERSION 0x000a0000u
#define ALGORITHM_ED25519 1u
#define ERROR_GENERAL     (-1)
#define ERROR_UNSUPPORTED (-2)
#define COUNTER           0x01020304u
#define EXPORT            __attribute__((visibility("default")))

struct option;

struct enrolled {
        uint8_t flags;
        uint8_t *public_key;
        size_t public_key_size;
        uint8_t *handle;
        size_t handle_size;
        uint8_t *signature;
        size_t signature_size;
        uint8_t *certificate;
        size_t certificate_size;
        uint8_t *authenticator;
        size_t authenticator_size;
};

struct made {
        uint8_t flags;
        uint32_t counter;
        uint8_t *r;
        size_t r_size;
        uint8_t *s;
        size_t s_size;
};

EXPORT uint32_t sk_api_version(void);
EXPORT int sk_enroll(uint32_t algorithm, const uint8_t *challenge, size_t size, const char *application, uint8_t flags,
                     const char *pin, struct option **options, struct enrolled **ret);
EXPORT int sk_sign(uint32_t algorithm, const uint8_t *bytes, size_t size, const char *application,
                   const uint8_t *handle, size_t handle_size, uint8_t flags, const char *pin, struct option **options,
                   struct made **ret);
EXPORT int sk_load_resident_keys(const char *pin, struct option **options, void ***ret, size_t *ret_n);

uint32_t sk_api_version(void) {
        return INTERFACE_VERSION;
}

/* Whoever asked frees each part. */
static uint8_t *copy(const void *bytes, size_t size) {
        uint8_t *part = malloc(size);
        if (!part)
                abort();
        return memcpy(part, bytes, size);
}

static void *zeroed(size_t size) {
        void *p = calloc(1, size);
        if (!p)
                abort();
        return p;
}

int sk_enroll(uint32_t algorithm, const uint8_t *challenge, size_t size, const char *application, uint8_t flags,
              const char *pin, struct option **options, struct enrolled **ret) {
        (void) challenge, (void) size, (void) application, (void) pin, (void) options;
        uint8_t public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
        if (algorithm != ALGORITHM_ED25519 || sodium_init() < 0)
                return ERROR_UNSUPPORTED;
        (void) crypto_sign_keypair(public, secret);
        struct enrolled *e = zeroed(sizeof *e);
        *e = (struct enrolled){ .flags = flags,
                                .public_key = copy(public, sizeof public),
                                .public_key_size = sizeof public,
                                .handle = copy(secret, sizeof secret),
                                .handle_size = sizeof secret,
                                /* Its maker's attestation, which nobody here asks for. */
                                .signature = zeroed(64),
                                .signature_size = 64,
                                .certificate = zeroed(1),
                                .certificate_size = 1,
                                .authenticator = zeroed(1),
                                .authenticator_size = 1 };
        *ret = e;
        return 0;
}

int sk_sign(uint32_t algorithm, const uint8_t *bytes, size_t size, const char *application, const uint8_t *handle,
            size_t handle_size, uint8_t flags, const char *pin, struct option **options, struct made **ret) {
        (void) pin, (void) options;
        if (algorithm != ALGORITHM_ED25519 || handle_size != crypto_sign_SECRETKEYBYTES || sodium_init() < 0)
                return ERROR_GENERAL;
        const char *told = getenv("SK_FLAGS");
        if (told)
                flags = (uint8_t) strtoul(told, NULL, 10);

        /* SHA-256(application), flags, counter, SHA-256(bytes) */
        struct {
                uint8_t application[crypto_hash_sha256_BYTES], flags, counter[4], bytes[crypto_hash_sha256_BYTES];
        } message = { .flags = flags,
                      .counter = { COUNTER >> 24, COUNTER >> 16 & 0xff, COUNTER >> 8 & 0xff, COUNTER & 0xff } };
        _Static_assert(sizeof message == 69, "without gaps");
        uint8_t signature[crypto_sign_BYTES];
        (void) crypto_hash_sha256(message.application, (const uint8_t *) application, strlen(application));
        (void) crypto_hash_sha256(message.bytes, bytes, size);
        (void) crypto_sign_detached(signature, NULL, (const uint8_t *) &message, sizeof message, handle);

        struct made *m = zeroed(sizeof *m);
        *m = (struct made){
                .flags = flags, .counter = COUNTER, .r = copy(signature, sizeof signature), .r_size = sizeof signature
        };
        *ret = m;
        return 0;
}

int sk_load_resident_keys(const char *pin, struct option **options, void ***ret, size_t *ret_n) {
        (void) pin, (void) options, (void) ret, (void) ret_n;
        return ERROR_UNSUPPORTED;
}
