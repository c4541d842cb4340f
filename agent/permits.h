/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of permits on the running agent: when one may be used, when it begins, and when it is over.
 *
 * Owned by agent.c and its helpers. A permit begins when its medium is let in for the first time, which is on the disk
 * before the door opens. From then on its time runs by the boot clock, whether the medium is plugged in or not. It is
 * over when its time is, when the wall clock says so, when the machine starts again, when more was written than it
 * allows, or when its signers are no longer believed; then every verdict is made again.
 */
#pragma once

#include "agent.h"

struct permits {
        struct permit_store store;
        struct permit_grant *grants; /* those that may be used now, those in use first */
        size_t n_grants;
        char boot_id[40]; /* "": cannot be read, and nothing is opened */
        sd_event_source *timer;
        bool looking; /* inside permits_look() */
};

int permits_new(struct agent *a); /* loads them. 0 or -errno: there are none then */
void permits_free(struct agent *a);
/* Once the guards have looked at everything: what an earlier agent had in use may be gone. */
void permits_start(struct agent *a);

void permits_context(const struct agent *a, struct context *ret);

/* The permit of the subject's verdict begins, if it has not yet. On disk when this returns 0; -errno: it must not open.
 */
int permits_begin(struct agent *a, const struct subject *s);
/* A door that the permit held open is to be shut without waiting until everything is written. */
bool permits_cut(const struct agent *a, const char *id);
void permits_on_gone(struct agent *a, const struct subject *s);

/* Finds what is over, ends it, and says when to look again. Any time. */
void permits_look(struct agent *a);
/* Whether their signatures still suffice; after the trust changed. */
void permits_verify(struct agent *a);
/* Writes what is ahead of the disk. */
void permits_save(struct agent *a);

/* ---- permits_bytes.c ---- */

/* Why the medium was open when t happened: its verdict, or one made in *buffer. *medium: what is at that port now; NULL
 * where that is another. */
const struct verdict *permits_why(const struct agent *a, const struct subject **medium, const struct transfer *t,
                                  struct verdict *buffer);
/* id: of that verdict's permit; may be NULL. */
void permits_on_transferred(struct agent *a, const char *id, const struct transfer *t);
bool permit_wrote_too_much(const struct stored_permit *p);
bool permit_is_measured(const struct stored_permit *p);
void permits_measure(struct agent *a, struct stored_permit *p);
/* Takes the counts of p's disks into l. The sum of what is new. */
uint64_t permits_count_disks(const struct agent *a, const struct stored_permit *p, struct permit_life *l);

/* For install_permit.c: after p's life changed. outcome and detail: as audit_permit. */
void permits_changed(struct agent *a);
int permits_record(struct agent *a, const struct stored_permit *p, const char *outcome, const char *detail, int64_t uid,
                   enum audit_when when);
/* Ends it. On disk if that can be; over in any case. */
void permits_end(struct agent *a, struct stored_permit *p, enum permit_end end, int64_t uid);
bool permit_may_be_used(const struct stored_permit *p);
/* Seconds that it is still open at most; 0: it is not open. */
int64_t permits_left(const struct agent *a, const struct stored_permit *p);
/* The medium is not back, and should be. */
bool permit_is_overdue(const struct agent *a, const struct stored_permit *p);
