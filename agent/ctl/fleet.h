/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fleet, put together from the lines of its records as collectors and exports have them: mixed, twice, out of order,
 * with gaps, and not all of them true. Private to agent/ctl.
 *
 * Memory grows with the number of terminals, of gaps and of open permits, each with a limit; never with that of
 * records.
 */
#pragma once

#include "audit/chain.h"
#include "fields.h"

#define FLEET_TERMINALS_MAX 100000u
#define FLEET_LOGS_MAX      8u   /* of one terminal */
#define FLEET_PIECES_MAX    256u /* of one log; what comes after more gaps than that is not put together any more */
#define FLEET_PERMITS_MAX   64u  /* of one terminal, open or not back */

/* Records that follow on each other without a gap. */
struct fleet_piece {
        uint64_t first, last;
        char prev[CHAIN_HEX + 1]; /* of the first */
        char head[CHAIN_HEX + 1]; /* of the last */
};

struct fleet_log {
        char name[CHAIN_LOG_MAX + 1];
        struct fleet_piece *pieces; /* ascending */
        size_t n, allocated;
        uint64_t read_seq; /* the line before, in the order of reading; 0: none */
        char read_head[CHAIN_HEX + 1];
        uint64_t broken_at; /* number of the first record that does not follow, or came twice and differs; 0: none */
        bool overflow;
};

enum fleet_denied {
        FLEET_DENIED_DEVICE,
        FLEET_DENIED_NETWORK,
        FLEET_DENIED_CLIPBOARD,
        FLEET_DENIED_LOGIN,
        FLEET_DENIED_DOCUMENT, /* permits too */
        FLEET_DENIED_MAX,
};

struct fleet_permit {
        char id[72];
        int64_t ended;         /* seconds since the epoch; 0: in use */
        int64_t return_within; /* seconds */
};

struct fleet_terminal {
        char uid[CHAIN_HEX + 1];
        char hostname[256], version[32];
        struct fleet_log *logs[FLEET_LOGS_MAX];
        size_t n_logs;
        uint64_t records, twice, broken, future;
        int64_t first, last; /* milliseconds since the epoch */
        uint64_t policy;     /* serial */
        int64_t policy_at;
        uint64_t denied[FLEET_DENIED_MAX];
        uint64_t stops, crashes; /* of the agent: said, and found by a start without a stop */
        int64_t started_at;
        bool is_running;
        struct fleet_permit *permits;
        size_t n_permits;
        bool permits_overflow;
};

/* How the chain of a terminal stands, the worst of its logs. */
enum fleet_chain {
        FLEET_CHAIN_WHOLE,
        FLEET_CHAIN_LATER, /* whole, from a later record than the first on */
        FLEET_CHAIN_GAPS,  /* records are missing in between */
        FLEET_CHAIN_BROKEN,
        FLEET_CHAIN_MAX,
};

struct fleet {
        int64_t now; /* seconds since the epoch */
        struct fields fields;
        void *index;
        struct fleet_terminal *latest; /* the line before was of it */
        struct fleet_terminal **list;  /* after fleet_finish(), by name */
        size_t n;
        uint64_t lines, bad;
};

/* now: seconds since the epoch; what is later by more than a day is not believed. */
void fleet_init(struct fleet *f, int64_t now);
void fleet_clear(struct fleet *f);

enum fleet_line {
        FLEET_LINE_GOOD,
        FLEET_LINE_BAD, /* counted; no record, or one that does not say whose it is */
};
/* One line without its newline. enum fleet_line; -ENOMEM; -E2BIG: more terminals than FLEET_TERMINALS_MAX. */
int fleet_line(struct fleet *f, const char *line, size_t size);
/* 0 or -ENOMEM */
int fleet_finish(struct fleet *f);

/* Records that are missing between those that are there. */
uint64_t fleet_missing(const struct fleet_terminal *t);
size_t fleet_gaps(const struct fleet_terminal *t);
enum fleet_chain fleet_chain(const struct fleet_terminal *t);
size_t fleet_open_permits(const struct fleet_terminal *t);
size_t fleet_overdue_permits(const struct fleet_terminal *t, int64_t now);
