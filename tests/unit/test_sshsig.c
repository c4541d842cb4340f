/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signatures that ssh-keygen made, and what may be wrong with one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <fcntl.h>
#include <sekisho/document.h>
#include <sekisho/sshsig.h>

#include "sshsig_maker.h"

static struct document read_fixture(const char *name) {
        struct document d;
        char path[256];
        (void) snprintf(path, sizeof path, "%s/sshsig/%s", FIXTURES, name);
        assert_int_equal(document_read(AT_FDCWD, path, 65536, &d), 0);
        return d;
}

static struct ssh_key read_key(const char *name) {
        struct document d = read_fixture(name);
        struct ssh_key k;
        assert_int_equal(ssh_key_parse(d.bytes, d.size, &k), 0);
        document_clear(&d);
        return k;
}

static const struct {
        const char *file;
        int outcomes[4]; /* of sshsig_next(), then of sshsig_verify() where it was 0 */
        const char *keys[2];
        const char *namespace;
} rows[] = {
        { "a.sig", { SSHSIG_OK, SSHSIG_END }, { "a.pub" }, "policy@sekisho" },
        { "b-sha256.sig", { SSHSIG_OK, SSHSIG_END }, { "b.pub" }, "policy@sekisho" },
        { "a-permit.sig", { SSHSIG_OK, SSHSIG_END }, { "a.pub" }, "permit@sekisho" },
        { "crlf.sig", { SSHSIG_OK, SSHSIG_END }, { "a.pub" }, "policy@sekisho" },
        { "both.sig", { SSHSIG_OK, SSHSIG_OK, SSHSIG_END }, { "a.pub", "b.pub" }, "policy@sekisho" },
        { "rsa.sig", { SSHSIG_UNSUPPORTED, SSHSIG_END }, { NULL }, NULL },
        { "document", { SSHSIG_MALFORMED, SSHSIG_END }, { NULL }, NULL },
};

static void test_ssh_keygen(void **state) {
        (void) state;
        struct document document = read_fixture("document");
        struct sshsig_message message, other;
        sshsig_digest(document.bytes, document.size, &message);
        sshsig_digest(document.bytes, document.size - 1, &other);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct document d = read_fixture(rows[i].file);
                const char *cursor = d.bytes;
                struct sshsig s;
                for (unsigned n = 0;; n++) {
                        int r = sshsig_next(&cursor, d.bytes + d.size, &s);
                        if (r != rows[i].outcomes[n])
                                fail_msg("%s: block %u: %d", rows[i].file, n, r);
                        if (r == SSHSIG_END)
                                break;
                        if (r != SSHSIG_OK)
                                continue;
                        struct ssh_key key = read_key(rows[i].keys[n]);
                        assert_true(ssh_key_equal(&s.key, &key));
                        assert_string_equal(s.namespace, rows[i].namespace);
                        assert_int_equal(sshsig_verify(&s, &message), SSHSIG_OK);
                        assert_int_equal(sshsig_verify(&s, &other), SSHSIG_BAD);
                        s.namespace[0] ^= 1;
                        assert_int_equal(sshsig_verify(&s, &message), SSHSIG_BAD);
                }
                document_clear(&d);
        }
        document_clear(&document);
}

/* Every byte of the file, changed in every bit: never a good signature of another meaning. White space, and letters
 * that decode to the same bytes, are the same signature. */
