/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl/sealed.h"

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))
#define HEAD     72u
#define BOX      (SEALED_CHUNK + 17u)

/* Made for this test; they open nothing. */
static const char key_plain[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
                                "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
                                "QyNTUxOQAAACAzEs+6P822W7cxfehEFLCjLuULiV94BvbVtuUUef943QAAAJBN+hqZTfoa\n"
                                "mQAAAAtzc2gtZWQyNTUxOQAAACAzEs+6P822W7cxfehEFLCjLuULiV94BvbVtuUUef943Q\n"
                                "AAAEAKztycMiNd6F9P7m3QqNFS9e8j30ftbdPSCfBnvu5GjTMSz7o/zbZbtzF96EQUsKMu\n"
                                "5QuJX3gG9tW25RR5/3jdAAAAB2F1ZGl0b3IBAgMEBQY=\n"
                                "-----END OPENSSH PRIVATE KEY-----\n";
static const char key_locked[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
                                 "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABCeJIIfjG\n"
                                 "HqKF3cn6Vm3XY8AAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIG6mLzCj36X6AKeT\n"
                                 "aumpLMCEKOKzAEvrmihfoB7RHtlOAAAAkMPE96oo0Z4mgWKA8EixT+H3BySyMu0sfLNWBq\n"
                                 "xktq+p5e/fTXmzM+jBayWpWlk+Qh/GSj/HqZ4Vx1Ji+NpasqLctOi2LuzHdFdSR9Ke6POY\n"
                                 "GK+31El9l7Nx3CCETCmx0bGP5G18bMC+IfI63+cLVttg/rVcAC7ZKyp2JXVTIL0lpGh54k\n"
                                 "lk+sjMDnMTm8mcZg==\n"
                                 "-----END OPENSSH PRIVATE KEY-----\n";
static const char key_ecdsa[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
                                "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS\n"
                                "1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQRS25fQKM8mcI8UenQCfVfWQFtaAc75\n"
                                "BD3LxxlpIBvTITURZ4R0jrS/IkxIb1MLjNZuyVqsC2dCX7K7aTIbWFh1AAAAoMrj7MLK4+\n"
                                "zCAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBFLbl9AozyZwjxR6\n"
                                "dAJ9V9ZAW1oBzvkEPcvHGWkgG9MhNRFnhHSOtL8iTEhvUwuM1m7JWqwLZ0JfsrtpMhtYWH\n"
                                "UAAAAgRO4gpn6y32f/UJnudhEB95ZkQS+aFQE9OwLxiStE87cAAAAHYXVkaXRvcgE=\n"
                                "-----END OPENSSH PRIVATE KEY-----\n";
static const char public_plain[] = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDMSz7o/zbZbtzF96EQUsKMu5QuJX3gG9tW25RR5/3jd";

struct bytes {
        uint8_t *p;
        size_t n;
};

static struct bytes read_all(int fd) {
        struct bytes b = { malloc(4u << 20), 0 };
        assert_non_null(b.p);
        ssize_t n = pread(fd, b.p, 4u << 20, 0);
        assert_true(n >= 0);
        b.n = (size_t) n;
        return b;
}

static void fill(uint8_t *p, size_t n) {
        for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t) (i * 31 + i / 251);
}

/* Sealed in pieces of one size. */
static struct bytes seal(size_t size, size_t piece) {
        struct ssh_key to;
        struct sealer *s = NULL;
        CLEANUP(free_p) uint8_t *plain = malloc(size + 1);
        CLEANUP(close_p) int fd = memfd_create("sealed", MFD_CLOEXEC);
        assert_non_null(plain);
        fill(plain, size);
        assert_int_equal(ssh_key_parse(public_plain, strlen(public_plain), &to), 0);
        assert_int_equal(sealer_new(fd, &to, &s), 0);
        for (size_t at = 0; at < size; at += piece)
                assert_int_equal(sealer_write(s, plain + at, size - at < piece ? size - at : piece), 0);
        assert_int_equal(sealer_end(s), 0);
        (void) sealer_free(s);
        return read_all(fd);
}

static struct sealed_key own_key(void) {
        struct sealed_key k;
        assert_int_equal(sealed_key_parse(key_plain, strlen(key_plain), &k), SEALED_OK);
        return k;
}

static int open_with(const struct sealed_key *k, const uint8_t *p, size_t n, struct bytes *ret) {
        CLEANUP(close_p) int in = memfd_create("in", MFD_CLOEXEC);
        CLEANUP(close_p) int out = memfd_create("out", MFD_CLOEXEC);
        assert_int_equal(write(in, p, n), (ssize_t) n);
        assert_int_equal(lseek(in, 0, SEEK_SET), 0);
        int r = sealed_open(in, k, out);
        if (ret)
                *ret = read_all(out);
        return r;
}

static int open_bytes(const uint8_t *p, size_t n) {
        struct sealed_key k = own_key();
        return open_with(&k, p, n, NULL);
}

static void sizes(void **state) {
        (void) state;
        static const struct {
                size_t size, piece;
        } rows[] = { { 0, 1 },        { 1, 1 },        { 512, 512 },      { 65535, 70000 },  { 65536, 70000 },
                     { 65537, 4096 }, { 131072, 512 }, { 200000, 65537 }, { 1000000, 65536 } };
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct sealed_key k = own_key();
                struct bytes sealed = seal(rows[i].size, rows[i].piece), plain;
                CLEANUP(free_p) uint8_t *want = malloc(rows[i].size + 1);
                assert_non_null(want);
                fill(want, rows[i].size);
                assert_int_equal(sealed.n, HEAD + rows[i].size + 17 * (rows[i].size / SEALED_CHUNK + 1));
                assert_int_equal(open_with(&k, sealed.p, sealed.n, &plain), SEALED_OK);
                assert_int_equal(plain.n, rows[i].size);
                assert_memory_equal(plain.p, want, plain.n);
                free(plain.p);
                free(sealed.p);
        }
        /* The same content is sealed differently each time. */
        struct bytes a = seal(100, 100), b = seal(100, 100);
        assert_memory_not_equal(a.p + 16, b.p + 16, 32);
        assert_memory_not_equal(a.p + HEAD, b.p + HEAD, 100);
        free(a.p);
        free(b.p);
}

static void every_bit(void **state) {
        (void) state;
        struct bytes s = seal(300, 300);
        for (size_t i = 0; i < s.n; i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        s.p[i] ^= (uint8_t) (1u << bit);
                        int r = open_bytes(s.p, s.n);
                        /* Curve25519 knows no highest bit of a public key; the derived key does. */
                        if (r != (i < 16 ? SEALED_NOT_SEALED : SEALED_NOT_FOR_KEY))
                                fail_msg("bit %u of byte %zu: %d", bit, i, r);
                        s.p[i] ^= (uint8_t) (1u << bit);
                }
        for (size_t n = 0; n < s.n; n++)
                assert_true(open_bytes(s.p, n) > 0);
        assert_int_equal(open_bytes(s.p, s.n), SEALED_OK);
        free(s.p);
}

/* Three whole chunks and a last one of 100 bytes: 0, 1, 2, 3. */
static void chunks(void **state) {
        (void) state;
        static const struct {
                const char *order;
                int outcome;
        } rows[] = {
                { "0123", SEALED_OK },         { "", SEALED_CUT },
                { "0", SEALED_CUT },           { "012", SEALED_CUT },
                { "123", SEALED_NOT_FOR_KEY }, { "0213", SEALED_DAMAGED },
                { "013", SEALED_DAMAGED },     { "00123", SEALED_DAMAGED },
                { "01233", SEALED_DAMAGED },   { "01230", SEALED_DAMAGED },
                { "3", SEALED_NOT_FOR_KEY },   { "0132", SEALED_DAMAGED },
        };
        struct bytes s = seal(3 * SEALED_CHUNK + 100, 4096);
        for (size_t i = 0; i < COUNT(rows); i++) {
                CLEANUP(free_p) uint8_t *p = malloc(s.n * 2);
                assert_non_null(p);
                memcpy(p, s.p, HEAD);
                size_t n = HEAD;
                for (const char *c = rows[i].order; *c; c++) {
                        size_t k = (size_t) (*c - '0'), size = k == 3 ? 117 : BOX;
                        memcpy(p + n, s.p + HEAD + k * BOX, size);
                        n += size;
                }
                int r = open_bytes(p, n);
                if (r != rows[i].outcome)
                        fail_msg("%s: %d", rows[i].order, r);
        }
        /* A byte more, and chunks of another file that was sealed to the same key. */
        struct bytes other = seal(3 * SEALED_CHUNK + 100, 4096);
        uint8_t *p = realloc(s.p, s.n + 1);
        assert_non_null(p);
        p[s.n] = 0;
        assert_int_equal(open_bytes(p, s.n + 1), SEALED_DAMAGED);
        memcpy(p + HEAD + BOX, other.p + HEAD + BOX, BOX);
        assert_int_equal(open_bytes(p, s.n), SEALED_DAMAGED);
        free(p);
        free(other.p);
}

static void private_keys(void **state) {
        (void) state;
        static const struct {
                const char *text;
                int outcome;
        } rows[] = {
                { key_plain, SEALED_OK },
                { key_locked, SEALED_KEY_LOCKED },
                { key_ecdsa, SEALED_KEY_TYPE },
                { public_plain, SEALED_KEY_FORM },
                { "", SEALED_KEY_FORM },
                { "-----BEGIN OPENSSH PRIVATE KEY-----\n", SEALED_KEY_FORM },
                { "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n", SEALED_KEY_FORM },
                { "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb\n-----END OPENSSH PRIVATE KEY-----\n", SEALED_KEY_FORM },
        };
        struct sealed_key k;
        for (size_t i = 0; i < COUNT(rows); i++)
                assert_int_equal(sealed_key_parse(rows[i].text, strlen(rows[i].text), &k), rows[i].outcome);
        /* A letter changed: never another key. */
        struct sealed_key own = own_key();
        char text[1024];
        for (size_t i = 0; i < strlen(key_plain); i++) {
                memcpy(text, key_plain, sizeof key_plain);
                text[i] = text[i] == 'A' ? 'B' : 'A';
                if (sealed_key_parse(text, strlen(text), &k) == SEALED_OK)
                        assert_memory_equal(&k, &own, sizeof k); /* the comment's letters */
        }
        /* Somebody else's key. */
        struct bytes s = seal(100, 100);
        randombytes_buf(k.secret, sizeof k.secret);
        (void) crypto_scalarmult_base(k.public, k.secret);
        assert_int_equal(open_with(&k, s.p, s.n, NULL), SEALED_NOT_FOR_KEY);
        free(s.p);
}

static void public_keys(void **state) {
        (void) state;
        struct ssh_key k = { .type = SSH_KEY_SK_ED25519 };
        struct sealer *s = NULL;
        assert_int_equal(sealer_new(-1, &k, &s), SEALED_KEY_TYPE);
        k.type = SSH_KEY_ED25519; /* zeros are no point that anything can be sealed to */
        assert_int_equal(sealer_new(-1, &k, &s), SEALED_KEY_FORM);
        assert_null(s);
        assert_int_equal(ssh_key_parse(public_plain, strlen(public_plain), &k), 0);
        assert_int_equal(sealer_new(-1, &k, &s), -EBADF);
        assert_null(s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sizes),        cmocka_unit_test(every_bit),   cmocka_unit_test(chunks),
                cmocka_unit_test(private_keys), cmocka_unit_test(public_keys),
        };
        return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
