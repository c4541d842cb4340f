/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes SSHSIG signatures for tests, also those that ssh-keygen cannot make without hardware or does not make at all.
 * Written from PROTOCOL.sshsig and PROTOCOL.u2f, apart from the verifier. */
#pragma once

#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct maker_key {
        uint8_t public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
        const char *application; /* NULL: an ordinary key */
};

static inline struct maker_key maker_key(uint8_t number, const char *application) {
        struct maker_key k = { .application = application };
        uint8_t seed[crypto_sign_SEEDBYTES] = { number };
        (void) crypto_sign_seed_keypair(k.public, k.secret, seed);
        return k;
}

static inline void maker_u32(FILE *f, uint32_t v) {
        const uint8_t b[4] = { (uint8_t) (v >> 24), (uint8_t) (v >> 16), (uint8_t) (v >> 8), (uint8_t) v };
        (void) fwrite(b, 1, 4, f);
}
static inline void maker_string(FILE *f, const void *bytes, size_t size) {
        maker_u32(f, (uint32_t) size);
        (void) fwrite(bytes, 1, size, f);
}
static inline void maker_text(FILE *f, const char *s) {
        maker_string(f, s, strlen(s));
}
static inline const char *maker_type(const struct maker_key *k) {
        return k->application ? "sk-ssh-ed25519@openssh.com" : "ssh-ed25519";
}

static inline void maker_blob_of_key(FILE *f, const struct maker_key *k) {
        maker_text(f, maker_type(k));
        maker_string(f, k->public, sizeof k->public);
        if (k->application)
                maker_text(f, k->application);
}

/* "ssh-ed25519 AAAA..."; free(). */
static inline char *maker_public(const struct maker_key *k) {
        char *blob = NULL, *line;
        size_t size = 0;
        FILE *f = open_memstream(&blob, &size);
        maker_blob_of_key(f, k);
        (void) fclose(f);
        char text[512];
        (void) sodium_bin2base64(text, sizeof text, (const uint8_t *) blob, size, sodium_base64_VARIANT_ORIGINAL);
        free(blob);
        if (asprintf(&line, "%s %s", maker_type(k), text) < 0)
                abort();
        return line;
}

/* One armoured block over bytes, for a hardware key with these flags; free(). */
static inline char *maker_sign(const struct maker_key *k, const char *namespace, const void *bytes, size_t size,
                               uint8_t flags) {
        uint8_t digest[64], signature[64];
        char *message = NULL, *inner = NULL, *blob = NULL, *armoured;
        size_t n = 0;
        (void) crypto_hash_sha512(digest, bytes, size);
        FILE *f = open_memstream(&message, &n);
        (void) fputs("SSHSIG", f);
        maker_text(f, namespace);
        maker_text(f, "");
        maker_text(f, "sha512");
        maker_string(f, digest, sizeof digest);
        (void) fclose(f);

        if (k->application) {
                uint8_t of_message[32], of_application[32];
                (void) crypto_hash_sha256(of_message, (const uint8_t *) message, n);
                (void) crypto_hash_sha256(of_application, (const uint8_t *) k->application, strlen(k->application));
                free(message);
                f = open_memstream(&message, &n);
                (void) fwrite(of_application, 1, 32, f);
                (void) fputc(flags, f);
                maker_u32(f, 7);
                (void) fwrite(of_message, 1, 32, f);
                (void) fclose(f);
        }
        (void) crypto_sign_detached(signature, NULL, (const uint8_t *) message, n, k->secret);
        free(message);

        f = open_memstream(&inner, &n);
        maker_text(f, maker_type(k));
        maker_string(f, signature, sizeof signature);
        if (k->application) {
                (void) fputc(flags, f);
                maker_u32(f, 7);
        }
        (void) fclose(f);
        char *key = NULL;
        size_t inner_size = n, key_size = 0;
        f = open_memstream(&key, &key_size);
        maker_blob_of_key(f, k);
        (void) fclose(f);

        f = open_memstream(&blob, &n);
        (void) fputs("SSHSIG", f);
        maker_u32(f, 1);
        maker_string(f, key, key_size);
        maker_text(f, namespace);
        maker_text(f, "");
        maker_text(f, "sha512");
        maker_string(f, inner, inner_size);
        (void) fclose(f);
        char text[1024];
        (void) sodium_bin2base64(text, sizeof text, (const uint8_t *) blob, n, sodium_base64_VARIANT_ORIGINAL);
        if (asprintf(&armoured, "-----BEGIN SSH SIGNATURE-----\n%s\n-----END SSH SIGNATURE-----\n", text) < 0)
                abort();
        free(key);
        free(inner);
        free(blob);
        return armoured;
}
