/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a document may be written in: UTF-8 without control and bidirectional characters. Private to the policy library.
 */
#pragma once

#include "report.h"

#include <stddef.h>
#include <stdint.h>

/* Length in bytes of the character at s (n > 0 bytes left), its code point in *ret; 0 when it is not UTF-8. */
size_t text_decode(const unsigned char *s, size_t n, uint32_t *ret);

/* Whether a character may not stand in a value. Tab and line breaks count as control characters here. */
bool text_is_forbidden(uint32_t c);

/* Whether s[0..n), valid UTF-8, holds a forbidden character; if so the first in *ret. */
bool text_has_forbidden(const char *s, size_t n, uint32_t *ret);

/* Number of characters of s[0..n), valid UTF-8. */
size_t text_count(const char *s, size_t n);

/* Checks a whole document before any YAML parser sees it. Reports every forbidden character.
 * 0: *ret is bytes itself, or, when something was reported, a copy of the same shape with the forbidden characters
 *    masked (in *ret_owned, free()), so that the run can go on and find the rest.
 * 1: it is not UTF-8; reported; nothing more can be read. -ENOMEM. */
int text_scan(struct report *r, const char *bytes, size_t size, const char **ret, char **ret_owned);
