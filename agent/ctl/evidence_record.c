/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The record itself: whole files, since a part of a file would prove nothing. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit_chain.h"
#include "evidence.h"

#define TAIL (64u * 1024u)

struct walk {
        struct evidence *e;
        struct audit_chain chain; /* of the log whose turn it is */
};

static int take_first(json_t *event, const char *line, size_t size, void *userdata) {
        (void) line, (void) size;
        *(int64_t *) userdata = event_seconds(event);
        return 1;
}

/* Time of the first record; 0: there is none. */
static int64_t first_time(int fd) {
        int64_t when = 0;
        if (lseek(fd, 0, SEEK_SET) == 0)
                (void) audit_read(fd, INT64_MIN, take_first, &when);
        return when;
}

/* Somebody writes to the file: what is taken ends with a whole line. */
static int whole_lines(int fd, uint64_t size, uint64_t *ret) {
        char tail[TAIL];
        while (size > 0) {
                size_t want = size < TAIL ? (size_t) size : TAIL;
                ssize_t n = pread(fd, tail, want, (off_t) (size - want));
                if (n != (ssize_t) want)
                        return n < 0 ? -errno : -EIO;
                const char *newline = memrchr(tail, '\n', want);
                if (newline) {
                        *ret = size - want + (uint64_t) (newline - tail) + 1;
                        return 0;
                }
                size -= want;
        }
        *ret = 0;
        return 0;
}

/* A copy that stands still. A descriptor or -errno. */
static int still_copy(int fd, uint64_t size) {
        int copy = memfd_create("record", MFD_CLOEXEC);
        char buffer[TAIL];
        for (uint64_t done = 0; copy >= 0 && done < size;) {
                size_t want = size - done < TAIL ? (size_t) (size - done) : TAIL;
                ssize_t n = pread(fd, buffer, want, (off_t) done);
                int r = n <= 0 ? -EIO : file_write_all(copy, buffer, (size_t) n);
                if (r < 0) {
                        (void) close(copy);
                        return r;
                }
                done += (uint64_t) n;
        }
        return copy < 0 ? -errno : copy;
}

/* What was set aside stands alone; a log goes on from file to file. */
static int verify(struct walk *w, const struct audit_file *file, int fd, struct audit_verdict *ret) {
        struct audit_expectation alone = { 0 };
        return file->is_aside ? audit_verify_next(fd, &alone, NULL, NULL, ret)
                              : audit_chain_file(&w->chain, file, fd, NULL, NULL, ret);
}

static int add_proof(struct walk *w, const char *name, const struct audit_file *file, const struct audit_verdict *v) {
        json_t *proof = json_pack("{s:s, s:b, s:s, s:I, s:I, s:I, s:s, s:I, s:I, s:b}", "file", name, "whole",
                                  v->fault == AUDIT_OK, "fault", v->fault == AUDIT_OK ? "" : audit_fault_text(v->fault),
                                  "records", (json_int_t) v->records, "first_seq", (json_int_t) v->first_seq,
                                  "last_seq", (json_int_t) v->last_seq, "head", v->records > 0 ? v->head : "",
                                  "anchors", (json_int_t) v->anchors, "anchored_seq", (json_int_t) v->anchored_seq,
                                  "aside", file->is_aside);
        return proof && json_array_append_new(w->e->chain, proof) == 0 ? 0 : -ENOMEM;
}

static int add_file(struct walk *w, const struct audit_file *file, int fd, uint64_t size) {
        char name[128];
        struct audit_verdict v = { .fault = AUDIT_OK };
        CLEANUP(close_p) int copy = file->is_current ? still_copy(fd, size) : -1;
        int from = file->is_current ? copy : fd;
        (void) snprintf(name, sizeof name, "record/%s/%.80s", audit_file_part(file), file->name);
        int r = from < 0 ? from : lseek(from, 0, SEEK_SET) < 0 ? -errno : 0;
        if (r == 0)
                r = verify(w, file, from, &v);
        if (r == 0)
                r = bundle_add_fd(w->e->bundle, name, from, size);
        return r < 0 || file->is_list ? r : add_proof(w, name, file, &v);
}

/* The head of a file that is not in the span: the next one has to follow on it. */
static int pass_over(struct walk *w, const struct audit_file *file, int fd) {
        struct audit_verdict v;
        return lseek(fd, 0, SEEK_SET) < 0 ? -errno : verify(w, file, fd, &v);
}

static int last_time_of(json_t *event, const char *line, size_t size, void *userdata) {
        (void) line, (void) size;
        int64_t *last = userdata, when = event ? event_seconds(event) : 0;
        *last = when > *last ? when : *last;
        return 0;
}

static int look_at(struct walk *w, const struct audit_file *file, int fd) {
        struct stat st;
        uint64_t size;
        int64_t first = first_time(fd), last = 0;
        int r = fstat(fd, &st) < 0 ? -errno : 0;
        size = r == 0 ? (uint64_t) st.st_size : 0;
        if (r == 0 && file->is_list) /* what a verifier needs for whatever follows */
                return add_file(w, file, fd, size);
        if (r == 0 && file->is_current)
                r = whole_lines(fd, size, &size);
        if (r == 0 && !file->is_current && lseek(fd, 0, SEEK_SET) == 0)
                r = audit_read(fd, w->e->from, last_time_of, &last);
        if (r < 0)
                return r;
        /* What was set aside may hold anything, and is always evidence. */
        bool in_span = first < w->e->to && (file->is_current || last >= w->e->from);
        return in_span || file->is_aside ? add_file(w, file, fd, size) : pass_over(w, file, fd);
}

static int look_at_all(struct walk *w, const struct audit_files *files) {
        int r = 0;
        for (size_t i = 0; r == 0 && i < files->n; i++) {
                const struct audit_file *file = &files->list[i];
                CLEANUP(close_p) int fd = audit_file_open(file);
                if (i == 0 || strcmp(file[-1].log, file->log) != 0)
                        audit_chain_begin(&w->chain, "", false);
                r = fd < 0 ? fd : look_at(w, file, fd);
        }
        return r;
}

int evidence_record(struct evidence *e) {
        struct walk w = { .e = e };
        CLEANUP(audit_files_clear) struct audit_files files = { 0 };
        int r = audit_files_list(&e->invocation->root, true, &files);
        if (r == 0)
                r = look_at_all(&w, &files);
        CLEANUP(free_p) char *text = r == 0 ? json_dumps(e->chain, JSON_INDENT(1) | JSON_ENSURE_ASCII) : NULL;
        if (r == 0)
                r = text ? bundle_add(e->bundle, "chain.json", text, strlen(text)) : -ENOMEM;
        return r;
}
