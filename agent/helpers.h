/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The helpers of graphical sessions (sekisho-session), and what becomes of a session without one.
 *
 * Owned by agent.c and its helpers. A helper is a process of the user's: what it says is as true as he is. Its being
 * there is a call that stays open, its being alive a word each second. A graphical session whose helper is gone,
 * stopped or stalled, or that cannot guard, is dealt with as `without-helper` says, again and again until a helper is
 * back.
 */
#pragma once

#include "agent.h"

#define HELPERS_MAX         64u
#define HELPER_SILENT_USEC  UINT64_C(3500000)  /* longer without a word: it is stopped or stalled */
#define HELPER_RESTART_USEC UINT64_C(3000000)  /* one that ended has so long to start again */
#define HELPER_START_USEC   UINT64_C(30000000) /* a session that just began */
#define HELPER_AGAIN_USEC   UINT64_C(5000000)  /* between two times that the same is done to a session */

struct helper {
        struct ipc_call *call; /* JoinSession; NULL: it is gone, and only its bucket is left */
        int64_t uid;
        char session[32];
        uint64_t heard; /* monotonic */
        bool holding;
        char detail[96];

        /* Reports: a bucket that fills by time; what does not fit is counted together. */
        double tokens;
        uint64_t filled; /* monotonic */
        int64_t storm;   /* refused pastes that were not told one by one */
};

int helpers_new(struct agent *a); /* 0 or -errno */
void helpers_free(struct agent *a);

/* A policy came into force, and every guard holds it: helpers hear of it. */
void helpers_adopt(struct agent *a);

/* 0; -EPERM: the session is another user's; -ENOBUFS: too many; -EINVAL: no such name. A second helper of a session
 * takes the place of the first. */
int helpers_join(struct agent *a, struct ipc_call *call, const char *session);
/* NULL: no such. */
struct helper *helpers_find(const struct agent *a, int64_t uid, const char *session);
void helpers_heard(struct agent *a, struct helper *h, bool holding, const char *detail);
/* Takes a report, or counts it into the helper's storm. 0 or -errno. */
int helpers_report(struct agent *a, struct helper *h, const struct paste *p);

/* As one guard of the status. New reference; NULL: no memory. */
json_t *helpers_json(const struct agent *a);
