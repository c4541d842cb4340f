/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Individual numbers (個人番号, My Number) in bytes of any kind: where they stand, never which they are.
 *
 * Owned by the policy library; pure, no allocation. Who may call it: whoever holds the bytes (clipboard, scan).
 *
 * A number is twelve digits, half or full width, whose last is the check digit of the others (order no. 85 of the
 * Ministry of Internal Affairs and Communications, 2014, article 5): plain, or in three groups of four with one space,
 * dot, hyphen or a full-width form of these between them; not a part of a longer row of digits, nor of a payment card's
 * sixteen (ISO/IEC 7812-1, Luhn). Nobody says which encoding the bytes have: all are looked for at once, so that a
 * wrong guess hides nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mynumber_encoding {
        MYNUMBER_ASCII, /* the bytes are the same in UTF-8, CP932, EUC-JP and ISO-2022-JP */
        MYNUMBER_UTF8,
        MYNUMBER_UTF16LE,
        MYNUMBER_UTF16BE,
        MYNUMBER_CP932,
        MYNUMBER_EUC_JP,
        MYNUMBER_ISO2022JP,
        MYNUMBER_ENCODING_MAX,
        MYNUMBER_ENCODING_INVALID = -22,
};

enum mynumber_form {
        MYNUMBER_HALF,
        MYNUMBER_HALF_GROUPED,
        MYNUMBER_FULL,
        MYNUMBER_FULL_GROUPED,
        MYNUMBER_FORM_MAX,
        MYNUMBER_FORM_INVALID = -22,
};

struct mynumber_match {
        size_t offset, length; /* bytes */
        enum mynumber_encoding encoding;
        enum mynumber_form form;
        uint8_t score; /* 0 to 100: how much speaks for it beside the check digit, which one row of digits in eleven has
                        */
};

/* With less it looks like something else: a time of the day in twelve digits, the fraction of a decimal number. */
#define MYNUMBER_LIKELY 40

/* A match needs no more than this around it; whoever reads in pieces lets them overlap by as much. */
#define MYNUMBER_CONTEXT 512

/* Reports, in no certain order and once each, the matches that start in bytes[begin..end); what stands before and
 * behind is looked at for context only. found returns false to stop. Returns false when it did. */
bool mynumber_scan(const void *bytes, size_t size, size_t begin, size_t end,
                   bool (*found)(const struct mynumber_match *m, void *userdata), void *userdata);

/* Whether there is one of at least MYNUMBER_LIKELY. */
bool mynumber_any(const void *bytes, size_t size);

/* digits: twelve values 0 to 9. False for twelve zeros, too. */
bool mynumber_valid(const uint8_t digits[12]);

const char *mynumber_encoding_name(enum mynumber_encoding e); /* "utf-8"; stable */
const char *mynumber_form_name(enum mynumber_form f);         /* "half-grouped"; stable */
