/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy would have decided about a record. Private to agent/ctl.
 *
 * Each decision of the record is judged again, by the facts and at the time that the record has of it. What cannot be
 * judged again is counted, never guessed.
 */
#pragma once

#include <sekisho/decision.h>

#include "fields.h"

/* Why a decision of the record was not judged again. */
enum replay_gap {
        REPLAY_PERMIT,    /* a permit opened it, and permits are not in the policy */
        REPLAY_GROUPS,    /* login: it hangs on the groups of the user, which the record does not have */
        REPLAY_INTERFACE, /* network: the policy names interfaces by hardware address, the record by name */
        REPLAY_FORWARD,   /* network: forwarded for somebody else, which no policy allows */
        REPLAY_STORM,     /* network, clipboard: only counted */
        REPLAY_FACTS,     /* the record does not hold the facts */
        REPLAY_GAP_MAX,
};

enum replay_kind { REPLAY_DEVICE, REPLAY_CONNECT, REPLAY_LOGIN, REPLAY_PASTE, REPLAY_KIND_MAX };

/* How something came out. */
struct replay_result {
        enum action action;
        bool enforce;
};

/* Decisions that came out alike then, and would come out alike now. */
struct replay_group {
        enum replay_kind kind;
        char *what;  /* untranslated: "usb 0781:5591 SanDisk Ultra, serial 4C53" */
        char *users; /* the first few who were concerned, "" where none is known */
        unsigned n_users;
        struct replay_result before, after;
        const char *rule; /* that decides now, of the policy; NULL: none */
        enum reason reason;
        uint64_t count;
        int64_t first, last; /* milliseconds since the epoch */
};

#define REPLAY_GROUPS_MAX 20000u

struct replay {
        const struct policy *policy; /* borrowed */
        struct fields fields;
        struct replay_known *known; /* devices that were read already */
        unsigned char key[16];
        int64_t quarter; /* of an hour, to which the next two belong */
        uint8_t quarter_weekday;
        uint16_t quarter_minute;
        int64_t since; /* seconds since the epoch */

        uint64_t records, damaged, decisions, same, different;
        uint64_t gaps[REPLAY_GAP_MAX];
        void *index;
        struct replay_group **groups; /* by replay_finish(): the most frequent first */
        size_t n_groups;
        uint64_t ungrouped; /* different ones beyond REPLAY_GROUPS_MAX */
};

/* since: INT64_MIN = all. 0 or -ENOMEM */
int replay_init(struct replay *r, const struct policy *policy, int64_t since);
void replay_clear(struct replay *r);
/* One line of a record, without its newline. 0 or -ENOMEM */
int replay_line(struct replay *r, const char *line, size_t size);
/* 0 or -ENOMEM */
int replay_finish(struct replay *r);
