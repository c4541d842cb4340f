/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vault.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vault_files.h"

#define KEY_FILE   "key"
#define CREDENTIAL "sekisho-otp.key"
#define LOCK_PAUSE 2000000L /* nanoseconds */

/* ---- the key ---- */

static int read_key(int directory, const char *name, const char *source, struct seal *seal) {
        uint8_t key[SEAL_KEY_SIZE + 1];
        ssize_t n = file_read_at(directory, name, key, SEAL_KEY_SIZE);
        if (n == (ssize_t) SEAL_KEY_SIZE)
                seal_add(seal, key, source);
        sodium_memzero(key, sizeof key);
        return n < 0 && n != -ENOENT ? (int) n : n == (ssize_t) SEAL_KEY_SIZE ? 0 : n == -ENOENT ? 1 : -EBADMSG;
}

static bool nobody_enrolled(const struct vault *v) {
        uint64_t first;
        return vault_uids(v, -1, &first, 1) == 0;
}

static int make_key(const struct vault *v, struct seal *seal) {
        uint8_t key[SEAL_KEY_SIZE];
        randombytes_buf(key, sizeof key);
        int r = file_replace_at(v->directory, KEY_FILE, key, sizeof key, 0400);
        if (r == 0)
                seal_add(seal, key, "file");
        sodium_memzero(key, sizeof key);
        return r;
}

