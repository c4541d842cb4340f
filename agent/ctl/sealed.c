/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sealed.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "ctl.h"

#define EXTRA    crypto_secretstream_xchacha20poly1305_ABYTES
#define BOX      (SEALED_CHUNK + EXTRA)
#define TAG_MORE crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
#define TAG_LAST crypto_secretstream_xchacha20poly1305_TAG_FINAL

_Static_assert(sizeof SEALED_MAGIC - 1 == SEALED_MAGIC_SIZE, "the magic's size");
_Static_assert(crypto_secretstream_xchacha20poly1305_KEYBYTES == SEALED_KEY, "the stream's key");
_Static_assert(crypto_scalarmult_BYTES == SEALED_KEY, "the keys' size");

static const char *const fault_texts[SEALED_FAULT_MAX] = {
        [SEALED_OK] = N_("it is whole"),
        [SEALED_NOT_SEALED] = N_("it is not a sealed file"),
        [SEALED_NOT_FOR_KEY] = N_("it was not sealed to this key, or it was altered or cut"),
        [SEALED_DAMAGED] = N_("it was altered or cut after it was sealed"),
        [SEALED_CUT] = N_("its end is missing"),
        [SEALED_KEY_FORM] = N_("it is no key of OpenSSH, or damaged"),
        [SEALED_KEY_TYPE] = N_("only a key of the type ssh-ed25519 can be sealed to; one in hardware cannot open"),
        [SEALED_KEY_LOCKED] = N_("the key has a passphrase; make a copy without one: ssh-keygen -p -N '' -f COPY"),
};

const char *sealed_fault_text(enum sealed_fault f) {
        return f >= 0 && f < SEALED_FAULT_MAX ? _(fault_texts[f]) : "?";
}

struct head {
        uint8_t magic[SEALED_MAGIC_SIZE];
        uint8_t ephemeral[SEALED_KEY];
        uint8_t stream[crypto_secretstream_xchacha20poly1305_HEADERBYTES];
};
_Static_assert(sizeof(struct head) == 72, "no holes");

/* What both sides can compute, bound to both public keys and to the version. 0; -1: a point that gives no secret. */
static int derive(const uint8_t *secret, const uint8_t *other, const struct head *h, const uint8_t *recipient,
                  uint8_t ret[static SEALED_KEY]) {
        uint8_t shared[SEALED_KEY];
        crypto_generichash_state state;
        int r = crypto_scalarmult(shared, secret, other);
        if (r == 0) {
                (void) crypto_generichash_init(&state, shared, sizeof shared, SEALED_KEY);
                (void) crypto_generichash_update(&state, h->magic, sizeof h->magic);
                (void) crypto_generichash_update(&state, h->ephemeral, sizeof h->ephemeral);
                (void) crypto_generichash_update(&state, recipient, SEALED_KEY);
                (void) crypto_generichash_final(&state, ret, SEALED_KEY);
        }
        sodium_memzero(shared, sizeof shared);
        sodium_memzero(&state, sizeof state);
        return r;
}

/* ---- sealing ---- */

struct sealer {
        int fd;
        crypto_secretstream_xchacha20poly1305_state state;
        size_t n;
        uint8_t plain[SEALED_CHUNK], box[BOX];
};

struct sealer *sealer_free(struct sealer *s) {
        if (s) {
                sodium_memzero(s, sizeof *s);
                free(s);
        }
        return NULL;
}

static int begin(struct sealer *s, const uint8_t *recipient) {
        struct head h;
        uint8_t secret[SEALED_KEY], key[SEALED_KEY];
        memcpy(h.magic, SEALED_MAGIC, sizeof h.magic);
        randombytes_buf(secret, sizeof secret);
        (void) crypto_scalarmult_base(h.ephemeral, secret);
        int r = derive(secret, recipient, &h, recipient, key) == 0 ? 0 : SEALED_KEY_FORM;
        sodium_memzero(secret, sizeof secret);
        if (r == 0)
                (void) crypto_secretstream_xchacha20poly1305_init_push(&s->state, h.stream, key);
        sodium_memzero(key, sizeof key);
        return r == 0 ? file_write_all(s->fd, &h, sizeof h) : r;
}

