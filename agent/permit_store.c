/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "permit_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sekisho/document.h>

#include "base/cleanup.h"
#include "permit_life.h"

#define NAME_MAX_ 80 /* an id of 64 characters and ".yaml.sig" */

static const char *const state_names[PERMIT_STATE_MAX] = {
        [PERMIT_SEALED] = "sealed", [PERMIT_READY] = "ready",   [PERMIT_LIVE] = "live",
        [PERMIT_USED] = "used",     [PERMIT_CLOSED] = "closed", [PERMIT_LAPSED] = "lapsed",
};
static const char *const end_names[PERMIT_END_MAX] = {
        [PERMIT_END_NONE] = "",         [PERMIT_END_DURATION] = "duration",   [PERMIT_END_EXPIRED] = "expired",
        [PERMIT_END_REBOOT] = "reboot", [PERMIT_END_BYTES] = "max-bytes",     [PERMIT_END_REVOKED] = "revoked",
        [PERMIT_END_TRIES] = "tries",   [PERMIT_END_WITHDRAWN] = "withdrawn",
};

const char *permit_state_name(enum permit_state s) {
        return (unsigned) s < PERMIT_STATE_MAX ? state_names[s] : NULL;
}

const char *permit_end_name(enum permit_end e) {
        return (unsigned) e < PERMIT_END_MAX ? end_names[e] : NULL;
}

static void problems_p(struct problems *p) {
        problems_clear(p);
}

