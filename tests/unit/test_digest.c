/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The examples of FIPS 180-4, at once and in parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "digest/digest.h"

static char million[1000001];

static const struct row {
        const char *text, *hex;
} rows[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
};

static void test_known(void **state) {
        (void) state;
        memset(million, 'a', sizeof million - 1);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                uint8_t whole[DIGEST_BYTES], parts[DIGEST_BYTES];
                char hex[DIGEST_HEX_SIZE];
                size_t size = strlen(rows[i].text);
                digest_sha256(rows[i].text, size, whole);
                digest_hex(whole, hex);
                assert_string_equal(hex, rows[i].hex);

                struct digest *d = NULL;
                assert_int_equal(digest_begin(&d), 0);
                for (size_t done = 0; done < size; done += size < 100 ? 1 : 777)
                        digest_add(d, rows[i].text + done, size < 100 ? 1 : size - done < 777 ? size - done : 777);
                digest_end(d, parts);
                assert_memory_equal(parts, whole, sizeof parts);
        }
        uint8_t none[DIGEST_BYTES];
        char hex[DIGEST_HEX_SIZE];
        digest_sha256(NULL, 0, none);
        digest_hex(none, hex);
        assert_string_equal(hex, rows[0].hex);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_known) };
        return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
