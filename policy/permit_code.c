/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The code that opens a sealed permit, dictated by phone: letters that sound alike or look alike are not in it. */
#include <sekisho/permit.h>
#include <sodium.h>
#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static char one_form(char c) {
        if (c >= 'a' && c <= 'z')
                c = (char) (c - 'a' + 'A');
        if (c == 'O')
                return '0';
        if (c == 'I' || c == 'L')
                return '1';
        return c;
}

bool permit_code_read(const char *text, char ret[static PERMIT_CODE_CHARS + 1]) {
        char code[PERMIT_CODE_CHARS + 1];
        size_t n = 0;
        bool good = true;
        for (; *text && good; text++) {
                if (*text == ' ' || *text == '-')
                        continue;
                char c = one_form(*text);
                good = n < PERMIT_CODE_CHARS && strchr(alphabet, c) != NULL;
                if (good)
                        code[n++] = c;
        }
        good = good && n == PERMIT_CODE_CHARS;
        code[n] = 0;
        if (good)
                memcpy(ret, code, sizeof code);
        sodium_memzero(code, sizeof code);
        return good;
}

void permit_code_make(const uint8_t random[static 10], char ret[static PERMIT_CODE_CHARS + 1]) {
        for (unsigned i = 0; i < PERMIT_CODE_CHARS; i++) {
                unsigned bit = i * 5, at = bit / 8,
                         pair = (unsigned) random[at] << 8 | (at + 1 < 10 ? random[at + 1] : 0);
                ret[i] = alphabet[pair >> (11 - bit % 8) & 31];
        }
        ret[PERMIT_CODE_CHARS] = 0;
}

void permit_code_digest(const char *id, const char *code, uint8_t ret[static DIGEST_SIZE]) {
        crypto_hash_sha256_state state;
        crypto_hash_sha256_init(&state);
        crypto_hash_sha256_update(&state, (const unsigned char *) id, strlen(id));
        crypto_hash_sha256_update(&state, (const unsigned char *) ":", 1);
        crypto_hash_sha256_update(&state, (const unsigned char *) code, strlen(code));
        crypto_hash_sha256_final(&state, ret);
        sodium_memzero(&state, sizeof state);
}

bool permit_code_fits(const struct permit *p, const char *code) {
        uint8_t digest[DIGEST_SIZE];
        if (!p->activation)
                return false;
        permit_code_digest(p->id, code, digest);
        return sodium_memcmp(digest, p->activation, sizeof digest) == 0;
}
