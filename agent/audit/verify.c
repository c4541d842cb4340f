/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <libintl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

/* What the next line must say. log is "" before the first line, prev "" when the first may say anything. */
struct expectation {
        char prev[CHAIN_HEX + 1];
        char log[CHAIN_LOG_MAX + 1];
};

static enum audit_fault judge(const struct line *line, int end, const struct expectation *expect, uint64_t last_seq,
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
        if (*expect->log && c.seq != last_seq + 1)
                return AUDIT_SEQ_DIFFERS;
        *ret = c;
        return AUDIT_OK;
}

static int walk(struct lines *lines, struct expectation *expect, struct progress *progress, struct audit_verdict *v) {
        for (;;) {
                struct line line;
                int end = lines_next(lines, &line);
                if (end < 0)
                        return end;
                if (end == LINE_NONE)
                        return 0;

                struct chain c;
                v->fault = judge(&line, end, expect, v->last_seq, &c);
                if (v->fault != AUDIT_OK) {
                        v->line = v->records + 1;
                        v->offset = line.offset;
                        return 0;
                }

                chain_hash(line.text, line.size, v->head);
                memcpy(expect->prev, v->head, sizeof v->head);
                memcpy(expect->log, c.log, sizeof c.log);
                if (v->records++ == 0)
                        v->first_seq = c.seq;
                v->last_seq = c.seq;
                v->bytes += line.size + 1;
                progress_tell(progress, v->bytes);
        }
}

int audit_verify(int fd, const char *first_prev, void (*progress)(uint64_t bytes, void *userdata), void *userdata,
                 struct audit_verdict *ret) {
        struct audit_verdict v = { .fault = AUDIT_OK };
        struct expectation expect = { 0 };
        (void) snprintf(v.head, sizeof v.head, "%s", first_prev ? first_prev : chain_zeros);
        if (first_prev)
                (void) strncpy(expect.prev, first_prev, CHAIN_HEX);

        CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
        int r = lines_init(&lines, fd);
        if (r < 0)
                return r;

        struct progress p = { .hear = progress, .userdata = userdata, .heard_usec = monotonic_usec() };
        r = walk(&lines, &expect, &p, &v);
        if (r < 0)
                return r;
        *ret = v;
        return 0;
}
