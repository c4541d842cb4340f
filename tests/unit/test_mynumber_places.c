/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a number stands does not matter: across the border of two blocks at each of its bytes, in the middle of a text
 * and at its end. The run over the blocks, by both ways, passes over nothing that the exact parser takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mynumber_found.h"
#include "mynumber_places.h"
#include "mynumber_private.h"
#include "mynumber_reference.h"

#define BLOCK 64
#define GAPS  (sizeof reference_gaps / sizeof *reference_gaps)

/* 123456789018, filler around it. first and second: gaps, 0: plain. */
static void write_number(struct reference_text *t, unsigned filler, bool full, unsigned first, unsigned second) {
        static const char digits[] = "123456789018";
        t->n = 0;
        reference_add(t, filler);
        for (size_t i = 0; i < 12; i++) {
                if (first && (i == 4 || i == 8))
                        reference_add(t, i == 4 ? first : second);
                reference_add(t, (full ? 0xff10u : '0') + (unsigned) (digits[i] - '0'));
        }
        reference_add(t, filler);
}

/* Every border falls before every byte of it, with a block behind it and without. */
static void assert_found_at_every_place(const struct reference_bytes *b, bool utf16) {
        uint8_t text[BLOCK + sizeof b->bytes + BLOCK + 8];
        for (size_t before = 0; before <= BLOCK; before += utf16 ? 2 : 1)
                for (size_t behind = 0; behind <= BLOCK + 8; behind += BLOCK + 8) {
                        struct found f;
                        memset(text, '_', before);
                        memcpy(text + before, b->bytes, b->size);
                        memset(text + before + b->size, '_', behind);
                        scan(text, before + b->size + behind, &f);
                        assert_int_equal(f.n, 1);
                        assert_int_equal(f.list[0].offset, before + b->list[0].offset);
                        assert_int_equal(f.list[0].length, b->list[0].length);
                        assert_int_equal(f.list[0].form, b->list[0].form);
                }
}

/* Plain, and with each gap first and the same or one of two others second. */
static void at_every_border(void **state) {
        (void) state;
        for (enum mynumber_encoding e = MYNUMBER_UTF8; e < MYNUMBER_ENCODING_MAX; e++)
                for (unsigned gaps = 0; gaps <= GAPS * 3; gaps++)
                        for (unsigned kind = 0; kind < 4; kind++) {
                                struct reference_text t;
                                struct reference_bytes b;
                                unsigned first = gaps ? reference_gaps[(gaps - 1) % GAPS] : 0,
                                         second = gaps ? reference_gaps[(gaps - 1 + (gaps - 1) / GAPS * 3) % GAPS] : 0;
                                write_number(&t, kind & 1 ? 0x3042 : '_', kind & 2, first, second);
                                reference_encode(&t, e, &b);
                                assert_int_equal(b.n, 1);
                                assert_found_at_every_place(&b, e == MYNUMBER_UTF16LE || e == MYNUMBER_UTF16BE);
                        }
}

/* Numbers of all encodings side by side, whole and in part, with bytes between that matter to one of them. */
static void like_the_parser_everywhere(void **state) {
        (void) state;
        static const uint8_t between[] = {
                '1', '2',  '0',  0,    0xff, 0x10, 0x11, 0x82, 0x4f, 0x58, 0xa3, 0xb0, 0xb9,
                ',', 0xef, 0xbc, 0x90, '-',  ' ',  '.',  '#',  0x1b, '$',  'B',  '(',  '\n'
        };
        size_t total = 0;
        reference_random = 88172645463325252u;
        for (unsigned round = 0; round < 1500; round++) {
                uint8_t text[600];
                size_t size = 0;
                struct found f, expected = { .n = 0 };
                while (size < 300) {
                        struct reference_text t;
                        struct reference_bytes b;
                        unsigned gap = reference_dice(2) ? reference_gaps[reference_dice(GAPS)] : 0;
                        write_number(&t, reference_dice(2) ? '_' : 0x3042, reference_dice(2), gap,
                                     gap ? reference_gaps[reference_dice(GAPS)] : 0);
                        reference_encode(&t, (enum mynumber_encoding)(1 + reference_dice(MYNUMBER_ENCODING_MAX - 1)),
                                         &b);
                        size_t part = reference_dice(3) ? b.size : reference_dice((unsigned) b.size);
                        memcpy(text + size, b.bytes, part);
                        size += part;
                        for (unsigned n = reference_dice(8); n > 0; n--)
                                text[size++] = between[reference_dice(sizeof between)];
                }
                scan(text, size, &f);
                mynumber_every_place(text, size, collect, &expected);
                assert_same(&f, &expected);
                total += f.n;
        }
        assert_true(total > 1500); /* it is not all empty */
}

/* Two gaps of up to three bytes, any that there are in an encoding and more. */
static void assert_gap_like_the_parser(const uint8_t *gap, size_t size) {
        static const char groups[3][5] = { "1234", "5678", "9018" };
        struct found f, expected = { .n = 0 };
        uint8_t text[12 + 2 * 3];
        size_t n = 0;
        for (size_t i = 0; i < 3; i++) {
                memcpy(text + n, groups[i], 4);
                n += 4;
                if (i < 2)
                        memcpy(text + n, gap, size), n += size;
        }
        scan(text, n, &f);
        mynumber_every_place(text, n, collect, &expected);
        assert_same(&f, &expected);
}

static void every_gap(void **state) {
        (void) state;
        for (unsigned a = 0; a < 256; a++) {
                assert_gap_like_the_parser((const uint8_t[]){ (uint8_t) a }, 1);
                for (unsigned b = 0; b < 256; b++) {
                        assert_gap_like_the_parser((const uint8_t[]){ (uint8_t) a, (uint8_t) b }, 2);
                        for (unsigned c = 0x80; a >= 0xe0 && a < 0xf0 && b >= 0x80 && b < 0xc0 && c < 0xc0; c++)
                                assert_gap_like_the_parser((const uint8_t[]){ (uint8_t) a, (uint8_t) b, (uint8_t) c },
                                                           3);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(at_every_border),
                cmocka_unit_test(like_the_parser_everywhere),
                cmocka_unit_test(every_gap),
        };
        return cmocka_run_group_tests_name("mynumber_places", tests, NULL, NULL);
}