static void test_every_bit(void **state) {
        (void) state;
        struct document document = read_fixture("document"), d = read_fixture("a.sig");
        struct sshsig_message message;
        sshsig_digest(document.bytes, document.size, &message);
        const char *cursor = d.bytes;
        struct sshsig good, s;
        assert_int_equal(sshsig_next(&cursor, d.bytes + d.size, &good), SSHSIG_OK);
        unsigned refused = 0;
        for (size_t i = 0; i < d.size * 8; i++) {
                d.bytes[i / 8] = (char) (d.bytes[i / 8] ^ (1 << i % 8));
                memset(&s, 0, sizeof s);
                cursor = d.bytes;
                int r = sshsig_next(&cursor, d.bytes + d.size, &s);
                if (r == SSHSIG_OK && sshsig_verify(&s, &message) == SSHSIG_OK)
                        assert_memory_equal(&s, &good, sizeof s);
                else
                        refused++;
                d.bytes[i / 8] = (char) (d.bytes[i / 8] ^ (1 << i % 8));
        }
        assert_true(refused > d.size * 7);
        document_clear(&d);
        document_clear(&document);
}

static const struct {
        uint8_t flags;
        bool touched, verified;
} hardware[] = {
        { 0, false, false }, { 1, true, false }, { 5, true, true }, { 4, false, true }, { 0x81, true, false }
};

static void test_hardware_key(void **state) {
        (void) state;
        const struct maker_key k = maker_key(1, "ssh:sekisho");
        struct sshsig_message message;
        sshsig_digest("text", 4, &message);
        for (size_t i = 0; i < sizeof hardware / sizeof hardware[0]; i++) {
                char *text = maker_sign(&k, "policy@sekisho", "text", 4, hardware[i].flags), *line = maker_public(&k);
                const char *cursor = text;
                struct sshsig s;
                struct ssh_key key;
                assert_int_equal(sshsig_next(&cursor, text + strlen(text), &s), SSHSIG_OK);
                assert_int_equal(ssh_key_parse(line, strlen(line), &key), 0);
                assert_true(ssh_key_equal(&key, &s.key));
                assert_string_equal(key.application, "ssh:sekisho");
                assert_int_equal(s.touched, hardware[i].touched);
                assert_int_equal(s.verified, hardware[i].verified);
                assert_int_equal(sshsig_verify(&s, &message), SSHSIG_OK);
                s.flags ^= 1; /* the flags are under the signature */
                assert_int_equal(sshsig_verify(&s, &message), SSHSIG_BAD);
                free(text);
                free(line);
        }
}

static const struct {
        const char *text;
        int expected;
} keys[] = {
        { "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHthV9KYfSMMeFbD+6EUug30KIVWc8rfySP/mD/r7cTu", 0 },
        { "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHthV9KYfSMMeFbD+6EUug30KIVWc8rfySP/mD/r7cTu 政策課長", 0 },
        { "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHthV9KYfSMMeFbD+6EUug30KIVWc8rfySP/mD/r7cTu\n", 0 },
        { "ssh-ed25519", 1 },
        { "ssh-ed25519 ", 1 },
        { "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHthV9KYfSMMeFbD", 1 },
        { "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIHthV9KYfSMMeFbD+6EUug30KIVWc8rfySP/mD/r7cTu", 1 },
        { "sk-ssh-ed25519@openssh.com AAAAC3NzaC1lZDI1NTE5AAAAIHthV9KYfSMMeFbD+6EUug30KIVWc8rfySP/mD/r7cTu", 1 },
        { "", 1 },
};

static void test_keys(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
                struct ssh_key k;
                int r = ssh_key_parse(keys[i].text, strlen(keys[i].text), &k);
                if (r != keys[i].expected)
                        fail_msg("%s: %d", keys[i].text, r);
        }
        struct ssh_key k = read_key("a.pub");
        char print[SSHSIG_FINGERPRINT_MAX];
        ssh_key_fingerprint(&k, print);
        assert_string_equal(print, "SHA256:7zHld8w1LesXF+tdqGlQxtBz7QE9jqYuWVpVUpt3Y9s");
}

static int setup(void **state) {
        (void) state;
        return sodium_init() < 0 ? -1 : 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ssh_keygen),
                cmocka_unit_test(test_every_bit),
                cmocka_unit_test(test_hardware_key),
                cmocka_unit_test(test_keys),
        };
        return cmocka_run_group_tests(tests, setup, NULL);
}
