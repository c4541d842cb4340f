/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the record can be trusted, and will be there when somebody asks for it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <sekisho/document.h>
#include <sekisho/receipt.h>

#include "audit/audit.h"
#include "audit_chain.h"
#include "base/cleanup.h"
#include "era.h"
#include "inspect.h"
#include "probe_files.h"
#include "record.h"
#include "screen.h"
#include "talk.h"

#define DAY               86400
#define KEY_MAX           4096u
#define ELSEWHERE_DAYS    35 /* a month, and some days to carry it there */
#define RECEIPT_DIRECTORY "var/lib/sekisho/record"
#define RECEIPT_FILE      "receipt.yaml"

/* ---- the chain ---- */

struct chain_walk {
        const struct inspection *n;
        struct finding *f;
        struct audit_chain chain; /* of the log that is being verified */
        bool has_key;             /* so that signatures were checked */
        uint64_t anchors_of_log;
        uint64_t records, anchors, last_seq;
        size_t files;
};

static int take_first(json_t *event, const char *line, size_t size, void *userdata) {
        (void) line, (void) size;
        *(int64_t *) userdata = event_seconds(event);
        return 1;
}

/* A log begins with its number 1, unless what came before is past its time. */
static void look_at_beginning(const struct chain_walk *c, const struct audit_file *file, int fd, uint64_t first_seq) {
        int64_t oldest = 0;
        int64_t kept = c->n->policy ? (int64_t) c->n->policy->audit.retain_days * DAY : 0;
        if (first_seq <= 1 || lseek(fd, 0, SEEK_SET) < 0)
                return;
        (void) audit_read(fd, INT64_MIN, take_first, &oldest);
        if (!c->n->policy)
                say(c->f, FIT_UNKNOWN, _("/%s begins with number %llu, and the policy in force cannot be read"),
                    file->label, (unsigned long long) first_seq);
        else if (c->n->now - oldest < kept - DAY)
                say(c->f, FIT_NO,
                    _("/%s begins with number %llu: what came before is missing, and is not past its time"),
                    file->label, (unsigned long long) first_seq);
}

/* The key beside the log: it shows a mistake, not a forger, who would have changed it too. */
static void begin_log(struct chain_walk *c, const struct audit_file *file) {
        CLEANUP(document_clear) struct document d = { 0 };
        struct audit_keys keys = { .n = 0 };
        const char *key = "";
        if (document_read(file->directory, AUDIT_KEY_FILE, KEY_MAX, &d) == 0 && audit_keys_add(&keys, d.bytes))
                key = audit_keys_find(&keys, file->log);
        c->has_key = *key != '\0';
        c->anchors_of_log = 0;
        audit_chain_begin(&c->chain, key, false);
}

static int verify_file(struct chain_walk *c, const struct audit_file *file, int fd) {
        struct audit_verdict v = { .fault = AUDIT_OK };
        if (file->is_aside) {
                say(c->f, FIT_NO, _("/%s was set aside: look into it"), file->label);
                return 0;
        }
        int r = audit_chain_file(&c->chain, file, fd, NULL, NULL, &v);
        if (r < 0)
                return r;
        if (!file->is_list) {
                c->files++;
                c->records += v.records;
                c->anchors += v.anchors;
                c->anchors_of_log += v.anchors;
        }
        if (v.fault != AUDIT_OK)
                say(c->f, FIT_NO, _("/%s, line %llu: %s"), file->label, (unsigned long long) v.line,
                    audit_fault_text(v.fault));
        else if (file->is_first)
                look_at_beginning(c, file, fd, v.first_seq);
        if (strcmp(file->log, AGENT_LOG) == 0)
                c->last_seq = v.records > 0 ? v.last_seq : c->last_seq;
        return 0;
}

/* Without a signature it could have been written anew by anybody. */
static void end_log(const struct chain_walk *c, const struct audit_file *file) {
        if (*file->log && !c->has_key)
                say(c->f, FIT_UNKNOWN, _("%s: signatures were not checked: there is no key"), file->log);
        else if (*file->log && c->anchors_of_log == 0)
                say(c->f, FIT_UNKNOWN, _("%s: nothing is signed: there is no anchor"), file->log);
}

static int verify_files(struct chain_walk *c, const struct audit_files *files) {
        int r = 0;
        for (size_t i = 0; r == 0 && i < files->n; i++) {
                const struct audit_file *file = &files->list[i];
                CLEANUP(close_p) int fd = audit_file_open(file);
                if (i == 0 || strcmp(file[-1].log, file->log) != 0)
                        begin_log(c, file);
                r = fd < 0 ? fd : verify_file(c, file, fd);
                if (r == 0 && !file->is_aside &&
                    (i + 1 == files->n || file[1].is_aside || strcmp(file[1].log, file->log) != 0))
                        end_log(c, file);
        }
        return r;
}

