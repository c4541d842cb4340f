/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sekishoctl: the one table of verbs, and what a verb is given. Private to agent/ctl.
 *
 * Adding a verb is one file and one line in verbs.c. Every verb returns an enum outcome, which is the exit status; it
 * prints its answer on stdout and complaints on stderr.
 */
#pragma once

#include <libintl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/file.h"

#define _(text)  gettext(text)
#define N_(text) (text)

enum outcome {
        OUTCOME_YES = 0,           /* yes, done */
        OUTCOME_NO = 1,            /* a clear no: denied, falls short, not found, differs */
        OUTCOME_BAD = 2,           /* bad usage or bad input, or something could not be read or written */
        OUTCOME_UNREACHABLE = 3,   /* the agent does not answer */
        OUTCOME_NOT_PERMITTED = 4, /* not for this user */
};

struct verb_option {
        const char *name;     /* "since"; NULL ends a list */
        char letter;          /* 'n', 0 = none */
        const char *argument; /* what is to be given, "FILE"; NULL: a plain switch */
        const char *help;     /* N_() */
};

#define VERB_OPTIONS_MAX 20

struct invocation;
struct verb {
        const char *name, *subverb; /* subverb: NULL if there is none */
        const char *arguments;      /* "FILE", "[FILE...]", "" */
        const char *help;           /* N_(); one line */
        int min, max;               /* number of arguments; max -1 = any */
        enum outcome (*run)(const struct invocation *i);
        const struct verb_option *options; /* may be NULL */
};

struct invocation {
        const struct verb *verb;
        struct root root;
        const char *root_path; /* as given, "/" */
        bool json;
        const char *values[VERB_OPTIONS_MAX]; /* by position in verb->options; NULL = not given, "" for a switch */
        char **arguments;
        int n_arguments;
};

extern const struct verb verbs[]; /* name NULL ends it. verbs.c */
extern const struct verb_option common_options[];
enum common_option { COMMON_JSON, COMMON_ROOT, COMMON_HELP, COMMON_VERSION, COMMON_MAX };

/* usage.c: from the words of a command line to an invocation. */
struct command {
        struct invocation invocation;
        bool help, version;
};
/* OUTCOME_YES, or OUTCOME_BAD after saying why. verb is NULL when none was named and none is needed. ret->root is not
 * opened. Rearranges argv. */
enum outcome command_read(int argc, char **argv, struct command *ret);

void help_print_all(void);
void help_print_verb(const struct verb *v);

/* "sekishoctl: MESSAGE" on stderr; what could harm a terminal is escaped. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

enum outcome run_status(const struct invocation *i);
enum outcome run_devices(const struct invocation *i);
enum outcome run_watch(const struct invocation *i);
enum outcome run_policy_check(const struct invocation *i);
enum outcome run_policy_explain(const struct invocation *i);
enum outcome run_policy_diff(const struct invocation *i);
enum outcome run_policy_replay(const struct invocation *i);
enum outcome run_policy_schema(const struct invocation *i);
enum outcome run_policy_show(const struct invocation *i);
enum outcome run_policy_install(const struct invocation *i);
enum outcome run_policy_confirm(const struct invocation *i);
enum outcome run_policy_history(const struct invocation *i);
enum outcome run_sign(const struct invocation *i);
enum outcome run_verify(const struct invocation *i);
enum outcome run_trust_init(const struct invocation *i);
enum outcome run_trust_show(const struct invocation *i);
enum outcome run_trust_rotate(const struct invocation *i);
enum outcome run_permit_new(const struct invocation *i);
enum outcome run_permit_install(const struct invocation *i);
enum outcome run_permit_activate(const struct invocation *i);
enum outcome run_permit_list(const struct invocation *i);
enum outcome run_permit_close(const struct invocation *i);
enum outcome run_permit_schema(const struct invocation *i);
enum outcome run_media_export(const struct invocation *i);
enum outcome run_otp_enroll(const struct invocation *i);
enum outcome run_otp_reset(const struct invocation *i);
enum outcome run_otp_unlock(const struct invocation *i);
enum outcome run_otp_codes(const struct invocation *i);
enum outcome run_otp_list(const struct invocation *i);
enum outcome run_otp_grant(const struct invocation *i);
enum outcome run_otp_install(const struct invocation *i);
enum outcome run_login_check(const struct invocation *i);
enum outcome run_login_enable(const struct invocation *i);
enum outcome run_login_disable(const struct invocation *i);
enum outcome run_screen_check(const struct invocation *i);
enum outcome run_remote_check(const struct invocation *i);
enum outcome run_remote_close(const struct invocation *i);
enum outcome run_remote_reopen(const struct invocation *i);
enum outcome run_audit_tail(const struct invocation *i);
enum outcome run_audit_show(const struct invocation *i);
enum outcome run_audit_verify(const struct invocation *i);
enum outcome run_audit_key(const struct invocation *i);
enum outcome run_audit_export(const struct invocation *i);
enum outcome run_audit_open(const struct invocation *i);
enum outcome run_audit_receipt(const struct invocation *i);
enum outcome run_scan(const struct invocation *i);
enum outcome run_fleet_report(const struct invocation *i);
enum outcome run_network_check(const struct invocation *i);
enum outcome run_network_learn(const struct invocation *i);
enum outcome run_digest(const struct invocation *i);
enum outcome run_evidence(const struct invocation *i);
enum outcome run_inspect(const struct invocation *i);
enum outcome run_help(const struct invocation *i);
enum outcome run_version(const struct invocation *i);