static void closedir_p(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static void name_of(const char *id, const char *suffix, char ret[static NAME_MAX_]) {
        (void) snprintf(ret, NAME_MAX_, "%.64s%s", id, suffix);
}

/* ---- one of them ---- */

static char *copy_of(const char *bytes, size_t size) {
        char *copy = malloc(size + 1);
        if (copy) {
                memcpy(copy, bytes, size);
                copy[size] = 0;
        }
        return copy;
}

struct stored_permit *stored_permit_free(struct stored_permit *p) {
        if (!p)
                return NULL;
        (void) permit_free(p->permit);
        free(p->text);
        free(p->signatures);
        free(p);
        return NULL;
}
DEFINE_FREEP(struct stored_permit, stored_permit_free)

int stored_permit_new(struct permit *permit, const char *text, size_t size, const char *signatures,
                      size_t signatures_size, struct stored_permit **ret) {
        struct stored_permit *p = calloc(1, sizeof *p);
        if (!p) {
                (void) permit_free(permit);
                return -ENOMEM;
        }
        uint8_t digest[DIGEST_BYTES];
        digest_sha256(text, size, digest);
        digest_hex(digest, p->sha256);
        p->permit = permit;
        p->text = copy_of(text, size);
        p->signatures = copy_of(signatures, signatures_size);
        p->size = size;
        p->signatures_size = signatures_size;
        if (!p->text || !p->signatures) {
                (void) stored_permit_free(p);
                return -ENOMEM;
        }
        *ret = p;
        return 0;
}

static int append(struct permit_store *s, struct stored_permit *p) {
        struct stored_permit **list = reallocarray(s->list, s->n + 1, sizeof *list);
        if (!list)
                return -ENOMEM;
        s->list = list;
        s->list[s->n++] = p;
        return 0;
}

/* ---- reading ---- */

/* 0; 1: not what was accepted; -ENOMEM. */
static int read_one(int directory, const char *id, struct stored_permit **ret) {
        CLEANUP(document_clear) struct document text = { 0 }, signatures = { 0 }, life = { 0 };
        char name[NAME_MAX_];
        name_of(id, ".json", name);
        int r = document_read(directory, name, PERMIT_LIFE_FILE_MAX, &life);
        name_of(id, ".yaml", name);
        if (r == 0)
                r = document_read(directory, name, PERMIT_SIZE_MAX, &text);
        name_of(id, ".yaml.sig", name);
        if (r == 0)
                r = document_read(directory, name, PERMIT_SIGNATURE_MAX, &signatures);
        if (r != 0)
                return r == -ENOMEM ? r : 1;

        CLEANUP(problems_p) struct problems problems = { 0 };
        struct permit *permit = NULL;
        r = permit_parse(text.bytes, text.size, &problems, &permit);
        if (r != 0)
                return r;
        CLEANUP(stored_permit_freep) struct stored_permit *p = NULL;
        r = stored_permit_new(permit, text.bytes, text.size, signatures.bytes, signatures.size, &p);
        if (r < 0)
                return r;
        if (strcmp(p->permit->id, id) != 0 || permit_life_read(life.bytes, life.size, p->sha256, &p->life) != 0)
                return 1;
        *ret = TAKE_PTR(p);
        return 0;
}

static int load_name(struct permit_store *s, const char *name) {
        size_t n = strlen(name);
        char id[65];
        if (name[0] == '.' || n <= 5 || n > 5 + 64 || strcmp(name + n - 5, ".json") != 0)
                return 0;
        memcpy(id, name, n - 5);
        id[n - 5] = 0;
        struct stored_permit *p = NULL;
        int r = read_one(s->directory, id, &p);
        if (r > 0) {
                s->damaged++;
                (void) snprintf(s->damaged_name, sizeof s->damaged_name, "%.60s", id);
                return 0;
        }
        if (r == 0)
                r = append(s, p);
        if (r < 0)
                (void) stored_permit_free(p);
        return r;
}

static int by_installation(const void *a, const void *b) {
        const struct stored_permit *x = *(struct stored_permit *const *) a, *y = *(struct stored_permit *const *) b;
        if (x->life.installed != y->life.installed)
                return x->life.installed < y->life.installed ? -1 : 1;
        return strcmp(x->permit->id, y->permit->id);
}

static int load_names(struct permit_store *s) {
        int copy = openat(s->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CLEANUP(closedir_p) DIR *d = copy < 0 ? NULL : fdopendir(copy);
        if (!d) {
                int r = -errno;
                if (copy >= 0)
                        (void) close(copy);
                return r;
        }
        int r = 0;
        for (const struct dirent *e; r == 0 && (e = readdir(d));)
                r = load_name(s, e->d_name);
        return r;
}

int permit_store_load(const struct root *root, struct permit_store *ret) {
        struct permit_store s = { .root = root,
                                  .directory = root_openat(root, PERMIT_DIRECTORY, O_RDONLY | O_DIRECTORY, 0) };
        if (s.directory < 0) {
                int error = s.directory;
                s.directory = -1;
                *ret = s;
                return error == -ENOENT ? 0 : error;
        }
        int r = load_names(&s);
        if (r < 0) {
                permit_store_clear(&s);
                s.root = root;
                *ret = s;
                return r;
        }
        if (s.n > 1)
                qsort(s.list, s.n, sizeof *s.list, by_installation);
        *ret = s;
        return 0;
}

void permit_store_clear(struct permit_store *s) {
        for (size_t i = 0; i < s->n; i++)
                (void) stored_permit_free(s->list[i]);
        free(s->list);
        close_p(&s->directory);
        *s = (struct permit_store){ .directory = -1 };
}

struct stored_permit *permit_store_find(const struct permit_store *s, const char *id) {
        for (size_t i = 0; i < s->n; i++)
                if (strcmp(s->list[i]->permit->id, id) == 0)
                        return s->list[i];
        return NULL;
}

bool permit_store_knows(const struct permit_store *s, const char *id) {
        char name[NAME_MAX_];
        name_of(id, ".json", name);
        return permit_store_find(s, id) ||
               (s->directory >= 0 &&
                (faccessat(s->directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT));
}

/* ---- writing ---- */

static int write_life(const struct permit_store *s, const struct stored_permit *p, const struct permit_life *life) {
        char name[NAME_MAX_];
        CLEANUP(free_p) char *text = permit_life_write(p->sha256, life);
        name_of(p->permit->id, ".json", name);
        return text ? file_replace_at(s->directory, name, text, strlen(text), 0640) : -ENOMEM;
}

/* The directory's own name must last before anything in it does. */
static int make_directory(struct permit_store *s) {
        if (s->directory >= 0)
                return 0;
        int r = root_mkdirs(s->root, PERMIT_DIRECTORY, 0750);
        CLEANUP(close_p) int parent = r < 0 ? r : root_openat(s->root, "var/lib/sekisho", O_RDONLY | O_DIRECTORY, 0);
        CLEANUP(close_p)
        int fd = parent < 0 ? parent : root_openat(s->root, PERMIT_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return fd;
        if (fsync(parent) < 0)
                return -errno;
        s->directory = TAKE_FD(fd);
        return 0;
}

int permit_store_add(struct permit_store *s, struct stored_permit *p) {
        char name[NAME_MAX_];
        int r = make_directory(s);
        if (r < 0)
                return r;
        /* Room first: what is committed must not be missing from the list. */
        r = append(s, p);
        if (r < 0)
                return r;
        name_of(p->permit->id, ".yaml.sig", name);
        r = file_replace_at(s->directory, name, p->signatures, p->signatures_size, 0640);
        name_of(p->permit->id, ".yaml", name);
        if (r == 0)
                r = file_replace_at(s->directory, name, p->text, p->size, 0640);
        if (r == 0)
                r = write_life(s, p, &p->life);
        if (r < 0)
                s->n--;
        return r;
}

int permit_store_step(struct permit_store *s, struct stored_permit *p, const struct permit_life *next) {
        int r = write_life(s, p, next);
        if (r < 0)
                return r;
        p->life = *next;
        p->dirty = false;
        return 0;
}
