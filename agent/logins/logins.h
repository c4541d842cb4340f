/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each way into this machine demands, told from its configuration alone: nothing is run, nobody is asked.
 *
 * Owned by nobody: a call, a report. For sekishoctl (`login check`, `inspect`). Reads files below the root only; what
 * they hold may be hostile, and what cannot be told is said to be so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sekisho/policy.h>

#include "base/file.h"

/* From good to bad: that of a login is that of its worst way. */
enum login_verdict {
        LOGIN_SHUT,    /* nobody gets in */
        LOGIN_PROGRAM, /* no person logs in by it */
        LOGIN_UNUSED,  /* automatic login that is not switched on */
        LOGIN_ROOT,    /* only for who is root already */
        LOGIN_TWO,     /* two factors */
        LOGIN_EXEMPT,  /* fewer, and the policy says so */
        LOGIN_UNKNOWN, /* cannot be told */
        LOGIN_ONE,     /* one factor */
        LOGIN_NONE,    /* none at all */
        LOGIN_MAX,
};
const char *login_verdict_name(enum login_verdict v); /* "one-factor" */

enum login_kind { LOGIN_BY_PAM, LOGIN_BY_SSHD, LOGIN_BY_SUDO, LOGIN_BY_ITSELF, LOGIN_KIND_MAX };
const char *login_kind_name(enum login_kind k); /* "pam", "sshd", "sudo", "autologin" */

struct login_place {
        const char *file, *what; /* what: "pam_unix.so", "PubkeyAuthentication yes" */
        unsigned line;           /* 0: the file as a whole, or a default of the program */
};
#define LOGIN_PLACES_MAX 8u

struct login_way {
        enum login_verdict verdict;
        uint32_t proofs;                    /* mask: enum proof of pam.h; names by login_proof_name() */
        const char *when, *unless, *exempt; /* conditions in words; the rule that exempts; or NULL */
        struct login_place places[LOGIN_PLACES_MAX];
        size_t n_places;
};

struct login_entry {
        enum login_kind kind;
        const char *name, *file; /* "sudo", "/etc/pam.d/sudo" */
        const char *trouble;     /* code of why it cannot be told: "unreadable", "too-complex", "bad-value"; or NULL */
        enum login_verdict verdict;
        struct login_way *ways;
        size_t n_ways;
};

struct login_report {
        struct login_entry *entries; /* PAM services by name, then sshd, sudo, automatic logins */
        size_t n;
        struct login_pool *pool; /* private */
};

/* policy: the one in force; NULL: there is none. now: seconds since the epoch. 0 or -errno (-ENOENT: there is no PAM
 * configuration). logins_clear() is due if 0. */
int logins_check(const struct root *root, const struct policy *policy, int64_t now, struct login_report *ret);
void logins_clear(struct login_report *r);

/* Whether there is a way in that falls short: with fewer than two factors and not exempt, or one that cannot be told.
 */
bool login_falls_short(enum login_verdict v);

/* Name of the n-th bit of login_way.proofs ("password", "code", "key", "body", "unknown"); NULL behind the last. */
const char *login_proof_name(unsigned n);
