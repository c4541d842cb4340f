/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trust_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sekisho/document.h>

#include "base/cleanup.h"

#define NAME_MAX_ 48 /* "9007199254740991.yaml.sig" */

static void problems_p(struct problems *p) {
        problems_clear(p);
}

static void closedir_p(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static void name_of(uint64_t version, const char *suffix, char ret[static NAME_MAX_]) {
        (void) snprintf(ret, NAME_MAX_, "%" PRIu64 "%s", version, suffix);
}

/* The version that a name in the directory stands for; 0: none. */
static uint64_t version_of(const char *name) {
        char again[NAME_MAX_], *end;
        uint64_t version = strtoull(name, &end, 10);
        if (version == 0 || strcmp(end, ".yaml") != 0)
                return 0;
        name_of(version, ".yaml", again);
        return strcmp(again, name) == 0 ? version : 0;
}

/* The first and the last of the chain; a terminal that was set up late begins with a later version than 1. */
static int find_ends(int directory, uint64_t *ret_first, uint64_t *ret_last) {
        int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CLEANUP(closedir_p) DIR *d = copy < 0 ? NULL : fdopendir(copy);
        if (!d) {
                int r = -errno;
                if (copy >= 0)
                        (void) close(copy);
                return r;
        }
        uint64_t first = UINT64_MAX, last = 0;
        for (const struct dirent *e; (e = readdir(d));) {
                uint64_t version = version_of(e->d_name);
                if (version == 0)
                        continue;
                first = version < first ? version : first;
                last = version > last ? version : last;
        }
        *ret_first = first;
        *ret_last = last;
        return 0;
}

int stored_trust_new(const char *text, size_t size, struct problems *problems, struct stored_trust *ret) {
        struct trust *trust = NULL;
        int r = trust_parse(text, size, problems, &trust);
        if (r != 0)
                return r;
        char *copy = malloc(size + 1);
        if (!copy) {
                (void) trust_free(trust);
                return -ENOMEM;
        }
        memcpy(copy, text, size);
        copy[size] = 0;
        uint8_t digest[DIGEST_BYTES];
        digest_sha256(text, size, digest);
        *ret = (struct stored_trust){ .trust = trust,
                                      .text = copy,
                                      .size = size,
                                      .reset_version = trust->policy_serial_floor > 0 ? trust->version : 0,
                                      .reset_floor = trust->policy_serial_floor };
        digest_hex(digest, ret->sha256);
        return 0;
}

void stored_trust_inherit(struct stored_trust *next, const struct stored_trust *t) {
        if (next->reset_version > 0)
                return;
        next->reset_version = t->reset_version;
        next->reset_floor = t->reset_floor;
}

void stored_trust_clear(struct stored_trust *t) {
        (void) trust_free(t->trust);
        free(t->text);
        *t = (struct stored_trust){ 0 };
}

/* The next link takes t's place. 0; 1: it does not hold; -ENOMEM. */
static int take_link(int directory, uint64_t version, struct stored_trust *t) {
        CLEANUP(document_clear) struct document text = { 0 }, signatures = { 0 };
        char name[NAME_MAX_], signature_name[NAME_MAX_];
        name_of(version, ".yaml", name);
        name_of(version, ".yaml.sig", signature_name);
        int r = document_read(directory, name, DOCUMENT_MAX, &text);
        if (r == 0)
                r = document_read(directory, signature_name, TRUST_SIGNATURE_MAX, &signatures);
        if (r != 0)
                return r == -ENOMEM ? r : 1;

        CLEANUP(problems_p) struct problems problems = { 0 };
        CLEANUP(stored_trust_clear) struct stored_trust next = { 0 };
        struct trust_check c;
        r = stored_trust_new(text.bytes, text.size, &problems, &next);
        if (r != 0)
                return r;
        if (next.trust->version != version || trust_step(t->trust, next.trust, text.bytes, text.size, signatures.bytes,
                                                         signatures.size, &c) != TRUST_STEP_OK)
                return 1;
        stored_trust_inherit(&next, t);
        stored_trust_clear(t);
        *t = next;
        next = (struct stored_trust){ 0 };
        return 0;
}

/* The copy is what people and the verifier of second factors read. Best effort: the next start tries again. */
static void mend_copy(const struct store *s, const struct stored_trust *t) {
        CLEANUP(document_clear) struct document d = { 0 };
        if (!t->trust) {
                (void) unlinkat(s->directory, TRUST_COPY, 0);
                return;
        }
        if (document_read(s->directory, TRUST_COPY, DOCUMENT_MAX, &d) == 0 && d.size == t->size &&
            memcmp(d.bytes, t->text, t->size) == 0)
                return;
        (void) file_replace_at(s->directory, TRUST_COPY, t->text, t->size, 0640);
}

/* The chain up to a version. 0 or -ENOMEM. */
static int walk(const struct store *s, uint64_t until, struct stored_trust *ret) {
        CLEANUP(stored_trust_clear) struct stored_trust t = { 0 };
        CLEANUP(close_p) int directory = root_openat(s->root, TRUST_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        uint64_t first = 0, last = 0;
        int r = directory < 0 ? 0 : find_ends(directory, &first, &last);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                t.damaged = 1;
        for (uint64_t v = first; last > 0 && v <= last && v <= until && t.damaged == 0; v++) {
                r = v - first < TRUST_VERSIONS_MAX ? take_link(directory, v, &t) : 1;
                if (r < 0)
                        return r;
                if (r > 0)
                        t.damaged = v;
        }
        *ret = t;
        t = (struct stored_trust){ 0 };
        return 0;
}

int trust_store_load(const struct store *s, struct stored_trust *ret) {
        int r = walk(s, UINT64_MAX, ret);
        if (r == 0)
                mend_copy(s, ret);
        return r;
}

int trust_store_verify(const struct store *s, uint64_t version, const char *text, size_t size, const char *signatures,
                       size_t signatures_size) {
        CLEANUP(stored_trust_clear) struct stored_trust t = { 0 };
        struct trust_check c;
        int r = walk(s, version, &t);
        if (r < 0)
                return r;
        return t.trust && t.trust->version == version ? trust_check(t.trust, TRUST_ROLE_POLICY, POLICY_NAMESPACE, text,
                                                                    size, signatures, signatures_size, &c)
                                                      : 1;
}

int trust_store_commit(const struct store *s, uint64_t version, const char *text, size_t size, const char *signatures,
                       size_t signatures_size) {
        int r = root_mkdirs(s->root, TRUST_DIRECTORY, 0750);
        CLEANUP(close_p) int directory = r < 0 ? r : root_openat(s->root, TRUST_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        if (directory < 0)
                return directory;
        char name[NAME_MAX_], signature_name[NAME_MAX_];
        name_of(version, ".yaml", name);
        name_of(version, ".yaml.sig", signature_name);
        /* The directory may be new: its own name must last too. */
        if (fsync(s->directory) < 0)
                return -errno;
        r = file_replace_at(directory, signature_name, signatures, signatures_size, 0640);
        if (r == 0)
                r = file_replace_at(directory, name, text, size, 0640);
        if (r < 0)
                return r;
        /* It is in force now, whatever becomes of the copy. */
        (void) file_replace_at(s->directory, TRUST_COPY, text, size, 0640);
        return 0;
}
