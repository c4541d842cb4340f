/* SPDX-License-Identifier: GPL-2.0-or-later */
/* audit export: the machine's record in a directory of its own, or in one file that may be sealed, with a manifest that
 * the terminal has signed. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "audit/export.h"
#include "audit_files.h"
#include "auditor_key.h"
#include "bundle.h"
#include "options.h"
#include "record.h"
#include "screen.h"
#include "talk.h"

#define CHUNK 262144u

struct exporting {
        const struct invocation *invocation;
        struct audit_files files;
        int directory;         /* that is being made; -1: */
        struct bundle *bundle; /* one file */
        json_t *list;          /* of the manifest */
        bool whole;
        uint64_t done, total;
};

static void exporting_clear(struct exporting *e) {
        audit_files_clear(&e->files);
        json_decref(e->list);
        (void) bundle_free(e->bundle);
        close_p(&e->directory);
}

static enum outcome cannot_write(const char *name, int r) {
        complain(_("%s cannot be written: %s."), name, strerror(-r));
        return r == -EACCES || r == -EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
}

/* As many bytes as there were when it was looked at, and of those the whole lines: the agent goes on writing. */
static uint64_t whole_lines(int fd, uint64_t size) {
        static char bytes[CHUNK];
        uint64_t n = size < sizeof bytes ? size : sizeof bytes;
        if (pread(fd, bytes, n, (off_t) (size - n)) != (ssize_t) n)
                return size;
        const char *last = memrchr(bytes, '\n', n);
        return last ? size - n + (uint64_t) (last - bytes) + 1 : size;
}

static int copy(struct exporting *e, int from, uint64_t size, int to, char ret_sha256[static 65]) {
        static char bytes[CHUNK];
        crypto_hash_sha256_state state;
        unsigned char digest[crypto_hash_sha256_BYTES];
        (void) crypto_hash_sha256_init(&state);
        for (uint64_t at = 0; at < size;) {
                size_t n = size - at < sizeof bytes ? (size_t) (size - at) : sizeof bytes;
                ssize_t got = pread(from, bytes, n, (off_t) at);
                if (got <= 0)
                        return got < 0 ? -errno : -EIO;
                (void) crypto_hash_sha256_update(&state, (const unsigned char *) bytes, (size_t) got);
                int r = file_write_all(to, bytes, (size_t) got);
                if (r < 0)
                        return r;
                at += (uint64_t) got;
                e->done += (uint64_t) got;
                screen_progress("export", e->done, e->total);
        }
        (void) crypto_hash_sha256_final(&state, digest);
        (void) sodium_bin2hex(ret_sha256, 65, digest, sizeof digest);
        return fsync(to) < 0 ? -errno : 0;
}

static int list_file(struct exporting *e, const char *path, int fd, uint64_t size, const char *sha256, bool is_list) {
        struct audit_verdict v = { .fault = AUDIT_OK };
        struct audit_expectation any = { .log = "" };
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        int r = is_list ? audit_verify_closed(fd, &any, NULL, &v) : audit_verify_next(fd, &any, NULL, NULL, &v);
        if (r < 0)
                return r;
        e->whole = e->whole && v.fault == AUDIT_OK;
        json_t *row = json_pack("{s:s, s:I, s:s, s:s, s:I, s:I, s:s, s:I, s:b}", "file", path, "size",
                                (json_int_t) size, "sha256", sha256, "log", any.log, "first_seq",
                                (json_int_t) v.first_seq, "last_seq", (json_int_t) v.last_seq, "head", v.head,
                                "anchors", (json_int_t) v.anchors, "whole", v.fault == AUDIT_OK);
        return row && json_array_append_new(e->list, row) == 0 ? 0 : -ENOMEM;
}

/* In one file, a copy in memory comes first: what is read twice must not change meanwhile, and what is to be sealed
 * must not lie open on the medium. A segment is small. */
