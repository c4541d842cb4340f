/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signatures of real keys, taken apart: what the verifier accepts is, to the byte, what a holder has made for this very
 * document, or the fuzzer has forged one. The first byte of the input says how the rest is taken: 'a': armoured text;
 * else the bytes of a blob, which are armoured here, so that mutations reach what lies behind base64. */
#undef NDEBUG /* before whatever asserts: the maker of signatures does, too */
#include <assert.h>
#include <sekisho/trust.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "unit/sshsig_maker.h"

static const char document[] = "sekisho: 1\nheader: {serial: 12}\n", other[] = "sekisho: 1\nheader: {serial: 13}\n";

#define HOLDERS 3u /* kacho, kakaricho, and one with a hardware key that must be touched */
static struct trust *trust;
static uint8_t made[2 * HOLDERS][SSH_SIGNATURE_BYTES]; /* every good signature over document there is */
static size_t n_made;

static void remember(const char *armoured) {
        const char *cursor = armoured;
        struct sshsig s;
        assert(sshsig_next(&cursor, armoured + strlen(armoured), &s) == SSHSIG_OK);
        memcpy(made[n_made++], s.signature, sizeof s.signature);
}

/* For whoever makes a corpus: FUZZ_SIGNED_SEEDS names a directory. */
/* noinline: gcc 12 takes what a pointer points to for the pointer (-Wdangling-pointer) when all is in one function. */
__attribute__((noinline)) static void write_seed(const char *directory, unsigned number, const char *armoured) {
        char path[4096];
        (void) snprintf(path, sizeof path, "%s/seed-%u", directory, number);
        FILE *f = fopen(path, "we");
        assert(f);
        (void) fprintf(f, "a%s", armoured);
        (void) fclose(f);

        uint8_t blob[2048];
        size_t n = 0;
        const char *start = strchr(armoured, '\n') + 1;
        (void) sodium_base642bin(blob + 1, sizeof blob - 1, start, strlen(start), "\n", &n, NULL,
                                 sodium_base64_VARIANT_ORIGINAL);
        blob[0] = 'b';
        (void) snprintf(path, sizeof path, "%s/seed-%u-blob", directory, number);
        f = fopen(path, "we");
        assert(f);
        (void) fwrite(blob, 1, n + 1, f);
        (void) fclose(f);
}

static void prepare(void) {
        if (sodium_init() < 0)
                abort();
        const struct maker_key keys[] = { maker_key(1, NULL), maker_key(2, NULL), maker_key(3, "ssh:"),
                                          maker_key(4, NULL) };
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        (void) fputs(
                "sekisho-trust: 1\nheader: {fleet: f, version: 1, issued: 2026-11-23T09:00:00+09:00, expires: never}\n"
                "roles: {trust: {threshold: 1}, policy: {threshold: 1}}\nholders:\n",
                f);
        for (unsigned i = 0; i < HOLDERS; i++) {
                char *public = maker_public(&keys[i]);
                (void) fprintf(f, "  - {name: h%u, roles: [trust, policy], key: %s%s}\n", i, public,
                               i == 2 ? ", touch: required" : "");
                free(public);
        }
        (void) fclose(f);
        struct problems problems = { 0 };
        assert(trust_parse(text, size, &problems, &trust) == 0);
        problems_clear(&problems);
        free(text);

        const char *directory = getenv("FUZZ_SIGNED_SEEDS");
        const struct {
                unsigned key;
                const char *namespace, *document;
                uint8_t flags;
                bool good;
        } rows[] = {
                { 0, POLICY_NAMESPACE, document, 0, true },
                { 1, POLICY_NAMESPACE, document, 0, true },
                { 2, POLICY_NAMESPACE, document, 1, true },
                { 2, POLICY_NAMESPACE, document, 0, false },
                { 0, PERMIT_NAMESPACE, document, 0, false },
                { 0, TRUST_NAMESPACE, document, 0, false },
                { 0, "git", document, 0, false },
                { 0, POLICY_NAMESPACE, other, 0, false },
                { 3, POLICY_NAMESPACE, document, 0, false },
        };
        for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
                char *armoured = maker_sign(&keys[rows[i].key], rows[i].namespace, rows[i].document,
                                            strlen(rows[i].document), rows[i].flags);
                struct trust_check c;
                assert((trust_check(trust, TRUST_ROLE_POLICY, POLICY_NAMESPACE, document, strlen(document), armoured,
                                    strlen(armoured), &c) == 0) == rows[i].good);
                if (rows[i].good)
                        remember(armoured);
                if (directory)
                        write_seed(directory, i, armoured);
                free(armoured);
        }
}

static bool was_made(const struct sshsig *s) {
        for (size_t i = 0; i < n_made; i++)
                if (memcmp(made[i], s->signature, sizeof s->signature) == 0)
                        return true;
        return false;
}

/* What counts must have been made, and for this. */
static void check(const char *text, size_t size) {
        struct trust_check c;
        int r = trust_check(trust, TRUST_ROLE_POLICY, POLICY_NAMESPACE, document, strlen(document), text, size, &c);
        assert((r == 0) == (c.counted >= 1));
        const char *cursor = text;
        struct sshsig s;
        unsigned counted = 0;
        for (unsigned i = 0; i < c.n; i++) {
                int outcome = sshsig_next(&cursor, text + size, &s);
                if (c.signatures[i].state != SIGNATURE_COUNTS)
                        continue;
                assert(outcome == SSHSIG_OK && was_made(&s) && strcmp(s.namespace, POLICY_NAMESPACE) == 0);
                assert(s.key.type == SSH_KEY_ED25519 || s.touched);
                counted++;
        }
        assert(counted == c.counted);
        /* And never for another document, or another kind of it. */
        assert(trust_check(trust, TRUST_ROLE_TRUST, TRUST_NAMESPACE, other, strlen(other), text, size, &c) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (!trust)
                prepare();
        if (size == 0)
                return 0;
        if (data[0] == 'a') {
                char *text = malloc(size);
                assert(text);
                memcpy(text, data + 1, size - 1);
                check(text, size - 1);
                free(text);
                return 0;
        }
        char base64[8192], *text = NULL;
        if (size > 4096)
                return 0;
        (void) sodium_bin2base64(base64, sizeof base64, data + 1, size - 1, sodium_base64_VARIANT_ORIGINAL);
        int n = asprintf(&text, "-----BEGIN SSH SIGNATURE-----\n%s\n-----END SSH SIGNATURE-----\n", base64);
        assert(n > 0);
        check(text, (size_t) n);
        free(text);
        return 0;
}
