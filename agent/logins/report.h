/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building a report. Private to logins. */
#pragma once

#include "logins.h"
#include "pam.h"

struct login_pool {
        struct pool pool;
};

/* Files below the root, as the parsers ask for them. */
struct login_files {
        /* Text into the pool, to be changed. 0; 1: not there; 2: there, and not readable (or too large, or no file);
         * -ENOMEM. */
        int (*read)(void *userdata, const char *path, struct pool *pool, char **ret);
        /* Paths that match, in order: a pattern in the last component only. Appended. 0 or -ENOMEM. */
        int (*list)(void *userdata, const char *pattern, struct pool *pool, char ***list, size_t *n);
        void *userdata;
};

/* What the policy says of one service. */
struct service_policy {
        const char *exempt; /* everybody: the rule's id, "default"; or NULL */
        const char *some;   /* whom pam_sekisho lets pass: ids, "enrolment", "observe", "no-policy"; or NULL */
        bool some_falls_short;
};
/* Strings of the policy or of the pool. policy: may be NULL. */
struct service_policy policy_of(const struct policy *p, const char *service, int64_t now, struct pool *pool);
/* The rule by which this user (or member of this group; one of both NULL) is exempt; or NULL. */
const char *policy_exempts(const struct policy *p, const char *service, const char *user, const char *group,
                           int64_t now);

struct report_builder {
        struct login_report report;
        struct login_pool *pool;
        const struct policy *policy;
        const struct login_files *files;
        int64_t now;
        bool passwords_unknown; /* the shadow file cannot be read */
        const char *empty;      /* accounts with an empty password, in words; NULL: there are none */
};

/* Adds an entry; its verdict is the worst of the ways that follow. NULL: no memory. Valid until the next one. */
struct login_entry *report_entry(struct report_builder *b, enum login_kind kind, const char *name, const char *file);
/* way: copied; its verdict counts. 0 or -ENOMEM. */
int report_way(struct login_entry *e, const struct login_way *way);
void report_sort(struct login_entry *e);
void report_place(struct login_way *w, const char *file, unsigned line, const char *what);
/* The entry cannot be told. */
void report_trouble(struct login_entry *e, const char *code);

/* Judges a way by its proofs and conditions (enum condition). */
enum login_verdict judge_way(const struct report_builder *b, const struct service_policy *p, uint32_t proofs,
                             uint32_t when, const char **ret_exempt);

/* One way of PAM's in words. s: whose conditions they are. */
int way_of_pam(const struct report_builder *b, const struct service_policy *p, const struct pam_stack *s,
               const struct pam_way *from, struct login_way *ret);

/* ---- one kind each; 0 or -ENOMEM ---- */

/* auth: the ways through PAM's auth phase of the service sshd. session_checks: that phase refuses who has only a key.
 */
struct sshd_pam {
        const struct login_way *auth;
        size_t n_auth;
        bool unclear, session_checks;
};
int sshd_check(struct report_builder *b, const char *path, const struct sshd_pam *pam);
int sudoers_check(struct report_builder *b, const char *path);
int autologin_check(struct report_builder *b);
bool autologin_service(const char *service); /* "lightdm-autologin" */
bool program_service(const char *service);   /* "lightdm-greeter" */
