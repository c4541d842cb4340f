/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A record that comes again is not kept, so it cannot be compared itself. But each line names the one before it: a run
 * of lines that ends in a line whose hash is known, or begins at one, is the same run that was there. */
#include "fleet_log.h"

#include <errno.h>
#include <string.h>

static bool same(const char *a, const char *b) {
        return memcmp(a, b, CHAIN_HEX) == 0;
}

/* Index of the first piece that ends at seq or later. */
static size_t find(const struct fleet_log *l, uint64_t seq) {
        size_t low = 0, high = l->n;
        while (low < high) {
                size_t middle = (low + high) / 2;
                if (l->pieces[middle].last < seq)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int insert(struct fleet_log *l, size_t at, const struct fleet_piece *p) {
        if (l->n == l->allocated) {
                size_t n = l->allocated ? 2 * l->allocated : 1;
                struct fleet_piece *grown = realloc(l->pieces, n * sizeof *grown);
                if (!grown)
                        return -ENOMEM;
                l->pieces = grown;
                l->allocated = n;
        }
        memmove(l->pieces + at + 1, l->pieces + at, (l->n - at) * sizeof *p);
        l->pieces[at] = *p;
        l->n++;
        return 0;
}

static void drop(struct fleet_log *l, size_t at) {
        l->n--;
        memmove(l->pieces + at, l->pieces + at + 1, (l->n - at) * sizeof *l->pieces);
}

/* at: the piece that holds seq already. */
static bool again_differs(const struct fleet_piece *p, uint64_t seq, const char *prev, const char *hash) {
        return (seq == p->last && !same(p->head, hash)) || (seq == p->first && !same(p->prev, prev));
}

/* at: where the record belongs. Joins it to the piece before, to the one behind, or to both. */
static int place(struct fleet_log *l, size_t at, const struct fleet_piece *record, bool *ret_broken) {
        struct fleet_piece *before = at > 0 ? &l->pieces[at - 1] : NULL;
        struct fleet_piece *behind = at < l->n ? &l->pieces[at] : NULL;
        bool joins_before = before && before->last + 1 == record->first;
        bool joins_behind = behind && record->last + 1 == behind->first;
        *ret_broken = (joins_before && !same(before->head, record->prev)) ||
                      (joins_behind && !same(behind->prev, record->head));
        if (joins_before && joins_behind) {
                before->last = behind->last;
                memcpy(before->head, behind->head, sizeof before->head);
                drop(l, at);
        } else if (joins_before) {
                before->last = record->last;
                memcpy(before->head, record->head, sizeof before->head);
        } else if (joins_behind) {
                behind->first = record->first;
                memcpy(behind->prev, record->prev, sizeof behind->prev);
        } else if (l->n < FLEET_PIECES_MAX) {
                return insert(l, at, record);
        } else {
                l->overflow = true;
        }
        return 0;
}

int fleet_log_add(struct fleet_log *l, uint64_t seq, const char *prev, const char *hash, bool *ret_broken) {
        bool broken = l->read_seq > 0 && ((seq == l->read_seq + 1 && !same(l->read_head, prev)) ||
                                          (seq == l->read_seq && !same(l->read_head, hash)));
        struct fleet_piece record = { .first = seq, .last = seq };
        memcpy(record.prev, prev, CHAIN_HEX);
        memcpy(record.head, hash, CHAIN_HEX);

        size_t at = find(l, seq);
        bool is_new = at == l->n || seq < l->pieces[at].first, differs = false;
        int r = 0;
        if (is_new)
                r = place(l, at, &record, &differs);
        else
                differs = again_differs(&l->pieces[at], seq, prev, hash);
        if (r < 0)
                return r;
        *ret_broken = broken || differs;
        if (*ret_broken && l->broken_at == 0)
                l->broken_at = seq;
        l->read_seq = seq;
        memcpy(l->read_head, record.head, sizeof l->read_head);
        return is_new;
}
