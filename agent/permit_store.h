/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Permits on disk: each document with its signatures, and how far its life has come.
 *
 * Owned by agent.c and its helpers. Below the root, in var/lib/sekisho/permits:
 *   ID.yaml, ID.yaml.sig   the exact bytes that were accepted
 *   ID.json                its life; the appearance of the file is the installation's commit, and each later step of
 *                          the life is one replacement of it
 * Nothing is ever removed: an id that is known is never taken again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sekisho/permit.h>

#include "base/file.h"
#include "digest/digest.h"

#define PERMIT_DIRECTORY     "var/lib/sekisho/permits"
#define PERMIT_SIGNATURE_MAX (64u * 1024u)
#define PERMIT_SIZE_MAX      (64u * 1024u) /* bytes of a document */
#define PERMIT_BY_MAX        256           /* bytes of who confirmed the return, with its NUL */
#define PERMIT_DISKS_MAX     8

enum permit_state {
        PERMIT_SEALED, /* waits for its code */
        PERMIT_READY,  /* waits for its medium */
        PERMIT_LIVE,   /* its time runs */
        PERMIT_USED,   /* over; its medium is not back yet */
        PERMIT_CLOSED, /* over; return and erasure were confirmed */
        PERMIT_LAPSED, /* over, and was never used */
        PERMIT_STATE_MAX,
        PERMIT_STATE_INVALID = -22,
};
const char *permit_state_name(enum permit_state s); /* "sealed" */

/* Why it is over. */
enum permit_end {
        PERMIT_END_NONE,
        PERMIT_END_DURATION,
        PERMIT_END_EXPIRED,
        PERMIT_END_REBOOT,
        PERMIT_END_BYTES,     /* more was written than it allows */
        PERMIT_END_REVOKED,   /* its signatures do not suffice any more */
        PERMIT_END_TRIES,     /* too many wrong codes */
        PERMIT_END_WITHDRAWN, /* by hand */
        PERMIT_END_MAX,
        PERMIT_END_INVALID = -22,
};
const char *permit_end_name(enum permit_end e); /* "duration"; "" for none */

/* How much the kernel had written to a disk of the medium, as it was last seen. */
struct permit_disk {
        uint64_t inode; /* of the disk's directory in sysfs; 0: none */
        uint64_t bytes;
};

/* All times are seconds since the epoch; 0: did not happen. */
struct permit_life {
        enum permit_state state;
        enum permit_end end;
        int64_t installed, activated, started, ended, closed;
        int64_t installed_by;  /* uid */
        unsigned tries;        /* wrong codes */
        char boot_id[40];      /* of the boot in which it was used */
        uint64_t started_boot; /* boot clock */
        char port[64];         /* where its medium is in use; "" = nowhere now */
        uint64_t written;      /* bytes that went to the medium, as the kernel counts them */
        uint64_t files, told;  /* files that were closed after writing, and the sum of their sizes */
        struct permit_disk disks[PERMIT_DISKS_MAX];
        char closed_by[PERMIT_BY_MAX];
        bool returned, erased;
};

struct stored_permit {
        struct permit *permit; /* owned */
        char *text, *signatures;
        size_t size, signatures_size;
        char sha256[DIGEST_HEX_SIZE];
        struct permit_life life;
        /* Of the running agent: */
        bool dirty;         /* life is ahead of the disk */
        bool over;          /* it ended, though the disk may not say so yet */
        bool busy;          /* something was written to its medium just now */
        bool suspended;     /* there is no trust that could be asked */
        char last_port[64]; /* where its medium was in use last */
        int64_t left;       /* when it went from there; seconds since the epoch, 0: it has not */
        unsigned warned;    /* seconds before the end at which was last warned; 0: not yet */
};

struct permit_store {
        const struct root *root;
        int directory;               /* -1: there is none yet */
        struct stored_permit **list; /* by pointer: verdicts name what is in them. In the order of installation */
        size_t n;
        size_t damaged; /* that cannot be understood */
        char damaged_name[64];
};

/* Reads all that is there. 0 or -ENOMEM, -errno of the directory. */
int permit_store_load(const struct root *root, struct permit_store *ret);
void permit_store_clear(struct permit_store *s);

struct stored_permit *permit_store_find(const struct permit_store *s, const char *id); /* or NULL */
/* Whether anything is known under the id, even if it cannot be understood. */
bool permit_store_knows(const struct permit_store *s, const char *id);

/* A new one, not on disk yet. permit is taken over in any case; the rest is copied. 0 or -ENOMEM. */
int stored_permit_new(struct permit *permit, const char *text, size_t size, const char *signatures,
                      size_t signatures_size, struct stored_permit **ret);
struct stored_permit *stored_permit_free(struct stored_permit *p);

/* Puts p on the disk and in the list, which owns it then. 0 or -errno; on failure nothing has changed. */
int permit_store_add(struct permit_store *s, struct stored_permit *p);
/* Its next step: on disk first, then in *p. 0 or -errno; on failure nothing has changed. */
int permit_store_step(struct permit_store *s, struct stored_permit *p, const struct permit_life *next);
