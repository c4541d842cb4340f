/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Self-inspection (自己点検): items as a table, each with a probe of the true state. Private to agent/ctl.
 *
 * A probe looks for itself: at kernel files, configuration, what is loaded, the record. What it could not look at it
 * says so; nothing is fit because nobody looked. */
#pragma once

#include <jansson.h>
#include <sekisho/policy.h>

#include "ctl.h"
#include "otp.h"
#include "tally.h"

/* From bad to good; an item is as bad as the worst that its probe says. */
enum fit {
        FIT_NO,      /* 不適合 */
        FIT_UNKNOWN, /* 確認不能; also of a probe that said nothing */
        FIT_YES,     /* 適合 */
        FIT_NONE,    /* 該当なし */
        FIT_MAX,
};
const char *fit_name(enum fit f); /* "no"; stable */
const char *fit_text(enum fit f); /* translated */

#define INSPECT_DAYS 30 /* of the record that items about what happened look at */

/* What probes look at; made once. Everything may be NULL: then nobody could be asked. */
struct inspection {
        const struct invocation *invocation;
        const struct root *root;
        int64_t now;
        struct policy *policy;              /* in force, from the agent or its files */
        bool gave_policy, gave_nonsense;    /* the agent answered when asked for it; with what is none */
        json_t *status, *devices, *permits; /* the agent's answers */
        json_t *verifier, *users;           /* those of the verifier of second factors */
        bool has_record;                    /* tally is filled */
        int record_error;                   /* -errno where it is not */
        struct tally tally;                 /* of the last INSPECT_DAYS days */
};

struct finding {
        enum fit fit;
        bool said;
        char *evidence; /* translated lines */
};

/* Adds a line of evidence, and makes the item at most so good. */
void say(struct finding *f, enum fit fit, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Evidence that decides nothing. */
void note(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum part { PART_MEDIA, PART_LOGIN, PART_NETWORK, PART_SCREEN, PART_RECORD, PART_MACHINE, PART_MAX };
const char *part_text(enum part p);

struct item {
        const char *id;     /* stable */
        const char *title;  /* N_(); what is to be so */
        const char *clause; /* of the city's basic policy: "6(3)ア" */
        enum part part;
        void (*probe)(const struct inspection *n, struct finding *f); /* NULL: only people can look */
};
extern const struct item items[]; /* id NULL ends it. inspect_items.c */
#define ITEMS_MAX 64

struct result {
        const struct item *item;
        struct finding finding;
};

struct inspection_report {
        struct result results[ITEMS_MAX];
        size_t n;
        size_t counts[FIT_MAX];
};

/* Only what stands at the head of a report. inspection_clear() is due. */
void inspection_ask(const struct invocation *i, struct inspection *ret);
/* Runs all probes. OUTCOME_YES; inspection_clear() and inspection_report_clear() in any case. */
enum outcome inspection_begin(const struct invocation *i, struct inspection *ret);
void inspection_clear(struct inspection *n);
/* Whether the agent's status has this finding. */
bool inspection_attention(const struct inspection *n, const char *code);
void inspection_run(const struct inspection *n, struct inspection_report *ret);
void inspection_report_clear(struct inspection_report *r);
bool inspection_all_fit(const struct inspection_report *r); /* nothing unfit, nothing untold */

/* ---- as text of each form; inspect_print.c, inspect_html.c ---- */
enum outcome inspection_print(const struct inspection_report *r);
json_t *inspection_json(const struct inspection *n, const struct inspection_report *r);
void inspection_csv(FILE *f, const struct inspection *n, const struct inspection_report *r);
void inspection_html(FILE *f, const struct inspection *n, const struct inspection_report *r);

/* What stands at the head of each report: the terminal, its policy, when; and boxes for seals. */
void report_head(FILE *f, const struct inspection *n, const char *const *seals, size_t n_seals);
const char *terminal_name(const struct root *root, char *buffer, size_t size); /* its host name; "-" */
const char *terminal_id(const struct root *root, char *buffer, size_t size);   /* its machine id; "-" */
void report_charts(FILE *f, const struct tally *t);
/* "3 files, 1.2 MiB" into buffer, which is returned. */
const char *media_text(const struct tally_media *m, char *buffer, size_t size);

/* ---- probes, by subject ---- */
void probe_guard(const struct inspection *n, struct finding *f);
void probe_kernel(const struct inspection *n, struct finding *f);
void probe_doors(const struct inspection *n, struct finding *f);
void probe_denied(const struct inspection *n, struct finding *f);
void probe_rules(const struct inspection *n, struct finding *f);
void probe_exceptions(const struct inspection *n, struct finding *f);
void probe_returned(const struct inspection *n, struct finding *f);
void probe_copies(const struct inspection *n, struct finding *f);
void probe_bulk(const struct inspection *n, struct finding *f);

void probe_second_factor(const struct inspection *n, struct finding *f);
void probe_logins(const struct inspection *n, struct finding *f);
void probe_enrolled(const struct inspection *n, struct finding *f);
void probe_shared(const struct inspection *n, struct finding *f);
void probe_sleeping(const struct inspection *n, struct finding *f);
void probe_emergency(const struct inspection *n, struct finding *f);
void probe_lockouts(const struct inspection *n, struct finding *f);
void probe_escort(const struct inspection *n, struct finding *f);
void probe_out_of_hours(const struct inspection *n, struct finding *f);

void probe_rules_loaded(const struct inspection *n, struct finding *f);
void probe_interfaces(const struct inspection *n, struct finding *f);
void probe_next_hops(const struct inspection *n, struct finding *f);
void probe_paths(const struct inspection *n, struct finding *f);

void probe_clipboard(const struct inspection *n, struct finding *f);
void probe_screen_lock(const struct inspection *n, struct finding *f);
void probe_remote_desktop(const struct inspection *n, struct finding *f);

void probe_chain(const struct inspection *n, struct finding *f);
void probe_elsewhere(const struct inspection *n, struct finding *f);
void probe_retention(const struct inspection *n, struct finding *f);
void probe_clock(const struct inspection *n, struct finding *f);
void probe_stops(const struct inspection *n, struct finding *f);
void probe_policy(const struct inspection *n, struct finding *f);

void probe_packages(const struct inspection *n, struct finding *f);
void probe_scanner(const struct inspection *n, struct finding *f);
void probe_updates(const struct inspection *n, struct finding *f);
void probe_disk(const struct inspection *n, struct finding *f);
void probe_boot(const struct inspection *n, struct finding *f);
