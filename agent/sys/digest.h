/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256. Owned by agent/sys; used by guards (descriptors) and agent.c (policy files). libsodium in this one file. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DIGEST_BYTES    32
#define DIGEST_HEX_SIZE 65 /* lower-case digits and a NUL */

/* bytes may be NULL when size is 0. Cannot fail. */
void digest_sha256(const void *bytes, size_t size, uint8_t ret[DIGEST_BYTES]);

void digest_hex(const uint8_t digest[DIGEST_BYTES], char ret[DIGEST_HEX_SIZE]);
