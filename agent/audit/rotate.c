/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Anchors, and the succession of segments and keys.
 *
 * Closing a segment: the next key is on the disk (keyring_prepare); the anchor that names it is on the disk; the old
 * key is gone (keyring_advance); the file gets its number; the next file begins. After each of these steps the machine
 * may stop: audit_log_sign() finds out how far it came, and goes on from there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/lines.h"
#include "audit/log.h"
#include "audit/ocsf_record.h"
#include "audit/segments.h"
#include "base/cleanup.h"

#define ROTATE_PAUSE_USEC UINT64_C(60000000)
#define MACHINE_TEXT      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"

static void json_p(json_t **j) {
        json_decref(*j);
}

static int append_own(struct audit_log *l, json_t *event_given, enum audit_when when) {
        CLEANUP(json_p) json_t *event = event_given;
        if (!event)
                return -ENOMEM;
        bool before = l->anchoring;
        l->anchoring = true;
        int r = audit_log_append(l, event, when, NULL);
        l->anchoring = before;
        return r;
}

/* ---- anchors ---- */

static int put_anchor(struct audit_log *l, const char *next, enum audit_when when) {
        struct anchor a = { .time = time_now(l->time), .seq = l->seq, .segment = l->segment };
        memcpy(a.log, l->name, sizeof a.log);
        memcpy(a.head, l->head, sizeof a.head);
        const char *machine = l->terminal->machine_id;
        if (machine && strspn(machine, MACHINE_TEXT) == strlen(machine) && strlen(machine) < sizeof a.machine)
                memcpy(a.machine, machine, strlen(machine) + 1);
        (void) snprintf(a.next, sizeof a.next, "%s", next);
        anchor_sign(&a, keyring_secret(l->keys));
        int r = append_own(l, ocsf_record_anchor(l->terminal, &a), when);
        if (r == 0)
                l->unanchored = 0;
        return r;
}

int audit_log_anchor(struct audit_log *l) {
        if (!l->keys || l->unanchored == 0 || l->anchoring)
                return 0;
        return put_anchor(l, "", AUDIT_BATCH);
}

void log_appended(struct audit_log *l) {
        if (l->anchoring || !l->keys)
                return;
        l->unanchored++;
        if (l->size >= SEGMENT_BYTES && time_boot_usec(l->time) >= l->rotate_after)
                (void) audit_log_rotate(l);
        else if (l->unanchored >= ANCHOR_RECORDS)
                (void) audit_log_anchor(l);
}

const char *audit_log_key(const struct audit_log *l) {
        return l->keys ? keyring_public(l->keys) : "";
}

/* ---- segments ---- */

