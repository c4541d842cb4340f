/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every record has in common, for the files that turn typed facts into OCSF objects (ocsf*.c). Private to
 * agent/audit. A failure (no memory) sticks in *failed and makes ocsf_finish() return NULL. */
#pragma once

#include "audit/audit.h"
#include "audit/kinds.h"
#include "digest/digest.h"

#define OCSF_PRODUCT "Sekisho"

struct ocsf_class {
        int category, uid;
        bool control; /* security_control profile: the outcome of a decision */
};

/* New reference, or NULL when there is no memory. */
json_t *ocsf_event_new(const struct audit_terminal *t, int64_t now, const struct ocsf_class *c, int activity,
                       const char *caption, enum audit_kind kind);
json_t *ocsf_product(const struct audit_terminal *t);
/* unmapped.sekisho. rule, reason: may be NULL. */
json_t *ocsf_own(const char *rule, const char *reason, uint64_t policy_serial, bool is_explicit);

/* The device as it was judged, in the shape of FACTS.json (ocsf.c). */
json_t *ocsf_device_facts(const struct device_facts *d);

/* Adds a member; value is stolen. */
void ocsf_put(json_t *object, const char *key, json_t *value, int *failed);
void ocsf_put_text(json_t *object, const char *key, int *failed, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* "sha256:" and its hex. */
json_t *ocsf_digest(const uint8_t digest[DIGEST_BYTES]);
/* Text that a person chose, without a My Number in it. "" is not known: null. New reference or NULL (no memory). */
json_t *ocsf_masked(const char *s);
/* Adds which permit opened it, if one did. */
void ocsf_put_permit(json_t *own, const struct verdict *v, int *failed);

/* Joins the two; both are stolen. */
json_t *ocsf_finish(json_t *event, json_t *own, int failed);
