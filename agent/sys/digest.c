/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "digest.h"

#include <assert.h>
#include <sodium.h>

static_assert(crypto_hash_sha256_BYTES == DIGEST_BYTES, "SHA-256");

void digest_sha256(const void *bytes, size_t size, uint8_t ret[DIGEST_BYTES]) {
        static const uint8_t nothing[1];
        (void) crypto_hash_sha256(ret, bytes ? bytes : nothing, size);
}

void digest_hex(const uint8_t digest[DIGEST_BYTES], char ret[DIGEST_HEX_SIZE]) {
        (void) sodium_bin2hex(ret, DIGEST_HEX_SIZE, digest, DIGEST_BYTES);
}
