/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is a My Number and what is not; in each encoding the same as a slow reader of characters says; both ways alike.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mynumber_found.h"
#include "mynumber_private.h"
#include "mynumber_reference.h"

#define TEXT(s) s, sizeof s - 1

static const struct row {
        const char *name, *text;
        size_t size;
        int offset; /* -1: none */
        size_t length;
        const char *encoding, *form;
        unsigned score;
} rows[] = {
        { "plain", TEXT("123456789018"), 0, 12, "ascii", "half", 50 },
        { "wrong check digit", TEXT("123456789017"), -1, 0, "", "", 0 },
        { "remainder 1 gives check digit 0", TEXT("000000000060"), 0, 12, "ascii", "half", 50 },
        { "twelve zeros are none", TEXT("000000000000"), -1, 0, "", "", 0 },
        { "eleven digits", TEXT("12345678901"), -1, 0, "", "", 0 },
        { "inside a longer row", TEXT("1234567890187"), -1, 0, "", "", 0 },
        { "inside a longer row, behind", TEXT("9123456789018"), -1, 0, "", "", 0 },
        { "corporate number", TEXT("7000012050002"), -1, 0, "", "", 0 },
        { "between letters", TEXT("A123456789018Z"), 1, 12, "ascii", "half", 50 },
        { "in groups", TEXT("x 1234-5678-9018,"), 2, 14, "ascii", "half-grouped", 60 },
        { "by spaces", TEXT("1234 5678 9018"), 0, 14, "ascii", "half-grouped", 60 },
        { "by dots", TEXT("1234.5678.9018"), 0, 14, "ascii", "half-grouped", 60 },
        { "by different gaps", TEXT("1234-5678 9018"), 0, 14, "ascii", "half-grouped", 60 },
        { "two gaps", TEXT("1234--5678-9018"), -1, 0, "", "", 0 },
        { "groups of other sizes", TEXT("123-456-789-018"), -1, 0, "", "", 0 },
        { "one gap only", TEXT("12345678-9018"), -1, 0, "", "", 0 },
        { "a group too long", TEXT("1234-5678-90187"), -1, 0, "", "", 0 },
        { "a year before it", TEXT("2026 1234 5678 9018"), 5, 14, "ascii", "half-grouped", 60 },
        { "payment card", TEXT("4242-4242-4242-4242"), -1, 0, "", "", 0 },
        { "first twelve of a card", TEXT("1234 5678 9018 1230"), 0, 14, "ascii", "half-grouped", 60 },
        { "first twelve of a card that is one", TEXT("1234 5678 9018 1237"), -1, 0, "", "", 0 },
        { "a moment", TEXT("log-202611281732.txt"), 4, 12, "ascii", "half", 30 },
        { "a fraction", TEXT("0.123456789018"), 2, 12, "ascii", "half", 30 },
        { "named", TEXT("My Number: 123456789018"), 11, 12, "ascii", "half", 90 },
        { "named in lower case", TEXT("mynumber=123456789018"), 9, 12, "ascii", "half", 90 },
        { "named in Japanese", TEXT("個人番号 1234-5678-9018"), 13, 14, "ascii", "half-grouped", 100 },
        { "named behind", TEXT("123456789018 (マイナンバー)"), 0, 12, "ascii", "half", 90 },
        { "named too far away",
          TEXT("個人番号...................................................................................."
               "....................................................................................."
               "................................................................................... "
               "123456789018"),
          265, 12, "ascii", "half", 50 },
        { "full width", TEXT("１２３４５６７８９０１８"), 0, 36, "utf-8", "full", 50 },
        { "full width, longer", TEXT("１２３４５６７８９０１８７"), -1, 0, "", "", 0 },
        { "full width, in groups", TEXT("番１２３４－５６７８　９０１８様"), 3, 42, "utf-8", "full-grouped", 60 },
        { "full width, long vowel mark", TEXT("１２３４ー５６７８ー９０１８"), 0, 42, "utf-8", "full-grouped", 60 },
        { "full width, plain hyphen", TEXT("１２３４-５６７８-９０１８"), 0, 38, "utf-8", "full-grouped", 60 },
        { "half width, full hyphen", TEXT("1234－5678－9018"), 0, 18, "utf-8", "half-grouped", 60 },
        { "half width, hyphen and full space", TEXT("1234-5678　9018"), 0, 16, "utf-8", "half-grouped", 60 },
        { "half width, full space and hyphen", TEXT("1234　5678-9018"), 0, 16, "utf-8", "half-grouped", 60 },
        { "half goes on in full width", TEXT("123456789018７"), -1, 0, "", "", 0 },
        { "UTF-16LE", TEXT("1\0002\0003\0004\0005\0006\0007\0008\0009\0000\0001\0008\0"), 0, 24, "utf-16le", "half",
          50 },
        { "UTF-16LE, odd offset", TEXT("x1\0002\0003\0004\0005\0006\0007\0008\0009\0000\0001\0008\0"), 1, 24,
          "utf-16le", "half", 50 },
        { "UTF-16BE", TEXT("\0001\0002\0003\0004\0005\0006\0007\0008\0009\0000\0001\0008"), 0, 24, "utf-16be", "half",
          50 },
        { "UTF-16LE corporate number, whose end would be one",
          TEXT("\x4e\x4e"
               "9\0001\0002\0003\0004\0005\0006\0007\0008\0009\0000\0001\0008\0,"),
          -1, 0, "", "", 0 },
        { "UTF-16BE, full width",
          TEXT("\xff\x11\xff\x12\xff\x13\xff\x14\xff\x15\xff\x16\xff\x17\xff\x18\xff\x19\xff\x10\xff\x11\xff\x18"), 0,
          24, "utf-16be", "full", 50 },
        { "CP932",
          TEXT("\x82\x50\x82\x51\x82\x52\x82\x53\x82\x54\x82\x55\x82\x56\x82\x57\x82\x58\x82\x4f\x82\x50\x82\x57"), 0,
          24, "cp932", "full", 50 },
        { "CP932, half width with a full hyphen",
          TEXT("1234\x81\x7c"
               "5678\x81\x7c"
               "9018"),
          0, 16, "cp932", "half-grouped", 60 },
        { "EUC-JP",
          TEXT("\xa3\xb1\xa3\xb2\xa3\xb3\xa3\xb4\xa3\xb5\xa3\xb6\xa3\xb7\xa3\xb8\xa3\xb9\xa3\xb0\xa3\xb1\xa3\xb8"), 0,
          24, "euc-jp", "full", 50 },
        { "ISO-2022-JP", TEXT("\x1b$B#1#2#3#4#5#6#7#8#9#0#1#8\x1b(B"), 3, 24, "iso-2022-jp", "full", 50 },
        { "ISO-2022-JP, half width with a full hyphen", TEXT("1234\x1b$B!]\x1b(B5678\x1b$B!]\x1b(B9018"), 0, 28,
          "iso-2022-jp", "half-grouped", 60 },
        { "hash signs are no ISO-2022-JP", TEXT("#1#2#3#4#5#6#7#8#9#0#1#8"), -1, 0, "", "", 0 },
        { "digits that are kanji", TEXT("\x1b$B123456789018\x1b(B"), -1, 0, "", "", 0 },
        { "cut short", TEXT("\xef\xbc"), -1, 0, "", "", 0 },
        { "empty", TEXT(""), -1, 0, "", "", 0 },
};

