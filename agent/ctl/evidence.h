/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The evidence bundle: what happened in a span, with the record that proves it. Private to agent/ctl. */
#pragma once

#include "bundle.h"
#include "groups.h"
#include "inspect.h"
#include "tally.h"

#define EVIDENCE_NAMESPACE "evidence@sekisho"

struct evidence {
        const struct invocation *invocation;
        int64_t from, to; /* seconds; to is not in it */
        struct bundle *bundle;
        struct inspection inspection;
        struct inspection_report report;
        struct tally tally;
        struct groups devices, files, logins, network;
        json_t *people; /* uid as text -> name, of today */
        json_t *chain;  /* one object for each file of the record that is in the bundle */
        bool is_signed;
};

/* One pass over the record of the span: events.csv, the tally, the groups. 0 or -errno. evidence_events.c */
int evidence_events(struct evidence *e);

/* The files of the record that cover the span, with what their chain is worth; chain.json. 0 or -errno.
 * evidence_record.c */
int evidence_record(struct evidence *e);

/* index.html. evidence_cover.c */
void evidence_cover(FILE *f, const struct evidence *e);
