/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is opened, and the key that opens. What must hold: a file is opened whole or refused; what is sealed here comes
 * back as it was, and does not when one byte of it is another; a key that parses is a key. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/sealed.h"
#include "fuzz.h"

static void keys(struct ssh_key *to, struct sealed_key *k) {
        static const uint8_t seed[32] = { 1, 2, 3 };
        uint8_t secret[64];
        *to = (struct ssh_key){ .type = SSH_KEY_ED25519 };
        (void) crypto_sign_seed_keypair(to->bytes, secret, seed);
        (void) crypto_sign_ed25519_sk_to_curve25519(k->secret, secret);
        (void) crypto_scalarmult_base(k->public, k->secret);
}

static int open_bytes(const uint8_t *data, size_t size, const struct sealed_key *k, int out) {
        int in = memfd_create("in", MFD_CLOEXEC);
        REQUIRE(in >= 0 && write(in, data, size) == (ssize_t) size && lseek(in, 0, SEEK_SET) == 0);
        int r = sealed_open(in, k, out);
        (void) close(in);
        return r;
}

static void round_trip(const uint8_t *data, size_t size, const struct ssh_key *to, const struct sealed_key *k) {
        static uint8_t sealed[1u << 20], plain[1u << 20];
        struct sealer *s = NULL;
        int fd = memfd_create("sealed", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
        if (size > sizeof plain / 2)
                size = sizeof plain / 2;
        REQUIRE(fd >= 0 && out >= 0 && sealer_new(fd, to, &s) == 0);
        size_t half = size > 0 ? data[0] % size : 0;
        REQUIRE(sealer_write(s, data, half) == 0 && sealer_write(s, data + half, size - half) == 0);
        REQUIRE(sealer_end(s) == 0);
        (void) sealer_free(s);
        ssize_t n = pread(fd, sealed, sizeof sealed, 0);
        REQUIRE(n > 0 && open_bytes(sealed, (size_t) n, k, out) == SEALED_OK);
        REQUIRE(pread(out, plain, sizeof plain, 0) == (ssize_t) size && (size == 0 || memcmp(plain, data, size) == 0));
        size_t at = size > 1 ? (data[0] | (size_t) data[size - 1] << 8) % (size_t) n : 0;
        sealed[at] ^= (uint8_t) (1u << (size % 8));
        REQUIRE(open_bytes(sealed, (size_t) n, k, out) > 0);
        (void) close(fd);
        (void) close(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct ssh_key to;
        struct sealed_key k, parsed;
        if (sodium_init() < 0)
                return 0;
        keys(&to, &k);
        int r = sealed_key_parse((const char *) data, size, &parsed);
        if (r == SEALED_OK) {
                uint8_t public[SEALED_KEY];
                REQUIRE(crypto_scalarmult_base(public, parsed.secret) == 0);
                REQUIRE(memcmp(public, parsed.public, sizeof public) == 0);
        } else {
                REQUIRE(r == SEALED_KEY_FORM || r == SEALED_KEY_TYPE || r == SEALED_KEY_LOCKED);
        }
        int out = memfd_create("out", MFD_CLOEXEC);
        r = open_bytes(data, size, &k, out);
        (void) close(out);
        REQUIRE(r >= 0 && r <= SEALED_CUT);
        if (r == SEALED_NOT_SEALED)
                round_trip(data, size, &to, &k);
        return 0;
}
