/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PAM stacks as libpam of Debian 12 (1.5.2) reads and runs them, without running anything. Private to logins.
 *
 * A stack is read (pam_file.c, pam_stack.c), each of its lines is given what its module may answer and what that takes
 * (pam_module.c), and all runs are followed to their ends (pam_walk.c): the ways in.
 */
#pragma once

#include <stdint.h>

#include "text.h"

#define PAM_CODES       32u   /* return codes, as in security/_pam_types.h */
#define PAM_LEVELS      16u   /* of includes and substacks; PAM_SUBSTACK_MAX_LEVEL */
#define PAM_ENTRIES_MAX 512u  /* of one stack; more is not looked at */
#define PAM_LINE_MAX    1023u /* libpam reads longer ones in pieces */

enum pam_type { PAM_TYPE_AUTH, PAM_TYPE_ACCOUNT, PAM_TYPE_SESSION, PAM_TYPE_PASSWORD, PAM_TYPE_MAX };

/* Above 0: a jump over so many lines. */
enum { PAM_DO_IGNORE = 0, PAM_DO_OK = -1, PAM_DO_DONE = -2, PAM_DO_BAD = -3, PAM_DO_DIE = -4, PAM_DO_RESET = -5 };

/* What somebody must show. A mask. */
enum proof {
        PROOF_PASSWORD = 1 << 0,
        PROOF_CODE = 1 << 1,
        PROOF_KEY = 1 << 2,   /* a key, card or token that answers a challenge */
        PROOF_BODY = 1 << 3,  /* fingerprint, face */
        PROOF_OTHER = 1 << 4, /* it cannot be told what */
};

/* What must be so for a way to be open. A mask; above these, one bit for each condition of the stack's own modules. */
enum condition {
        CONDITION_ROOT = 1 << 0,     /* the caller is root already */
        CONDITION_EXEMPT = 1 << 1,   /* pam_sekisho does not ask: the policy says so */
        CONDITION_EMPTY = 1 << 2,    /* the account has an empty password */
        CONDITION_UNLISTED = 1 << 3, /* the account is not enrolled with the module, which then lets it pass */
        CONDITION_FIRST = 1 << 4,
};
#define CONDITIONS_MAX 24u
#define NO_CONDITION   0u

struct outcome {
        uint8_t code;
        uint32_t proofs, condition; /* condition: one bit, or none */
        bool holds;                 /* whether that condition is so then */
};
#define OUTCOMES_MAX 96u

struct pam_entry {
        const char *file; /* of the pool, as are the others */
        unsigned line;
        const char *module, *arguments; /* as written; module NULL: libpam cannot use the line, and it fails */
        int level;                      /* of substacks */
        bool is_substack;               /* only marks where one begins */
        int actions[PAM_CODES];
        uint32_t condition; /* the bit of its own, or none */
        struct outcome outcomes[OUTCOMES_MAX];
        size_t n_outcomes;
};

/* Where texts come from. */
struct pam_source {
        /* The service or included file of that name: text and path into the pool, changed by the caller. 0; 1: there is
         * none; -ENOMEM. */
        int (*read)(void *userdata, const char *name, struct pool *pool, char **ret_text, const char **ret_path);
        /* NULL: every module is there, every group has members. */
        bool (*has_module)(void *userdata, const char *module);
        bool (*has_members)(void *userdata, const char *group);
        void *userdata;
};

struct pam_stack {
        struct pool pool;
        struct pam_entry *entries;
        size_t n;
        bool broken;                            /* libpam refuses the service altogether */
        bool unclear;                           /* too long or too large to follow */
        bool borrowed;                          /* has no lines of its own: those of the service "other" */
        const char *conditions[CONDITIONS_MAX]; /* by bit; from CONDITION_FIRST on: "pam_succeed_if.so uid >= 1000" */
        size_t n_conditions;
};

/* One line of a file, before its module is looked at. */
struct pam_line {
        unsigned number;
        enum pam_type type; /* PAM_TYPE_MAX: of any ("@include") */
        bool usable;        /* false: libpam makes it fail */
        bool at;            /* "@include" */
        enum { PAM_MODULE, PAM_INCLUDE, PAM_SUBSTACK } kind;
        const char *target, *arguments; /* borrowed from the text; arguments: of the pool */
        int actions[PAM_CODES];
};

/* pam_file.c. Takes the next line that counts off *text, counting lines in *number. 1: there is one; 0: the end;
 * -EBADMSG: libpam would give up here (ends in a continuation); -E2BIG: line too long; -ENOMEM. of: the type wanted, or
 * PAM_TYPE_MAX; lines that are for another are left out. */
int pam_file_next(char **text, unsigned *number, enum pam_type of, struct pool *pool, struct pam_line *ret);

/* pam_stack.c. 0 or -ENOMEM; pam_stack_clear() is due in either case. */
int pam_stack_read(const struct pam_source *from, const char *service, enum pam_type type, struct pam_stack *ret);
void pam_stack_clear(struct pam_stack *s);

/* pam_module.c: fills in outcomes. Conditions are added to the stack. */
void pam_module_outcomes(struct pam_stack *s, struct pam_entry *e, enum pam_type type, const struct pam_source *from);
/* "pam_unix" of "/lib/security/pam_unix.so". */
void pam_module_name(const char *module, char *ret, size_t size);

/* ---- pam_walk.c ---- */

#define PAM_THROUGH_MAX 8u
struct pam_way {
        uint32_t proofs;
        uint32_t when, unless;                            /* conditions that must hold, and must not */
        const struct pam_entry *through[PAM_THROUGH_MAX]; /* lines that proved, jumped or let in; borrowed */
        size_t n_through;
};
struct pam_answer {
        struct pam_way *ways; /* least ones only: none needs all that another needs, and more */
        size_t n;
        uint32_t codes; /* every code that the whole may end with: mask of 1 << code */
        bool unclear;   /* too many runs to follow */
};

/* when, unless: conditions that are known to hold or not to. 0 or -ENOMEM; pam_answer_clear() is due if 0. */
int pam_walk(const struct pam_stack *s, uint32_t when, uint32_t unless, struct pam_answer *ret);
void pam_answer_clear(struct pam_answer *a);

/* names.c */
const char *pam_code_name(unsigned code);      /* "success"; NULL: none */
int pam_code_find(const char *name, size_t n); /* PAM_CODES: "default"; -1 */
const char *pam_type_name(enum pam_type t);    /* "auth" */
const char *proof_name(enum proof p);          /* "password" */