/* At every place of a block and across its end. */
static void finds(void **state) {
        const struct row *row = *state;
        static uint8_t text[1024];
        struct found f;
        for (size_t pad = 0; pad < 140; pad += 2) {
                memset(text, '_', pad);
                memcpy(text + pad, row->text, row->size);
                for (size_t tail = 0; tail <= 66; tail += 66) {
                        memset(text + pad + row->size, '_', tail);
                        scan(text, pad + row->size + tail, &f);
                        assert_int_equal(f.n, row->offset >= 0 ? 1 : 0);
                        if (f.n == 0)
                                continue;
                        assert_int_equal(f.list[0].offset, pad + (size_t) row->offset);
                        assert_int_equal(f.list[0].length, row->length);
                        assert_string_equal(mynumber_encoding_name(f.list[0].encoding), row->encoding);
                        assert_string_equal(mynumber_form_name(f.list[0].form), row->form);
                        assert_int_equal(f.list[0].score, row->score);
                }
        }
        assert_int_equal(mynumber_any(row->text, row->size), row->offset >= 0 && row->score >= MYNUMBER_LIKELY);
}

/* Exactly one last digit makes eleven others a number. */
static void one_in_ten(void **state) {
        (void) state;
        for (unsigned first = 1; first < 3000; first++) {
                unsigned valid = 0;
                for (unsigned last = 0; last < 10; last++) {
                        char text[32];
                        (void) snprintf(text, sizeof text, "%04u%07u%u", first, first * 4391u % 10000000u, last);
                        uint8_t digits[12];
                        for (size_t i = 0; i < 12; i++)
                                digits[i] = (uint8_t) (text[i] - '0');
                        valid += mynumber_valid(digits);
                }
                assert_int_equal(valid, 1);
        }
}

