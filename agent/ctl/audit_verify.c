/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include <sekisho/document.h>

#include "audit_chain.h"
#include "audit_manifest.h"
#include "options.h"
#include "record.h"
#include "screen.h"
#include "talk.h"

#define BATCH_WAIT_MS 300 /* what the agent counted is on disk within a batch */
#define HEADS_MAX     256u
#define FILE_MAX      (1024u * 1024u) /* of keys, of heads */

static const char *const fault_codes[AUDIT_FAULT_MAX] = {
        [AUDIT_OK] = "none",
        [AUDIT_NOT_JSON] = "not-json",
        [AUDIT_NO_CHAIN] = "no-chain",
        [AUDIT_PREV_DIFFERS] = "prev-differs",
        [AUDIT_SEQ_DIFFERS] = "seq-differs",
        [AUDIT_LOG_DIFFERS] = "log-differs",
        [AUDIT_TORN] = "torn",
        [AUDIT_ANCHOR_FORM] = "anchor-form",
        [AUDIT_ANCHOR_DIFFERS] = "anchor-differs",
        [AUDIT_SIGNATURE_BAD] = "signature-bad",
        [AUDIT_HEAD_DIFFERS] = "head-differs",
};

struct verification {
        const struct invocation *invocation;
        struct audit_files files;
        struct audit_keys keys;
        bool own_keys; /* those that lie beside the record */
        struct audit_head heads[HEADS_MAX];
        size_t n_heads;
        char last_key[65];  /* that signs at the end of the agent's log; "": not known */
        uint64_t agent_seq; /* what the agent has written at least; 0 = not asked */

        struct audit_chain chain; /* of the log that is being verified */
        uint64_t anchored;        /* up to here, with a signature that was checked; 0: none */
        uint64_t done, total;     /* bytes */
        const char *label;
        bool whole;
        json_t *list, *ends, *manifests; /* with --json */
};

/* One type for all numbers in messages, so that translators see no macros. */
static unsigned long long number(uint64_t n) {
        return n;
}

static void print(const struct audit_file *f, const struct audit_verdict *d) {
        CLEANUP(free_p) char *name = screen_text(f->label);
        if (d->fault != AUDIT_OK)
                printf(_("%s: line %llu, byte %llu: %s"), name, number(d->line), number(d->offset),
                       audit_fault_text(d->fault));
        else if (d->records == 0)
                printf(_("%s: empty"), name);
        else if (f->is_list)
                printf(_("%s: %llu segments were deleted after a receipt, up to record %llu"), name, number(d->records),
                       number(d->last_seq));
        else
                printf(_("%s: whole and unaltered, records %llu to %llu"), name, number(d->first_seq),
                       number(d->last_seq));
        putchar('\n');
        if (d->fault != AUDIT_OK && d->records > 0) {
                printf("  ");
                printf(_("whole before that: records %llu to %llu"), number(d->first_seq), number(d->last_seq));
                putchar('\n');
        }
        if (d->records > 0)
                printf("  SHA-256 %s\n", d->head);
}

static json_t *to_json(const struct audit_file *f, const struct audit_verdict *d) {
        json_t *where = d->fault == AUDIT_OK ? json_null() : NULL;
        if (!where)
                where = json_pack("{s:I, s:I, s:s}", "line", (json_int_t) d->line, "offset", (json_int_t) d->offset,
                                  "text", audit_fault_text(d->fault));
        return json_pack("{s:s, s:s, s:b, s:s, s:o, s:I, s:I, s:I, s:I, s:s, s:I}", "file", f->label, "log", f->log,
                         "whole", d->fault == AUDIT_OK, "fault", fault_codes[d->fault], "at", where, "records",
                         (json_int_t) d->records, "bytes", (json_int_t) d->bytes, "first_seq",
                         (json_int_t) d->first_seq, "last_seq", (json_int_t) d->last_seq, "head", d->head, "anchors",
                         (json_int_t) d->anchors);
}

