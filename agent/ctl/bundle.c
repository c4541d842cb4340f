/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "sealed.h"
#include "sign.h"

#define BLOCK          512u
#define NAME_MAX_BYTES 100u /* of a ustar header */
#define CHUNK          (64u * 1024u)
#define HEX            (2u * crypto_hash_sha256_BYTES + 1u)

struct bundle {
        char *path;            /* as given */
        char *top;             /* folder within the tar file; NULL: no tar file */
        int directory;         /* the folder; -1: a tar file */
        int tar;               /* -1: a folder */
        struct sealer *sealer; /* NULL: the tar file is not sealed */
        int64_t now;
        char *sums; /* text of SHA256SUMS so far */
        size_t sums_size, files;
};

/* ---- ustar ---- */

static int put(const struct bundle *b, const void *bytes, size_t size) {
        return b->sealer ? sealer_write(b->sealer, bytes, size) : file_write_all(b->tar, bytes, size);
}

static void put_octal(char *field, size_t size, uint64_t value) {
        /* Larger than its field: GNU's base 256, which every tar of today reads. */
        if (value >> (3 * (size - 1)) != 0) {
                for (size_t i = size - 1; i > 0; i--, value >>= 8)
                        field[i] = (char) (value & 0xff);
                field[0] = (char) 0x80;
                return;
        }
        (void) snprintf(field, size, "%0*" PRIo64, (int) size - 1, value);
}

static int write_header(const struct bundle *b, const char *name, uint64_t size) {
        char header[BLOCK] = { 0 };
        int n = snprintf(header, NAME_MAX_BYTES, "%s/%s", b->top, name);
        if (n < 0 || (size_t) n >= NAME_MAX_BYTES)
                return -ENAMETOOLONG;
        put_octal(header + 100, 8, 0600);
        put_octal(header + 108, 8, 0);
        put_octal(header + 116, 8, 0);
        put_octal(header + 124, 12, size);
        put_octal(header + 136, 12, (uint64_t) b->now);
        memset(header + 148, ' ', 8);
        header[156] = '0';
        static const char magic[] = { 'u', 's', 't', 'a', 'r', 0, '0', '0' }; /* and version */
        memcpy(header + 257, magic, sizeof magic);
        memcpy(header + 265, "root", 5);
        memcpy(header + 297, "root", 5);
        unsigned sum = 0;
        for (size_t i = 0; i < BLOCK; i++)
                sum += (unsigned char) header[i];
        put_octal(header + 148, 7, sum);
        return put(b, header, BLOCK);
}

/* ---- files ---- */

static bool is_name(const char *name) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
        return *name && *name != '/' && *name != '.' && strspn(name, letters) == strlen(name) && !strstr(name, "..") &&
               !strstr(name, "//") && strlen(name) < NAME_MAX_BYTES;
}

/* Opens name in the folder, with the folders on the way to it. */
static int create_file(const struct bundle *b, const char *name) {
        CLEANUP(free_p) char *path = strdup(name);
        if (!path)
                return -ENOMEM;
        for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdirat(b->directory, path, 0700) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        int fd = openat(b->directory, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        return fd < 0 ? -errno : fd;
}

static int note_sum(struct bundle *b, const char *name, const unsigned char digest[crypto_hash_sha256_BYTES]) {
        char hex[HEX], *text = NULL;
        (void) sodium_bin2hex(hex, sizeof hex, digest, crypto_hash_sha256_BYTES);
        int n = asprintf(&text, "%s%s  %s\n", b->sums ? b->sums : "", hex, name);
        if (n < 0)
                return -ENOMEM;
        free(b->sums);
        b->sums = text;
        b->sums_size = (size_t) n;
        b->files++;
        return 0;
}

/* to: -1: into the tar file. */
static int copy(const struct bundle *b, int from, int to, uint64_t size,
                unsigned char digest[crypto_hash_sha256_BYTES]) {
        CLEANUP(free_p) unsigned char *buffer = malloc(CHUNK);
        crypto_hash_sha256_state state;
        (void) crypto_hash_sha256_init(&state);
        if (!buffer)
                return -ENOMEM;
        for (uint64_t done = 0; done < size;) {
                size_t want = size - done < CHUNK ? (size_t) (size - done) : CHUNK;
                ssize_t n = pread(from, buffer, want, (off_t) done);
                if (n < 0 && errno == EINTR)
                        continue;
                int r = n < 0 ? -errno : n == 0 ? -ENODATA : 0;
                if (r == 0)
                        r = to < 0 ? put(b, buffer, (size_t) n) : file_write_all(to, buffer, (size_t) n);
                if (r < 0)
                        return r;
                (void) crypto_hash_sha256_update(&state, buffer, (size_t) n);
                done += (uint64_t) n;
        }
        (void) crypto_hash_sha256_final(&state, digest);
        return 0;
}

static int pad(const struct bundle *b, uint64_t size) {
        static const char zeros[BLOCK];
        size_t rest = (size_t) (size % BLOCK);
        return rest > 0 ? put(b, zeros, BLOCK - rest) : 0;
}

/* sum: whether it stands in SHA256SUMS. */
static int add(struct bundle *b, const char *name, int fd, uint64_t size, bool sum) {
        unsigned char digest[crypto_hash_sha256_BYTES];
        CLEANUP(close_p) int file = -1;
        int r = is_name(name) ? 0 : -EINVAL;
        if (r == 0 && b->top)
                r = write_header(b, name, size);
        else if (r == 0)
                r = file = create_file(b, name);
        if (r >= 0)
                r = copy(b, fd, file, size, digest);
        if (r == 0 && b->top)
                r = pad(b, size);
        if (r == 0 && file >= 0 && fsync(file) < 0)
                r = -errno;
        return r == 0 && sum ? note_sum(b, name, digest) : r;
}

int bundle_add_fd(struct bundle *b, const char *name, int fd, uint64_t size) {
        return add(b, name, fd, size, true);
}

static int add_bytes(struct bundle *b, const char *name, const void *bytes, size_t size, bool sum) {
        CLEANUP(close_p) int fd = memfd_create("bundle", MFD_CLOEXEC);
        int r = fd < 0 ? -errno : file_write_all(fd, bytes, size);
        return r < 0 ? r : add(b, name, fd, size, sum);
}

int bundle_add(struct bundle *b, const char *name, const void *bytes, size_t size) {
        return add_bytes(b, name, bytes, size, true);
}

FILE *bundle_begin_file(void) {
        return tmpfile();
}

int bundle_end_file(struct bundle *b, const char *name, FILE *f) {
        CLEANUP(fclose_p) FILE *file = f;
        struct stat st;
        if (!f)
                return -ENOMEM;
        if (fflush(file) != 0 || ferror(file) || fstat(fileno(file), &st) < 0)
                return errno ? -errno : -EIO;
        return add(b, name, fileno(file), (uint64_t) st.st_size, true);
}

/* ---- the whole ---- */

static bool ends(const char *text, const char *with) {
        size_t n = strlen(text), m = strlen(with);
        return n > m && strcmp(text + n - m, with) == 0;
}

/* The name of the tar file without what comes behind its first dot, as far as it is fit to be one within it. */
static char *top_of(const char *path) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        char *top = strndup(name, ends(name, ".tar") ? strlen(name) - strlen(".tar") : strcspn(name, "."));
        if (top && (!is_name(top) || strlen(top) > 40)) {
                free(top);
                top = strdup("sekisho-evidence");
        }
        return top;
}

