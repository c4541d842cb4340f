/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "record.h"
#include "screen.h"
#include "talk.h"

#define ZEROS         "0000000000000000000000000000000000000000000000000000000000000000"
#define BATCH_WAIT_MS 300 /* what the agent counted is on disk within a batch */

static const char *const fault_codes[AUDIT_FAULT_MAX] = {
        [AUDIT_OK] = "none",
        [AUDIT_NOT_JSON] = "not-json",
        [AUDIT_NO_CHAIN] = "no-chain",
        [AUDIT_PREV_DIFFERS] = "prev-differs",
        [AUDIT_SEQ_DIFFERS] = "seq-differs",
        [AUDIT_LOG_DIFFERS] = "log-differs",
        [AUDIT_TORN] = "torn",
};

struct verification {
        const char *name;
        struct audit_verdict verdict;
        uint64_t agent_seq; /* what the agent has written at least; 0 = not asked */
        bool is_short;      /* whole as far as it goes, but the agent wrote more */
};

static bool is_whole(const struct verification *v) {
        return v->verdict.fault == AUDIT_OK && !v->is_short;
}

/* One type for all numbers in messages, so that translators see no macros. */
static unsigned long long number(uint64_t n) {
        return n;
}

static void print(const struct verification *v) {
        const struct audit_verdict *d = &v->verdict;
        CLEANUP(free_p) char *name = screen_text(v->name);
        if (d->fault != AUDIT_OK)
                printf(_("%s: line %llu, byte %llu: %s"), name, number(d->line), number(d->offset),
                       audit_fault_text(d->fault));
        else if (v->is_short)
                printf(_("%s: records are missing at the end: the agent has written %llu, the last one here is %llu"),
                       name, number(v->agent_seq), number(d->last_seq));
        else if (d->records == 0)
                printf(_("%s: empty"), name);
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

static json_t *to_json(const struct verification *v) {
        const struct audit_verdict *d = &v->verdict;
        json_t *where = d->fault == AUDIT_OK ? json_null() : NULL;
        if (!where)
                where = json_pack("{s:I, s:I, s:s}", "line", (json_int_t) d->line, "offset", (json_int_t) d->offset,
                                  "text", audit_fault_text(d->fault));
        return json_pack("{s:s, s:b, s:s, s:o, s:I, s:I, s:I, s:I, s:s, s:o}", "file", v->name, "whole",
                         (int) is_whole(v), "fault", v->is_short ? "end-missing" : fault_codes[d->fault], "at", where,
                         "records", (json_int_t) d->records, "bytes", (json_int_t) d->bytes, "first_seq",
                         (json_int_t) d->first_seq, "last_seq", (json_int_t) d->last_seq, "head", d->head, "agent_seq",
                         v->agent_seq ? json_integer((json_int_t) v->agent_seq) : json_null());
}

struct progress {
        const char *name;
        uint64_t total;
};

static void hear(uint64_t bytes, void *userdata) {
        const struct progress *p = userdata;
        screen_progress(p->name, bytes, p->total);
}

static enum outcome verify(int fd, const char *first_prev, struct verification *v) {
        struct stat st;
        CLEANUP(free_p) char *name = screen_text(v->name);
        struct progress p = { .name = name ? name : "", .total = fstat(fd, &st) == 0 ? (uint64_t) st.st_size : 0 };
        int r = audit_verify(fd, first_prev, hear, &p, &v->verdict);
        screen_progress_end();
        if (r < 0) {
                complain(_("%s cannot be read: %s."), v->name, strerror(-r));
                return OUTCOME_BAD;
        }
        return OUTCOME_YES;
}

/* How many records the running agent knows of. A chain that was cut at its end is whole in itself. */
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

static enum outcome verify_machine(const struct invocation *i, struct verification *v) {
        v->name = RECORD_PATH;
        v->agent_seq = ask_agent(i);
        CLEANUP(close_p) int fd = -1;
        enum outcome outcome = record_open(i, RECORD_PATH, &fd);
        /* No record is a clear no; an agent that wrote one says more. */
        if (outcome == OUTCOME_NO && v->agent_seq == 0)
                return outcome;
        if (outcome != OUTCOME_YES && outcome != OUTCOME_NO)
                return outcome;
        if (v->agent_seq)
                (void) poll(NULL, 0, BATCH_WAIT_MS);
        /* A record of this machine begins at the beginning: its first line must not be missing either. */
        if (outcome == OUTCOME_YES)
                outcome = verify(fd, ZEROS, v);
        else
                outcome = OUTCOME_YES;
        v->is_short = v->verdict.fault == AUDIT_OK && v->verdict.last_seq < v->agent_seq;
        return outcome;
}

static enum outcome verify_file(const char *path, struct verification *v) {
        v->name = path;
        CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0) {
                int error = errno;
                complain(_("%s cannot be opened: %s."), path, strerror(error));
                return error == EACCES || error == EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
        }
        return verify(fd, NULL, v);
}

enum outcome run_audit_verify(const struct invocation *i) {
        enum outcome worst = OUTCOME_YES;
        bool whole = true;
        CLEANUP(json_decrefp) json_t *files = json_array();
        for (int n = 0; n == 0 || n < i->n_arguments; n++) {
                struct verification v = { 0 };
                enum outcome outcome = i->n_arguments > 0 ? verify_file(i->arguments[n], &v) : verify_machine(i, &v);
                if (outcome != OUTCOME_YES) {
                        worst = outcome;
                        continue;
                }
                whole = whole && is_whole(&v);
                if (i->json)
                        (void) json_array_append_new(files, to_json(&v));
                else
                        print(&v);
        }
        if (i->json) {
                enum outcome outcome = screen_json(
                        json_pack("{s:b, s:O}", "whole", (int) (whole && worst == OUTCOME_YES), "files", files));
                worst = outcome != OUTCOME_YES ? outcome : worst;
        }
        if (worst != OUTCOME_YES)
                return worst;
        return whole ? OUTCOME_YES : OUTCOME_NO;
}