/* Reading in pieces reports the same, once each. */
static void in_pieces(void **state) {
        (void) state;
        static char text[8192];
        size_t size = 0;
        while (size < sizeof text - 64)
                size += (size_t) snprintf(text + size, sizeof text - size, "%zu,1234-5678-9018,123456789018\n", size);
        size_t whole = 0, pieces = 0;
        for (size_t at = 0; at < size; at += 100) {
                struct found f = { .n = 0 };
                size_t begin = at > MYNUMBER_CONTEXT ? (at - MYNUMBER_CONTEXT) & ~(size_t) 1 : 0;
                size_t end = at + 100 + MYNUMBER_CONTEXT < size ? at + 100 + MYNUMBER_CONTEXT : size;
                assert_true(mynumber_scan(text + begin, end - begin, at - begin, at - begin + 100, collect, &f));
                pieces += f.n;
        }
        for (const char *p = text; (p = strstr(p, "9018")); p++)
                whole++;
        assert_int_equal(pieces, whole);
}

/* Random text out of what matters, written in each encoding: found is what a reader of characters finds. */
static void like_the_reference(void **state) {
        (void) state;
        unsigned long expected_total = 0;
        for (unsigned seed = 1; seed <= 4000; seed++) {
                struct reference_text t;
                reference_make(seed, &t);
                for (enum mynumber_encoding e = MYNUMBER_UTF8; e < MYNUMBER_ENCODING_MAX; e++) {
                        struct reference_bytes b;
                        struct found f;
                        reference_encode(&t, e, &b);
                        scan(b.bytes, b.size, &f);
                        if (f.n != b.n)
                                print_message("seed %u, %s: %zu found, %zu expected\n", seed, mynumber_encoding_name(e),
                                              f.n, b.n);
                        assert_int_equal(f.n, b.n);
                        for (size_t i = 0; i < f.n; i++) {
                                assert_int_equal(f.list[i].offset, b.list[i].offset);
                                assert_int_equal(f.list[i].length, b.list[i].length);
                                assert_int_equal(f.list[i].form, b.list[i].form);
                        }
                        expected_total += b.n;
                }
        }
        assert_true(expected_total > 10000); /* it is not all empty */
}

/* Bytes of any kind: both ways alike, which scan() asserts. */
static void both_ways_alike(void **state) {
        (void) state;
        static const uint8_t alphabet[] = { '1',  '2',  '3',  '4',  '5',  '6',  '7',  '8',  '9',  '0',  0,    0xff,
                                            0x10, 0x11, 0x82, 0x4f, 0x50, 0x5f, 0xa3, 0xb0, 0xb1, 0xef, 0xbc, 0x90,
                                            0x91, '-',  ' ',  '.',  '#',  0x1b, '$',  'B',  '(',  ',' };
        uint8_t bytes[300];
        uint64_t x = 88172645463325252u;
        for (unsigned round = 0; round < 20000; round++) {
                size_t size = round % sizeof bytes;
                for (size_t i = 0; i < size; i++) {
                        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
                        bytes[i] = round % 3 == 0 ? (uint8_t) x
                                                  : alphabet[(x >> 20) % (round % 3 == 1 ? 10 : sizeof alphabet)];
                }
                struct found f;
                scan(bytes, size, &f);
        }
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof *rows + 4];
        size_t n = 0;
        for (; n < sizeof rows / sizeof *rows; n++)
                tests[n] = (struct CMUnitTest){ rows[n].name, finds, NULL, NULL, (void *) (uintptr_t) &rows[n] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(one_in_ten);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(in_pieces);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(like_the_reference);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(both_ways_alike);
        return _cmocka_run_group_tests("mynumber", tests, n, NULL, NULL);
}
