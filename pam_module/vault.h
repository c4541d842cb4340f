/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state directory: one folder per user, opened under its lock. Private to pam_module.
 *
 *   key            0400, the terminal's key when no credential is handed over
 *   floor          the newest accepted step's time; see clock.h
 *   users/UID/lock permanent, empty: flock(2) on it serialises everything about that user
 *   users/UID/secret, pending
 *                  sealed; written at enrolment only
 *   users/UID/state
 *                  see state.h
 *   users/UID/grant
 *                  a phone grant that waits to be used, sealed
 *   users/decoy/state
 *                  of nobody: written when a real one would be, so that a stranger learns nothing from the time
 * That a user's folder is there says "was enrolled": what is missing in it then denies.
 */
#pragma once

#include "base/cleanup.h"
#include "base/file.h"
#include "seal.h"
#include "state.h"
#include "totp.h"

#define VAULT_DIRECTORY   "var/lib/sekisho/otp"
#define VAULT_WITNESS     "run/sekisho-otp"
#define VAULT_LOCK_USEC   3000000u /* for a lock; only a second verifier ever holds one for longer than a moment */
#define VAULT_CODES       10u
#define VAULT_CODE_DIGEST 32u

/* What is sealed. Fixed size, so that its length tells nothing. */
struct enrolment {
        struct totp totp;
        int64_t created; /* seconds since the epoch */
        uint32_t codes;  /* number of the set of recovery codes; 0: none were made */
        uint8_t digests[VAULT_CODES][VAULT_CODE_DIGEST];
        uint8_t id[STATE_ID_SIZE];
};

/* A phone grant that was accepted and not yet used. */
struct armed_grant {
        char nonce[16];
        int64_t expires; /* seconds since the epoch */
        uint64_t deadline_boot_usec;
        uint8_t boot_id[STATE_ID_SIZE];
};

struct vault {
        const struct root *root;
        int directory, users, witness; /* witness: -1 if there is no such directory */
        struct seal seal;
};

enum vault_outcome {
        VAULT_OK = 0,
        VAULT_UNKNOWN = 1, /* never enrolled */
        VAULT_PENDING,     /* enrolled, but no code has verified yet */
        VAULT_DAMAGED,     /* was enrolled; what is there cannot be trusted */
};

struct vault_user {
        const struct vault *vault;
        struct seal_owner owner; /* name borrowed */
        int directory, lock, state_fd;
        const struct seal_key *key; /* that sealed the enrolment */
        struct enrolment enrolment;
        struct otp_state state;
        uint8_t state_key[STATE_KEY_SIZE], code_key[STATE_KEY_SIZE];
        bool rolled_back; /* with VAULT_DAMAGED: the state is older than the witness */
};

/* Makes what is missing, and a key when there is none and nobody is enrolled. machine_id: borrowed. 0 or -errno
 * (-ENOKEY: users are enrolled, and their key is gone). */
int vault_open(const struct root *root, const char *machine_id, struct vault *ret);
void vault_close(struct vault *v);

/* Opens the user's folder, locks it and loads all of it. owner: its name is borrowed. enum vault_outcome, or -errno
 * (-ETIMEDOUT: the lock; -EROFS). For all outcomes but VAULT_UNKNOWN and -errno the lock is held and vault_user_close()
 * due. */
int vault_user_open(const struct vault *v, const struct seal_owner *owner, struct vault_user *ret);
/* The same for nobody; always VAULT_OK or -errno. */
int vault_decoy_open(const struct vault *v, struct vault_user *ret);
void vault_user_close(struct vault_user *u);

/* On the disk, and in the witness, when it returns. 0 or -errno. */
int vault_store(struct vault_user *u);

/* Creates folder and lock where there are none. As vault_user_open(). */
int vault_user_create(const struct vault *v, const struct seal_owner *owner, struct vault_user *ret);

/* Seals e (its id is drawn anew) as the pending enrolment, or as the one in force with a new state. u: open. 0, -errno.
 */
int vault_write_pending(struct vault_user *u, struct enrolment *e);
int vault_write_enrolment(struct vault_user *u, struct enrolment *e, const struct otp_state *first);
/* The same enrolment with other recovery codes; the state stays. */
int vault_rewrite(struct vault_user *u, const struct enrolment *e);
/* 0; 1: there is none, or it cannot be opened. */
int vault_read_pending(const struct vault_user *u, struct enrolment *ret);
int vault_drop_pending(const struct vault_user *u);
/* A new state for an enrolment whose own is damaged: above everything known, nothing at or before last_step. */
int vault_repair(struct vault_user *u, int64_t last_step);
/* Takes the folder away. The user is "never enrolled" then. 0 or -errno. */
int vault_remove(struct vault_user *u);

int vault_write_grant(const struct vault_user *u, const struct armed_grant *g);
/* 0; 1: none. */
int vault_read_grant(const struct vault_user *u, struct armed_grant *ret);
void vault_drop_grant(const struct vault_user *u);

/* The keyed digest of a recovery code. ret: VAULT_CODE_DIGEST. */
void vault_code_digest(const struct vault_user *u, const char *code, uint8_t *ret);

/* The lowest uids above after (-1: from the first) that have a folder, in order, at most max. Their number or -errno.
 */
ssize_t vault_uids(const struct vault *v, int64_t after, uint64_t *ret, size_t max);
/* How many folders there are. */
size_t vault_count(const struct vault *v);
