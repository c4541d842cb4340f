/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vault_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT     1u
#define PLAIN_SIZE 512u

/* ---- an enrolment as bytes ---- */

static void pack(const struct enrolment *e, uint8_t *ret) {
        memset(ret, 0, PLAIN_SIZE);
        uint8_t *p = ret;
        *p++ = FORMAT;
        *p++ = e->totp.n_secret;
        *p++ = e->totp.digits;
        *p++ = e->totp.algorithm;
        for (unsigned i = 0; i < 4; i++)
                *p++ = (uint8_t) (e->totp.period >> (8 * i));
        for (unsigned i = 0; i < 8; i++)
                *p++ = (uint8_t) ((uint64_t) e->created >> (8 * i));
        for (unsigned i = 0; i < 4; i++)
                *p++ = (uint8_t) (e->codes >> (8 * i));
        memcpy(p, e->totp.secret, TOTP_SECRET_MAX);
        memcpy(p + TOTP_SECRET_MAX, e->digests, sizeof e->digests);
}

static int unpack(const uint8_t *p, struct enrolment *ret) {
        struct enrolment e = { 0 };
        if (*p++ != FORMAT)
                return VAULT_SEALED_DAMAGED;
        e.totp.n_secret = *p++;
        e.totp.digits = *p++;
        e.totp.algorithm = *p++;
        for (unsigned i = 0; i < 4; i++)
                e.totp.period |= (uint32_t) *p++ << (8 * i);
        uint64_t created = 0;
        for (unsigned i = 0; i < 8; i++)
                created |= (uint64_t) *p++ << (8 * i);
        e.created = (int64_t) created;
        for (unsigned i = 0; i < 4; i++)
                e.codes |= (uint32_t) *p++ << (8 * i);
        memcpy(e.totp.secret, p, TOTP_SECRET_MAX);
        memcpy(e.digests, p + TOTP_SECRET_MAX, sizeof e.digests);
        *ret = e;
        sodium_memzero(&e, sizeof e);
        return totp_valid(&ret->totp) ? 0 : VAULT_SEALED_DAMAGED;
}

static ssize_t read_small(int directory, const char *name, uint8_t *buffer, size_t cap) {
        CLEANUP(close_p) int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        ssize_t n = pread(fd, buffer, cap, 0);
        return n < 0 ? -errno : n;
}

int vault_unseal(const struct vault_user *u, const char *name, struct enrolment *ret, const struct seal_key **ret_key) {
        uint8_t sealed[PLAIN_SIZE + SEAL_OVERHEAD + 1], plain[PLAIN_SIZE + 1], id[STATE_ID_SIZE];
        ssize_t n = read_small(u->directory, name, sealed, sizeof sealed);
        if (n == -ENOENT)
                return VAULT_SEALED_ABSENT;
        if (n != (ssize_t) (PLAIN_SIZE + SEAL_OVERHEAD))
                return n < 0 && n != -EINVAL && n != -ELOOP ? (int) n : VAULT_SEALED_DAMAGED;
        const struct seal_key *key = NULL;
        if (seal_open(&u->vault->seal, &u->owner, sealed, (size_t) n, plain, id, &key) != 0)
                return VAULT_SEALED_DAMAGED;
        int r = unpack(plain, ret);
        memcpy(ret->id, id, sizeof id);
        sodium_memzero(plain, sizeof plain);
        if (r == 0 && ret_key)
                *ret_key = key;
        return r;
}

static int write_sealed(const struct vault_user *u, const char *name, const struct enrolment *e,
                        const struct seal_key *key) {
        uint8_t plain[PLAIN_SIZE], sealed[PLAIN_SIZE + SEAL_OVERHEAD];
        pack(e, plain);
        int r = seal_close(&u->vault->seal, key, &u->owner, e->id, plain, sizeof plain, sealed);
        sodium_memzero(plain, sizeof plain);
        return r < 0 ? r : file_replace_at(u->directory, name, sealed, sizeof sealed, 0600);
}

