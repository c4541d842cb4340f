/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "receipts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sekisho/document.h>
#include <sekisho/receipt.h>

#include "base/cleanup.h"
#include "base/log.h"

#define DAY INT64_C(86400)

/* What the agent may not read is held against the receipt by its own writer, who is told of it. */
static const struct held_log {
        const char *name, *file, *signature;
        const char *told; /* to the writer, in the policy's directory; NULL: the writer is the agent */
} logs[] = {
        { AGENT_LOG_NAME, "receipt.yaml", "receipt.yaml.sig", NULL },
        { "otp", "receipt-otp.yaml", "receipt-otp.yaml.sig", AUDIT_OTP_RECEIPT },
};
#define LOGS (sizeof logs / sizeof *logs)

static const char *const refusal_names[RECEIPT_REFUSAL_MAX] = {
        [RECEIPT_PROBLEMS] = "problems",
        [RECEIPT_SIGNATURES] = "signatures",
        [RECEIPT_FLEET] = "fleet",
        [RECEIPT_TARGET] = "target",
        [RECEIPT_LOG] = "log",
        [RECEIPT_IN_FUTURE] = "issued-in-future",
        [RECEIPT_HEAD] = "no-such-record",
        [RECEIPT_OLD] = "known",
        [RECEIPT_NOT_STORED] = "not-stored",
};

const char *receipt_refusal_name(int refusal) {
        return refusal > 0 && refusal < RECEIPT_REFUSAL_MAX ? refusal_names[refusal] : NULL;
}

DEFINE_FREEP(struct receipt, receipt_free)

static void problems_p(struct problems *p) {
        problems_clear(p);
}

/* A chain of trust with a damaged link may have lost the news that somebody was removed. */
static bool are_good(const struct agent *a, const struct submission *s, struct trust_check *ret) {
        const struct trust *t = a->trust.trust;
        *ret = (struct trust_check){ 0 };
        return t &&
               trust_check(t, TRUST_ROLE_AUDIT, RECEIPT_NAMESPACE, s->text, s->size, s->signatures, s->signatures_size,
                           ret) == 0 &&
               !a->trust.damaged && time_now(&a->time) < t->expires;
}

/* ---- on the disk ---- */

static int open_directory(const struct agent *a) {
        return root_openat(&a->root, AGENT_RECORD_KEYS, O_RDONLY | O_DIRECTORY, 0);
}

/* The signature comes first: a receipt without its own is none. */
static int store(const struct agent *a, const struct held_log *log, const struct submission *s) {
        CLEANUP(close_p) int fd = open_directory(a);
        if (fd < 0)
                return fd;
        int r = file_replace_at(fd, log->signature, s->signatures, s->signatures_size, 0600);
        return r < 0 ? r : file_replace_at(fd, log->file, s->text, s->size, 0600);
}

/* The newest receipt of a log, where it still counts: of this terminal, and by those who may say so today. */
static bool read_stored(const struct agent *a, const struct held_log *log, struct receipt **ret) {
        CLEANUP(close_p) int fd = open_directory(a);
        CLEANUP(document_clear) struct document text = { 0 }, signatures = { 0 };
        CLEANUP(problems_p) struct problems problems = { 0 };
        CLEANUP(receipt_freep) struct receipt *r = NULL;
        struct trust_check c;
        if (fd < 0 || document_read(fd, log->file, DOCUMENT_MAX, &text) != 0 ||
            document_read(fd, log->signature, TRUST_SIGNATURE_MAX, &signatures) != 0)
                return false;
        const struct submission s = { .text = text.bytes,
                                      .size = text.size,
                                      .signatures = signatures.bytes,
                                      .signatures_size = signatures.size };
        if (!are_good(a, &s, &c) || receipt_parse(s.text, s.size, &problems, &r) != 0 ||
            strcmp(r->log, log->name) != 0 || !terminal_is_target(&r->target, a->machine_id, NULL))
                return false;
        *ret = TAKE_PTR(r);
        return true;
}

/* 1: the agent's record has the line; 0: another one, or none; -ESTALE: it was deleted since. */
static int has_line(const struct agent *a, const struct receipt *r) {
        char head[DIGEST_HEX_SIZE];
        digest_hex(r->head, head);
        return a->log ? audit_log_has(a->log, r->seq, head) : 0;
}

/* Up to where the agent's record is held elsewhere; 0: nobody has said, or he may not say so any more. Of this very
 * record: another disk's, or one that began anew, has other lines under these numbers. */
static uint64_t receipted(const struct agent *a) {
        CLEANUP(receipt_freep) struct receipt *r = NULL;
        if (!read_stored(a, &logs[0], &r))
                return 0;
        int has = has_line(a, r);
        return has > 0 || has == -ESTALE ? r->seq : 0;
}

