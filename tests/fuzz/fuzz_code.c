/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Anything that somebody types as a code. What must hold: the result is plain, of the length that its kind has, and
 * folds to itself; spaces and hyphens between the characters change nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "pam_module/code.h"

static void check_kind(enum code_kind kind, const char *code) {
        size_t n = strlen(code);
        REQUIRE(n <= CODE_MAX);
        REQUIRE(strspn(code, "0123456789ABCDEFGHJKMNPQRSTVWXYZ?") == n);
        REQUIRE(kind != CODE_TOTP || (n >= 6 && n <= 8 && strspn(code, "0123456789") == n));
        REQUIRE(kind != CODE_NONCE || n == CODE_NONCE_LENGTH);
        REQUIRE(kind != CODE_RECOVERY || n == CODE_RECOVERY_LENGTH);
        REQUIRE(kind != CODE_PHONE || strcmp(code, "?") == 0);
        REQUIRE((kind != CODE_EMPTY && kind != CODE_OTHER) || n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *typed = malloc(size + 1), code[CODE_MAX + 1], again[CODE_MAX + 1], spaced[4 * CODE_MAX + 1];
        REQUIRE(typed);
        if (size > 0)
                memcpy(typed, data, size);
        typed[size] = '\0';
        enum code_kind kind = code_fold(typed, code);
        check_kind(kind, code);
        if (kind != CODE_EMPTY && kind != CODE_OTHER) {
                REQUIRE(code_fold(code, again) == kind && strcmp(code, again) == 0);
                size_t n = 0;
                for (size_t i = 0; code[i]; i++) {
                        spaced[n++] = code[i];
                        spaced[n++] = i % 2 ? '-' : ' ';
                }
                spaced[n] = '\0';
                REQUIRE(code_fold(spaced, again) == kind && strcmp(code, again) == 0);
        }
        free(typed);
        return 0;
}
