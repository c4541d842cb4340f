/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verifier of second factors: what its parts share. Private to pam_module.
 *
 * Owned by otpd_main.c, which builds one; methods*.c ask, verify.c alone says yes. One thread: a call is answered
 * before the next one is looked at.
 */
#pragma once

#include <sekisho/decision.h>
#include <sekisho/terminal.h>

#include "audit/audit.h"
#include "base/file.h"
#include "base/timesource.h"
#include "digest/digest.h"
#include "ipc/ipc.h"
#include "vault.h"

#define OTPD_LOG_NAME     "otp"
#define OTPD_RECORD_KEYS  "var/lib/sekisho/otp"
#define OTPD_TICK_USEC    UINT64_C(60000000)
#define OTPD_RESERVE_PART 16u                 /* of the policy's reserve: a login is a short record */
#define OTPD_FAKE_RESERVE (UINT64_C(1) << 20) /* a fake machine's disk is a real one */
#define OTPD_GROUPS_MAX   256u
#define OTPD_NAME_MAX     256u

enum policy_from { FROM_FILE, FROM_LAST_GOOD, FROM_DEFAULT, FROM_BUILTIN, FROM_MAX };

struct active_policy {
        const struct policy *policy; /* never NULL */
        struct policy *owned;        /* or NULL */
        enum policy_from from;
        bool distrusted; /* a file is there that nobody accepted */
        uint64_t stamp;  /* of the files it was read from */
};

/* ---- ticket.c: a user's own code was right, and his escort is still to come ---- */

#define TICKETS_MAX 16u
#define TICKET_SIZE 33u /* hexadecimal */

struct ticket {
        char text[TICKET_SIZE]; /* "": free */
        const char *factor;
        uid_t uid;
        uint64_t deadline_boot_usec;
};

struct otpd {
        struct root root;
        struct time_source time; /* its floor: documents and accepted steps */
        sd_event *event;
        struct ipc_server *server;
        char machine_id[64], hostname[256];
        struct audit_terminal identity;
        struct audit_log *log; /* or NULL */
        uint64_t lost;         /* records that could not be written */
        struct vault vault;
        int vault_error; /* why there is no vault: 0 or -errno */
        int floor_fd;
        struct otp_state floor; /* accepted_at is what counts */
        uint8_t floor_key[STATE_KEY_SIZE], boot_id[STATE_ID_SIZE];
        struct active_policy active;
        sd_event_source *tick;  /* of the record, once a minute */
        sd_event_source *flush; /* of the record, when something waits */
        char break_glass_user[OTPD_NAME_MAX];
        uint64_t guard_asked_usec;
        bool guard_enforcing;
        struct ticket tickets[TICKETS_MAX];
};

/* The oldest makes room. ret: TICKET_SIZE. factor: static. */
void ticket_issue(struct otpd *o, uid_t uid, const char *factor, char *ret);
/* Once. The factor, or NULL: there is no such ticket of this user, or it is too old. */
const char *ticket_redeem(struct otpd *o, uid_t uid, const char *text);

/* ---- account.c: who is meant ---- */

struct account {
        char name[OTPD_NAME_MAX];
        uid_t uid;
        bool known;
        char *groups[OTPD_GROUPS_MAX]; /* names; owned */
        uint32_t n_groups;
};

/* Of the machine by NSS, of another root from its etc/passwd and etc/group. 0 (see known), -ENOMEM. */
int account_find(const struct otpd *o, const char *name, struct account *ret);
void account_clear(struct account *a);
/* Name of a uid into ret ("" if there is none). */
void account_name(const struct otpd *o, uid_t uid, char *ret, size_t size);
/* Whether the account is one of principals ("yamada", "group:joho"). */
bool account_is_one_of(const struct account *a, const struct strings *principals);

/* ---- active.c: the policy in force, as the agent accepted it ---- */

/* Reads it again if its files have changed. Always leaves one in force. */
void active_refresh(struct otpd *o);
void active_clear(struct active_policy *a);
/* What the agent says of a collector: this log is held up to this number, whose line has this hash (hex). False: it
 * says nothing. */
bool active_receipt(const struct otpd *o, uint64_t *ret_seq, char ret_head[static DIGEST_HEX_SIZE]);
const char *policy_from_name(enum policy_from f);

/* ---- login.c: what the policy says about a login ---- */

struct login_request { /* strings borrowed; NULL only where noted */
        const char *user, *service;
        const char *tty, *rhost; /* or NULL */
};

enum demand {
        DEMAND_NOTHING, /* exempt, observed, or not enrolled where that is enough */
        DEMAND_CODE,
        DEMAND_REFUSE, /* the policy blocks, whatever is given */
};

struct login {
        const struct login_request *request;
        struct account account;
        struct verdict verdict;
        const struct login_rule *rule; /* or NULL */
        enum demand demand;
        bool enrolment_open; /* let in without, to enrol */
        bool break_glass;
};

/* 0 or -ENOMEM. */
int login_judge(struct otpd *o, const struct login_request *q, struct login *ret);
void login_clear(struct login *l);
/* Whether somebody whom no rule names is asked for a code by this service. */
bool login_asks_strangers(struct otpd *o, const struct login_request *q);
/* Whether the agent enforces; asks it, at most once a second. */
bool login_guard_enforces(struct otpd *o);

/* ---- verify.c ---- */

enum verify_reason {
        VERIFY_ACCEPTED,
        VERIFY_WRONG_CODE,
        VERIFY_REPLAYED,
        VERIFY_WAIT,
        VERIFY_LOCKED,
        VERIFY_NOT_ENROLLED,
        VERIFY_DAMAGED,
        VERIFY_ROLLED_BACK,
        VERIFY_EMPTY,
        VERIFY_NOT_STORED, /* the try could not be counted */
        VERIFY_BUSY,
        VERIFY_PHONE, /* asked for the nonce */
        VERIFY_MAX,
};
const char *verify_reason_name(enum verify_reason r); /* for records: "wrong-code" */

struct verify_result {
        enum verify_reason reason;
        const char *factor; /* "totp", "recovery", "grant"; NULL */
        bool clock_suspect, reenrol, now_locked;
        char nonce[24]; /* grouped; with VERIFY_PHONE */
};

/* One code of one user, under the lock. A decoy does what takes the same time and never says yes. */
void verify_code(struct otpd *o, const struct account *who, const char *typed, bool decoy, struct verify_result *ret);

/* The number that the help desk needs for a grant of this user, ungrouped. ret: 16 bytes. */
void verify_nonce(const struct vault_user *u, char *ret);

/* ---- clock.c ---- */

void clock_open(struct otpd *o);
void clock_accepted(struct otpd *o, int64_t when); /* a step was accepted: time is not before it */
void clock_document(struct otpd *o, int64_t issued);
void otpd_break_glass(struct otpd *o, const char *user); /* keeps the moment, for status */
int64_t otpd_last_break_glass(const struct otpd *o);     /* seconds since the epoch; 0: none */

/* ---- journal.c: the record ---- */

void otpd_open_record(struct otpd *o);
int otpd_tick_record(sd_event_source *source, uint64_t usec, void *userdata); /* userdata: the verifier */
/* A record that cannot be written does not hold up a login (a full disk neither denies nor replays); it is counted, and
 * the count is recorded when there is room again. */
void otpd_record(struct otpd *o, const struct audit_login *l, const struct verdict *v, enum audit_when when);
void otpd_trouble(struct otpd *o, const char *user, const char *detail);

/* ---- methods.c, methods_admin.c ---- */

/* listen_fd: taken over. 0 or -errno. */
int otpd_serve(struct otpd *o, int listen_fd);
