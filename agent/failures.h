/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fail table: what breaks, what the agent then does, and what status says about it. Doors stay shut, keyboards stay
 * alive, records stay.
 *
 * Owned by agent.c and its helpers. The table is data; acting on it is the caller's part, by asking failure_action().
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

enum failure {
        FAILURE_POLICY_BUILTIN,   /* no valid policy at all */
        FAILURE_POLICY_LAST_GOOD, /* the policy file is damaged; the agent's own copy holds */
        FAILURE_POLICY_CHANGED,   /* the policy file is not the accepted one */
        FAILURE_STATE_DAMAGED,    /* nobody can say which policy was accepted */
        FAILURE_POLICY_EXPIRED,
        FAILURE_IMAGE_RESTORED,     /* the disk is older than the counter in the TPM */
        FAILURE_COUNTER_LOST,       /* that counter is gone, or behind: the TPM was cleared or exchanged */
        FAILURE_COUNTER_UNREADABLE, /* the TPM does not answer */
        FAILURE_COUNTER_UNSET,      /* nothing broke: it counts from the next document on */
        FAILURE_TRUST_DAMAGED,      /* a link of the chain of trust documents does not hold */
        FAILURE_POLICY_NOT_APPLIED, /* a guard could not take the new policy */
        FAILURE_POLICY_ON_TRIAL,    /* nothing broke: the old policy comes back unless the new one is confirmed */
        FAILURE_INBOX,              /* the inbox cannot be watched, or somebody else may write to it */
        FAILURE_CLOCK,              /* the clock is behind the floor of time */
        FAILURE_RECORD,             /* a record could not be written */
        FAILURE_RECORD_TORN,        /* the last line was incomplete, and was mended */
        FAILURE_RECORD_DAMAGED,     /* the old file was set aside */
        FAILURE_RECORD_UNSIGNED,    /* there are no anchors */
        FAILURE_RECORD_KEY_LOST,    /* the key that must sign was not there; another was made */
        FAILURE_DISK_FULL,          /* records go into the reserve */
        FAILURE_NO_RESERVE,         /* there is no room for it */
        FAILURE_SINK,               /* a collector did not take a record */
        FAILURE_PORTS,              /* ports open by default after our write */
        FAILURE_BUSES,              /* likewise the other buses */
        FAILURE_GUARD,              /* a guard did not start, or cannot look */
        FAILURE_NO_EVENTS,          /* no event source: only the slow tick looks */
        FAILURE_EVENTS_LOST,
        FAILURE_FACTS,         /* a device never became readable */
        FAILURE_SECOND_READER, /* libusb could not read what the kernel showed us; our own reading decided alone */
        FAILURE_WORKER_STUCK,  /* the kernel did not answer */
        FAILURE_WORKER_DIED,
        FAILURE_WORKERS_EXHAUSTED,
        FAILURE_EFFECT,             /* the kernel does not hold what was decided */
        FAILURE_DRIFT,              /* somebody else changed what we had set */
        FAILURE_RULE_NOT_HELD,      /* a rule opens under a condition that no guard can hold yet */
        FAILURE_KEYBOARD_WAITS,     /* a session could not be locked before a keyboard that was plugged in */
        FAILURE_KEYBOARDS_FALLBACK, /* nothing broke: the way back from `keyboards: listed` is being taken */
        FAILURE_TRANSFER_UNWATCHED, /* what is written to media is not seen */
        FAILURE_TRANSFERS_LOST,     /* some of it was not */
        FAILURE_PERMIT_OVERDUE,     /* a medium is not back, and should be */
        FAILURE_PERMITS_DAMAGED,    /* one cannot be understood, and opens nothing */
        FAILURE_PERMIT_NOT_STORED,  /* what became of one could not be written */
        FAILURE_NETWORK_UNGUARDED,  /* sekisho-netd is not there; what it loaded stays */
        FAILURE_NETWORK_NOT_LOADED, /* a policy could not be made rules; those before it stay */
        FAILURE_NETWORK_TAMPERED,   /* somebody else changed the rules; they were set right */
        FAILURE_NETWORK_EVENTS_LOST,
        FAILURE_NETWORK_STATE,      /* it could not be kept that the network is to be closed at the next start */
        FAILURE_INTERFACE_REFUSED,  /* one that is not listed came up, and was put down */
        FAILURE_INTERFACE_NOT_HELD, /* one could not be put down, or be guarded */
        FAILURE_NETLOG_UNWATCHED,   /* what the network rules hold back is not seen */
        FAILURE_SESSION_UNGUARDED,  /* a graphical session without its helper: what without-helper says was done */
        FAILURE_SCREEN_OPEN,        /* a screen did not lock, though nobody is there */
        FAILURE_MEMORY,
        FAILURE_OBSERVE, /* nothing broke, but nothing is blocked */
        FAILURE_MAX,
        FAILURE_INVALID = -22,
};

enum failure_action {
        FAIL_KEEP_SHUT,     /* what would be opened stays shut; the keyboard floor is opened all the same */
        FAIL_BUILTIN,       /* the built-in policy: all but the floor is shut */
        FAIL_LAST_GOOD,     /* the last policy that was accepted stays, or comes back */
        FAIL_SUSPEND,       /* exceptions are suspended (decide() does), denies stay */
        FAIL_FLOOR_OF_TIME, /* time does not go back (time_now() does) */
        FAIL_LOOK_AGAIN,    /* full rescan */
        FAIL_REPLACE,       /* kill and replace the worker */
        FAIL_LOCK,          /* do to the session what without-helper says: lock it, end it, or say so in the record */
        FAIL_RECORD,        /* say so in the record, go on */
        FAIL_STATUS,        /* say so in the status, go on */
        FAIL_ACTION_MAX,
};

struct failure_row {
        const char *code; /* stable; GetStatus attention, trouble records */
        const char *room; /* whose business it is: "devices", "policy", "record", "agent" */
        enum failure_action action;
        bool falls_short; /* status falls short (else it is a note) */
        bool lasts;       /* stays in the status until findings_clear(); else it is an event, recorded and done */
};

const struct failure_row *failure_row(enum failure f); /* never NULL for a valid one */
enum failure failure_from_code(const char *code);      /* FAILURE_INVALID: not in the table */
static inline enum failure_action failure_action(enum failure f) {
        return failure_row(f)->action;
}

/* What a guard or the workers report to say that a failure is over: "workers-restored". FAILURE_INVALID: no such. */
enum failure failure_ended_by(const char *code);

/* ---- what holds now ---- */

#define FINDING_DETAIL_MAX 200

struct findings {
        bool active[FAILURE_MAX];
        char detail[FAILURE_MAX][FINDING_DETAIL_MAX];
};

/* True when that is new, or its detail is: worth a record. Failures that do not last are always new. detail: may be
 * NULL; untranslated. */
bool findings_raise(struct findings *f, enum failure what, const char *detail);
bool findings_clear(struct findings *f, enum failure what); /* true when it was active */
/* [{severity, code, detail}], those that fall short first. New reference or NULL (no memory). */
json_t *findings_json(const struct findings *f);