static void hear(uint64_t bytes, void *userdata) {
        const struct verification *v = userdata;
        screen_progress(v->label, v->done + bytes, v->total);
}

/* ---- the end of a log ---- */

/* A chain that was cut at its end is whole in itself; somebody else must say how far it went. */
static uint64_t known_elsewhere(const struct verification *v) {
        uint64_t most = strcmp(v->chain.expect.log, AGENT_LOG) == 0 ? v->agent_seq : 0;
        for (size_t i = 0; i < v->n_heads; i++)
                if (!v->heads[i].met && strcmp(v->heads[i].log, v->chain.expect.log) == 0 && v->heads[i].seq > most)
                        most = v->heads[i].seq;
        return most;
}

static void end_log(struct verification *v) {
        const struct audit_expectation *e = &v->chain.expect;
        uint64_t elsewhere = known_elsewhere(v);
        bool is_short = elsewhere > e->last_seq;
        if (!*e->log)
                return;
        if (strcmp(e->log, AGENT_LOG) == 0)
                memcpy(v->last_key, e->key, sizeof v->last_key);
        v->whole = v->whole && !is_short;
        if (v->ends) {
                (void) json_array_append_new(
                        v->ends,
                        json_pack("{s:s, s:I, s:s, s:b, s:o, s:o}", "log", e->log, "last_seq", (json_int_t) e->last_seq,
                                  "head", e->prev, "end_missing", (int) is_short, "known_elsewhere",
                                  elsewhere ? json_integer((json_int_t) elsewhere) : json_null(), "signed_to",
                                  *e->key ? json_integer((json_int_t) v->anchored) : json_null()));
                return;
        }
        CLEANUP(free_p) char *log = screen_text(e->log);
        if (is_short)
                printf(_("%s: records are missing at the end: number %llu is known from elsewhere, the last one here "
                         "is "
                         "%llu"),
                       log, number(elsewhere), number(e->last_seq));
        else if (!*e->key)
                printf(_("%s: signatures were not checked: there is no key"), log);
        else if (v->anchored + 1 < e->last_seq)
                printf(_("%s: signed up to record %llu; what comes after it has no anchor yet"), log,
                       number(v->anchored));
        else
                printf(_("%s: signed up to record %llu"), log, number(v->anchored));
        putchar('\n');
}

/* A record of this machine begins at the beginning, and so does the succession of its keys: the first line must not be
 * missing either. */
static void begin_log(struct verification *v, const char *log) {
        const char *key = audit_keys_find(&v->keys, log);
        audit_chain_begin(&v->chain, key, v->invocation->n_arguments == 0 || *key);
        v->chain.expect.heads = v->heads;
        v->chain.expect.n_heads = v->n_heads;
        v->anchored = 0;
}

static enum outcome verify_one(struct verification *v, const struct audit_file *f) {
        CLEANUP(close_p) int fd = audit_file_open(f);
        CLEANUP(free_p) char *label = screen_text(f->label);
        struct audit_verdict d = { .fault = AUDIT_OK };
        v->label = label ? label : "";
        int r = fd < 0 ? fd : audit_chain_file(&v->chain, f, fd, hear, v, &d);
        screen_progress_end();
        v->done += f->size;
        if (r < 0) {
                complain(_("%s cannot be read: %s."), f->label, strerror(-r));
                return OUTCOME_BAD;
        }
        if (*v->chain.expect.key && d.anchors > 0)
                v->anchored = d.anchored_seq;
        v->whole = v->whole && d.fault == AUDIT_OK;
        if (v->list)
                (void) json_array_append_new(v->list, to_json(f, &d));
        else
                print(f, &d);
        return OUTCOME_YES;
}