/* ---- a new one ---- */

static const struct held_log *find_log(const char *name) {
        for (size_t i = 0; i < LOGS; i++)
                if (strcmp(logs[i].name, name) == 0)
                        return &logs[i];
        return NULL;
}

/* A number that was never compared must not keep the right one out: there the later receipt counts. */
static bool is_old(const struct agent *a, const struct held_log *log, const struct receipt *r) {
        CLEANUP(receipt_freep) struct receipt *known = NULL;
        if (!log->told)
                return r->seq <= receipted(a);
        return read_stored(a, log, &known) && r->issued <= known->issued;
}

static enum receipt_refusal judge(const struct agent *a, const struct receipt *r) {
        const struct held_log *log = find_log(r->log);
        if (strcmp(r->fleet, a->trust.trust->fleet) != 0)
                return RECEIPT_FLEET;
        if (!terminal_is_target(&r->target, a->machine_id, NULL))
                return RECEIPT_TARGET;
        if (!log)
                return RECEIPT_LOG;
        if (r->issued > time_now(&a->time) + INSTALL_AHEAD_MAX)
                return RECEIPT_IN_FUTURE;
        if (is_old(a, log, r))
                return RECEIPT_OLD;
        return log->told || has_line(a, r) > 0 ? RECEIPT_OK : RECEIPT_HEAD;
}

static int accept(struct agent *a, const struct submission *s, struct problems *problems, struct trust_check *ret) {
        CLEANUP(receipt_freep) struct receipt *receipt = NULL;
        if (!are_good(a, s, ret))
                return RECEIPT_SIGNATURES;
        int r = receipt_parse(s->text, s->size, problems, &receipt);
        if (r != 0)
                return r < 0 ? r : RECEIPT_PROBLEMS;
        r = (int) judge(a, receipt);
        if (r == RECEIPT_OK && store(a, find_log(receipt->log), s) < 0)
                r = RECEIPT_NOT_STORED;
        return r;
}

int agent_install_receipt(struct agent *a, const struct submission *s, struct problems *problems,
                          struct trust_check *ret) {
        int refusal = accept(a, s, problems, ret);
        if (refusal < 0)
                return refusal;
        uint8_t digest[DIGEST_BYTES];
        char sha256[DIGEST_HEX_SIZE];
        const char *reason = receipt_refusal_name(refusal);
        digest_sha256(s->text, s->size, digest);
        digest_hex(digest, sha256);
        log_notice("receipt %s: %s", sha256, reason ? reason : "accepted");
        (void) agent_record_document(a, s,
                                     (struct audit_document){ .what = "receipt",
                                                              .sha256 = sha256,
                                                              .source = "signed",
                                                              .outcome = reason ? "refused" : "installed",
                                                              .detail = reason,
                                                              .signatures = ret },
                                     AUDIT_BATCH);
        agent_tell(a, "policy", NULL, reason ? reason : "installed");
        if (refusal == RECEIPT_OK)
                agent_retain_record(a);
        return refusal;
}

/* ---- what may go ---- */

static void tell_writer(const struct agent *a, const struct held_log *log) {
        CLEANUP(close_p) int fd = root_openat(&a->root, STORE_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        CLEANUP(receipt_freep) struct receipt *r = NULL;
        char head[DIGEST_HEX_SIZE], text[256], there[256];
        if (fd < 0)
                return;
        if (!read_stored(a, log, &r)) {
                (void) unlinkat(fd, log->told, 0);
                return;
        }
        digest_hex(r->head, head);
        int n = snprintf(text, sizeof text, "{\"format\": 1, \"seq\": %" PRIu64 ", \"head\": \"%s\"}\n", r->seq, head);
        ssize_t had = file_read_at(fd, log->told, there, sizeof there - 1);
        if (had != n || memcmp(there, text, (size_t) n) != 0)
                (void) file_replace_at(fd, log->told, text, (size_t) n, 0640);
}

void agent_retain_record(struct agent *a) {
        for (size_t i = 0; i < LOGS; i++)
                if (logs[i].told)
                        tell_writer(a, &logs[i]);
        uint64_t upto = a->log ? receipted(a) : 0;
        if (upto == 0)
                return;
        unsigned deleted = 0;
        int64_t oldest = time_now(&a->time) - (int64_t) a->active.policy->audit.retain_days * DAY;
        int r = audit_log_retain(a->log, oldest, upto, &deleted);
        if (r < 0)
                log_warning("record: old segments could not be deleted: %s", strerrordesc_np(-r));
        else if (deleted > 0)
                log_notice("record: %u old segments deleted, which a collector holds", deleted);
}
