/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The resident agent: the only place where event -> facts -> decide -> record -> enforce -> read back happens.
 *
 * Owned by agent.c; main.c builds one, loop.c wakes it, varlink.c and install.c ask it. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include <sekisho/terminal.h>

#include "audit/audit.h"
#include "base/file.h"
#include "base/paste.h"
#include "base/timesource.h"
#include "failures.h"
#include "guards/guard.h"
#include "ipc/ipc.h"
#include "permit_store.h"
#include "registry.h"
#include "store.h"
#include "sys/worker.h"
#include "trial.h"
#include "trust_store.h"

#define AGENT_LOG_NAME     "agent"
#define AGENT_RECORD_KEYS  "var/lib/sekisho/record"
#define AGENT_FAKE_RESERVE (UINT64_C(4) << 20) /* of a fake machine: its disk is a real one */
#define AGENT_GUARDS_MAX   8

struct helpers;
struct hwdb;
struct inbox;
struct keyboard_watch;
struct loop;
struct permits;
struct medium;
struct own_watchers;
struct screens;
struct sessions;
struct watchers;

/* What the network rules held back since the agent started. */
struct network_tally {
        uint64_t blocked, observed, lost; /* packets */
        int64_t last;                     /* seconds since the epoch; 0: never */
};

struct agent {
        struct root root;
        struct time_source time;
        sd_event *event;
        struct worker_pool *workers;
        int lock; /* run/sekisho/agent.lock, held for life: the keyboard floor asks whether we live by it */

        char machine_id[64], hostname[256];
        struct audit_terminal identity;
        struct terminal *terminal; /* or NULL */
        struct audit_log *log;     /* or NULL: it could not be opened yet */
        uint64_t lost;             /* records that could not be written */
        bool recording;            /* inside agent_record(), which may want to record a trouble of its own */

        struct store store;
        struct stored_policy active;
        struct stored_trust trust;
        struct permits *permits; /* or NULL: not loaded yet */
        struct trial trial;
        bool suspended;        /* exceptions are; counter.h */
        struct inbox *inbox;   /* or NULL: it could not be made */
        struct medium *medium; /* or NULL: nothing was read yet */
        struct registry registry;
        struct findings findings;
        struct network_tally tally;
        struct guard *guards[AGENT_GUARDS_MAX];
        size_t n_guards;

        struct sessions *sessions; /* who is logged in; sys/sessions.h */
        struct helpers *helpers;   /* of graphical sessions */
        struct screens *screens;   /* that have to lock; screen_lock.h */
        struct hwdb *hwdb;         /* or NULL: there is none */
        struct keyboard_watch *keyboards;
        struct loop *loop;
        struct ipc_server *server;
        struct watchers *watchers;
        struct own_watchers *own; /* who watch what concerns them; or NULL: nobody has yet */
};

/* ---- agent.c: the one way through ---- */

/* The callbacks of guard_env; userdata is the agent. */
void agent_on_noticed(struct guard *g, uint64_t handle, const struct facts *facts, void *userdata);
void agent_on_effect(struct guard *g, uint64_t handle, const struct effect *effect, void *userdata);
void agent_on_gone(struct guard *g, uint64_t handle, void *userdata);
int agent_on_transferred(struct guard *g, const struct transfer *t, void *userdata);
int agent_on_blocked(struct guard *g, const struct blocked *b, void *userdata);
/* A helper says that a paste was refused. 0: it is in the record; -errno: it is not. */
int agent_on_paste(struct agent *a, const struct paste *p);
void agent_on_trouble(struct guard *g, const char *code, const char *detail, void *userdata);

/* Judges one subject, and takes it through to the door. */
void agent_decide_on(struct agent *a, struct subject *s);

/* Asks each guard whether it could hold a policy; changes nothing. 0 or the first -errno. */
int agent_dry_run(struct agent *a, const char *text, size_t size);
/* Tells the guards that hold a whole section which policy is in force. 0 or the first -errno. */
int agent_adopt(struct agent *a);

/* Judges every known subject again under the policy in force: first those that it shuts, then the others. 0 or the
 * first -errno of a guard that could not apply. */
int agent_decide_again(struct agent *a);

/* ---- record.c: what the agent says about itself, and to whom ---- */