static enum outcome verify_all(struct verification *v) {
        enum outcome worst = OUTCOME_YES;
        for (size_t i = 0; i < v->files.n; i++)
                v->total += v->files.list[i].size;
        for (size_t i = 0; i < v->files.n; i++) {
                const struct audit_file *f = &v->files.list[i];
                if (i == 0 || strcmp(f->log, f[-1].log) != 0) {
                        if (i > 0)
                                end_log(v);
                        begin_log(v, f->log);
                }
                enum outcome outcome = verify_one(v, f);
                worst = outcome != OUTCOME_YES ? outcome : worst;
        }
        if (v->files.n > 0)
                end_log(v);
        /* A log that is known from elsewhere, and is not here at all; the agent's, because it says so itself. */
        bool agent_is_here = v->agent_seq == 0;
        for (size_t k = 0; k < v->files.n; k++)
                agent_is_here = agent_is_here || strcmp(v->files.list[k].log, AGENT_LOG) == 0;
        if (!agent_is_here) {
                v->whole = false;
                complain(_("There is no record, but the agent has written %llu lines."), number(v->agent_seq));
        }
        for (size_t i = 0; i < v->n_heads; i++) {
                bool here = false;
                for (size_t k = 0; k < v->files.n; k++)
                        here = here || strcmp(v->files.list[k].log, v->heads[i].log) == 0;
                if (here)
                        continue;
                v->whole = false;
                complain(_("There is no record of the log '%s', which is known from elsewhere."), v->heads[i].log);
        }
        return worst;
}

/* Directories that hold a manifest are exports. */
static void verify_manifests(struct verification *v) {
        for (int k = 0; k < v->invocation->n_arguments; k++) {
                const char *path = v->invocation->arguments[k];
                CLEANUP(free_p) char *file = NULL;
                enum manifest_fault fault = audit_manifest_check(path, v->last_key, &file);
                if (fault == MANIFEST_NONE)
                        continue;
                /* A key was given, and no record of the agent's leads to the one that signed. */
                if (fault == MANIFEST_OK && !*v->last_key && *audit_keys_find(&v->keys, AGENT_LOG))
                        fault = MANIFEST_SIGNATURE;
                v->whole = v->whole && fault == MANIFEST_OK;
                if (v->manifests) {
                        (void) json_array_append_new(v->manifests,
                                                     json_pack("{s:s, s:s, s:s?, s:b}", "export", path, "fault",
                                                               audit_manifest_fault_name(fault), "file", file, "signed",
                                                               *v->last_key && fault == MANIFEST_OK));
                        continue;
                }
                CLEANUP(free_p) char *shown = screen_text(path), *name = screen_text(file);
                printf("%s: %s%s%s\n", shown ? shown : "",
                       fault == MANIFEST_OK && !*v->last_key ? _("the files are those of the manifest; its signature "
                                                                 "was not checked: there is no key")
                                                             : audit_manifest_fault_text(fault),
                       file ? ": " : "", file && name ? name : "");
        }
}

/* ---- what is given ---- */

static enum outcome read_text(const char *path, struct document *ret) {
        int r = document_read(AT_FDCWD, path, FILE_MAX, ret);
        if (r == 0)
                return OUTCOME_YES;
        complain("%s: %s", path, r > 0 ? document_outcome_text(r) : strerror(-r));
        return r == -EACCES || r == -EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
}

static enum outcome read_keys(struct verification *v, const char *path) {
        CLEANUP(document_clear) struct document d = { 0 };
        enum outcome outcome = read_text(path, &d);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (!audit_keys_add(&v->keys, d.bytes) || v->keys.n == 0) {
                complain(_("%s holds no public key of a record; 'sekishoctl audit key' prints them."), path);
                return OUTCOME_BAD;
        }
        return OUTCOME_YES;
}

static bool add_head(struct verification *v, const char *text) {
        if (v->n_heads == HEADS_MAX || !audit_head_parse(text, &v->heads[v->n_heads]))
                return false;
        v->n_heads++;
        return true;
}