void probe_chain(const struct inspection *n, struct finding *f) {
        struct chain_walk c = { .n = n, .f = f };
        CLEANUP(audit_files_clear) struct audit_files files = { 0 };
        int r = audit_files_list(n->root, true, &files);
        if (r == 0)
                r = verify_files(&c, &files);
        long long agent_seq = talk_integer(json_object_get(n->status, "record"), "seq");
        if (r == -ENOENT)
                say(f, FIT_NO, _("There is no record."));
        else if (r < 0)
                say(f, FIT_UNKNOWN, _("The record cannot be read: %s."), strerror(-r));
        if (r == 0 && agent_seq > 0 && c.last_seq < (uint64_t) agent_seq)
                say(f, FIT_NO, _("The end is missing: the agent has written %lld, the last one here is %llu"),
                    agent_seq, (unsigned long long) c.last_seq);
        for (size_t i = 0; n->has_record && i < n->tally.n_logs; i++)
                if (n->tally.logs[i].gaps > 0)
                        say(f, FIT_NO, _("Log %s: numbers missing in the last %d days: %llu"), n->tally.logs[i].name,
                            INSPECT_DAYS, (unsigned long long) n->tally.logs[i].missing);
        if (!f->said)
                say(f, FIT_YES,
                    _("Records: %llu, in files: %zu; each names the one before it. Anchors, each of them signed: %llu"),
                    (unsigned long long) c.records, c.files, (unsigned long long) c.anchors);
}

/* ---- a copy elsewhere ---- */

static void problems_p(struct problems *p) {
        problems_clear(p);
}
DEFINE_FREEP(struct receipt, receipt_free)

/* What the agent has verified and stored: its own folder, which is root's. */
static int read_receipt(const struct root *root, struct receipt **ret) {
        CLEANUP(close_p) int fd = root_openat(root, RECEIPT_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        CLEANUP(document_clear) struct document text = { 0 };
        CLEANUP(problems_p) struct problems problems = { 0 };
        int r = fd < 0 ? fd : document_read(fd, RECEIPT_FILE, DOCUMENT_MAX, &text);
        if (r < 0)
                return r;
        return r == 0 && receipt_parse(text.bytes, text.size, &problems, ret) == 0 ? 0 : -EBADMSG;
}

void probe_elsewhere(const struct inspection *n, struct finding *f) {
        CLEANUP(receipt_freep) struct receipt *receipt = NULL;
        char text[ERA_MAX];
        int r = read_receipt(n->root, &receipt);
        if (r == -ENOENT) {
                say(f, FIT_UNKNOWN, _("No receipt of a collector says up to where it has the record."));
                return;
        }
        if (r < 0) {
                say(f, FIT_UNKNOWN, _("The receipt of the collector cannot be read."));
                return;
        }
        bool recent = receipt->issued <= n->now + DAY && n->now - receipt->issued <= (int64_t) ELSEWHERE_DAYS * DAY;
        say(f, recent ? FIT_YES : FIT_NO,
            recent ? _("A collector has it up to record %llu, said %s.")
                   : _("The last receipt is too old: up to record %llu, said %s."),
            (unsigned long long) receipt->seq, era_date(receipt->issued, text));
}

/* ---- retention and room ---- */

struct sizes {
        uint64_t bytes;
        int64_t oldest;
};

static int add_size(struct sizes *s, const struct audit_file *file) {
        CLEANUP(close_p) int fd = audit_file_open(file);
        struct stat st;
        int64_t first = 0;
        if (fd < 0)
                return fd;
        s->bytes += fstat(fd, &st) == 0 ? (uint64_t) st.st_size : 0;
        if (file->is_first && audit_read(fd, INT64_MIN, take_first, &first) > 0 && first > 0)
                s->oldest = s->oldest == 0 || first < s->oldest ? first : s->oldest;
        return 0;
}

static int add_sizes(const struct root *root, struct sizes *s) {
        CLEANUP(audit_files_clear) struct audit_files files = { 0 };
        int r = audit_files_list(root, true, &files);
        for (size_t i = 0; r == 0 && i < files.n; i++)
                r = add_size(s, &files.list[i]);
        return r;
}

void probe_retention(const struct inspection *n, struct finding *f) {
        struct sizes s = { 0 };
        struct statvfs v;
        char text[ERA_MAX];
        int r = add_sizes(n->root, &s);
        CLEANUP(close_p) int directory = root_openat(n->root, AUDIT_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        if (r < 0 || directory < 0 || fstatvfs(directory, &v) < 0 || !n->policy) {
                say(f, FIT_UNKNOWN,
                    r < 0 || directory < 0 ? _("The record cannot be read.")
                                           : _("The policy in force cannot be read."));
                return;
        }
        uint64_t room = (uint64_t) v.f_bavail * v.f_frsize, reserve = n->policy->audit.reserve;
        int64_t age = s.oldest > 0 && n->now > s.oldest ? (n->now - s.oldest) / DAY + 1 : 1;
        uint64_t a_day = s.bytes / (uint64_t) age + 1;
        if (room < reserve)
                say(f, FIT_NO, _("Room is short: %llu MiB are left, and the policy reserves %llu MiB"),
                    (unsigned long long) (room >> 20), (unsigned long long) (reserve >> 20));
        /* A bound for reading: nobody needs to know beyond a hundred years. */
        uint64_t days = room / a_day > 36500 ? 36500 : room / a_day;
        if (days < 90)
                say(f, FIT_NO, _("The disk is full in some %llu days if it goes on like this"),
                    (unsigned long long) days);
        if (!f->said)
                say(f, FIT_YES, _("To be kept: %u days; room: %llu MiB"), n->policy->audit.retain_days,
                    (unsigned long long) (room >> 20));
        if (s.oldest > 0)
                note(f, _("The oldest record is of %s; %llu KiB a day"), iso_date(s.oldest, text),
                     (unsigned long long) (a_day >> 10));
}
