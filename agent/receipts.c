/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "receipts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <sekisho/document.h>
#include <sekisho/receipt.h>

#include "base/cleanup.h"
#include "base/log.h"

#define RECEIPT_FILE      "receipt.yaml"
#define RECEIPT_SIGNATURE RECEIPT_FILE ".sig"
#define DAY               INT64_C(86400)

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
static int store(const struct agent *a, const struct submission *s) {
        CLEANUP(close_p) int fd = open_directory(a);
        if (fd < 0)
                return fd;
        int r = file_replace_at(fd, RECEIPT_SIGNATURE, s->signatures, s->signatures_size, 0600);
        return r < 0 ? r : file_replace_at(fd, RECEIPT_FILE, s->text, s->size, 0600);
}

/* Up to where the record is held elsewhere; 0: nobody has said, or he may not say so any more. */
static uint64_t receipted(const struct agent *a) {
        CLEANUP(close_p) int fd = open_directory(a);
        CLEANUP(document_clear) struct document text = { 0 }, signatures = { 0 };
        CLEANUP(problems_p) struct problems problems = { 0 };
        CLEANUP(receipt_freep) struct receipt *r = NULL;
        struct trust_check c;
        if (fd < 0 || document_read(fd, RECEIPT_FILE, DOCUMENT_MAX, &text) != 0 ||
            document_read(fd, RECEIPT_SIGNATURE, TRUST_SIGNATURE_MAX, &signatures) != 0)
                return 0;
        const struct submission s = { .text = text.bytes,
                                      .size = text.size,
                                      .signatures = signatures.bytes,
                                      .signatures_size = signatures.size };
        if (!are_good(a, &s, &c) || receipt_parse(s.text, s.size, &problems, &r) != 0)
                return 0;
        /* Of this very record: another disk's, or one that began anew, has other lines under these numbers. */
        char head[DIGEST_HEX_SIZE];
        digest_hex(r->head, head);
        if (!a->log || !terminal_is_target(&r->target, a->machine_id, NULL))
                return 0;
        int has = audit_log_has(a->log, r->seq, head);
        return has > 0 || has == -ESTALE ? r->seq : 0;
}

/* ---- a new one ---- */

static enum receipt_refusal judge(const struct agent *a, const struct receipt *r) {
        char head[DIGEST_HEX_SIZE];
        digest_hex(r->head, head);
        if (strcmp(r->fleet, a->trust.trust->fleet) != 0)
                return RECEIPT_FLEET;
        if (!terminal_is_target(&r->target, a->machine_id, NULL))
                return RECEIPT_TARGET;
        if (strcmp(r->log, AGENT_LOG_NAME) != 0)
                return RECEIPT_LOG;
        if (r->issued > time_now(&a->time) + INSTALL_AHEAD_MAX)
                return RECEIPT_IN_FUTURE;
        if (r->seq <= receipted(a))
                return RECEIPT_OLD;
        return a->log && audit_log_has(a->log, r->seq, head) > 0 ? RECEIPT_OK : RECEIPT_HEAD;
}

static int accept(struct agent *a, const struct submission *s, struct problems *problems, struct trust_check *ret) {
        CLEANUP(receipt_freep) struct receipt *receipt = NULL;
        if (!are_good(a, s, ret))
                return RECEIPT_SIGNATURES;
        int r = receipt_parse(s->text, s->size, problems, &receipt);
        if (r != 0)
                return r < 0 ? r : RECEIPT_PROBLEMS;
        r = (int) judge(a, receipt);
        if (r == RECEIPT_OK && store(a, s) < 0)
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

void agent_retain_record(struct agent *a) {
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
