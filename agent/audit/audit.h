/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The record: chained JSON lines (OCSF 1.7.0), durable before a door opens, and its verifier.
 *
 * Owned by agent/audit. Writers: agent.c only. Readers: ctl.
 * Each line is one JSON object; unmapped.sekisho = {log, seq, prev, ...}; prev is the lower-case hex SHA-256 of the
 * previous line's exact bytes without its newline (64 zeros for the first line). A line ends with '\n'.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <sekisho/decision.h>
#include <sekisho/trust.h>

#include "base/blocked.h"
#include "base/file.h"
#include "base/paste.h"
#include "base/timesource.h"
#include "base/transfer.h"

#define AUDIT_DIRECTORY     "var/log/sekisho"
#define AUDIT_FILE          "audit.jsonl"
#define AUDIT_KEY_FILE      "audit.pub"    /* the log's first public key, beside it */
#define AUDIT_CLOSED_FILE   "closed.jsonl" /* the last line of each segment that was deleted: an anchor with a key */
#define AUDIT_OTP_DIRECTORY AUDIT_DIRECTORY "/otp" /* the verifier's own log, "otp" */
#define AUDIT_OTP_RECEIPT   "receipt-otp.json"     /* beside the policy: up to where that log is held, from the agent */
#define AUDIT_LINE_MAX      (256u * 1024u)         /* bytes; a longer line is damage */
#define AUDIT_BATCH_USEC    50000u                 /* what stays shut is on disk within this */

/* ---- events: typed facts in, OCSF object out (ocsf.c). New reference or NULL (no memory). ---- */

struct audit_terminal { /* said in every record */
        const char *machine_id, *hostname, *version;
};

enum audit_activity { AUDIT_DEVICE_CONNECT, AUDIT_DEVICE_DISCONNECT, AUDIT_DEVICE_ENABLE, AUDIT_DEVICE_DISABLE };

/* All strings may hold any bytes: what is not plain text is escaped, see sekisho-record(5).
 *
 * Peripheral Activity (1010). effect_result: untranslated word ("as-decided", "differs", ...), or NULL when this is the
 * decision, not yet the effect. verdict may be NULL (a device that went before it was judged). The note is not
 * recorded. */
json_t *audit_event_device(const struct audit_terminal *t, int64_t now, enum audit_activity activity,
                           const struct device_facts *device, const struct verdict *verdict, const char *effect_result);

/* What became of a policy, trust, permit or grant document. All strings may hold any bytes. */
struct audit_document {
        const char *what;    /* "policy", "trust", "permit", "grant"; "document": nobody can say what it is */
        uint64_t serial;     /* or the version; 0: not known */
        const char *sha256;  /* hex of the file; NULL: it was not read */
        const char *source;  /* "default", "local-unsigned", "local", "signed" */
        const char *outcome; /* "installed", "refused", "restored" */
        const char *detail;  /* untranslated reason, or "trial"; may be NULL */
        int64_t uid;         /* who brought it; -1: nobody did */
        const char *via;     /* how it came: "socket", "inbox", "medium"; NULL: it did not come, it was there */
        const char *name;    /* of the file, where it came as one; may be NULL */
        const struct trust_check *signatures; /* what each of them is worth; may be NULL */
};

/* Entity Management (3004). */
json_t *audit_event_document(const struct audit_terminal *t, int64_t now, const struct audit_document *d);

struct permit;

/* What became of a permit. Texts may be NULL but outcome. */
struct audit_permit {
        const char *outcome;         /* "installed", "activated", "used", "ended", "closed", "refused" */
        const char *detail;          /* why, untranslated: "duration", "signatures" */
        const struct permit *permit; /* NULL: it could not be read */
        const char *id;              /* then */
        const char *sha256;          /* hex of the file */
        int64_t uid;                 /* who asked; -1: nobody */
        uint64_t files, bytes;       /* closed after writing, and what the kernel wrote to the medium */
        const char *by;              /* who confirmed the return */
        bool returned, erased;
};

/* Entity Management (3004). What may be a My Number in the texts is masked. */
json_t *audit_event_permit(const struct audit_terminal *t, int64_t now, const struct audit_permit *p);

/* Application Lifecycle (6002): the agent itself. activity: "start", "stop", "trouble"; code and detail as guards
 * report them. */