static int create(struct bundle *b) {
        if (b->top) {
                b->tar = open(b->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
                return b->tar < 0 ? -errno : 0;
        }
        if (mkdir(b->path, 0700) < 0)
                return -errno;
        b->directory = open(b->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return b->directory < 0 ? -errno : 0;
}

static enum outcome new (const char *path, int64_t now, bool tar, const struct ssh_key *to, struct bundle **ret) {
        CLEANUP(bundle_freep) struct bundle *b = calloc(1, sizeof *b); int r = b && sodium_init() >= 0 ? 0 : -ENOMEM;
        if (r == 0){ *b = (struct bundle){ .path = strdup(path), .directory = -1, .tar = -1, .now = now };
                     b->top = tar ? top_of(path) : NULL; r = !b->path || (tar && !b->top) ? -ENOMEM : create(b); }
if (r == 0 && to) r = sealer_new(b->tar, to, &b->sealer);
if (r > 0) {
        complain(_("It cannot be sealed to this key: %s."), sealed_fault_text((enum sealed_fault) r));
        return OUTCOME_BAD;
}
if (r < 0) {
        complain("%s: %s", path, strerror(-r));
        return r == -EACCES || r == -EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
}
*ret = TAKE_PTR(b);
return OUTCOME_YES;
}

enum outcome bundle_new(const char *path, int64_t now, struct bundle **ret) {
        return new (path, now, ends(path, ".tar"), NULL, ret);
}

enum outcome bundle_new_tar(const char *path, int64_t now, const struct ssh_key *to, struct bundle **ret) {
        return new (path, now, true, to, ret);
}

struct bundle *bundle_free(struct bundle *b) {
        if (!b)
                return NULL;
        (void) sealer_free(b->sealer);
        close_p(&b->directory);
        close_p(&b->tar);
        free(b->path);
        free(b->top);
        free(b->sums);
        free(b);
        return NULL;
}

size_t bundle_files(const struct bundle *b) {
        return b->files;
}

int bundle_end(struct bundle *b) {
        static const char end[2 * BLOCK];
        int r = b->top ? put(b, end, sizeof end) : 0;
        if (r == 0 && b->sealer)
                r = sealer_end(b->sealer);
        int fd = b->top ? b->tar : b->directory;
        return r == 0 && fsync(fd) < 0 ? -errno : r;
}

enum outcome bundle_seal(struct bundle *b, const char *key, const char *namespace) {
        CLEANUP(free_p) char *signature = NULL;
        int r = add_bytes(b, BUNDLE_SUMS, b->sums, b->sums_size, false);
        if (r == 0 && key) {
                enum outcome outcome = sign_bytes(key, namespace, b->sums, b->sums_size, &signature);
                if (outcome != OUTCOME_YES)
                        return outcome;
                r = add_bytes(b, BUNDLE_SUMS ".sig", signature, strlen(signature), false);
        }
        if (r == 0)
                r = bundle_end(b);
        if (r == 0)
                return OUTCOME_YES;
        complain("%s: %s", b->path, strerror(-r));
        return OUTCOME_BAD;
}
