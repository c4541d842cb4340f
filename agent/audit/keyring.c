/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define HEADER   "sekisho-record-key 1\n"
#define FILE_MAX 256u
#define SEED     crypto_sign_SEEDBYTES

/* One page of its own. */
struct secrets {
        uint8_t seed[SEED], next[SEED];
        uint8_t key[crypto_sign_SECRETKEYBYTES];
        char file[FILE_MAX + 1];
};

struct keyring {
        int directory;
        struct secrets *secrets;
        size_t page;
        char public[ANCHOR_HEX_SIZE], pending[ANCHOR_HEX_SIZE];
};

DEFINE_FREEP(struct keyring, keyring_free)

struct keyring *keyring_free(struct keyring *k) {
        if (!k)
                return NULL;
        if (k->secrets) {
                sodium_memzero(k->secrets, sizeof *k->secrets);
                (void) munmap(k->secrets, k->page);
        }
        close_p(&k->directory);
        free(k);
        return NULL;
}

/* A worker that is forked gets an empty page, a core file none; that it cannot be locked in memory is no reason to be
 * without anchors. */
static int new_keyring(struct keyring **ret) {
        CLEANUP(keyring_freep) struct keyring *k = calloc(1, sizeof *k);
        if (!k)
                return -ENOMEM;
        k->directory = -1;
        k->page = (size_t) sysconf(_SC_PAGESIZE);
        void *page = mmap(NULL, k->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
                return -errno;
        k->secrets = page;
        if (madvise(page, k->page, MADV_WIPEONFORK) < 0)
                return -errno;
        (void) madvise(page, k->page, MADV_DONTDUMP);
        (void) mlock(page, k->page);
        *ret = TAKE_PTR(k);
        return 0;
}

static void public_of(const uint8_t *seed, uint8_t *ret_secret, char ret[static ANCHOR_HEX_SIZE]) {
        uint8_t key[crypto_sign_PUBLICKEYBYTES];
        (void) crypto_sign_seed_keypair(key, ret_secret, seed);
        (void) sodium_bin2hex(ret, ANCHOR_HEX_SIZE, key, sizeof key);
}

static void derive(struct keyring *k, bool has_next) {
        uint8_t *scratch = k->secrets->key;
        k->pending[0] = '\0';
        if (has_next)
                public_of(k->secrets->next, scratch, k->pending);
        public_of(k->secrets->seed, scratch, k->public);
}

/* ---- the file ---- */

/* The blocks of the file that is replaced are written over: best effort, a disk may have moved them. */
static void overwrite(int fd) {
        static const char zeros[FILE_MAX];
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > (off_t) sizeof zeros)
                return;
        if (pwrite(fd, zeros, (size_t) st.st_size, 0) == st.st_size)
                (void) fdatasync(fd);
}

static int write_file(struct keyring *k, bool with_next) {
        char *text = k->secrets->file, hex[SEED * 2 + 1];
        (void) sodium_bin2hex(hex, sizeof hex, k->secrets->seed, SEED);
        int n = snprintf(text, FILE_MAX, HEADER "current %s\n", hex);
        if (with_next) {
                (void) sodium_bin2hex(hex, sizeof hex, k->secrets->next, SEED);
                n += snprintf(text + n, FILE_MAX - (size_t) n, "next %s\n", hex);
        }
        sodium_memzero(hex, sizeof hex);
        CLEANUP(close_p) int old = openat(k->directory, KEYRING_FILE, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        int r = file_replace_at(k->directory, KEYRING_FILE, text, (size_t) n, 0600);
        if (r == 0)
                overwrite(old);
        sodium_memzero(text, sizeof k->secrets->file);
        return r;
}

static bool take(const char **cursor, const char *word, uint8_t *ret) {
        size_t n = strlen(word), got = 0;
        if (strncmp(*cursor, word, n) != 0)
                return false;
        const char *hex = *cursor + n;
        if (strspn(hex, "0123456789abcdef") != SEED * 2 || hex[SEED * 2] != '\n' ||
            sodium_hex2bin(ret, SEED, hex, SEED * 2, NULL, &got, NULL) != 0)
                return false;
        *cursor = hex + SEED * 2 + 1;
        return true;
}

static int parse(struct keyring *k) {
        const char *cursor = k->secrets->file;
        if (strncmp(cursor, HEADER, strlen(HEADER)) != 0)
                return -EBADMSG;
        cursor += strlen(HEADER);
        if (!take(&cursor, "current ", k->secrets->seed))
                return -EBADMSG;
        bool has_next = *cursor && take(&cursor, "next ", k->secrets->next);
        if (*cursor)
                return -EBADMSG;
        derive(k, has_next);
        return 0;
}

static int check(int fd, mode_t forbidden) {
        struct stat st;
        if (fstat(fd, &st) < 0)
                return -errno;
        return st.st_uid == geteuid() && !(st.st_mode & forbidden) ? 0 : -EPERM;
}

static int read_file(struct keyring *k) {
        CLEANUP(close_p)
        int fd = openat(k->directory, KEYRING_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
                return -EPERM;
        int r = check(fd, 0077);
        if (r < 0)
                return r;
        ssize_t n = file_read_at(k->directory, KEYRING_FILE, k->secrets->file, FILE_MAX);
        if (n < 0)
                return n == -EFBIG ? -EBADMSG : (int) n;
        r = (size_t) n == strlen(k->secrets->file) ? parse(k) : -EBADMSG;
        sodium_memzero(k->secrets->file, sizeof k->secrets->file);
        return r;
}

int keyring_open(const struct root *root, const char *directory, struct keyring **ret, bool *ret_fresh) {
        if (sodium_init() < 0)
                return -EIO;
        CLEANUP(keyring_freep) struct keyring *k = NULL;
        int r = new_keyring(&k);
        if (r < 0 || !k)
                return r;
        r = root_mkdirs(root, directory, 0700);
        if (r < 0)
                return r;
        k->directory = root_openat(root, directory, O_RDONLY | O_DIRECTORY, 0);
        if (k->directory < 0)
                return k->directory;
        r = check(k->directory, 0022);
        if (r == 0)
                r = read_file(k);
        bool fresh =
                r == -ENOENT || r == -EBADMSG; /* what is damaged signs nothing; the log shows that one is missing */
        if (fresh) {
                randombytes_buf(k->secrets->seed, SEED);
                derive(k, false);
                r = write_file(k, false);
        }
        if (r < 0)
                return r;
        *ret_fresh = fresh;
        *ret = TAKE_PTR(k);
        return 0;
}

/* ---- succession ---- */

int keyring_prepare(struct keyring *k) {
        randombytes_buf(k->secrets->next, SEED);
        derive(k, true);
        int r = write_file(k, true);
        if (r < 0)
                keyring_drop_pending(k);
        return r;
}

int keyring_advance(struct keyring *k) {
        memcpy(k->secrets->seed, k->secrets->next, SEED);
        keyring_drop_pending(k);
        derive(k, false);
        return write_file(k, false);
}

void keyring_drop_pending(struct keyring *k) {
        sodium_memzero(k->secrets->next, SEED);
        k->pending[0] = '\0';
}

const char *keyring_public(const struct keyring *k) {
        return k->public;
}

const char *keyring_pending(const struct keyring *k) {
        return k->pending;
}

const uint8_t *keyring_secret(const struct keyring *k) {
        return k->secrets->key;
}