static int sync_directory(const struct audit_log *l) {
        CLEANUP(close_p) int fd = openat(l->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The number that the file will get. */
static int next_number(const struct audit_log *l, uint32_t *ret) {
        CLEANUP(segment_list_clear) struct segment_list list = { 0 };
        int r = segments_list(l->directory, 0, &list);
        if (r < 0)
                return r;
        uint32_t last = list.n > 0 ? list.numbers[list.n - 1] : 0;
        if (last >= SEGMENT_LAST)
                return -EOVERFLOW;
        *ret = last + 1;
        return 0;
}

/* Where it cannot be made to last it is not there. */
static int new_file(const struct audit_log *l) {
        CLEANUP(close_p)
        int fd = openat(l->directory, AUDIT_FILE, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (fd < 0)
                return -errno;
        int r = flock(fd, LOCK_EX | LOCK_NB) < 0 || fsync(fd) < 0 ? -errno : sync_directory(l);
        if (r < 0)
                (void) unlinkat(l->directory, AUDIT_FILE, 0);
        return r < 0 ? r : TAKE_FD(fd);
}

static int begin_segment(struct audit_log *l, const char *detail) {
        l->opened = time_now(l->time);
        return append_own(
                l, ocsf_record_opened(l->terminal, l->opened, l->name, l->segment, keyring_public(l->keys), detail),
                AUDIT_DURABLE);
}

/* Everything in the file is on the disk. Where the new file cannot be made, the old one gets its name back. */
static int change_file(struct audit_log *l) {
        char name[SEGMENT_NAME_SIZE];
        segment_name(l->segment, name);
        if (renameat2(l->directory, AUDIT_FILE, l->directory, name, RENAME_NOREPLACE) < 0)
                return -errno;
        int fd = new_file(l);
        if (fd < 0) {
                (void) renameat2(l->directory, name, l->directory, AUDIT_FILE, RENAME_NOREPLACE);
                return fd;
        }
        close_p(&l->fd);
        l->fd = fd;
        l->size = l->durable_size = 0;
        l->n_pending = 0;
        l->segment++;
        return begin_segment(l, NULL);
}

static int rotate(struct audit_log *l) {
        int r = audit_log_flush(l);
        if (r == 0)
                r = keyring_prepare(l->keys);
        if (r < 0)
                return r;
        r = put_anchor(l, keyring_pending(l->keys), AUDIT_DURABLE);
        if (r < 0) {
                keyring_drop_pending(l->keys);
                return r;
        }
        r = keyring_advance(l->keys);
        int changed = change_file(l);
        return r < 0 ? r : changed;
}

int audit_log_rotate(struct audit_log *l) {
        if (!l->keys || l->anchoring || l->size == 0)
                return 0;
        int r = rotate(l);
        if (r < 0)
                l->rotate_after = time_boot_usec(l->time) + ROTATE_PAUSE_USEC;
        return r;
}

int audit_log_tick(struct audit_log *l) {
        int r = log_fill_reserve(l);
        if (!l->keys || l->unanchored == 0)
                return r;
        int64_t now = time_now(l->time);
        int s = now - l->opened >= SEGMENT_SECONDS ? audit_log_rotate(l) : 0;
        int t = audit_log_anchor(l); /* also where the segment could not be closed */
        return r < 0 ? r : s < 0 ? s : t;
}

/* ---- where it was left ---- */

/* Seconds; of the first line of the file. */
static int64_t began(const struct audit_log *l) {
        CLEANUP(close_p) int fd = segment_open(l->directory, AUDIT_FILE);
        CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
        struct line line;
        if (fd < 0 || lines_init(&lines, fd) < 0 || lines_next(&lines, &line) != LINE_COMPLETE)
                return 0;
        CLEANUP(json_p) json_t *event = json_loadb(line.text, line.size, JSON_REJECT_DUPLICATES, NULL);
        return json_integer_value(json_object_get(event, "time")) / 1000;
}

/* Whether a file has an anchor that names this key as the next one. */
static bool names_key(int fd, const char *key) {
        CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
        struct line line;
        if (lines_init(&lines, fd) < 0)
                return false;
        while (lines_next(&lines, &line) == LINE_COMPLETE) {
                struct chain c;
                struct anchor a;
                if (chain_parse(line.text, line.size, &c) != AUDIT_OK || !c.has_anchor)
                        continue;
                CLEANUP(json_p) json_t *event = json_loadb(line.text, line.size, JSON_REJECT_DUPLICATES, NULL);
                if (anchor_read(event, &a) == 0 && strcmp(a.next, key) == 0)
                        return true;
        }
        return false;
}

/* A next key was prepared. Whether its predecessor has signed it: in this file, or in the newest that was closed. */
static bool was_signed(const struct audit_log *l, const char *key) {
        char name[SEGMENT_NAME_SIZE];
        CLEANUP(close_p) int fd = segment_open(l->directory, AUDIT_FILE);
        if (fd >= 0 && names_key(fd, key))
                return true;
        if (l->segment < 2)
                return false;
        segment_name(l->segment - 1, name);
        CLEANUP(close_p) int older = segment_open(l->directory, name);
        return older >= 0 && names_key(older, key);
}

/* The key of the first hour, for whoever copies it at enrolment. Its name tells it from those that follow. */
static int keep_public(const struct audit_log *l) {
        char comment[CHAIN_LOG_MAX + ANCHOR_MACHINE_MAX + 16];
        const char *machine = l->terminal->machine_id;
        (void) snprintf(comment, sizeof comment, "sekisho:%s:%.*s", l->name, (int) ANCHOR_MACHINE_MAX,
                        machine && strspn(machine, MACHINE_TEXT) == strlen(machine) ? machine : "");
        CLEANUP(free_p) char *line = anchor_key_line(keyring_public(l->keys), comment);
        if (!line)
                return -ENOMEM;
        if (faccessat(l->directory, AUDIT_KEY_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        return file_replace_at(l->directory, AUDIT_KEY_FILE, line, strlen(line), 0640);
}

static int resume(struct audit_log *l, bool fresh, enum audit_key *ret) {
        bool closed = l->has_tail && *l->tail.next;
        const char *pending = keyring_pending(l->keys);
        int r = 0;
        if (*pending && was_signed(l, pending))
                r = keyring_advance(l->keys);
        else
                keyring_drop_pending(l->keys);
        if (r < 0)
                return r;

        bool is_new = l->seq == 0;
        *ret = !fresh ? AUDIT_KEY_KNOWN : is_new ? AUDIT_KEY_FIRST : AUDIT_KEY_LOST;
        if (fresh && !is_new && faccessat(l->directory, AUDIT_KEY_FILE, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                *ret = AUDIT_KEY_FIRST; /* the log is older than its anchors */
        r = keep_public(l);
        if (r < 0)
                return r;
        l->opened = l->size > 0 ? began(l) : 0;
        l->unanchored = l->has_tail ? 0 : l->seq;
        if (closed && l->size > 0)
                r = change_file(l);
        else if (l->size == 0 || fresh)
                r = begin_segment(l, *ret == AUDIT_KEY_FIRST  ? "first-key"
                                     : *ret == AUDIT_KEY_LOST ? "key-lost"
                                                              : NULL);
        return r;
}

DEFINE_FREEP(struct keyring, keyring_free)

int audit_log_sign(struct audit_log *l, const struct root *root, const struct audit_terminal *t,
                   const char *key_directory, enum audit_key *ret) {
        CLEANUP(keyring_freep) struct keyring *keys = NULL;
        bool fresh = false;
        uint32_t number = 0;
        int r = keyring_open(root, key_directory, &keys, &fresh);
        if (r == 0)
                r = next_number(l, &number);
        if (r < 0)
                return r;
        l->keys = TAKE_PTR(keys);
        l->terminal = t;
        l->segment = number;
        r = resume(l, fresh, ret);
        if (r < 0)
                l->keys = keyring_free(l->keys);
        return r;
}