json_t *audit_event_agent(const struct audit_terminal *t, int64_t now, const char *activity, const char *code,
                          const char *detail);

/* What the verifier of second factors did. All strings may be NULL but phase, outcome and user; none is ever a code. */
struct audit_login {
        const char *phase; /* "auth", "account", "session", "factor" (enrolment and what follows it) */
        const char
                *outcome; /* audit_login_kinds: "accepted", "refused", "exempt", "break-glass", "observed", "session",
                             "enrolled", "removed", "unlocked", "locked", "trouble"; another is "trouble" */
        const char *user;
        int64_t uid; /* -1: no such account */
        const char *service, *tty, *rhost;
        const char *factor; /* "totp", "recovery", "grant" */
        const char *escort; /* the second person's account */
        const char *detail; /* the true reason: "wrong-code", "replayed", "throttled", ... */
        int64_t by;         /* uid of who asked, for enrolment; -1: does not apply */
        bool clock_suspect;
};

/* Authentication (3002), or Account Change (3001) for phase "factor". verdict may be NULL. */
json_t *audit_event_login(const struct audit_terminal *t, int64_t now, const struct audit_login *login,
                          const struct verdict *verdict);

/* File System Activity (1001): what a process did to a file on a medium. f: not TRANSFER_TROUBLE or _WATCHING. device,
 * verdict: what the medium is and why it is open; NULL: not known. What may be a My Number in a name is masked. The
 * message, which goes to the journal too, holds no name of a file. */
json_t *audit_event_transfer(const struct audit_terminal *t, int64_t now, const struct transfer *f,
                             const struct device_facts *device, const struct verdict *verdict);

/* Network Activity (4001): what the network rules held back, or would have. b: not BLOCKED_TROUBLE or _WATCHING.
 * verdict: what the policy says of such a connection; a rule that allows it was not enough, since another layer held
 * it. */
json_t *audit_event_blocked(const struct audit_terminal *t, int64_t now, const struct blocked *b,
                            const struct verdict *verdict);

/* Event Log Activity (1008): the record was handed out. sha256: hex of the manifest. */
json_t *audit_event_exported(const struct audit_terminal *t, int64_t now, const char *log, const char *sha256,
                             int64_t uid);

/* Base Event (0): a paste that was refused, or would have been. verdict: what the policy says of such a paste. */
json_t *audit_event_paste(const struct audit_terminal *t, int64_t now, const struct paste *p,
                          const struct verdict *verdict);

/* ---- writer ---- */

struct audit_log;

enum audit_when {
        AUDIT_DURABLE, /* on disk before the call returns */
        AUDIT_BATCH,   /* on disk at the next audit_log_flush(); due AUDIT_BATCH_USEC after the first of the batch */
};

struct audit_recovery { /* what audit_log_open() found */
        bool torn;      /* the last line was incomplete; kept aside in torn_name */
        uint64_t torn_bytes;
        char torn_name[64];
        bool damaged; /* the last complete line is not a record of ours; the old file was kept as damaged_name and
                                a new one begun, whose first prev is 64 zeros */
        char damaged_name[64];
        uint64_t last_seq; /* the next record has last_seq + 1. In a file begun anew it goes on from the old one's where
                                that can be read near its end, so that (log, seq) stays unique; else 0 */
};

/* Opens or creates the log below root (directory mode 0750, file 0640), takes an exclusive lock (-EBUSY: another
 * writer), finds the head of the chain, mends a torn tail. log_name: "agent" (1 to 63 of a-z, 0-9, '-'). root and time
 * are borrowed and must outlive the log. The first record appended after something was kept aside names it in
 * unmapped.sekisho.kept_aside. -ELOOP: a link stands there; -EINVAL: not a regular file; -EPERM: file or directory of
 * another user, or the directory is writable by others; -ENOSPC: no room to keep a torn tail aside, nothing was
 * changed; other -errno. The lock (flock) dies with the last copy of the descriptor: a worker that is forked without
 * exec must close what it inherits, or a worker that hangs in the kernel keeps the next agent out. */
int audit_log_open(const struct root *root, const struct time_source *time, const char *log_name,
                   struct audit_log **ret, struct audit_recovery *ret_recovery);
