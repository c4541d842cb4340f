/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <libintl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/anchor.h"
#include "audit/audit.h"
#include "audit/chain.h"
#include "audit/lines.h"

#define _(s)           dgettext("sekisho", s)
#define N_(s)          s

#define PROGRESS_BYTES (8u * 1024u * 1024u) /* how often the clock is asked */
#define PROGRESS_USEC  250000u

static const char *const fault_texts[AUDIT_FAULT_MAX] = {
        [AUDIT_OK] = N_("the chain is whole"),
        [AUDIT_NOT_JSON] = N_("the line is not a record (not a JSON object, or too long)"),
        [AUDIT_NO_CHAIN] = N_("the line has no valid chain fields (log, seq, prev)"),
        [AUDIT_PREV_DIFFERS] = N_(
                "the line does not follow the one before it: a line before it was changed, removed, inserted or moved"),
        [AUDIT_SEQ_DIFFERS] = N_("the sequence number does not follow the one before it"),
        [AUDIT_LOG_DIFFERS] = N_("the line belongs to another log"),
        [AUDIT_TORN] = N_("the last line is incomplete"),
        [AUDIT_ANCHOR_FORM] = N_("the anchor is damaged"),
        [AUDIT_ANCHOR_DIFFERS] = N_("the anchor speaks of another line than the one before it"),
        [AUDIT_SIGNATURE_BAD] = N_("the anchor is not signed by the key that must have signed it"),
        [AUDIT_HEAD_DIFFERS] = N_("the line is not the one that was there when its hash was kept elsewhere"),
};

const char *audit_fault_text(enum audit_fault f) {
        return f >= 0 && f < AUDIT_FAULT_MAX ? _(fault_texts[f]) : "?";
}

struct progress {
        void (*hear)(uint64_t bytes, void *userdata);
        void *userdata;
        uint64_t asked_at, heard_usec;
};

static uint64_t monotonic_usec(void) {
        struct timespec ts = { 0 };
        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * UINT64_C(1000000) + (uint64_t) ts.tv_nsec / 1000;
}

static void progress_tell(struct progress *p, uint64_t bytes) {
        if (!p->hear || bytes - p->asked_at < PROGRESS_BYTES)
                return;

        p->asked_at = bytes;
        uint64_t now = monotonic_usec();
        if (now - p->heard_usec >= PROGRESS_USEC) {
                p->heard_usec = now;
                p->hear(bytes, p->userdata);
        }
}

static enum audit_fault judge(const struct line *line, int end, const struct audit_expectation *expect,
                              struct chain *ret) {
        if (end == LINE_TORN)
                return AUDIT_TORN;
        if (end == LINE_TOO_LONG)
                return AUDIT_NOT_JSON;

        struct chain c;
        enum audit_fault fault = chain_parse(line->text, line->size, &c);
        if (fault != AUDIT_OK)
                return fault;
        if (*expect->log && strcmp(expect->log, c.log) != 0)
                return AUDIT_LOG_DIFFERS;
        if (*expect->prev && strcmp(expect->prev, c.prev) != 0)
                return AUDIT_PREV_DIFFERS;
        if (*expect->log && c.seq != expect->last_seq + 1)
                return AUDIT_SEQ_DIFFERS;
        *ret = c;
        return AUDIT_OK;
}

static enum audit_fault judge_anchor(const struct line *line, const struct chain *c, struct audit_expectation *expect,
                                     struct audit_verdict *v) {
        struct anchor a;
        json_t *event = json_loadb(line->text, line->size, JSON_REJECT_DUPLICATES, NULL);
        int r = anchor_read(event, &a);
        json_decref(event);
        if (r != 0)
                return AUDIT_ANCHOR_FORM;
        if (a.seq + 1 != c->seq || strcmp(a.head, c->prev) != 0)
                return AUDIT_ANCHOR_DIFFERS;
        if (*expect->key && !anchor_verify(&a, expect->key))
                return AUDIT_SIGNATURE_BAD;
        if (*expect->key && *a.next)
                memcpy(expect->key, a.next, sizeof expect->key);
        v->anchors++;
        v->anchored_seq = a.seq;
        return AUDIT_OK;
}

static enum audit_fault judge_heads(const struct chain *c, const char *hash, struct audit_expectation *expect) {
        for (size_t i = 0; i < expect->n_heads; i++) {
                struct audit_head *h = &expect->heads[i];
                if (h->seq != c->seq || strcmp(h->log, c->log) != 0)
                        continue;
                if (strcmp(h->hash, hash) != 0)
                        return AUDIT_HEAD_DIFFERS;
                h->met = true;
        }
        return AUDIT_OK;
}