/* One head, or a file of them, one in a line; anchors as they stand in a record are heads too. */
static enum outcome read_heads(struct verification *v, const char *given) {
        if (add_head(v, given))
                return OUTCOME_YES;
        CLEANUP(document_clear) struct document d = { 0 };
        enum outcome outcome = read_text(given, &d);
        char *rest = NULL;
        for (char *line = d.bytes ? strtok_r(d.bytes, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest))
                if (!add_head(v, line)) {
                        complain(_("%s: a line is neither LOG:NUMBER:SHA-256 nor an anchor."), given);
                        return OUTCOME_BAD;
                }
        return outcome;
}

/* Those that lie beside the record: they show a mistake, not a forger, who would have changed them too. */
static void read_own_keys(struct verification *v) {
        static const char *const paths[] = { AUDIT_DIRECTORY, AUDIT_OTP_DIRECTORY };
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
                CLEANUP(close_p) int fd = root_openat(&v->invocation->root, paths[i], O_PATH | O_DIRECTORY, 0);
                CLEANUP(document_clear) struct document d = { 0 };
                if (fd >= 0 && document_read(fd, AUDIT_KEY_FILE, FILE_MAX, &d) == 0)
                        v->own_keys = audit_keys_add(&v->keys, d.bytes) || v->own_keys;
        }
}

/* How many records the running agent knows of. */
static uint64_t ask_agent(const struct invocation *i) {
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        if (ipc_client_connect_at(&i->root, AGENT_SOCKET, TALK_USEC, &client) < 0 ||
            ipc_client_call(client, AGENT_METHOD(AGENT_GET_STATUS), NULL, &reply, &error) != 0)
                return 0;
        long long seq = talk_integer(json_object_get(reply, "record"), "seq");
        return seq > 0 ? (uint64_t) seq : 0;
}

static enum outcome find_files(struct verification *v) {
        const struct invocation *i = v->invocation;
        if (i->n_arguments > 0)
                return audit_files_given(i, &v->files);
        v->agent_seq = ask_agent(i);
        if (v->agent_seq)
                (void) poll(NULL, 0, BATCH_WAIT_MS);
        enum outcome outcome = audit_files_of_machine(i, &v->files);
        if (outcome != OUTCOME_NO)
                return outcome;
        /* No record is a clear no; an agent that wrote one says more, in verify_all(). */
        return v->agent_seq == 0 ? record_complain(-ENOENT) : OUTCOME_YES;
}

static void verification_clear(struct verification *v) {
        audit_files_clear(&v->files);
        json_decref(v->list);
        json_decref(v->ends);
        json_decref(v->manifests);
}

enum outcome run_audit_verify(const struct invocation *i) {
        CLEANUP(verification_clear) struct verification v = { .invocation = i, .whole = true };
        const char *key = i->values[AUDIT_VERIFY_KEY], *head = i->values[AUDIT_VERIFY_HEAD];
        enum outcome outcome = key ? read_keys(&v, key) : OUTCOME_YES;
        if (outcome == OUTCOME_YES && head)
                outcome = read_heads(&v, head);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (!key && i->n_arguments == 0)
                read_own_keys(&v);
        outcome = find_files(&v);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (i->json) {
                v.list = json_array();
                v.ends = json_array();
                v.manifests = json_array();
        }
        outcome = verify_all(&v);
        verify_manifests(&v);
        if (i->json) {
                enum outcome said = screen_json(
                        json_pack("{s:b, s:O, s:O, s:O, s:b}", "whole", v.whole && outcome == OUTCOME_YES, "files",
                                  v.list, "logs", v.ends, "exports", v.manifests, "own_keys", (int) v.own_keys));
                outcome = said != OUTCOME_YES ? said : outcome;
        } else if (v.own_keys) {
                puts(_("The key that was used lies on this machine; give the one that was copied at enrolment with "
                       "--key."));
        }
        if (outcome != OUTCOME_YES)
                return outcome;
        return v.whole ? OUTCOME_YES : OUTCOME_NO;
}