/* The credential is this process's own business, not a file of the machine: it is not below the root. */
static int load_keys(struct vault *v) {
        const char *handed = getenv("CREDENTIALS_DIRECTORY");
        CLEANUP(close_p) int credentials = handed ? open(handed, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        if (credentials >= 0) {
                int r = read_key(credentials, CREDENTIAL, "credential", &v->seal);
                if (r < 0)
                        return r;
        }
        int r = read_key(v->directory, KEY_FILE, "file", &v->seal);
        if (r < 0 || v->seal.n > 0)
                return r < 0 ? r : 0;
        /* To make a key now would be to turn every enrolment into rubbish for good. */
        return nobody_enrolled(v) ? make_key(v, &v->seal) : -ENOKEY;
}

/* ---- the vault ---- */

int vault_open(const struct root *root, const char *machine_id, struct vault *ret) {
        struct vault v = { .root = root, .directory = -1, .users = -1, .witness = -1 };
        v.seal.machine_id = machine_id;
        int r = root_mkdirs(root, VAULT_DIRECTORY "/users", 0700);
        if (r < 0 && r != -EROFS)
                return r;
        v.directory = root_openat(root, VAULT_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        v.users = root_openat(root, VAULT_DIRECTORY "/users", O_RDONLY | O_DIRECTORY, 0);
        r = v.directory < 0 ? v.directory : v.users < 0 ? v.users : load_keys(&v);
        if (r == 0) {
                (void) root_mkdirs(root, VAULT_WITNESS, 0700);
                v.witness = root_openat(root, VAULT_WITNESS, O_RDONLY | O_DIRECTORY, 0);
        }
        if (r < 0) {
                vault_close(&v);
                return r;
        }
        *ret = v;
        return 0;
}

void vault_close(struct vault *v) {
        close_p(&v->directory);
        close_p(&v->users);
        close_p(&v->witness);
        v->directory = v->users = v->witness = -1;
        seal_clear(&v->seal);
}

/* ---- one user ---- */

static int take_lock(int directory, int flags) {
        CLEANUP(close_p) int fd = openat(directory, "lock", flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        for (uint64_t waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0;) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return -errno;
                if (waited >= VAULT_LOCK_USEC)
                        return -ETIMEDOUT;
                const struct timespec pause = { .tv_nsec = LOCK_PAUSE };
                (void) nanosleep(&pause, NULL);
                waited += LOCK_PAUSE / 1000;
        }
        return TAKE_FD(fd);
}

static void derive_keys(struct vault_user *u, const struct seal_key *key) {
        seal_derive(key, "state", u->enrolment.id, STATE_ID_SIZE, u->state_key);
        seal_derive(key, "code", u->enrolment.id, STATE_ID_SIZE, u->code_key);
}

static int load_state(struct vault_user *u) {
        int r = state_load(u->directory, VAULT_STATE, u->state_key, &u->state_fd, &u->state);
        if (r < 0)
                return r;
        if (r != STATE_OK || memcmp(u->state.enrolment, u->enrolment.id, STATE_ID_SIZE) != 0)
                return VAULT_DAMAGED;
        struct otp_state seen;
        switch (vault_witness_read(u, &seen)) {
        case 0:
                u->rolled_back = seen.sequence > u->state.sequence;
                return u->rolled_back ? VAULT_DAMAGED : VAULT_OK;
        case 1:
                return VAULT_OK; /* a new boot, or another enrolment */
        default:
                return VAULT_DAMAGED;
        }
}

static int load(struct vault_user *u) {
        int r = vault_unseal(u, VAULT_SECRET, &u->enrolment, &u->key);
        if (r < 0)
                return r;
        if (r == VAULT_SEALED_ABSENT) {
                struct enrolment pending;
                r = vault_read_pending(u, &pending);
                sodium_memzero(&pending, sizeof pending);
                return r == 0 ? VAULT_PENDING : VAULT_DAMAGED;
        }
        if (r != 0 || !totp_valid(&u->enrolment.totp))
                return VAULT_DAMAGED;
        derive_keys(u, u->key);
        return load_state(u);
}

static int user_directory(const struct vault *v, const struct seal_owner *owner) {
        char name[24];
        (void) snprintf(name, sizeof name, "%" PRIu64, owner->uid);
        int fd = openat(v->users, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static struct vault_user blank(const struct vault *v, const struct seal_owner *owner) {
        return (struct vault_user){ .vault = v, .owner = *owner, .directory = -1, .lock = -1, .state_fd = -1 };
}

static int open_user(const struct vault *v, const struct seal_owner *owner, int lock_flags, struct vault_user *ret) {
        struct vault_user u = blank(v, owner);
        u.directory = user_directory(v, owner);
        if (u.directory < 0)
                return u.directory == -ENOENT ? VAULT_UNKNOWN : u.directory;
        u.lock = take_lock(u.directory, lock_flags);
        int r = u.lock >= 0 ? load(&u) : u.lock == -ENOENT ? VAULT_DAMAGED : u.lock;
        if (r < 0) {
                vault_user_close(&u);
                return r;
        }
        *ret = u;
        return r;
}

int vault_user_open(const struct vault *v, const struct seal_owner *owner, struct vault_user *ret) {
        return open_user(v, owner, O_RDONLY, ret);
}

int vault_user_create(const struct vault *v, const struct seal_owner *owner, struct vault_user *ret) {
        char name[24];
        (void) snprintf(name, sizeof name, "%" PRIu64, owner->uid);
        if (mkdirat(v->users, name, 0700) < 0 && errno != EEXIST)
                return -errno;
        return open_user(v, owner, O_RDWR | O_CREAT, ret);
}

void vault_user_close(struct vault_user *u) {
        close_p(&u->state_fd);
        close_p(&u->lock);
        close_p(&u->directory);
        sodium_memzero(u, sizeof *u);
        u->directory = u->lock = u->state_fd = -1;
}

int vault_decoy_open(const struct vault *v, struct vault_user *ret) {
        static const struct seal_owner nobody = { UINT64_MAX, "decoy" };
        struct vault_user u = blank(v, &nobody);
        int r = v->seal.n == 0 ? -ENOKEY : 0;
        if (r == 0 && mkdirat(v->users, "decoy", 0700) < 0 && errno != EEXIST && errno != EROFS)
                r = -errno;
        u.directory = r == 0 ? openat(v->users, "decoy", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (r == 0)
                r = u.directory < 0 ? -errno : 0;
        u.lock = r == 0 ? take_lock(u.directory, O_RDWR | O_CREAT) : -1;
        if (r == 0 && u.lock < 0)
                r = u.lock;
        if (r == 0) {
                derive_keys(&u, &v->seal.keys[0]);
                seal_derive(&v->seal.keys[0], "decoy", NULL, 0, u.enrolment.totp.secret);
                u.enrolment.totp.n_secret = TOTP_SECRET_NEW;
                r = state_load(u.directory, VAULT_STATE, u.state_key, &u.state_fd, &u.state);
                if (r == STATE_DAMAGED) {
                        u.state = (struct otp_state){ 0 };
                        r = state_create(u.directory, VAULT_STATE, u.state_key, &u.state);
                        if (r == 0)
                                r = state_load(u.directory, VAULT_STATE, u.state_key, &u.state_fd, &u.state);
                }
        }
        if (r != 0) {
                vault_user_close(&u);
                return r < 0 ? r : -EIO;
        }
        *ret = u;
        return 0;
}

int vault_store(struct vault_user *u) {
        int r = state_store(u->state_fd, u->state_key, &u->state);
        if (r == 0)
                vault_witness_write(u);
        return r;
}

void vault_code_digest(const struct vault_user *u, const char *code, uint8_t *ret) {
        (void) crypto_generichash(ret, VAULT_CODE_DIGEST, (const uint8_t *) code, strlen(code), u->code_key,
                                  sizeof u->code_key);
}