/* Appends event (reference taken over; NULL: no memory) to the record. 0 or -errno, which is a finding already. */
int agent_record(struct agent *a, json_t *event, enum audit_when when);
int agent_open_record(struct agent *a); /* 0 or -errno; what it found is recorded */
/* Tries again, if the record was failing. */
void agent_mend_record(struct agent *a);
void agent_apply_audit_policy(struct agent *a);
void agent_tick_record(struct agent *a);  /* once a minute */
void agent_look_at_disk(struct agent *a); /* whether records go into the reserve */
/* A failure began, or happened: finding, record, log line, subscribers. detail: untranslated, may be NULL. */
void agent_raise(struct agent *a, enum failure what, const char *detail);
void agent_clear(struct agent *a, enum failure what);
/* What can be seen by looking at the agent itself: expiry, clock, sinks, mode, effects that differ. */
void agent_look_at_itself(struct agent *a);

/* ---- install.c ---- */

/* A document from further in the future than a wrong time zone explains: the clock is wrong, here or where it was made,
 * and accepting it would drag the floor of time along. Seconds. */
#define INSTALL_AHEAD_MAX INT64_C(86400)

enum install_refusal {
        INSTALL_OK = 0,
        INSTALL_PROBLEMS = 1,
        INSTALL_SERIAL,
        INSTALL_TARGET,
        INSTALL_EXPIRED,
        INSTALL_ISSUED_IN_FUTURE,
        INSTALL_NOT_APPLIED,
        INSTALL_NOT_STORED,
        INSTALL_SIGNATURE_REQUIRED, /* there are none */
        INSTALL_SIGNATURES,         /* they do not suffice */
        INSTALL_FLEET,
        INSTALL_NO_TRIAL,       /* there is none to confirm */
        INSTALL_NOTHING_BEFORE, /* nothing could come back after a trial */
        INSTALL_DISK_FULL,      /* and it opens what was shut */
        INSTALL_TRIAL_TIME,     /* shorter than TRIAL_MIN or longer than TRIAL_MAX */
        INSTALL_REFUSAL_MAX,
};
const char *install_refusal_name(int refusal); /* as in org.sekisho.Agent: "problems" */

/* A document as it arrives. Everything is borrowed. */
struct submission {
        const char *text; /* exact bytes */
        size_t size;
        const char *signatures; /* the text of FILE.sig */
        size_t signatures_size; /* 0: there is none */
        int64_t uid;            /* who brings it */
        const char *via;        /* "socket", "inbox", "medium" */
        const char *name;       /* of the file; NULL: it came as none */
        uint64_t trial;         /* policies: seconds until the one before it comes back, unless it is confirmed; 0: it
                                 * stays */
};

/* What became of it, for the record. serial 0: not known. */
int agent_record_document(struct agent *a, const struct submission *p, struct audit_document d, enum audit_when when);

/* Order on arrival: the signatures over the exact bytes, before anything reads them as text; the strict parser; fleet,
 * target, serial and times, which it has read (a second reader, of the header alone, could read it otherwise); room on
 * the disk; the dry run of every guard; the record and the commit; the guards. The first that fails is the reason.
 * problems: all that was found, errors and warnings. *ret: what each signature is worth, in any case. 0; a positive
 * enum install_refusal, which is in the record: the policy before it holds; -ENOMEM. */
int agent_install_policy(struct agent *a, const struct submission *p, struct problems *problems,
                         struct trust_check *ret);

/* A policy needs a greater serial. */
uint64_t agent_serial_floor(const struct agent *a);
/* After another policy came into force: what follows it. Helpers of sessions hear of it here, and not while a guard may
 * still refuse it. */
void agent_took_effect(struct agent *a);

/* At start: says what store_load() found. */
void agent_report_policy(struct agent *a);
void agent_read_terminal(struct agent *a);

/* ---- install_trust.c ---- */

enum trust_refusal {
        TRUST_OK = 0,
        TRUST_PROBLEMS = 1,
        TRUST_FLEET,
        TRUST_VERSION,
        TRUST_SIGNATURES,     /* of those who hold the roles now */
        TRUST_OWN_SIGNATURES, /* of those whom it names itself */
        TRUST_EXPIRED,
        TRUST_ISSUED_IN_FUTURE,
        TRUST_NOT_STORED,
        TRUST_REFUSAL_MAX,
};
const char *trust_refusal_name(int refusal); /* as in org.sekisho.Agent: "signatures" */

