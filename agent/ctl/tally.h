/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened in a span of the record, in numbers: for the self-inspection, the monthly digest and the evidence
 * bundle. Private to agent/ctl.
 *
 * Memory does not grow with the record: days, classes and lists have their bounds, and what did not fit in a list is
 * counted. */
#pragma once

#include <jansson.h>
#include <sekisho/device.h>
#include <stdbool.h>
#include <stdint.h>

#define TALLY_DAYS  400u
#define TALLY_LOGS  8u
#define TALLY_RUNS  256u
#define TALLY_LIST  200u
#define TALLY_CODES 64u

/* An office is open then: Monday to Friday, minutes of the day. */
#define TALLY_OPENS      (7 * 60)
#define TALLY_CLOSES     (20 * 60)

#define TALLY_BULK_FILES UINT64_C(1000) /* written to media in one day */
#define TALLY_BULK_BYTES (UINT64_C(1) << 30)

struct tally_media {
        uint64_t files, bytes;
};

struct tally_log { /* one chain */
        char name[64];
        uint64_t first, last, records;
        uint64_t gaps, missing; /* places where numbers are missing, and how many; also where they go back */
};

struct tally_run { /* the agent started, or stopped */
        int64_t time;
        bool start;
};

struct tally {
        int64_t from, to; /* seconds; to is not in it */
        int64_t from_day; /* local midnight of the first day */
        size_t n_days;

        uint64_t records, damaged; /* damaged: lines of whatever time */
        int64_t first, last;       /* times of the records; 0: there are none */

        uint64_t denied[CLASS_MAX], observed[CLASS_MAX]; /* devices, by what they could do most harm with */
        uint64_t n_denied, n_observed, n_allowed, n_effect_wrong;
        uint64_t opened_by_rule, opened_by_permit; /* media */
        struct tally_media with_permit, by_rule, out_of_hours;
        uint64_t bulk_days;

        uint64_t logins_accepted, logins_refused, logins_exempt, logins_observed, break_glass, sessions,
                sessions_out_of_hours;
        uint64_t escorted, lockouts, enrolled, removed;
        uint64_t recovery_used, grants_used;

        uint64_t blocked, observed_flows; /* packets */
        uint64_t blocked_records;

        uint64_t policies, documents_refused, permits_installed, permits_used, permits_closed, permits_refused;
        uint64_t starts, stops, unclean; /* unclean: a start with no stop before it */
        uint64_t pastes_refused, pastes_observed;

        uint32_t devices_by_day[TALLY_DAYS], logins_by_day[TALLY_DAYS], network_by_day[TALLY_DAYS],
                files_by_day[TALLY_DAYS];

        struct tally_log logs[TALLY_LOGS];
        size_t n_logs;
        uint64_t other_logs; /* records of logs that did not fit */
        struct tally_run runs[TALLY_RUNS];
        size_t n_runs;
        uint64_t more_runs;

        json_t *permits;   /* id -> what is known of it, at most TALLY_LIST */
        json_t *documents; /* what came: policies and trust documents, oldest first, at most TALLY_LIST */
        json_t *troubles;  /* code -> how often, at most TALLY_CODES */
        json_t *escorts;   /* rule -> {with, without}: logins that it decided */
        uint64_t more_permits, more_documents, more_troubles, more_escorts; /* records of what did not fit */
        bool failed;                                                        /* memory ran out */

        /* private */
        struct tally_media today;
        size_t day;
};

/* A span of more than TALLY_DAYS days is counted whole; its last days have no bar. 0 or -ENOMEM. */
int tally_begin(struct tally *t, int64_t from, int64_t to);
/* One record, in the order of its log; NULL: a damaged line. Those of other times are passed over. */
void tally_hear(struct tally *t, const json_t *event);
void tally_end(struct tally *t); /* after the last one */
void tally_clear(struct tally *t);

/* Parts of a record, for those who read one beside the tally. Never NULL where a text is returned. */
const char *event_code(const json_t *event);
int64_t event_seconds(const json_t *event); /* 0: none */
const json_t *event_own(const json_t *event);
/* What the device of the record could do most harm with; CLASS_INVALID: no known class. */
enum device_class event_class(const json_t *event);
const char *class_text(enum device_class c); /* translated */