int sealer_new(int fd, const struct ssh_key *to, struct sealer **ret) {
        uint8_t recipient[SEALED_KEY];
        if (to->type != SSH_KEY_ED25519)
                return SEALED_KEY_TYPE;
        if (crypto_sign_ed25519_pk_to_curve25519(recipient, to->bytes) != 0)
                return SEALED_KEY_FORM;
        CLEANUP(sealer_freep) struct sealer *s = calloc(1, sizeof *s);
        if (!s)
                return -ENOMEM;
        s->fd = fd;
        int r = begin(s, recipient);
        if (r == 0)
                *ret = TAKE_PTR(s);
        return r;
}

static int put_chunk(struct sealer *s, uint8_t tag) {
        unsigned long long size = 0;
        (void) crypto_secretstream_xchacha20poly1305_push(&s->state, s->box, &size, s->plain, s->n, NULL, 0, tag);
        s->n = 0;
        return file_write_all(s->fd, s->box, (size_t) size);
}

int sealer_write(struct sealer *s, const void *bytes, size_t size) {
        const uint8_t *p = bytes;
        while (size > 0) {
                size_t n = SEALED_CHUNK - s->n < size ? SEALED_CHUNK - s->n : size;
                memcpy(s->plain + s->n, p, n);
                s->n += n;
                p += n;
                size -= n;
                int r = s->n == SEALED_CHUNK ? put_chunk(s, TAG_MORE) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

int sealer_end(struct sealer *s) {
        return put_chunk(s, TAG_LAST);
}

/* ---- opening ---- */

struct opener {
        crypto_secretstream_xchacha20poly1305_state state;
        uint8_t box[BOX], plain[SEALED_CHUNK];
};

static void opener_freep(struct opener **o) {
        if (*o) {
                sodium_memzero(*o, sizeof **o);
                free(*o);
        }
}

/* As many bytes as there are, size at most. */
static ssize_t read_full(int fd, void *bytes, size_t size) {
        size_t done = 0;
        while (done < size) {
                ssize_t n = read(fd, (uint8_t *) bytes + done, size - done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                done += (size_t) n;
        }
        return (ssize_t) done;
}

static int read_head(int in, const struct sealed_key *k, struct opener *o) {
        struct head h;
        uint8_t key[SEALED_KEY];
        ssize_t n = read_full(in, &h, sizeof h);
        if (n < 0)
                return (int) n;
        if (n < (ssize_t) sizeof h.magic || memcmp(h.magic, SEALED_MAGIC, sizeof h.magic) != 0)
                return SEALED_NOT_SEALED;
        if (n < (ssize_t) sizeof h)
                return SEALED_CUT;
        int r = derive(k->secret, h.ephemeral, &h, k->public, key) == 0 ? 0 : SEALED_NOT_FOR_KEY;
        if (r == 0 && crypto_secretstream_xchacha20poly1305_init_pull(&o->state, h.stream, key) != 0)
                r = SEALED_NOT_FOR_KEY;
        sodium_memzero(key, sizeof key);
        return r;
}

/* *ret_last: nothing may follow. */
static int open_chunk(struct opener *o, size_t size, int out, bool first, bool *ret_last) {
        unsigned long long n = 0;
        uint8_t tag = 0;
        if (size < EXTRA)
                return SEALED_CUT;
        if (crypto_secretstream_xchacha20poly1305_pull(&o->state, o->plain, &n, &tag, o->box, size, NULL, 0) != 0)
                return first ? SEALED_NOT_FOR_KEY : SEALED_DAMAGED;
        if (tag != TAG_MORE && tag != TAG_LAST)
                return SEALED_DAMAGED;
        if (tag == TAG_MORE && size < BOX)
                return SEALED_DAMAGED;
        *ret_last = tag == TAG_LAST;
        return file_write_all(out, o->plain, (size_t) n);
}

int sealed_open(int in, const struct sealed_key *k, int out) {
        CLEANUP(opener_freep) struct opener *o = calloc(1, sizeof *o);
        bool last = false;
        int r = o ? read_head(in, k, o) : -ENOMEM;
        for (bool first = true; r == 0; first = false) {
                ssize_t n = read_full(in, o->box, BOX);
                if (n < 0)
                        return (int) n;
                if (n == 0)
                        return last ? SEALED_OK : SEALED_CUT;
                r = last ? SEALED_DAMAGED : open_chunk(o, (size_t) n, out, first, &last);
        }
        return r;
}