/* The same in another directory below the root, which must not be NULL: a log of a process that is not the agent. */
int audit_log_open_in(const struct root *root, const char *directory, const struct time_source *time,
                      const char *log_name, struct audit_log **ret, struct audit_recovery *ret_recovery);
struct audit_log *audit_log_free(struct audit_log *l); /* flushes; NULL allowed */

/* Adds chain fields to event (borrowed, modified), appends one line, hands it to the sinks. *ret_seq may be NULL.
 * 0 or -errno (-ENOSPC ...): then nothing was acknowledged, the file holds no half line, and the next append tries
 * again. A batched line is in the file (kill -9 does not lose it) but not yet on the disk; AUDIT_DURABLE and
 * audit_log_flush() put everything before them on the disk too. -EINVAL: not an object of audit_event_*(); -EMSGSIZE:
 * over AUDIT_LINE_MAX; -ESTALE: somebody cut, renamed, removed or wrote to the file; free the log and open it again. */
int audit_log_append(struct audit_log *l, json_t *event, enum audit_when when, uint64_t *ret_seq);
/* 0 or -errno; then audit_log_deadline() says when to try again, and nothing of the batch is forgotten meanwhile. */
int audit_log_flush(struct audit_log *l);
/* Boot-clock microseconds at which audit_log_flush() is due, UINT64_MAX if nothing waits. */
uint64_t audit_log_deadline(const struct audit_log *l);
uint64_t audit_log_last_seq(const struct audit_log *l);
/* Hex SHA-256 of the last line; 64 zeros when there is none. Valid until the next append. */
const char *audit_log_head(const struct audit_log *l);

/* ---- anchors, segments, reserve: rotate.c, reserve.c ---- */

enum audit_key { AUDIT_KEY_KNOWN, AUDIT_KEY_FIRST, AUDIT_KEY_LOST /* the log was signed with one that is gone */ };

/* From here on the log has anchors, signed with the key in key_directory (below root), and is rotated. t is borrowed.
 * Ends a rotation that was interrupted. *ret: where the key came from, which is in the record. 0; -errno: the log goes
 * on without anchors. */
int audit_log_sign(struct audit_log *l, const struct root *root, const struct audit_terminal *t,
                   const char *key_directory, enum audit_key *ret);
/* An anchor, if there are records without one. Also after 256 of them by itself, and when the log is freed.
 * Those who have a clock call audit_log_tick() once a minute. 0 or -errno. */
int audit_log_anchor(struct audit_log *l);
/* Closes the segment, and begins the next one with a key of its own. 0 or -errno. */
int audit_log_rotate(struct audit_log *l);
/* The anchor of the minute, the rotation of the day, the reserve. 0 or the first -errno. */
int audit_log_tick(struct audit_log *l);
/* Hex of the public key that signs now; "" without anchors. */
const char *audit_log_key(const struct audit_log *l);

/* Deletes closed segments, from the oldest on, whose records are all older than older_than (seconds since the epoch)
 * and not after number receipted; their last lines stay in AUDIT_CLOSED_FILE. *ret: how many. 0 or -errno. */
int audit_log_retain(struct audit_log *l, int64_t older_than, uint64_t receipted, unsigned *ret);
/* Whether the log has a line with this number and hash (hex). 1, 0, or -errno; -ESTALE: what is left begins later. */
int audit_log_has(const struct audit_log *l, uint64_t seq, const char *hash);

/* From now on durable records are so by a second file, which is faster to sync (ahead.h); the log itself is synced with
 * the next batch: who calls this flushes by audit_log_deadline(). 0; -errno: as before. */
int audit_log_set_ahead(struct audit_log *l);

/* Keeps so many bytes of the disk for when it is full. 0 or -errno: there is less, or none. */
int audit_log_set_reserve(struct audit_log *l, uint64_t bytes);
/* The disk is full, and records go into the reserve. */
bool audit_log_on_reserve(const struct audit_log *l);

/* Sinks (sinks.c): sd-journal with MESSAGE_ID and fields, libaudit 1137. Best effort: a failure is counted, never
 * blocks the record. mask: 1 << enum sink. The audit trail is the real machine's only: with another root nothing is
 * sent there, and the journal is the one whose socket is below the root. */
void audit_log_set_sinks(struct audit_log *l, uint32_t mask);
/* From now on sinks have a record at the next audit_log_flush(), or when many wait; who calls this flushes after each
 * append within AUDIT_BATCH_USEC, the durable ones too. */
