/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "code.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford: no I, L, O, U */

/* The next character; 0 at the end; UINT32_MAX: not valid UTF-8. Moves *p. (RFC 3629; overlong forms need no refusal
 * here, for what they spell is no folded character in its right form either.) */
static uint32_t next(const unsigned char **p) {
        uint32_t c = **p;
        if (c == 0)
                return 0;
        (*p)++;
        if (c < 0x80)
                return c;
        unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc2 ? 1 : 0;
        if (more == 0 || c > 0xf4)
                return UINT32_MAX;
        c &= 0x3fu >> more;
        for (; more > 0; more--, (*p)++) {
                if ((**p & 0xc0) != 0x80)
                        return UINT32_MAX;
                c = c << 6 | (**p & 0x3fu);
        }
        return c;
}

static bool is_space_or_hyphen(uint32_t c) {
        static const uint32_t those[] = {
                ' ',    '\t',   '-',    0x00a0, 0x00ad, 0x3000, /* no-break, soft hyphen, ideographic space */
                0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, /* hyphens and dashes */
                0x2212, 0x30fc, 0xff0d, 0xff70,                 /* minus, long vowel marks, full-width hyphen */
                0x200b, 0x2009, 0x202f, 0x2003, 0x2002,         /* narrow and wide spaces */
        };
        for (size_t i = 0; i < sizeof those / sizeof *those; i++)
                if (those[i] == c)
                        return true;
        return false;
}

static uint32_t fold(uint32_t c) {
        if (c >= 0xff01 && c <= 0xff5e)
                c -= 0xff01 - '!'; /* full-width forms of ASCII */
        if (c >= 'a' && c <= 'z')
                c -= 'a' - 'A';
        return c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
}

static enum code_kind kind_of(const char *code, size_t n) {
        if (n == 0)
                return CODE_EMPTY;
        if (strcmp(code, "?") == 0)
                return CODE_PHONE;
        if (strspn(code, "0123456789") == n && n >= 6 && n <= 8)
                return CODE_TOTP;
        if (strspn(code, alphabet) != n)
                return CODE_OTHER;
        return n == CODE_NONCE_LENGTH ? CODE_NONCE : n == CODE_RECOVERY_LENGTH ? CODE_RECOVERY : CODE_OTHER;
}

enum code_kind code_fold(const char *typed, char *ret_code) {
        size_t n = 0;
        ret_code[0] = '\0';
        if (strnlen(typed, CODE_TYPED_MAX + 1) > CODE_TYPED_MAX)
                return CODE_OTHER;

        const unsigned char *p = (const unsigned char *) typed;
        for (uint32_t c; (c = next(&p)) != 0;) {
                if (is_space_or_hyphen(c))
                        continue;
                c = fold(c);
                if (c <= ' ' || c >= 0x7f || n == CODE_MAX) {
                        ret_code[0] = '\0';
                        return CODE_OTHER;
                }
                ret_code[n++] = (char) c;
        }
        ret_code[n] = '\0';
        enum code_kind kind = kind_of(ret_code, n);
        if (kind == CODE_OTHER)
                ret_code[0] = '\0';
        return kind;
}

void code_spell(const unsigned char *bytes, size_t n, char *ret) {
        unsigned bits = 0, held = 0;
        for (size_t i = 0; i < n; i++) {
                bits = bits << 8 | bytes[i];
                held += 8;
                while (held >= 5) {
                        held -= 5;
                        *ret++ = alphabet[bits >> held & 31u];
                }
                bits &= (1u << held) - 1;
        }
        *ret = '\0';
}

void code_group(const char *code, size_t width, char *ret, size_t size) {
        size_t n = 0;
        for (size_t i = 0; code[i] && n + 2 < size; i++) {
                if (i > 0 && i % width == 0)
                        ret[n++] = '-';
                ret[n++] = code[i];
        }
        ret[n] = '\0';
}