static int walk(struct lines *lines, struct audit_expectation *expect, struct progress *progress,
                struct audit_verdict *v) {
        for (;;) {
                struct line line;
                int end = lines_next(lines, &line);
                if (end < 0)
                        return end;
                if (end == LINE_NONE)
                        return 0;

                struct chain c;
                char hash[CHAIN_HEX + 1];
                v->fault = judge(&line, end, expect, &c);
                if (v->fault == AUDIT_OK && c.has_anchor)
                        v->fault = judge_anchor(&line, &c, expect, v);
                if (v->fault == AUDIT_OK) {
                        chain_hash(line.text, line.size, hash);
                        v->fault = judge_heads(&c, hash, expect);
                }
                if (v->fault != AUDIT_OK) {
                        v->line = v->records + 1;
                        v->offset = line.offset;
                        return 0;
                }

                memcpy(v->head, hash, sizeof v->head);
                memcpy(expect->prev, hash, sizeof hash);
                memcpy(expect->log, c.log, sizeof c.log);
                if (v->records++ == 0)
                        v->first_seq = c.seq;
                v->last_seq = expect->last_seq = c.seq;
                v->bytes += line.size + 1;
                progress_tell(progress, v->bytes);
        }
}

int audit_verify_next(int fd, struct audit_expectation *expect, void (*progress)(uint64_t bytes, void *userdata),
                      void *userdata, struct audit_verdict *ret) {
        struct audit_verdict v = { .fault = AUDIT_OK };
        (void) snprintf(v.head, sizeof v.head, "%s", *expect->prev ? expect->prev : chain_zeros);

        CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
        int r = lines_init(&lines, fd);
        if (r < 0)
                return r;

        struct progress p = { .hear = progress, .userdata = userdata, .heard_usec = monotonic_usec() };
        r = walk(&lines, expect, &p, &v);
        if (r < 0)
                return r;
        *ret = v;
        return 0;
}

static enum audit_fault judge_closed(const struct line *line, int end, struct audit_expectation *expect,
                                     struct audit_verdict *v) {
        const struct audit_expectation any = { .log = "" };
        struct audit_expectation on = *expect;
        struct chain c;
        enum audit_fault fault = judge(line, end, &any, &c);
        if (fault != AUDIT_OK)
                return fault;
        if (!c.has_anchor)
                return AUDIT_ANCHOR_FORM;
        if (*expect->log && strcmp(expect->log, c.log) != 0)
                return AUDIT_LOG_DIFFERS;
        if (*expect->log && c.seq <= expect->last_seq)
                return AUDIT_SEQ_DIFFERS;
        fault = judge_anchor(line, &c, &on, v);
        if (fault != AUDIT_OK)
                return fault;
        char hash[CHAIN_HEX + 1];
        chain_hash(line->text, line->size, hash);
        fault = judge_heads(&c, hash, &on);
        if (fault != AUDIT_OK)
                return fault;
        *expect = on;
        memcpy(expect->prev, hash, sizeof hash);
        memcpy(expect->log, c.log, sizeof c.log);
        expect->last_seq = c.seq;
        memcpy(v->head, expect->prev, sizeof v->head);
        v->first_seq = v->records++ == 0 ? c.seq : v->first_seq;
        v->last_seq = c.seq;
        v->bytes += line->size + 1;
        return AUDIT_OK;
}

int audit_verify_closed(int fd, struct audit_expectation *expect, struct audit_expectation *ret_before,
                        struct audit_verdict *ret) {
        struct audit_verdict v = { .fault = AUDIT_OK };
        struct audit_expectation before = *expect;
        CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
        struct line line;
        int end, r = lines_init(&lines, fd);
        if (r < 0)
                return r;
        while ((end = lines_next(&lines, &line)) > 0) {
                before = *expect;
                v.fault = judge_closed(&line, end, expect, &v);
                if (v.fault == AUDIT_OK)
                        continue;
                v.line = v.records + 1;
                v.offset = line.offset;
                break;
        }
        if (end < 0)
                return end;
        if (ret_before)
                *ret_before = before;
        *ret = v;
        return 0;
}

int audit_verify(int fd, const char *first_prev, void (*progress)(uint64_t bytes, void *userdata), void *userdata,
                 struct audit_verdict *ret) {
        struct audit_expectation expect = { .prev = "" };
        if (first_prev)
                (void) strncpy(expect.prev, first_prev, CHAIN_HEX);
        return audit_verify_next(fd, &expect, progress, userdata, ret);
}

/* ---- heads ---- */

static bool head_of_anchor(const char *text, struct audit_head *ret) {
        struct anchor a;
        json_t *event = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        int r = anchor_read(event, &a);
        json_decref(event);
        if (r != 0)
                return false;
        struct audit_head h = { .seq = a.seq };
        memcpy(h.log, a.log, sizeof h.log);
        memcpy(h.hash, a.head, sizeof h.hash);
        *ret = h;
        return true;
}

bool audit_head_parse(const char *text, struct audit_head *ret) {
        if (*text == '{')
                return head_of_anchor(text, ret);
        struct audit_head h = { .met = false };
        const char *colon = strchr(text, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;
        size_t n = colon ? (size_t) (colon - text) : 0;
        if (!second || n == 0 || n > CHAIN_LOG_MAX)
                return false;
        memcpy(h.log, text, n);
        size_t digits = strspn(colon + 1, "0123456789");
        size_t hex = strspn(second + 1, "0123456789abcdef");
        if (!chain_log_valid(h.log, n) || digits == 0 || digits > 16 || colon + 1 + digits != second ||
            hex != CHAIN_HEX || second[1 + hex] != '\0')
                return false;
        h.seq = strtoull(colon + 1, NULL, 10);
        memcpy(h.hash, second + 1, CHAIN_HEX);
        *ret = h;
        return h.seq > 0;
}