void audit_log_set_sinks_later(struct audit_log *l);
uint64_t audit_log_sink_failures(const struct audit_log *l);

/* ---- reader and verifier ---- */

enum audit_fault {
        AUDIT_OK = 0,
        AUDIT_NOT_JSON = 1,   /* a line is not a JSON object, too long, or has a NUL */
        AUDIT_NO_CHAIN,       /* chain fields missing or of the wrong type */
        AUDIT_PREV_DIFFERS,   /* changed, removed or inserted before this line */
        AUDIT_SEQ_DIFFERS,    /* sequence is not the previous plus one */
        AUDIT_LOG_DIFFERS,    /* another log's line */
        AUDIT_TORN,           /* last line has no newline */
        AUDIT_ANCHOR_FORM,    /* an anchor is not of its form */
        AUDIT_ANCHOR_DIFFERS, /* it speaks of another line than the one before it */
        AUDIT_SIGNATURE_BAD,  /* it is not signed by the key that must have signed it */
        AUDIT_HEAD_DIFFERS,   /* the line is not the one whose hash is known from elsewhere */
        AUDIT_FAULT_MAX,
};

struct audit_verdict {
        enum audit_fault fault;
        uint64_t line, offset;   /* of the first fault; line from 1 */
        uint64_t records, bytes; /* verified before it */
        uint64_t first_seq, last_seq;
        char head[65];                  /* hex SHA-256 of the last good line */
        uint64_t anchors, anchored_seq; /* how many, and up to where the last of them speaks */
};

/* A head that is known from elsewhere: from the journal of another machine, a collector, a sheet of paper. */
struct audit_head {
        char log[64];
        uint64_t seq;
        char hash[65];
        bool met;
};

/* What is expected of the next line, from file to file of one log. Zeros: whatever comes first is believed. */
struct audit_expectation {
        char prev[65];     /* "": anything */
        char log[64];      /* "": anything */
        uint64_t last_seq; /* where log is set */
        char key[65];      /* hex of the public key that signs the next anchor; "": signatures are not looked at */
        struct audit_head *heads; /* borrowed; those of this log are compared, and marked as met */
        size_t n_heads;
};

/* As audit_verify(), and goes on where the file before this one ended. */
int audit_verify_next(int fd, struct audit_expectation *expect, void (*progress)(uint64_t bytes, void *userdata),
                      void *userdata, struct audit_verdict *ret);
/* AUDIT_CLOSED_FILE: only signatures can be checked, and the keys that they hand on. The segment after the last one
 * must follow on it. ret_before: what was expected before its last line: by a segment that is still there, where the
 * agent stopped between telling of it and deleting it; that one must end with the very line. May be NULL. */
int audit_verify_closed(int fd, struct audit_expectation *expect, struct audit_expectation *ret_before,
                        struct audit_verdict *ret);
/* "LOG:SEQ:HASH", or the line of an anchor as it stands in a record: the head that it speaks of. False: neither. */
bool audit_head_parse(const char *text, struct audit_head *ret);

/* Streams fd from its position. progress (may be NULL) hears bytes done, a few times a second at most.
 * first_prev: expected prev of the first line, NULL = whatever it says. 0 (see ret->fault) or -errno.
 * What it cannot see without a head kept elsewhere: a change of the last line, a missing end, a file written anew. */
int audit_verify(int fd, const char *first_prev, void (*progress)(uint64_t bytes, void *userdata), void *userdata,
                 struct audit_verdict *ret);
const char *audit_fault_text(enum audit_fault f); /* translated */

/* Calls each with every record of the file that parses, oldest first; damaged lines come with event == NULL (whatever
 * since says). event and line are borrowed for the call; size is without the newline; line[size] is '\n', NUL for an
 * incomplete last line (perhaps one that is just being written), or anything else for a line that is too long, of which
 * only the first AUDIT_LINE_MAX bytes are shown. since: seconds since the epoch, INT64_MIN = all; a record without a
 * time is always shown. Callback returns 0 to go on; what else it returns ends the walk and is returned. 0 or -errno.
 */
int audit_read(int fd, int64_t since, int (*each)(json_t *event, const char *line, size_t size, void *userdata),
               void *userdata);
