/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy on disk: the file for people, the agent's own copy, and the state that says which one was accepted.
 *
 * Owned by agent.c and its helpers. Below the root, in var/lib/sekisho/policy:
 *   policy.yaml     what was accepted, for people to read
 *   last-good.yaml  the same bytes, the agent's own copy
 *   policy.yaml.sig, last-good.yaml.sig   the signatures of each, where it was signed
 *   before.yaml, before.yaml.sig   while a policy is on trial: the one that comes back
 *   state.json      {format, serial, sha256, source, trust, trial, counter}; its rename is the commit. trust: version
 * of the trust document that the signatures sufficed for, 0 if none was asked. trial, if there is one: {boot, ends,
 * serial, sha256, source, trust}, the last four of before.yaml time-floor      seconds since the epoch: time does not
 * go back behind it
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sekisho/policy.h>

#include "base/file.h"
#include "digest/digest.h"

#define STORE_DIRECTORY      "var/lib/sekisho/policy"
#define STORE_POLICY         "policy.yaml"
#define STORE_LAST_GOOD      "last-good.yaml"
#define STORE_BEFORE         "before.yaml"
#define STORE_STATE          "state.json"
#define STORE_TIME_FLOOR     "time-floor"
#define STORE_SHIPPED_POLICY "usr/share/sekisho/default-policy.yaml"

#define STORE_BOOT_SIZE      64
#define COUNTER_MAX          ((UINT64_C(1) << 62) - 1)

/* Who brought the accepted policy. */
enum policy_source { SOURCE_DEFAULT, SOURCE_LOCAL_UNSIGNED, SOURCE_SIGNED, SOURCE_MAX, SOURCE_INVALID = -22 };
const char *policy_source_name(enum policy_source s);

/* Where the policy in force was read from. */
enum policy_origin { ORIGIN_FILE, ORIGIN_LAST_GOOD, ORIGIN_BUILTIN, ORIGIN_MAX };

/* Names one accepted policy. */
struct policy_state {
        uint64_t serial, trust;
        uint64_t counter; /* in the TPM, when it was accepted; 0: none was used */
        char sha256[DIGEST_HEX_SIZE];
        enum policy_source source;
};

/* That a policy is on trial. */
struct stored_trial {
        bool on;
        char boot[STORE_BOOT_SIZE]; /* id of the boot in which it was installed */
        uint64_t ends;              /* boot clock, microseconds */
        struct policy_state before; /* what comes back */
};

struct stored_policy {
        const struct policy *policy; /* never NULL */
        struct policy *owned;        /* the same, or NULL for the built-in one */
        char *text;                  /* exact bytes; NULL for the built-in one, and where it was forgotten */
        size_t size;
        char sha256[DIGEST_HEX_SIZE]; /* "" for the built-in one */
        enum policy_source source;
        char *signatures; /* SOURCE_SIGNED: the text of FILE.sig; else NULL. Owned */
        size_t signatures_size;
        uint64_t trust_version; /* SOURCE_SIGNED */
        uint64_t counter;       /* of the state; whoever puts another policy in its place passes it on */
        enum policy_origin origin;
        bool on_disk;          /* the store has these bytes */
        uint64_t serial_floor; /* an accepted document needs a greater serial */
        struct stored_trial trial;
        /* What store_load() found besides */
        bool file_changed;  /* policy.yaml is not what was accepted, or cannot be read */
        bool state_damaged; /* state.json cannot be understood */
        bool adopted;       /* nothing was there: the shipped policy has just been accepted */
};

struct store {
        const struct root *root;
        int directory;
};

/* Creates the directory. 0 or -errno. root must outlive the store. */
int store_open(const struct root *root, struct store *ret);
void store_close(struct store *s);

/* Finds the policy in force. Always finds one, if only the built-in policy: 0 or -ENOMEM. */
int store_load(const struct store *s, struct stored_policy *ret);

/* What no door waits for, of the policy that was loaded: the agent's own copy is mended if a power cut has left it
 * behind, and the text is forgotten. */
void store_settle(const struct store *s, struct stored_policy *p);

/* As store_load() for whoever only reads, and comes before the agent, which adopts: 1 when nothing was ever accepted.
 * Writes nothing. 0, 1, -ENOMEM. */
int store_read(const struct store *s, struct stored_policy *ret);

/* What tells one boot from the next. */
void store_boot_id(const struct root *root, char ret[static STORE_BOOT_SIZE]);

/* Keeps before as what comes back, and says so in *ret. before has a text. 0 or -errno. */
int store_keep_before(const struct store *s, const struct stored_policy *before, struct stored_trial *ret);
/* Finds what comes back. 0; 1: it is damaged; -ENOMEM. */
int store_load_before(const struct store *s, const struct stored_trial *t, struct stored_policy *ret);

/* Makes p, which has a text, the accepted policy, on trial if it says so. 0 or -errno; on failure what was accepted
 * before stays accepted. */
int store_commit(const struct store *s, struct stored_policy *p);

/* Says in the state that the counter is so much, without touching the policy. 0 or -errno; 0 for the built-in one. */
int store_count(const struct store *s, struct stored_policy *p, uint64_t counter);

/* A text may be megabytes that nobody looks at for months: forgotten where the store has it. */
void stored_policy_forget_text(struct stored_policy *p);
/* From the disk, if it still has these bytes. 0; 1: it has not, or there never were any; -errno. */
int store_recall_text(const struct store *s, struct stored_policy *p);

int64_t store_read_time_floor(const struct store *s); /* seconds since the epoch; 0: none */
int store_write_time_floor(const struct store *s, int64_t seconds);

/* Fills text (copied), digest and policy (taken over) of a policy that is not on disk yet. 0 or -ENOMEM. */
int stored_policy_new(struct policy *policy, const char *text, size_t size, enum policy_source source,
                      struct stored_policy *ret);
/* Says that p is signed, and by what (copied). 0 or -ENOMEM. */
int stored_policy_sign(struct stored_policy *p, uint64_t trust_version, const char *signatures, size_t size);
void stored_policy_clear(struct stored_policy *p);