static int create_copy(const struct exporting *e, const char *part, const char *path) {
        if (e->bundle) {
                int fd = memfd_create("export", MFD_CLOEXEC);
                return fd < 0 ? -errno : fd;
        }
        if (mkdirat(e->directory, part, 0750) < 0 && errno != EEXIST)
                return -errno;
        int fd = openat(e->directory, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
        return fd < 0 ? -errno : fd;
}

static int export_one(struct exporting *e, const struct audit_file *f) {
        CLEANUP(close_p) int from = audit_file_open(f);
        CLEANUP(free_p) char *path = NULL;
        char sha256[65];
        if (from < 0)
                return from;
        if (asprintf(&path, "%s/%s", audit_file_part(f), f->name) < 0)
                return -ENOMEM;
        CLEANUP(close_p) int to = create_copy(e, audit_file_part(f), path);
        if (to < 0)
                return to;
        struct stat st;
        if (fstat(from, &st) < 0)
                return -errno;
        uint64_t size = whole_lines(from, (uint64_t) st.st_size);
        int r = copy(e, from, size, to, sha256);
        if (r == 0)
                r = list_file(e, path, to, size, sha256, f->is_list);
        return r == 0 && e->bundle ? bundle_add_fd(e->bundle, path, to, size) : r;
}

static enum outcome export_files(struct exporting *e) {
        for (size_t i = 0; i < e->files.n; i++)
                e->total += e->files.list[i].size;
        for (size_t i = 0; i < e->files.n; i++) {
                int r = export_one(e, &e->files.list[i]);
                screen_progress_end();
                if (r < 0)
                        return cannot_write(e->files.list[i].name, r);
        }
        return OUTCOME_YES;
}

static enum outcome sign(struct exporting *e, const char *sha256, struct audit_export *ret) {
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        enum outcome outcome = talk_open(e->invocation, TALK_INSTALL_USEC, &client);
        if (outcome != OUTCOME_YES)
                return outcome;
        int r = ipc_client_call(client, AGENT_METHOD(AGENT_SIGN_EXPORT), json_pack("{s:s}", "sha256", sha256), &reply,
                                &error);
        if (r != 0)
                return talk_failed(r, error, reply);
        if (audit_export_read(reply, ret) && strcmp(ret->sha256, sha256) == 0)
                return OUTCOME_YES;
        complain(_("The agent did not sign the export."));
        return OUTCOME_BAD;
}

static enum outcome write_json(struct exporting *e, const char *name, json_t *value, char ret_sha256[static 65]) {
        CLEANUP(free_p) char *text = value ? json_dumps(value, JSON_INDENT(1)) : NULL;
        json_decref(value);
        int r = !text       ? -ENOMEM
                : e->bundle ? bundle_add(e->bundle, name, text, strlen(text))
                            : file_replace_at(e->directory, name, text, strlen(text), 0640);
        if (r < 0)
                return cannot_write(name, r);
        chain_hash(text, strlen(text), ret_sha256);
        return OUTCOME_YES;
}

static enum outcome export(struct exporting *e) {
        enum outcome outcome = export_files(e); char sha256[65], ignored[65], when[40] = "";
        struct audit_export signature;
        (void) time_format((int64_t) time(NULL), when, sizeof when);
        if (outcome == OUTCOME_YES)
                outcome = write_json(e, EXPORT_MANIFEST,
                                     json_pack("{s:i, s:s, s:O}", "sekisho-export", 1, "made", when, "files", e->list),
                                     sha256);
        if (outcome == OUTCOME_YES) outcome = sign(e, sha256, &signature);
        if (outcome == OUTCOME_YES) outcome = write_json(e, EXPORT_SIGNATURE, audit_export_json(&signature), ignored);
        int r = outcome == OUTCOME_YES && e->bundle ? bundle_end(e->bundle) : 0;
        return r < 0 ? cannot_write(e->invocation->arguments[0], r) : outcome;
}

/* ---- where to ---- */

/* What is not whole is not left behind for somebody to believe: only what an export makes, and nothing else. */
static void remove_directory(struct exporting *e, const char *path) {
        static const char *const parts[] = { "agent", "otp" };
        for (size_t i = 0; i < e->files.n; i++) {
                CLEANUP(free_p) char *name = NULL;
                if (asprintf(&name, "%s/%s", audit_file_part(&e->files.list[i]), e->files.list[i].name) >= 0)
                        (void) unlinkat(e->directory, name, 0);
        }
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
                (void) unlinkat(e->directory, parts[i], AT_REMOVEDIR);
        (void) unlinkat(e->directory, EXPORT_MANIFEST, 0);
        (void) unlinkat(e->directory, EXPORT_SIGNATURE, 0);
        (void) rmdir(path);
}

static enum outcome export_to_directory(struct exporting *e, const char *path) {
        if (mkdir(path, 0750) < 0)
                return cannot_write(path, -errno);
        e->directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        enum outcome outcome = e->directory < 0 ? cannot_write(path, -errno) : export(e);
        if (outcome != OUTCOME_YES && e->directory >= 0)
                remove_directory(e, path);
        return outcome;
}

static enum outcome export_to_file(struct exporting *e, const char *path, const struct ssh_key *to) {
        enum outcome outcome = bundle_new_tar(path, (int64_t) time(NULL), to, &e->bundle);
        if (outcome != OUTCOME_YES)
                return outcome;
        outcome = export(e);
        if (outcome != OUTCOME_YES)
                (void) unlink(path); /* ours: it was not there before */
        return outcome;
}

static void print(const struct exporting *e, const char *path, const struct ssh_key *to) {
        CLEANUP(free_p) char *shown = screen_text(path);
        unsigned long n = json_array_size(e->list);
        char fingerprint[SSHSIG_FINGERPRINT_MAX];
        if (to) {
                ssh_key_fingerprint(to, fingerprint);
                printf(_("%lu files exported to %s, sealed to %s. Only the holder of that key opens it, elsewhere: "
                         "sekishoctl audit open --key PRIVATE-KEY %s FILE.tar"),
                       n, shown ? shown : "", fingerprint, shown ? shown : "");
        } else if (e->bundle) {
                printf(_("%lu files exported to %s. Unpack it elsewhere, and check them with: sekishoctl audit verify "
                         "--key KEYS DIR"),
                       n, shown ? shown : "");
        } else {
                printf(_("%lu files exported to %s. Check them elsewhere with: sekishoctl audit verify --key KEYS %s"),
                       n, shown ? shown : "", shown ? shown : "");
        }
        putchar('\n');
}

static bool is_tar(const char *path) {
        size_t n = strlen(path);
        return n > 4 && strcmp(path + n - 4, ".tar") == 0;
}

enum outcome run_audit_export(const struct invocation *i) {
        const char *path = i->arguments[0], *seal = i->values[AUDIT_EXPORT_SEAL];
        struct ssh_key key;
        CLEANUP(exporting_clear)
        struct exporting e = { .invocation = i, .directory = -1, .list = json_array(), .whole = true };
        enum outcome outcome = seal ? auditor_key_find(i, seal, &key) : OUTCOME_YES;
        if (outcome == OUTCOME_YES)
                outcome = audit_files_of_machine(i, &e.files);
        if (outcome == OUTCOME_NO)
                return record_complain(-ENOENT);
        if (outcome == OUTCOME_YES)
                outcome = seal || is_tar(path) ? export_to_file(&e, path, seal ? &key : NULL)
                                               : export_to_directory(&e, path);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (!e.whole)
                complain(_("The record is damaged, and was exported as it is; 'sekishoctl audit verify' says where."));
        if (i->json)
                outcome = screen_json(json_pack("{s:s, s:O, s:b, s:b}", e.bundle ? "file" : "directory", path, "files",
                                                e.list, "whole", (int) e.whole, "sealed", seal != NULL));
        else
                print(&e, path, seal ? &key : NULL);
        return outcome != OUTCOME_YES || e.whole ? outcome : OUTCOME_NO;
}
