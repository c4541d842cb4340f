/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "digest.h"

#include <errno.h>
#include <gcrypt.h>
#include <string.h>
#include <threads.h>

static once_flag prepared = ONCE_FLAG_INIT;

/* Nothing here is a secret, so that there need be no memory for secrets. */
static void prepare(void) {
        if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P))
                return; /* by libsystemd */
        (void) gcry_check_version(NULL);
        (void) gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
        (void) gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

void digest_sha256(const void *bytes, size_t size, uint8_t ret[DIGEST_BYTES]) {
        static const uint8_t nothing[1];
        call_once(&prepared, prepare);
        gcry_md_hash_buffer(GCRY_MD_SHA256, ret, bytes ? bytes : nothing, size);
}

int digest_begin(struct digest **ret) {
        call_once(&prepared, prepare);
        gcry_md_hd_t handle = NULL;
        if (gcry_md_open(&handle, GCRY_MD_SHA256, 0) != 0)
                return -ENOMEM;
        *ret = (struct digest *) handle;
        return 0;
}

void digest_add(struct digest *d, const void *bytes, size_t size) {
        gcry_md_write((gcry_md_hd_t) d, bytes, size);
}

void digest_end(struct digest *d, uint8_t ret[DIGEST_BYTES]) {
        memcpy(ret, gcry_md_read((gcry_md_hd_t) d, GCRY_MD_SHA256), DIGEST_BYTES);
        gcry_md_close((gcry_md_hd_t) d);
}

void digest_hex(const uint8_t digest[DIGEST_BYTES], char ret[DIGEST_HEX_SIZE]) {
        static const char digits[] = "0123456789abcdef";
        for (size_t i = 0; i < DIGEST_BYTES; i++) {
                ret[2 * i] = digits[digest[i] >> 4];
                ret[2 * i + 1] = digits[digest[i] & 15];
        }
        ret[2 * (size_t) DIGEST_BYTES] = '\0';
}
