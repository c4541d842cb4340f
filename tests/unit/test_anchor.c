/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/anchor.h"

#include <sodium.h>

#include "audit_fixture.h"

static uint8_t secret[crypto_sign_SECRETKEYBYTES];
static char key[ANCHOR_HEX_SIZE];

static int setup(void **state) {
        (void) state;
        uint8_t public[crypto_sign_PUBLICKEYBYTES], seed[crypto_sign_SEEDBYTES] = { 7 };
        assert_true(sodium_init() >= 0);
        (void) crypto_sign_seed_keypair(public, secret, seed);
        (void) sodium_bin2hex(key, sizeof key, public, sizeof public);
        return 0;
}

static struct anchor example(void) {
        struct anchor a = { .log = "agent",
                            .machine = "0123456789abcdef0123456789abcdef",
                            .time = 1795392000,
                            .seq = 256,
                            .segment = 7 };
        memset(a.head, 'a', 64);
        memset(a.next, 'b', 64);
        anchor_sign(&a, secret);
        return a;
}

static json_t *event_of(const struct anchor *a) {
        return json_pack("{s:{s:{s:s, s:o}}}", "unmapped", "sekisho", "log", a->log, "anchor", anchor_json(a));
}

static void test_round_trip(void **state) {
        (void) state;
        struct anchor a = example(), b;
        assert_true(anchor_verify(&a, key));
        json_t *event = event_of(&a);
        assert_int_equal(anchor_read(event, &b), 0);
        json_decref(event);
        assert_memory_equal(&a, &b, sizeof a);
        assert_true(anchor_verify(&b, key));
        a.next[0] = '\0';
        assert_false(anchor_verify(&a, key));
        anchor_sign(&a, secret);
        assert_true(anchor_verify(&a, key));
        event = event_of(&a);
        assert_int_equal(anchor_read(event, &b), 0);
        json_decref(event);
        assert_string_equal(b.next, "");
}

/* Each member is under the signature. */
static void test_each_member(void **state) {
        (void) state;
        struct anchor a;
#define SPOIL(edit)                                                                                                    \
        do {                                                                                                           \
                a = example();                                                                                         \
                edit;                                                                                                  \
                assert_false(anchor_verify(&a, key));                                                                  \
        } while (0)
        SPOIL(a.log[0] = 'b');
        SPOIL(a.machine[3] = 'x');
        SPOIL(a.time++);
        SPOIL(a.seq--);
        SPOIL(a.head[63] = 'b');
        SPOIL(a.segment++);
        SPOIL(a.next[0] = 'c');
        SPOIL(a.signature[5] = a.signature[5] == '0' ? '1' : '0');
        SPOIL(a.signature[0] = '\0');
        a = example();
        assert_true(anchor_verify(&a, key)); /* the twin */
        char other[ANCHOR_HEX_SIZE];
        memcpy(other, key, sizeof other);
        other[0] = other[0] == '0' ? '1' : '0';
        assert_false(anchor_verify(&a, other));
        assert_false(anchor_verify(&a, ""));
}

static const struct {
        const char *member, *value; /* value: JSON, or NULL: without it */
} bad[] = {
        { "machine", "7" },
        { "machine", "\"a\\nseq 9\"" },
        { "machine", "null" },
        { "time", "-1" },
        { "time", "1.5" },
        { "time", NULL },
        { "seq", "9007199254740992" },
        { "seq", "\"1\"" },
        { "seq", NULL },
        { "head", "\"aa\"" },
        { "head", "null" },
        { "segment", "4294967296" },
        { "next", "\"\"" },
        { "next", NULL },
        { "key", "\"A\"" },
        { "signature", "\"\"" },
        { "signature", NULL },
};

static void test_bad_form(void **state) {
        (void) state;
        struct anchor a = example(), b;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                json_t *event = event_of(&a);
                json_t *j = json_object_get(json_object_get(json_object_get(event, "unmapped"), "sekisho"), "anchor");
                if (bad[i].value)
                        (void) json_object_set_new(j, bad[i].member, json_loads(bad[i].value, JSON_DECODE_ANY, NULL));
                else
                        (void) json_object_del(j, bad[i].member);
                assert_int_equal(anchor_read(event, &b), -EBADMSG);
                json_decref(event);
        }
        json_t *none = json_pack("{s:{s:{}}}", "unmapped", "sekisho");
        assert_int_equal(anchor_read(none, &b), 1);
        json_decref(none);
}

/* `ssh-keygen -lf` reads it; here: the shape. */
static void test_key_line(void **state) {
        (void) state;
        char *line = anchor_key_line(key, "sekisho:agent:x");
        assert_non_null(line);
        assert_int_equal(strncmp(line, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI", 37), 0);
        assert_non_null(strstr(line, " sekisho:agent:x\n"));
        free(line);
        assert_null(anchor_key_line("zz", ""));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_each_member),
                cmocka_unit_test(test_bad_form),
                cmocka_unit_test(test_key_line),
        };
        return cmocka_run_group_tests(tests, setup, NULL);
}
