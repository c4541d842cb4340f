/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Characters of text that may hold anything: names of devices and files, what a policy says. Owned by base; used by
 * whoever shows such text to a person. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the valid UTF-8 character at p (RFC 3629, section 4), of which n bytes are there (n > 0); 0: it is none. */
size_t character_decode(const unsigned char *p, size_t n, uint32_t *ret);
/* Copies what fits of text, which may be cut between two characters, never within one. size > 0. */
void characters_copy(char *ret, size_t size, const char *text);
/* It would not show, or would show somewhere else: controls, bidirectional and invisible ones, private use. */
bool character_is_unfit(uint32_t c);
