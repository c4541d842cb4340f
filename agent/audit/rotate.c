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
static int change_file(struct audit_log *l, const char *detail) {
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
        return begin_segment(l, detail);
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
        int changed = change_file(l, NULL);
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

static void take_key(const json_t *event, char ret[static ANCHOR_HEX_SIZE]) {
        const json_t *own = json_object_get(json_object_get(event, "unmapped"), "sekisho");
        const char *code = json_string_value(json_object_get(json_object_get(event, "metadata"), "event_code"));
        const char *opened_with = json_string_value(json_object_get(own, "key"));
        struct anchor a;
        if (anchor_read(event, &a) == 0 && *a.next)
                memcpy(ret, a.next, ANCHOR_HEX_SIZE);
        else if (code && strcmp(code, "record-opened") == 0 && opened_with && strlen(opened_with) < ANCHOR_HEX_SIZE)
                (void) snprintf(ret, ANCHOR_HEX_SIZE, "%s", opened_with);
}

/* The last key that a file names: as the next one, or as the one that it was begun with. Untouched where it names none.
 */
static void last_key_in(const struct audit_log *l, const char *name, char ret[static ANCHOR_HEX_SIZE]) {
        static const char opened[] = "\"record-opened\"", next[] = "\"next\":\""; /* as we write them */
        CLEANUP(close_p) int fd = segment_open(l->directory, name);
        CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
        struct line line;
        if (fd < 0 || lines_init(&lines, fd) < 0)
                return;
        while (lines_next(&lines, &line) == LINE_COMPLETE) {
                struct chain c;
                bool names_key = memmem(line.text, line.size, next, sizeof next - 1) ||
                                 memmem(line.text, line.size, opened, sizeof opened - 1);
                if (!names_key || chain_parse(line.text, line.size, &c) != AUDIT_OK)
                        continue;
                CLEANUP(json_p) json_t *event = json_loadb(line.text, line.size, JSON_REJECT_DUPLICATES, NULL);
                take_key(event, ret);
        }
}

/* Which key signs by the record's own words: those of this file, else of the newest that was closed. "": it never had
 * any. */
static void expected_key(const struct audit_log *l, char ret[static ANCHOR_HEX_SIZE]) {
        char name[SEGMENT_NAME_SIZE];
        *ret = '\0';
        last_key_in(l, AUDIT_FILE, ret);
        if (*ret || l->segment < 2)
                return;
        segment_name(l->segment - 1, name);
        last_key_in(l, name, ret);
}

/* Whether the public key beside the log is this one; also where there is none yet. */
static bool began_with(const struct audit_log *l, const char *key) {
        char text[ANCHOR_TEXT_MAX] = "";
        ssize_t n = file_read_at(l->directory, AUDIT_KEY_FILE, text, sizeof text - 1);
        if (n < 0)
                return n == -ENOENT;
        CLEANUP(free_p) char *line = anchor_key_line(key, "");
        return line && strncmp(line, text, strlen(line) - 1) == 0; /* up to its comment */
}

/* The record says what the key must be, not whether one was found: killed at any moment between the key's file and the
 * line that tells of it, the next start comes to the same answer. */
static enum audit_key judge_key(const struct audit_log *l, bool fresh) {
        char expected[ANCHOR_HEX_SIZE];
        if (l->recovery.damaged && !fresh)
                return AUDIT_KEY_KNOWN; /* what named it was set aside, perhaps */
        expected_key(l, expected);
        if (*expected)
                return strcmp(expected, keyring_public(l->keys)) == 0 ? AUDIT_KEY_KNOWN : AUDIT_KEY_LOST;
        return began_with(l, keyring_public(l->keys)) ? AUDIT_KEY_FIRST : AUDIT_KEY_LOST;
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

/* A next key was prepared. It is the key, if its predecessor has signed it. */
static int settle_pending(struct audit_log *l) {
        char expected[ANCHOR_HEX_SIZE];
        const char *pending = keyring_pending(l->keys);
        if (!*pending)
                return 0;
        expected_key(l, expected);
        if (strcmp(expected, pending) == 0)
                return keyring_advance(l->keys);
        keyring_drop_pending(l->keys);
        return 0;
}

static int resume(struct audit_log *l, bool fresh, enum audit_key *ret) {
        static const char *const details[] = { [AUDIT_KEY_FIRST] = "first-key", [AUDIT_KEY_LOST] = "key-lost" };
        bool closed = l->has_tail && *l->tail.next;
        int r = settle_pending(l);
        if (r < 0)
                return r;
        *ret = judge_key(l, fresh);
        r = keep_public(l);
        if (r < 0)
                return r;
        l->opened = l->size > 0 ? began(l) : 0;
        l->unanchored = l->has_tail ? 0 : l->seq;
        const char *detail = *ret == AUDIT_KEY_KNOWN ? NULL : details[*ret];
        if (closed && l->size > 0)
                return change_file(l, detail);
        return l->size == 0 || detail ? begin_segment(l, detail) : 0;
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
