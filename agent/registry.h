/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guards hold: each subject's facts, verdict and effect.
 *
 * Owned by agent.c and its helpers. What was decided and recorded is also kept in run/sekisho/decided.json, so that an
 * agent that starts again neither records the same decision twice nor takes a keyboard back that the floor had given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sekisho/decision.h>

#include "guards/guard.h"

#define REGISTRY_DIRECTORY "run/sekisho"
#define REGISTRY_FILE      "decided.json"

/* Why a door stays shut although the verdict opens it. */
enum withheld {
        WITHHELD_NOT,
        WITHHELD_RECORD,    /* its record could not be written */
        WITHHELD_CONDITION, /* the rule has a condition that no guard holds */
        WITHHELD_LOCK,      /* it could type into what somebody has left open (keyboards.c) */
};

/* Of a keyboard that came while people worked. */
enum lock_state {
        LOCK_NOT_ASKED,
        LOCK_ASKED,
        LOCK_FAILED,
        LOCK_ASKED_AGAIN, /* after a failure */
        LOCK_DONE,
};

struct subject {
        struct guard *guard;
        uint64_t handle;
        char instance[GUARD_INSTANCE_MAX]; /* as the guard names it beyond this agent's life; "" = it does not */
        struct facts facts;
        bool decided; /* verdict is set */
        struct verdict verdict;
        struct verdict next; /* only while all are judged again */
        bool announced;      /* the record knows that it came */
        bool recorded;       /* the verdict is in the record */
        enum withheld withheld;
        const char *condition; /* WITHHELD_CONDITION: which, untranslated */
        enum lock_state lock;
        bool pending;  /* no effect yet since the last apply */
        bool cut;      /* shut at once: a permit's bytes are spent */
        bool deferred; /* shut once nothing of its disks is in use */
        bool not_held; /* a guard failed to hold its conditions, under this policy: */
        uint64_t not_held_serial;
        bool documents_read; /* it was looked for signed documents on it, or there can be none (medium.c) */
        bool has_effect;
        struct effect effect;
};

struct earlier; /* what an earlier agent of this boot decided */

struct registry {
        struct subject **list; /* by pointer: callbacks run while one is held */
        size_t n;
        struct earlier *earlier;
        size_t n_earlier;
        bool changed; /* since registry_save() */
};

/* Reads what an earlier agent of this boot decided; nothing, when there is none or it cannot be read. */
void registry_load(struct registry *r, const struct root *root);
/* Writes if anything changed. 0 or -errno. */
int registry_save(struct registry *r, const struct root *root);
void registry_clear(struct registry *r);

struct subject *registry_find(const struct registry *r, const struct guard *g, uint64_t handle); /* or NULL */
/* Finds or adds; facts are taken over, and when they differ from those known the verdict counts as not recorded. NULL:
 * no memory. */
struct subject *registry_put(struct registry *r, struct guard *g, uint64_t handle, const struct facts *facts);
void registry_remove(struct registry *r, const struct subject *s);

/* True when v says something else than what stands in the record about s. */
bool registry_is_news(const struct subject *s, const struct verdict *v);

/* Call with the first verdict of a subject: when an earlier agent of this boot recorded the same, s is marked as
 * recorded, with the effect of then, and true is returned. */
bool registry_recall(struct registry *r, struct subject *s, const struct verdict *v);
/* What the earlier agent's verdict about this very device rested on; REASON_INVALID: it knew none. */
enum reason registry_earlier_reason(const struct registry *r, const struct subject *s);

/* Both are about the same device: what one guard lets in, another may hold conditions on. */
bool subject_same_device(const struct subject *a, const struct subject *b);

const char *effect_name(enum effect_result result); /* "as-decided" */
/* The same for a subject: also "pending" (no answer yet), "not-enforced" (blocked, but in observe mode). */
const char *subject_effect_name(const struct subject *s);
