/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 (FIPS 180-4). Used by whoever hashes documents, records, descriptors and files; libgcrypt in this one room,
 * because it uses the processor's own instructions where there are some, and libsystemd loads it anyway. The policy
 * library and all else that is cryptography use libsodium.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DIGEST_BYTES    32
#define DIGEST_HEX_SIZE 65 /* lower-case digits and a NUL */

/* bytes may be NULL when size is 0. Cannot fail. The first call of a process opens files (features of the processor):
 * before a sandbox that forbids that, make one. */
void digest_sha256(const void *bytes, size_t size, uint8_t ret[DIGEST_BYTES]);

/* The same in parts. begin: *ret is owned by the caller until end, which frees it; 0 or -ENOMEM. */
struct digest;
int digest_begin(struct digest **ret);
void digest_add(struct digest *d, const void *bytes, size_t size);
void digest_end(struct digest *d, uint8_t ret[DIGEST_BYTES]);

void digest_hex(const uint8_t digest[DIGEST_BYTES], char ret[DIGEST_HEX_SIZE]);
