/* SPDX-License-Identifier: GPL-2.0-or-later */
/* decide(): the only place where a fact becomes a verdict.
 *
 * Pure and deterministic: no clock, no allocation, no system call. However it is indexed, the answer equals
 * a plain first-match walk over the rules (decide_linear(), which the property tests and `policy explain` use).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sekisho/device.h>
#include <sekisho/policy.h>

enum facts_kind {
        FACTS_DEVICE,
        FACTS_CONNECT,
        FACTS_PASTE,
        FACTS_LOGIN,
        FACTS_KIND_MAX,
        FACTS_KIND_INVALID = -22,
};

struct connect_facts {
        enum protocol protocol;
        struct prefix address; /* full length */
        uint16_t port;
        bool inbound;
        bool has_next_hop;
        struct mac next_hop;
        const char *interface; /* its name, borrowed; NULL: not asked about */
};

struct paste_facts {
        const char *from, *to; /* zone ids, borrowed */
        uint32_t types;        /* mask of 1 << enum flow_type; 0 = any that the flow has (explain) */
        uint64_t bytes;
        bool has_my_number;
};

struct login_facts {
        const char *user, *service; /* borrowed */
        struct strings groups;
};

struct facts {
        enum facts_kind kind;
        union {
                struct device_facts device;
                struct connect_facts connect;
                struct paste_facts paste;
                struct login_facts login;
        };
};

struct permit;

/* A permit that may be used now. */
struct permit_grant {
        const struct permit *permit; /* borrowed */
        const char *port;            /* where its medium is in use, and only there; "": nowhere yet. Borrowed */
};

/* What the agent adds to the facts. */
struct context {
        int64_t now;                /* seconds since the epoch, never behind the floor of time */
        uint8_t weekday;            /* local; 0 = Monday */
        uint16_t minute;            /* local; since midnight */
        unsigned working_keyboards; /* input devices that can type, whatever their bus */
        unsigned late_keyboards;    /* other devices with an open HID interface that came after boot */
        bool keyboards_fallback;    /* who started the machine asked for the keyboards that are there (way back) */
        const struct permit_grant *grants; /* the first that matches is used; borrowed */
        size_t n_grants;
        bool suspended; /* exceptions are: what is on the disk may have been taken back since */
};

/* So many devices that can type may be plugged in later; a further one stays shut, unless nothing else types. */
#define KEYBOARDS_LATE_MAX 4u

/* Why. The code (reason_code()) is part of records and of `explain --json`; never renumbered, only appended. */
enum reason {
        REASON_RULE,                /* a rule said so */
        REASON_DEFAULT,             /* no rule matched: the section's default */
        REASON_FLOOR_HUB,           /* root hub or hub-only device: always works */
        REASON_FLOOR_KEYBOARD,      /* HID-only, present at boot */
        REASON_FLOOR_LAST_KEYBOARD, /* HID-only, and nothing else on the machine can type */
        REASON_KEYBOARDS_ANY,       /* policy: keyboards: any */
        REASON_OUTSIDE_HOURS,       /* the rule matched, but not at this hour */
        REASON_POLICY_EXPIRED,      /* the rule matched, but exceptions are suspended */
        REASON_DESCRIPTORS_INVALID, /* the device's description of itself does not hold together */
        REASON_NO_POLICY,           /* built-in policy: everything is shut but the floor */
        REASON_TOO_LARGE,           /* paste: over max-bytes */
        REASON_MY_NUMBER,           /* paste: holds a My Number */
        REASON_TYPE_NOT_LISTED,     /* paste */
        REASON_TOO_MANY_KEYBOARDS,  /* it could type, and KEYBOARDS_LATE_MAX that came after boot are open already */
        REASON_VIRTUAL_CONTROLLER,  /* on a virtual controller (usbip), which no rule for it names */
        REASON_PERMIT,              /* a permit opens what the policy does not */
        REASON_INTERFACE,           /* connect: the interface is not listed, and kept down */
        REASON_LOOPBACK,            /* connect: it stays inside of the terminal */
        REASON_IMAGE_RESTORED,      /* a rule or permit matched, but exceptions are suspended */
        REASON_MAX,
        REASON_INVALID = -22,
};

struct verdict {
        enum action action;
        enum reason reason;
        bool explicit_rule;   /* a rule said so; otherwise the default or the floor */
        bool enforce;         /* false in observe mode: record it, block nothing */
        const char *rule;     /* id, borrowed from the policy; NULL when none */
        const char *note;     /* of the rule, borrowed; NULL when none */
        uint32_t line;        /* of the rule in its file; 0 when none */
        const char *permit;   /* id and */
        const char *ticket;   /* ticket of the permit that opens it; borrowed; NULL when none does */
        uint64_t interfaces;  /* device: bit i: of its interfaces only those like the facts' interfaces[i] and others
                               * with a bit are opened (`interfaces: matching`); 0: all */
        struct strings users; /* device: as storage, for them alone; borrowed; n == 0: for anyone. Only when it opens */
        enum encrypted encrypted; /* device: as storage, only volumes of that kind. Only when it opens */
        uint64_t handle;          /* filled by the agent: which of the guard's subjects this is about */
        uint64_t policy_serial;
};

/* True when the verdict lets something pass (allow, read-only, exempt), or when it is not enforced. */
static inline bool verdict_opens(const struct verdict *v) {
        return !v->enforce || v->action == ACTION_ALLOW || v->action == ACTION_READ_ONLY || v->action == ACTION_EXEMPT;
}

/* True when the verdict opens a device, but not for everything and everyone: something has to hold the conditions. */
static inline bool verdict_has_conditions(const struct verdict *v) {
        return v->enforce && verdict_opens(v) &&
               (v->action == ACTION_READ_ONLY || v->users.n > 0 || v->encrypted != ENCRYPTED_ANY);
}

/* Cannot fail: what cannot be judged is blocked. */
void decide(const struct policy *p, const struct facts *f, const struct context *c, struct verdict *ret);

/* The reference. The same answer, by walking the rules in order. each (may be NULL) hears of every rule that was
 * looked at, with the name of the first key that did not match, or NULL when the rule matched. rule is NULL for a
 * clipboard flow, which has no id: its line tells. Rules that the floor makes needless are not looked at. */
void decide_linear(const struct policy *p, const struct facts *f, const struct context *c, struct verdict *ret,
                   void (*each)(const char *rule, uint32_t line, const char *mismatch, void *userdata), void *userdata);

const char *reason_code(enum reason r);    /* "outside-hours"; stable */
const char *reason_english(enum reason r); /* for where other letters have no shape */
const char *reason_text(enum reason r);    /* a sentence for staff, translated */
