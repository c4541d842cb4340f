/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The writer's state, which writer.c, rotate.c and reserve.c share. Private to agent/audit. */
#pragma once

#include "audit/anchor.h"
#include "audit/audit.h"
#include "audit/keyring.h"
#include "audit/sink_queue.h"
#include "audit/sinks.h"

#define SEGMENT_BYTES   (16u * 1024u * 1024u) /* a segment is closed above this */
#define SEGMENT_SECONDS INT64_C(86400)        /* or when it is older */
#define ANCHOR_RECORDS  256u

struct audit_log {
        int fd, directory;
        const struct time_source *time;
        struct sinks *sinks;
        struct sink_queue queue;
        bool sinks_later;
        char name[CHAIN_LOG_MAX + 1];
        uint64_t seq; /* the head */
        char head[CHAIN_HEX + 1];
        uint64_t size;         /* of the file as we left it */
        uint64_t durable_size; /* of it known to be on disk */
        char *pending;         /* the bytes between the two */
        size_t n_pending, n_allocated;
        bool tail_unknown;
        uint64_t deadline;
        struct audit_recovery recovery;
        bool recovery_unsaid;

        struct keyring *keys; /* NULL: no anchors */
        const struct audit_terminal *terminal;
        uint32_t segment;      /* number that the file will get */
        int64_t opened;        /* when the segment began, seconds; 0: not known */
        uint64_t unanchored;   /* records since the last anchor */
        uint64_t rotate_after; /* boot clock: after one that failed */
        bool anchoring;        /* inside; what is appended then asks for none */
        struct anchor tail;    /* the last line of the chain when it was opened, if has_tail */
        bool has_tail;

        int ahead; /* ahead.h; -1: none, each durable record syncs the log itself */
        unsigned ahead_slot;

        int reserve; /* the reserve's file, or -1 */
        uint64_t reserve_size, reserve_left;
};

/* rotate.c: after a record was appended. What fails is tried again later. */
void log_appended(struct audit_log *l);

/* reserve.c: after a write failed with error. True: for want of room, and some of the reserve was given back for it. */
bool log_use_reserve(struct audit_log *l, int error);
/* When there is room again. 0 or -errno. */
int log_fill_reserve(struct audit_log *l);

/* retain.c: the anchor that a closed segment ends with, which names the next key. 0; 1: it does not end so; -errno. */
int log_ending(const struct audit_log *l, uint32_t number, struct anchor *ret);
