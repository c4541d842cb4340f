/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One writer, one file, one chain.
 *
 * Every line is written at once (a kill -9 loses nothing that append acknowledged); fdatasync comes with the durable
 * ones and with the batch. Until a line is known to be on disk it is also kept in memory: when fdatasync fails, the
 * kernel has marked the pages clean without having written them, and reading them back or syncing again proves nothing.
 * So the tail behind the last good fdatasync is then "unknown": it is cut off and written anew, and only the fdatasync
 * of that counts. With a file ahead (ahead.h) durable lines wait for the batch as well, on the disk already.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/ahead.h"
#include "audit/compact.h"
#include "audit/log.h"
#include "audit/recover.h"
#include "base/cleanup.h"

#define PENDING_MAX (1024u * 1024u)   /* a storm is flushed early */
#define LINE_USUAL  4096u             /* bytes; most are less than half of it */
#define RETRY_USEC  UINT64_C(1000000) /* after a failed flush */

/* ---- the file ---- */

/* Somebody cut, renamed, replaced or wrote to the file under us: what we would append belongs to nothing. */
static int check_unchanged(const struct audit_log *l) {
        struct stat ours, named;
        if (fstat(l->fd, &ours) < 0)
                return -errno;
        if (fstatat(l->directory, AUDIT_FILE, &named, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? -ESTALE : -errno;
        if (ours.st_dev != named.st_dev || ours.st_ino != named.st_ino)
                return -ESTALE;
        uint64_t size = (uint64_t) ours.st_size;
        return (l->tail_unknown ? size < l->durable_size : size != l->size) ? -ESTALE : 0;
}

static int cut(struct audit_log *l, uint64_t size) {
        if (ftruncate(l->fd, (off_t) size) < 0) {
                l->tail_unknown = true;
                return -errno;
        }
        return 0;
}

static int write_tail(struct audit_log *l, const char *bytes, size_t size, uint64_t before) {
        int r = file_write_all(l->fd, bytes, size);
        if (r < 0)
                (void) cut(l, before); /* no half line stays; if even that fails, the tail is unknown */
        return r;
}

static int mend(struct audit_log *l) {
        int r = check_unchanged(l);
        if (r == 0)
                r = cut(l, l->durable_size);
        if (r == 0)
                r = write_tail(l, l->pending, l->n_pending, l->durable_size);
        if (r < 0)
                return r;
        l->size = l->durable_size + l->n_pending;
        l->tail_unknown = false;
        return 0;
}

static int sync_tail(struct audit_log *l) {
        if (fdatasync(l->fd) < 0) {
                int r = -errno;
                l->tail_unknown = true;
                l->deadline = time_boot_usec(l->time) + RETRY_USEC;
                return r;
        }
        l->durable_size = l->size;
        l->n_pending = 0;
        l->deadline = UINT64_MAX;
        return 0;
}

/* ---- one line ---- */

static int names_kept_aside(const struct audit_recovery *r, json_t **ret) {
        json_t *names = json_array();
        if (!names)
                return -ENOMEM;
        int failed = 0;
        if (r->torn)
                failed |= json_array_append_new(names, json_string(r->torn_name));
        if (r->damaged)
                failed |= json_array_append_new(names, json_string(r->damaged_name));
        if (failed) {
                json_decref(names);
                return -ENOMEM;
        }
        *ret = names;
        return 0;
}

static int add_chain(const struct audit_log *l, json_t *event) {
        json_t *sekisho = json_object_get(json_object_get(event, "unmapped"), "sekisho");
        json_t *metadata = json_object_get(event, "metadata");
        if (!json_is_object(sekisho) || !json_is_object(metadata))
                return -EINVAL;

        int failed = 0;
        failed |= json_object_set_new(metadata, "log_name", json_string(l->name));
        failed |= json_object_set_new(sekisho, "log", json_string(l->name));
        failed |= json_object_set_new(sekisho, "seq", json_integer((json_int_t) l->seq + 1));
        failed |= json_object_set_new(sekisho, "prev", json_string(l->head));
        if (l->recovery_unsaid) {
                json_t *names = NULL;
                int r = names_kept_aside(&l->recovery, &names);
                if (r < 0)
                        return r;
                failed |= json_object_set_new(sekisho, "kept_aside", names);
        }
        return failed ? -ENOMEM : 0;
}

static int reserve(struct audit_log *l, size_t more) {
        size_t need = l->n_pending + more;
        if (need <= l->n_allocated)
                return 0;
        char *p = realloc(l->pending, need * 2);
        if (!p)
                return -ENOMEM;
        l->pending = p;
        l->n_allocated = need * 2;
        return 0;
}

/* The line goes behind what is pending; *ret: its size with the newline. Nothing has changed on failure. */
static int format_line(struct audit_log *l, json_t *event, size_t *ret) {
        if (l->seq >= CHAIN_SEQ_LAST)
                return -EOVERFLOW;
        int r = add_chain(l, event);
        if (r == 0)
                r = reserve(l, LINE_USUAL);
        if (r < 0)
                return r;

        size_t room = l->n_allocated - l->n_pending;
        size_t size = compact_json(event, l->pending + l->n_pending, room);
        if (size == 0)
                return -EINVAL;
        if (size > AUDIT_LINE_MAX)
                return -EMSGSIZE;
        r = reserve(l, size + 1);
        if (r < 0)
                return r;
        if (size > room)
                (void) compact_json(event, l->pending + l->n_pending, size);
        l->pending[l->n_pending + size] = '\n';
        *ret = size + 1;
        return 0;
}

/* ---- appending ---- */

static int prepare(struct audit_log *l) {
        if (l->tail_unknown)
                return mend(l);
        int r = check_unchanged(l);
        if (r == 0 && l->n_pending >= PENDING_MAX)
                r = sync_tail(l);
        return r;
}

static void wait_for_batch(struct audit_log *l) {
        if (l->deadline == UINT64_MAX)
                l->deadline = time_boot_usec(l->time) + AUDIT_BATCH_USEC;
}

/* What waits, the line that was just written included, is on the disk without the log. The other slot still holds what
 * was acknowledged before. */
static bool put_ahead(struct audit_log *l, const char *head) {
        if (l->ahead < 0 || l->anchoring) /* what closes a file has to be in that file */
                return false;
        int r = ahead_write(l->ahead, l->ahead_slot, l->pending, l->n_pending, head);
        if (r == 0)
                l->ahead_slot = (l->ahead_slot + 1) % AHEAD_SLOTS;
        else if (r != -EMSGSIZE) {
                close_p(&l->ahead); /* a slot of unknown content: not relied on again */
                l->ahead = -1;
        }
        return r == 0;
}

static int put_line(struct audit_log *l, size_t size, enum audit_when when, const char *head) {
        int r = write_tail(l, l->pending + l->n_pending, size, l->size);
        if (r < 0)
                return r;

        l->n_pending += size;
        l->size += size;
        if (when == AUDIT_BATCH || put_ahead(l, head)) {
                wait_for_batch(l);
                return 0;
        }

        size_t batch = l->n_pending - size;
        r = sync_tail(l);
        if (r < 0) {
                /* Not acknowledged, so it must not stay; the batch before it was, and is written again by mend(). */
                l->n_pending = batch;
                l->size -= size;
                (void) cut(l, l->size);
                if (batch == 0)
                        l->deadline = UINT64_MAX;
        }
        return r;
}

/* One try. *ret: hash of the new line. */
static int append_line(struct audit_log *l, json_t *event, enum audit_when when, char ret[static CHAIN_HEX + 1]) {
        size_t size = 0;
        int r = prepare(l);
        if (r == 0)
                r = format_line(l, event, &size);
        if (r < 0)
                return r;
        chain_hash(l->pending + l->n_pending, size - 1, ret);
        return put_line(l, size, when, ret);
}

int audit_log_append(struct audit_log *l, json_t *event, enum audit_when when, uint64_t *ret_seq) {
        char head[CHAIN_HEX + 1];
        int r;
        do
                r = append_line(l, event, when, head);
        while (r < 0 && log_use_reserve(l, r));
        if (r < 0)
                return r;

        memcpy(l->head, head, sizeof head);
        l->seq++;
        l->recovery_unsaid = false;
        if (ret_seq)
                *ret_seq = l->seq;
        if (!l->sinks_later || !sink_queue_add(&l->queue, event, l->head)) {
                sink_queue_send(&l->queue, l->sinks);
                sinks_send(l->sinks, event, l->head);
        }
        log_appended(l);
        return 0;
}

static int flush(struct audit_log *l) {
        if (l->n_pending == 0 && !l->tail_unknown)
                return 0;
        if (l->tail_unknown) {
                int r = mend(l);
                if (r < 0) {
                        l->deadline = time_boot_usec(l->time) + RETRY_USEC;
                        return r;
                }
        }
        return sync_tail(l);
}

int audit_log_flush(struct audit_log *l) {
        sink_queue_send(&l->queue, l->sinks);
        int r;
        do
                r = flush(l);
        while (r < 0 && log_use_reserve(l, r));
        return r;
}

uint64_t audit_log_deadline(const struct audit_log *l) {
        return l->deadline;
}

uint64_t audit_log_last_seq(const struct audit_log *l) {
        return l->seq;
}

const char *audit_log_head(const struct audit_log *l) {
        return l->head;
}

/* ---- life ---- */

DEFINE_FREEP(struct audit_log, audit_log_free)

int audit_log_open(const struct root *root, const struct time_source *time, const char *log_name,
                   struct audit_log **ret, struct audit_recovery *ret_recovery) {
        return audit_log_open_in(root, AUDIT_DIRECTORY, time, log_name, ret, ret_recovery);
}

int audit_log_open_in(const struct root *root, const char *directory, const struct time_source *time,
                      const char *log_name, struct audit_log **ret, struct audit_recovery *ret_recovery) {
        size_t n = strlen(log_name);
        if (!chain_log_valid(log_name, n))
                return -EINVAL;

        CLEANUP(audit_log_freep) struct audit_log *l = calloc(1, sizeof *l);
        if (!l)
                return -ENOMEM;
        l->fd = l->directory = l->ahead = l->reserve = -1;
        l->time = time;
        l->deadline = UINT64_MAX;
        memcpy(l->name, log_name, n + 1);
        int r = sinks_new(root, time, &l->sinks);
        if (r < 0)
                return r;

        struct opened o;
        r = recover_open(root, directory, log_name, &o, &l->recovery);
        if (r < 0)
                return r;
        l->fd = o.fd;
        l->directory = o.directory;
        l->size = l->durable_size = o.size;
        l->seq = o.seq;
        memcpy(l->head, o.head, sizeof l->head);
        l->tail = o.tail;
        l->has_tail = o.has_tail;
        l->recovery_unsaid = l->recovery.torn || l->recovery.damaged;
        *ret_recovery = l->recovery;
        *ret = TAKE_PTR(l);
        return 0;
}

struct audit_log *audit_log_free(struct audit_log *l) {
        if (!l)
                return NULL;
        if (l->fd >= 0) {
                (void) audit_log_anchor(l);
                (void) audit_log_flush(l);
        }
        sink_queue_send(&l->queue, l->sinks);
        (void) keyring_free(l->keys);
        close_p(&l->ahead);
        close_p(&l->reserve);
        close_p(&l->fd);
        close_p(&l->directory);
        (void) sinks_free(l->sinks);
        free(l->pending);
        free(l);
        return NULL;
}

int audit_log_set_ahead(struct audit_log *l) {
        if (l->ahead >= 0)
                return 0;
        int fd = ahead_open(l->directory);
        if (fd < 0)
                return fd;
        l->ahead = fd;
        return 0;
}

void audit_log_set_sinks(struct audit_log *l, uint32_t mask) {
        sink_queue_send(&l->queue, l->sinks); /* by the old mask: it was in force when they were written */
        sinks_set_mask(l->sinks, mask);
}

void audit_log_set_sinks_later(struct audit_log *l) {
        l->sinks_later = true;
}

uint64_t audit_log_sink_failures(const struct audit_log *l) {
        return sinks_failures(l->sinks);
}

struct sinks *audit_log_sinks(struct audit_log *l) {
        return l->sinks;
}
