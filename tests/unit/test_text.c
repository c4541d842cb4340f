/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/text.h"
#include "audit_fixture.h"

static const struct {
        const char *bytes, *escaped;
} rows[] = {
        { "", "" },
        { "SanDisk Ultra", "SanDisk Ultra" },
        { "個人番号カードのリーダ", "個人番号カードのリーダ" },
        { "a\\b", "a\\\\b" },
        { "\\x41", "\\\\x41" },               /* what looks like an escape is not one */
        { "a\nb\x1b[2J", "a\\x0ab\\x1b[2J" }, /* forged lines, terminal sequences */
        { "\x7f", "\\x7f" },
        { "\xc2\x85", "\\xc2\\x85" },                   /* C1 next line */
        { "\xff\xfe", "\\xff\\xfe" },                   /* not UTF-8 */
        { "\xc0\xaf", "\\xc0\\xaf" },                   /* overlong */
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* surrogate */
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* above U+10FFFF */
        { "\xe3\x81", "\\xe3\\x81" },                   /* cut in the middle */
        { "\xe3\x81x", "\\xe3\\x81x" },
        { "x\xe2\x80\xaegpj.exe", "x\\xe2\\x80\\xaegpj.exe" }, /* right-to-left override */
        { "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },                 /* isolate */
        { "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },                 /* line separator */
        { "a\xe2\x80\x8b", "a\\xe2\\x80\\x8b" },               /* zero width space */
        { "\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81" },        /* tag */
        { "\xf0\xa0\xae\xb7", "\xf0\xa0\xae\xb7" },            /* 𠮷: names have it */
        { "\xef\xbf\xbd", "\xef\xbf\xbd" },                    /* U+FFFD itself */
};

static void test_escape(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                CLEANUP(free_p) char *s = NULL;
                assert_int_equal(text_escape(rows[i].bytes, &s), 0);
                assert_string_equal(s, rows[i].escaped);
        }
}

/* As sekisho-record(5) tells a reader to do it. */
static size_t unescape(const char *s, unsigned char *out) {
        size_t n = 0;
        while (*s) {
                unsigned byte = (unsigned char) *s++;
                if (byte == '\\' && *s == '\\') {
                        s++;
                } else if (byte == '\\') {
                        assert_int_equal(sscanf(s, "x%2x", &byte), 1);
                        s += 3;
                }
                out[n++] = (unsigned char) byte;
        }
        return n;
}

static void check_lossless(const char *bytes, size_t n) {
        CLEANUP(free_p) char *s = NULL;
        unsigned char back[64];
        assert_int_equal(text_escape(bytes, &s), 0);
        assert_int_equal(unescape(s, back), n);
        assert_memory_equal(back, bytes, n);

        json_t *json = text_json(bytes); /* the JSON library's own opinion of the result */
        assert_non_null(json);
        json_decref(json);
}

static void test_lossless(void **state) {
        (void) state;
        srand(1);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                check_lossless(rows[i].bytes, strlen(rows[i].bytes));
        for (int round = 0; round < 100000; round++) {
                char bytes[13];
                size_t n = (size_t) rand() % sizeof bytes;
                static const unsigned char likely[] = { '\\', 'x', 0xe2, 0x80, 0xae, 0xf0, 0xc2, 0xed, 0xa0 };
                for (size_t i = 0; i < n; i++) {
                        int c = rand() % 3 ? likely[(size_t) rand() % sizeof likely] : 1 + rand() % 255;
                        bytes[i] = (char) (unsigned char) c;
                }
                bytes[n] = '\0';
                check_lossless(bytes, n);
        }
}

static void test_null(void **state) {
        (void) state;
        assert_true(json_is_null(text_json(NULL)));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_escape),
                cmocka_unit_test(test_lossless),
                cmocka_unit_test(test_null),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
