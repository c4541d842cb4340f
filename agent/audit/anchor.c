/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/anchor.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define HEX       "0123456789abcdef"
#define KEY_BYTES crypto_sign_PUBLICKEYBYTES
#define SIG_BYTES crypto_sign_BYTES

void anchor_text(const struct anchor *a, char ret[static ANCHOR_TEXT_MAX]) {
        (void) snprintf(ret, ANCHOR_TEXT_MAX,
                        "sekisho-anchor 1\nlog %s\nmachine %s\ntime %" PRId64 "\nseq %" PRIu64
                        "\nhead %s\nsegment %" PRIu32 "\nnext %s\n",
                        a->log, a->machine, a->time, a->seq, a->head, a->segment, *a->next ? a->next : "-");
}

void statement_sign(const char *text, const uint8_t *secret, char ret[static ANCHOR_SIGNATURE]) {
        unsigned char signature[SIG_BYTES];
        (void) crypto_sign_detached(signature, NULL, (const unsigned char *) text, strlen(text), secret);
        (void) sodium_bin2hex(ret, ANCHOR_SIGNATURE, signature, sizeof signature);
}

static bool from_hex(const char *hex, unsigned char *ret, size_t size) {
        size_t n = 0;
        return strlen(hex) == size * 2 && strspn(hex, HEX) == size * 2 &&
               sodium_hex2bin(ret, size, hex, size * 2, NULL, &n, NULL) == 0 && n == size;
}

bool statement_verify(const char *text, const char *key, const char *signature) {
        unsigned char k[KEY_BYTES], s[SIG_BYTES];
        return from_hex(key, k, sizeof k) && from_hex(signature, s, sizeof s) &&
               crypto_sign_verify_detached(s, (const unsigned char *) text, strlen(text), k) == 0;
}

void anchor_sign(struct anchor *a, const uint8_t *secret) {
        char text[ANCHOR_TEXT_MAX];
        unsigned char key[KEY_BYTES];
        (void) crypto_sign_ed25519_sk_to_pk(key, secret);
        (void) sodium_bin2hex(a->key, sizeof a->key, key, sizeof key);
        anchor_text(a, text);
        statement_sign(text, secret, a->signature);
}

bool anchor_verify(const struct anchor *a, const char *key) {
        char text[ANCHOR_TEXT_MAX];
        anchor_text(a, text);
        return statement_verify(text, key, a->signature);
}

json_t *anchor_json(const struct anchor *a) {
        return json_pack("{s:s, s:I, s:I, s:s, s:I, s:s?, s:s, s:s}", "machine", a->machine, "time",
                         (json_int_t) a->time, "seq", (json_int_t) a->seq, "head", a->head, "segment",
                         (json_int_t) a->segment, "next", *a->next ? a->next : NULL, "key", a->key, "signature",
                         a->signature);
}

/* ---- reading: hostile ---- */

static bool take_hex(const json_t *object, const char *name, char *ret, size_t size) {
        const json_t *v = json_object_get(object, name);
        const char *s = json_string_value(v);
        if (!s || json_string_length(v) != size - 1 || strspn(s, HEX) != size - 1)
                return false;
        memcpy(ret, s, size);
        return true;
}

static bool take_machine(const json_t *object, char ret[static ANCHOR_MACHINE_MAX]) {
        const json_t *v = json_object_get(object, "machine");
        const char *s = json_string_value(v);
        size_t n = json_string_length(v);
        if (!s || n >= ANCHOR_MACHINE_MAX || strspn(s, HEX "ghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != n)
                return false;
        memcpy(ret, s, n + 1);
        return true;
}

static bool take_number(const json_t *object, const char *name, uint64_t most, uint64_t *ret) {
        const json_t *v = json_object_get(object, name);
        json_int_t n = json_integer_value(v);
        if (!json_is_integer(v) || n < 0 || (uint64_t) n > most)
                return false;
        *ret = (uint64_t) n;
        return true;
}

static bool take_log(const json_t *sekisho, char ret[static CHAIN_LOG_MAX + 1]) {
        const json_t *v = json_object_get(sekisho, "log");
        const char *s = json_string_value(v);
        size_t n = json_string_length(v);
        if (!s || !chain_log_valid(s, n))
                return false;
        memcpy(ret, s, n + 1);
        return true;
}

int anchor_read(const json_t *event, struct anchor *ret) {
        const json_t *sekisho = json_object_get(json_object_get(event, "unmapped"), "sekisho");
        const json_t *j = json_object_get(sekisho, "anchor");
        if (!j)
                return 1;
        struct anchor a = { .log = "" };
        uint64_t time = 0, segment = 0;
        if (!take_log(sekisho, a.log) || !take_machine(j, a.machine) || !take_number(j, "time", INT64_MAX, &time) ||
            !take_number(j, "seq", CHAIN_SEQ_LAST, &a.seq) || !take_hex(j, "head", a.head, sizeof a.head) ||
            !take_number(j, "segment", UINT32_MAX, &segment) || !take_hex(j, "key", a.key, sizeof a.key) ||
            !take_hex(j, "signature", a.signature, sizeof a.signature))
                return -EBADMSG;
        const json_t *next = json_object_get(j, "next");
        if (!json_is_null(next) && !take_hex(j, "next", a.next, sizeof a.next))
                return -EBADMSG;
        a.time = (int64_t) time;
        a.segment = (uint32_t) segment;
        *ret = a;
        return 0;
}

/* ---- as OpenSSH writes keys ---- */

char *anchor_key_line(const char *key, const char *comment) {
        /* RFC 8709: string "ssh-ed25519", string of the 32 bytes */
        unsigned char blob[4 + 11 + 4 + KEY_BYTES] = "\0\0\0\x0bssh-ed25519\0\0\0\x20";
        char text[sodium_base64_ENCODED_LEN(sizeof blob, sodium_base64_VARIANT_ORIGINAL)];
        if (!from_hex(key, blob + 19, KEY_BYTES))
                return NULL;
        (void) sodium_bin2base64(text, sizeof text, blob, sizeof blob, sodium_base64_VARIANT_ORIGINAL);
        char *line = NULL;
        return asprintf(&line, "ssh-ed25519 %s %s\n", text, comment) < 0 ? NULL : line;
}