int vault_write_pending(struct vault_user *u, struct enrolment *e) {
        randombytes_buf(e->id, sizeof e->id);
        return write_sealed(u, VAULT_PENDING_FILE, e, NULL);
}

int vault_read_pending(const struct vault_user *u, struct enrolment *ret) {
        return vault_unseal(u, VAULT_PENDING_FILE, ret, NULL) == 0 ? 0 : 1;
}

int vault_drop_pending(const struct vault_user *u) {
        return unlinkat(u->directory, VAULT_PENDING_FILE, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* The state first: a power cut between the two leaves a secret whose state is not its own, which denies; the other way
 * round a new secret would meet an old state, which denies as well, but the old secret would be gone. */
int vault_write_enrolment(struct vault_user *u, struct enrolment *e, const struct otp_state *first) {
        randombytes_buf(e->id, sizeof e->id);
        struct otp_state s = *first;
        memcpy(s.enrolment, e->id, sizeof s.enrolment);
        uint8_t key[STATE_KEY_SIZE];
        if (u->vault->seal.n == 0)
                return -ENOKEY;
        seal_derive(&u->vault->seal.keys[0], "state", e->id, STATE_ID_SIZE, key);
        vault_witness_drop(u);
        int r = state_create(u->directory, VAULT_STATE, key, &s);
        sodium_memzero(key, sizeof key);
        return r < 0 ? r : write_sealed(u, VAULT_SECRET, e, NULL);
}

int vault_rewrite(struct vault_user *u, const struct enrolment *e) {
        return write_sealed(u, VAULT_SECRET, e, u->key); /* the keys of its state are derived from the same one */
}

int vault_repair(struct vault_user *u, int64_t last_step) {
        struct otp_state seen = { 0 };
        if (vault_witness_read(u, &seen) != 0)
                seen = (struct otp_state){ 0 };
        struct otp_state s = { .sequence = (u->state.sequence > seen.sequence ? u->state.sequence : seen.sequence) + 2,
                               .last_step = last_step > seen.last_step ? last_step : seen.last_step,
                               .codes = u->enrolment.codes,
                               .used_codes = UINT16_MAX, /* which of them were used nobody knows any more */
                               .grants = u->state.grants + seen.grants + 1 };
        memcpy(s.enrolment, u->enrolment.id, sizeof s.enrolment);
        close_p(&u->state_fd);
        u->state_fd = -1;
        int r = state_create(u->directory, VAULT_STATE, u->state_key, &s);
        if (r < 0)
                return r;
        vault_witness_drop(u);
        r = state_load(u->directory, VAULT_STATE, u->state_key, &u->state_fd, &u->state);
        return r > 0 ? -EIO : r;
}

int vault_remove(struct vault_user *u) {
        /* The secret first: what is left after a power cut denies. */
        static const char *const names[] = { VAULT_SECRET, VAULT_PENDING_FILE, VAULT_STATE, VAULT_GRANT, "lock" };
        vault_witness_drop(u);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (unlinkat(u->directory, names[i], 0) < 0 && errno != ENOENT)
                        return -errno;
        char name[24];
        (void) snprintf(name, sizeof name, "%" PRIu64, u->owner.uid);
        return unlinkat(u->vault->users, name, AT_REMOVEDIR) < 0 ? -errno : fsync(u->vault->users) < 0 ? -errno : 0;
}

/* ---- the witness ---- */

static void witness_name(const struct vault_user *u, char *ret, size_t size) {
        (void) snprintf(ret, size, "%" PRIu64, u->owner.uid);
}

int vault_witness_read(const struct vault_user *u, struct otp_state *ret) {
        char name[24];
        uint8_t slot[STATE_SLOT_SIZE + 1];
        witness_name(u, name, sizeof name);
        ssize_t n = u->vault->witness < 0 ? 0 : read_small(u->vault->witness, name, slot, sizeof slot);
        if (n == 0 || n == -ENOENT)
                return 1;
        struct otp_state s;
        if (n != (ssize_t) STATE_SLOT_SIZE || state_decode(slot, u->state_key, 2, &s) != STATE_OK)
                return 2;
        if (memcmp(s.enrolment, u->enrolment.id, STATE_ID_SIZE) != 0)
                return 1;
        *ret = s;
        return 0;
}

void vault_witness_write(const struct vault_user *u) {
        char name[24];
        uint8_t slot[STATE_SLOT_SIZE];
        witness_name(u, name, sizeof name);
        if (u->vault->witness < 0)
                return;
        CLEANUP(close_p)
        int fd = openat(u->vault->witness, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        state_encode(&u->state, u->state_key, 2, slot);
        /* Half a witness would deny; none is what a new boot has. */
        if (fd >= 0 && pwrite(fd, slot, sizeof slot, 0) != (ssize_t) sizeof slot && ftruncate(fd, 0) < 0)
                vault_witness_drop(u);
}

void vault_witness_drop(const struct vault_user *u) {
        char name[24];
        witness_name(u, name, sizeof name);
        if (u->vault->witness >= 0)
                (void) unlinkat(u->vault->witness, name, 0);
}

/* ---- grants ---- */

int vault_write_grant(const struct vault_user *u, const struct armed_grant *g) {
        uint8_t sealed[sizeof *g + SEAL_OVERHEAD];
        int r = seal_close(&u->vault->seal, u->key, &u->owner, u->enrolment.id, g, sizeof *g, sealed);
        return r < 0 ? r : file_replace_at(u->directory, VAULT_GRANT, sealed, sizeof sealed, 0600);
}

int vault_read_grant(const struct vault_user *u, struct armed_grant *ret) {
        uint8_t sealed[sizeof *ret + SEAL_OVERHEAD + 1], id[STATE_ID_SIZE];
        const struct seal_key *key;
        ssize_t n = read_small(u->directory, VAULT_GRANT, sealed, sizeof sealed);
        if (n != (ssize_t) (sizeof *ret + SEAL_OVERHEAD) ||
            seal_open(&u->vault->seal, &u->owner, sealed, (size_t) n, ret, id, &key) != 0)
                return 1;
        return memcmp(id, u->enrolment.id, sizeof id) == 0 && memchr(ret->nonce, '\0', sizeof ret->nonce) ? 0 : 1;
}

void vault_drop_grant(const struct vault_user *u) {
        (void) unlinkat(u->directory, VAULT_GRANT, 0);
}

/* ---- the list ---- */

struct uids {
        uint64_t *list;
        size_t n, allocated;
};

static int add_uid(struct uids *u, uint64_t uid) {
        if (u->n == u->allocated) {
                size_t more = u->allocated ? 2 * u->allocated : 256;
                uint64_t *grown = reallocarray(u->list, more, sizeof *grown);
                if (!grown)
                        return -ENOMEM;
                u->list = grown;
                u->allocated = more;
        }
        u->list[u->n++] = uid;
        return 0;
}

static int by_number(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
        return (x > y) - (x < y);
}

static int collect(const struct vault *v, int64_t after, struct uids *ret) {
        int fd = openat(v->users, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                int r = -errno;
                close_p(&fd);
                return r;
        }
        int r = 0;
        for (const struct dirent *e; r == 0 && (e = readdir(d));) {
                char *end = NULL;
                unsigned long long uid = strtoull(e->d_name, &end, 10);
                if (*e->d_name < '0' || *e->d_name > '9' || *end || (after >= 0 && uid <= (unsigned long long) after))
                        continue;
                r = add_uid(ret, uid);
        }
        (void) closedir(d);
        return r;
}

ssize_t vault_uids(const struct vault *v, int64_t after, uint64_t *ret, size_t max) {
        struct uids u = { 0 };
        int r = collect(v, after, &u);
        if (r == 0 && u.n > 0)
                qsort(u.list, u.n, sizeof *u.list, by_number);
        size_t n = u.n < max ? u.n : max;
        if (r == 0 && n > 0)
                memcpy(ret, u.list, n * sizeof *ret);
        free(u.list);
        return r < 0 ? r : (ssize_t) n;
}

size_t vault_count(const struct vault *v) {
        struct uids u = { 0 };
        (void) collect(v, -1, &u);
        free(u.list);
        return u.n;
}
