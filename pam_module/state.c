/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define MAC_SIZE   32u
#define MAC_OFFSET (STATE_SLOT_SIZE - MAC_SIZE)

static const uint8_t magic[8] = "SKSTATE1";

/* ---- little-endian fields, written and read in the same order ---- */

struct cursor {
        uint8_t *p;
};

static void put(struct cursor *c, uint64_t v, unsigned bytes) {
        for (unsigned i = 0; i < bytes; i++)
                *c->p++ = (uint8_t) (v >> (8 * i));
}

static uint64_t get(const uint8_t **p, unsigned bytes) {
        uint64_t v = 0;
        for (unsigned i = 0; i < bytes; i++)
                v |= (uint64_t) * (*p)++ << (8 * i);
        return v;
}

/* Which slot it is belongs to what is authenticated: a copy of one over the other is damage. */
static void mac(const uint8_t *buffer, const uint8_t *key, unsigned index, uint8_t *ret) {
        crypto_generichash_state h;
        const uint8_t place = (uint8_t) index;
        (void) crypto_generichash_init(&h, key, STATE_KEY_SIZE, MAC_SIZE);
        (void) crypto_generichash_update(&h, &place, 1);
        (void) crypto_generichash_update(&h, buffer, MAC_OFFSET);
        (void) crypto_generichash_final(&h, ret, MAC_SIZE);
}

void state_encode(const struct otp_state *s, const uint8_t *key, unsigned index, uint8_t *buffer) {
        memset(buffer, 0, STATE_SLOT_SIZE);
        struct cursor c = { buffer };
        memcpy(c.p, magic, sizeof magic);
        c.p += sizeof magic;
        put(&c, s->sequence, 8);
        memcpy(c.p, s->enrolment, STATE_ID_SIZE);
        c.p += STATE_ID_SIZE;
        put(&c, (uint64_t) s->last_step, 8);
        put(&c, (uint64_t) s->offset, 8);
        put(&c, s->failures, 4);
        put(&c, s->not_before, 8);
        memcpy(c.p, s->boot_id, STATE_ID_SIZE);
        c.p += STATE_ID_SIZE;
        put(&c, s->drift_boot_usec, 8);
        put(&c, s->drift_mark, 8);
        put(&c, s->codes, 4);
        put(&c, s->used_codes, 2);
        put(&c, s->grants, 4);
        put(&c, s->reenrol, 1);
        put(&c, (uint64_t) s->accepted_at, 8);
        mac(buffer, key, index, buffer + MAC_OFFSET);
}

int state_decode(const uint8_t *buffer, const uint8_t *key, unsigned index, struct otp_state *ret) {
        uint8_t expected[MAC_SIZE];
        mac(buffer, key, index, expected);
        if (sodium_memcmp(expected, buffer + MAC_OFFSET, MAC_SIZE) != 0 || memcmp(buffer, magic, sizeof magic) != 0)
                return STATE_DAMAGED;

        const uint8_t *p = buffer + sizeof magic;
        struct otp_state s = { .sequence = get(&p, 8) };
        memcpy(s.enrolment, p, STATE_ID_SIZE);
        p += STATE_ID_SIZE;
        s.last_step = (int64_t) get(&p, 8);
        s.offset = (int64_t) get(&p, 8);
        s.failures = (uint32_t) get(&p, 4);
        s.not_before = get(&p, 8);
        memcpy(s.boot_id, p, STATE_ID_SIZE);
        p += STATE_ID_SIZE;
        s.drift_boot_usec = get(&p, 8);
        s.drift_mark = get(&p, 8);
        s.codes = (uint32_t) get(&p, 4);
        s.used_codes = (uint16_t) get(&p, 2);
        s.grants = (uint32_t) get(&p, 4);
        s.reenrol = get(&p, 1) != 0;
        s.accepted_at = (int64_t) get(&p, 8);
        *ret = s;
        return STATE_OK;
}

int state_choose(const uint8_t *file, size_t size, const uint8_t *key, struct otp_state *ret) {
        if (size != STATE_FILE_SIZE)
                return STATE_DAMAGED;
        struct otp_state slots[2];
        for (unsigned i = 0; i < 2; i++)
                if (state_decode(file + (size_t) i * STATE_SLOT_OFFSET, key, i, &slots[i]) != STATE_OK)
                        return STATE_DAMAGED;
        bool first = slots[0].sequence > slots[1].sequence;
        const struct otp_state *newer = &slots[first ? 0 : 1], *older = &slots[first ? 1 : 0];
        if (newer->sequence != older->sequence + 1 || memcmp(newer->enrolment, older->enrolment, STATE_ID_SIZE) != 0 ||
            newer->sequence % 2 != (first ? 0 : 1))
                return STATE_DAMAGED;
        *ret = *newer;
        return STATE_OK;
}

/* Sequence n lies in slot n % 2. */
int state_create(int dirfd, const char *name, const uint8_t *key, struct otp_state *s) {
        uint8_t file[STATE_FILE_SIZE] = { 0 };
        s->sequence += s->sequence % 2; /* the next even one, and its neighbour */
        state_encode(s, key, 0, file);
        s->sequence++;
        state_encode(s, key, 1, file + STATE_SLOT_OFFSET);
        return file_replace_at(dirfd, name, file, sizeof file, 0600);
}

int state_load(int dirfd, const char *name, const uint8_t *key, int *ret_fd, struct otp_state *ret) {
        CLEANUP(close_p) int fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT || errno == ELOOP ? STATE_DAMAGED : -errno;
        struct stat st;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size != STATE_FILE_SIZE)
                return STATE_DAMAGED;

        uint8_t file[STATE_FILE_SIZE];
        ssize_t n = pread(fd, file, sizeof file, 0);
        if (n < 0)
                return -errno;
        int r = state_choose(file, (size_t) n, key, ret);
        if (r == STATE_OK)
                *ret_fd = TAKE_FD(fd);
        return r;
}

int state_store(int fd, const uint8_t *key, struct otp_state *s) {
        uint8_t slot[STATE_SLOT_SIZE];
        s->sequence++;
        unsigned index = s->sequence % 2;
        state_encode(s, key, index, slot);
        ssize_t n = pwrite(fd, slot, sizeof slot, (off_t) index * STATE_SLOT_OFFSET);
        if (n < 0)
                return -errno;
        if ((size_t) n != sizeof slot)
                return -EIO;
        return fdatasync(fd) < 0 ? -errno : 0;
}
