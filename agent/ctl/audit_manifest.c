/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit_manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>

#include <sekisho/document.h>

#include "audit/chain.h"
#include "audit/export.h"
#include "audit/segments.h"
#include "screen.h"
#include "talk.h"

#define MANIFEST_MAX  (16u * 1024u * 1024u)
#define SIGNATURE_MAX 4096u
#define CHUNK         262144u

static const struct {
        const char *name, *text;
} faults[MANIFEST_FAULT_MAX] = {
        [MANIFEST_OK] = { "none", N_("the files are those that the terminal exported") },
        [MANIFEST_NONE] = { "no-manifest", N_("there is no manifest") },
        [MANIFEST_DAMAGED] = { "damaged", N_("the manifest, or its signature, is damaged or missing") },
        [MANIFEST_DIFFERS] = { "differs", N_("the manifest is not the one that was signed") },
        [MANIFEST_FILE] = { "file", N_("a file is missing, or is not the one that was exported") },
        [MANIFEST_SIGNATURE] = { "signature", N_("the manifest is not signed by this terminal's key") },
};

const char *audit_manifest_fault_text(enum manifest_fault f) {
        return _(faults[f].text);
}

const char *audit_manifest_fault_name(enum manifest_fault f) {
        return faults[f].name;
}

static bool hash_file(int directory, const char *name, long long size, char ret[static 65]) {
        static char bytes[CHUNK];
        CLEANUP(close_p) int fd = segment_open(directory, name);
        crypto_hash_sha256_state state;
        unsigned char digest[crypto_hash_sha256_BYTES];
        long long done = 0;
        ssize_t n = fd < 0 ? -1 : 0;
        (void) crypto_hash_sha256_init(&state);
        while (n >= 0 && (n = read(fd, bytes, sizeof bytes)) > 0) {
                (void) crypto_hash_sha256_update(&state, (const unsigned char *) bytes, (size_t) n);
                done += n;
        }
        (void) crypto_hash_sha256_final(&state, digest);
        (void) sodium_bin2hex(ret, 65, digest, sizeof digest);
        return n == 0 && done == size;
}

/* "agent/audit.jsonl": one of the two parts, and no way out of them. */
static bool is_file_name(const char *s) {
        const char *slash = strchr(s, '/');
        uint32_t number;
        if (!slash || (strncmp(s, "agent/", 6) != 0 && strncmp(s, "otp/", 4) != 0))
                return false;
        return segment_number(slash + 1, &number) || strcmp(slash + 1, AUDIT_FILE) == 0 ||
               strcmp(slash + 1, AUDIT_CLOSED_FILE) == 0;
}

static enum manifest_fault check_files(int directory, const json_t *manifest, char **ret_file) {
        size_t n;
        json_t *row;
        const json_t *files = json_object_get(manifest, "files");
        if (!json_is_array(files) || json_array_size(files) == 0)
                return MANIFEST_DAMAGED;
        json_array_foreach(files, n, row) {
                const char *name = talk_string(row, "file");
                char sha256[65];
                if (!is_file_name(name))
                        return MANIFEST_DAMAGED;
                if (hash_file(directory, name, talk_integer(row, "size"), sha256) &&
                    strcmp(sha256, talk_string(row, "sha256")) == 0)
                        continue;
                *ret_file = strdup(name);
                return MANIFEST_FILE;
        }
        return MANIFEST_OK;
}

enum manifest_fault audit_manifest_check(const char *path, const char *key, char **ret_file) {
        CLEANUP(close_p) int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CLEANUP(document_clear) struct document text = { 0 }, signature = { 0 };
        *ret_file = NULL;
        int r = directory < 0 ? -errno : document_read(directory, EXPORT_MANIFEST, MANIFEST_MAX, &text);
        if (r == DOCUMENT_NOT_FOUND || r == -ENOTDIR) /* a file by itself is no export */
                return MANIFEST_NONE;
        if (r != 0 || document_read(directory, EXPORT_SIGNATURE, SIGNATURE_MAX, &signature) != 0)
                return MANIFEST_DAMAGED;

        CLEANUP(json_decrefp) json_t *manifest = json_loadb(text.bytes, text.size, JSON_REJECT_DUPLICATES, NULL);
        CLEANUP(json_decrefp) json_t *said = json_loadb(signature.bytes, signature.size, JSON_REJECT_DUPLICATES, NULL);
        struct audit_export e;
        if (talk_integer(manifest, "sekisho-export") != 1 || !audit_export_read(said, &e))
                return MANIFEST_DAMAGED;
        char sha256[65];
        chain_hash(text.bytes, text.size, sha256);
        if (strcmp(sha256, e.sha256) != 0)
                return MANIFEST_DIFFERS;
        if (*key && !audit_export_verify(&e, key))
                return MANIFEST_SIGNATURE;
        return check_files(directory, manifest, ret_file);
}
