/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "seal.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define NONCE_SIZE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define AD_MAX     512u

static const uint8_t magic[8] = "SKOTP-1";

void seal_add(struct seal *s, const uint8_t *bytes, const char *source) {
        if (s->n == SEAL_KEYS_MAX)
                return;
        struct seal_key *k = &s->keys[s->n++];
        memcpy(k->bytes, bytes, SEAL_KEY_SIZE);
        (void) crypto_generichash(k->id, SEAL_KEY_ID, (const uint8_t *) "id", 2, bytes, SEAL_KEY_SIZE);
        if (s->n == 1)
                s->source = source;
}

void seal_clear(struct seal *s) {
        sodium_memzero(s->keys, sizeof s->keys);
        s->n = 0;
}

/* The length prefix keeps the parts apart: no machine and user can be spelt as another pair. */
static size_t additional(const struct seal *s, const struct seal_owner *owner, const uint8_t *head, size_t n_head,
                         uint8_t *ret) {
        memcpy(ret, head, n_head);
        int n = snprintf((char *) ret + n_head, AD_MAX - n_head, "%zu:%s:%llu:%zu:%s", strlen(s->machine_id),
                         s->machine_id, (unsigned long long) owner->uid, strlen(owner->name), owner->name);
        size_t length = n < 0 ? 0 : (size_t) n;
        return n_head + (length < AD_MAX - n_head ? length : AD_MAX - n_head - 1);
}

int seal_close(const struct seal *s, const struct seal_key *key, const struct seal_owner *owner,
               const uint8_t *enrolment, const void *plain, size_t n, uint8_t *ret) {
        if (s->n == 0)
                return -ENOKEY;
        const struct seal_key *k = key ? key : &s->keys[0];
        const size_t n_head = sizeof magic + SEAL_KEY_ID + STATE_ID_SIZE;
        memcpy(ret, magic, sizeof magic);
        memcpy(ret + sizeof magic, k->id, SEAL_KEY_ID);
        memcpy(ret + sizeof magic + SEAL_KEY_ID, enrolment, STATE_ID_SIZE);
        uint8_t *nonce = ret + n_head, ad[AD_MAX];
        randombytes_buf(nonce, NONCE_SIZE);
        size_t n_ad = additional(s, owner, ret, n_head, ad);
        (void) crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE_SIZE, NULL, plain, n, ad, n_ad, NULL, nonce,
                                                          k->bytes);
        return 0;
}

static const struct seal_key *key_of(const struct seal *s, const uint8_t *id) {
        for (size_t i = 0; i < s->n; i++)
                if (memcmp(s->keys[i].id, id, SEAL_KEY_ID) == 0)
                        return &s->keys[i];
        return NULL;
}

int seal_open(const struct seal *s, const struct seal_owner *owner, const uint8_t *sealed, size_t size, void *ret,
              uint8_t *ret_enrolment, const struct seal_key **ret_key) {
        const size_t n_head = sizeof magic + SEAL_KEY_ID + STATE_ID_SIZE;
        if (size < SEAL_OVERHEAD || memcmp(sealed, magic, sizeof magic) != 0)
                return 1;
        const struct seal_key *k = key_of(s, sealed + sizeof magic);
        if (!k)
                return 1;

        uint8_t ad[AD_MAX];
        size_t n_ad = additional(s, owner, sealed, n_head, ad);
        const uint8_t *nonce = sealed + n_head;
        if (crypto_aead_xchacha20poly1305_ietf_decrypt(ret, NULL, NULL, nonce + NONCE_SIZE, size - n_head - NONCE_SIZE,
                                                       ad, n_ad, nonce, k->bytes) != 0)
                return 1;
        memcpy(ret_enrolment, sealed + sizeof magic + SEAL_KEY_ID, STATE_ID_SIZE);
        *ret_key = k;
        return 0;
}

void seal_derive(const struct seal_key *k, const char *purpose, const void *context, size_t n, uint8_t *ret) {
        crypto_generichash_state h;
        (void) crypto_generichash_init(&h, k->bytes, SEAL_KEY_SIZE, STATE_KEY_SIZE);
        (void) crypto_generichash_update(&h, (const uint8_t *) purpose, strlen(purpose) + 1);
        (void) crypto_generichash_update(&h, context, n);
        (void) crypto_generichash_final(&h, ret, STATE_KEY_SIZE);
}
