/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a person types as a code, made uniform. Owned by pam_module; used by the verifier and by the PAM module.
 *
 * Pure. Folded are: full-width digits, letters and question mark, spaces of any width, hyphens and what input methods
 * make of them, lower case, and the letters that are taken for digits (O, I, L).
 */
#pragma once

#include <stddef.h>

#define CODE_TYPED_MAX       512u /* bytes; a longer answer is no code */
#define CODE_MAX             32u
#define CODE_NONCE_LENGTH    12u /* 60 bits */
#define CODE_RECOVERY_LENGTH 15u /* 75 bits */

enum code_kind {
        CODE_EMPTY,    /* nothing, or only what is folded away */
        CODE_TOTP,     /* 6 to 8 digits */
        CODE_NONCE,    /* the number of a phone grant */
        CODE_RECOVERY, /* a recovery code */
        CODE_PHONE,    /* "?": show the number that the help desk needs */
        CODE_OTHER,    /* cannot be a code */
};

/* typed: NUL-terminated. ret_code: CODE_MAX + 1 bytes; "" for CODE_EMPTY and CODE_OTHER. */
enum code_kind code_fold(const char *typed, char *ret_code);

/* bytes[0..n) as digits and capitals of Crockford's base 32, five bits each: n * 8 / 5 characters and a NUL. */
void code_spell(const unsigned char *bytes, size_t n, char *ret);
/* "ABCDE-FGHJK-...": groups of width characters; ret holds size bytes. */
void code_group(const char *code, size_t width, char *ret, size_t size);