/* The first trust document is root's local act; each later one follows from the one before it, whose holders'
 * signatures are checked before it is parsed, and those of its own holders afterwards. 0; a positive enum
 * trust_refusal, which is in the record: what held before holds; -ENOMEM. *ret: what each signature is worth, of the
 * last check that was made. */
int agent_install_trust(struct agent *a, const struct submission *s, struct problems *problems,
                        struct trust_check *ret);
/* At start: loads the chain, and says what was found. 0 or -ENOMEM. */
int agent_load_trust(struct agent *a);

/* ---- install_permit.c; the rest of a permit's life is in permits.h ---- */

enum permit_refusal {
        PERMIT_OK = 0,
        PERMIT_REFUSED_PROBLEMS = 1,
        PERMIT_REFUSED_SIGNATURES, /* they do not suffice, or there is nobody whose would */
        PERMIT_REFUSED_FLEET,
        PERMIT_REFUSED_TARGET,
        PERMIT_REFUSED_KNOWN, /* this id was taken before */
        PERMIT_REFUSED_EXPIRED,
        PERMIT_REFUSED_IN_FUTURE,
        PERMIT_REFUSED_NOT_STORED,
        PERMIT_REFUSED_DISK_FULL,
        PERMIT_REFUSED_UNKNOWN, /* no permit has this id */
        PERMIT_REFUSED_USER,    /* it is for others */
        PERMIT_REFUSED_STATE,   /* it does not wait for this */
        PERMIT_REFUSED_FORM,    /* what was given can be no code, or names nobody */
        PERMIT_REFUSED_CODE,    /* a wrong code */
        PERMIT_REFUSED_NOT_CONFIRMED,
        PERMIT_REFUSAL_MAX,
};
const char *permit_refusal_name(int refusal);           /* as in org.sekisho.Agent: "problems" */
bool permit_names(const struct permit *p, int64_t uid); /* by name, or by a group */

struct permit_submission {
        const char *text;
        size_t size;
        const char *signatures; /* the text of FILE.sig */
        size_t signatures_size;
        int64_t uid; /* who brings it; -1: nobody, it was found */
};

/* Takes a permit in, and opens its medium if it is there and needs no code. problems: all that was found. *ret: what
 * each signature is worth. *ret_permit (may be NULL): owned by the store. 0; a positive enum permit_refusal, which is
 * in the record; -ENOMEM. */
int agent_install_permit(struct agent *a, const struct permit_submission *s, struct problems *problems,
                         struct trust_check *ret, const struct stored_permit **ret_permit);
/* text: the code as it was typed. *ret_left: how many tries are left. 0 or a positive enum permit_refusal. */
int agent_activate_permit(struct agent *a, const char *id, const char *text, int64_t uid, unsigned *ret_left);
/* Ends a permit that is not over, and confirms of one that was used that its medium is back and erased. by: who
 * confirms it. 0 or a positive enum permit_refusal; after PERMIT_REFUSED_NOT_CONFIRMED it is over all the same. */
int agent_close_permit(struct agent *a, const char *id, const char *by, bool returned, bool erased, int64_t uid);

/* ---- varlink.c ---- */

int agent_serve(struct agent *a); /* 0 or -errno */
void agent_stop_serving(struct agent *a);
/* event: "decision", "effect", "gone", "policy", "permit", "trouble". subject and detail may be NULL. */
void agent_tell(struct agent *a, const char *event, const struct subject *subject, const char *detail);
/* detail: "installed", "activated", "used", "ending", "ended", "closed", "refused". */
void agent_tell_permit(struct agent *a, const struct stored_permit *p, const char *detail);
void agent_tell_blocked(struct agent *a, const struct blocked *b, const struct verdict *v); /* event "blocked" */
void agent_tell_paste(struct agent *a, const struct paste *p, const struct verdict *v);     /* event "paste" */

/* ---- loop.c ---- */

int loop_new(struct agent *a); /* signals, watchdog, slow tick, resume. 0 or -errno */
void loop_free(struct agent *a);
/* After the policy or the clock changed: wakes the agent at the next minute at which the hours of a device rule begin
 * or end. */
void loop_schedule_hours(struct agent *a);
/* After anything was appended: makes sure that the batch reaches the disk in time. */
void loop_schedule_flush(struct agent *a);
void agent_resync(struct agent *a);
