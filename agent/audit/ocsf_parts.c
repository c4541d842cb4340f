/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/ocsf_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/mask.h"
#include "audit/text.h"
#include "base/cleanup.h"

#define OCSF_VERSION "1.7.0"

json_t *ocsf_product(const struct audit_terminal *t) {
        return json_pack("{s:s, s:s, s:o}", "name", OCSF_PRODUCT, "vendor_name", OCSF_PRODUCT, "version",
                         text_json(t->version));
}

static json_t *terminal(const struct audit_terminal *t) {
        /* type_id 0: desktop or laptop is not known here, and a guess would be wrong on half of them. */
        return json_pack("{s:o, s:o, s:i, s:s}", "hostname", text_json(t->hostname), "uid", text_json(t->machine_id),
                         "type_id", 0, "type", "Unknown");
}

/* The chain fields stand first, so that they are seen first; the writer fills them in. */
json_t *ocsf_own(const char *rule, const char *reason, uint64_t policy_serial, bool is_explicit) {
        return json_pack("{s:n, s:i, s:n, s:o, s:s?, s:I, s:b}", "log", "seq", 0, "prev", "rule", text_json(rule),
                         "reason", reason, "policy_serial", (json_int_t) policy_serial, "explicit", is_explicit);
}

static int64_t milliseconds(int64_t seconds) {
        int64_t ms;
        return __builtin_mul_overflow(seconds, INT64_C(1000), &ms) ? (seconds < 0 ? INT64_MIN : INT64_MAX) : ms;
}

json_t *ocsf_event_new(const struct audit_terminal *t, int64_t now, const struct ocsf_class *c, int activity,
                       const char *caption, enum audit_kind kind) {
        const struct kind_info *k = &audit_kinds[kind];
        json_t *profiles = c->control ? json_pack("[s, s]", "host", "security_control") : json_pack("[s]", "host");
        json_t *metadata = json_pack("{s:s, s:o, s:o, s:s, s:s}", "version", OCSF_VERSION, "product", ocsf_product(t),
                                     "profiles", profiles, "event_code", k->name, "log_name", "");
        return json_pack("{s:i, s:i, s:I, s:i, s:s, s:I, s:i, s:o, s:o, s:o}", "category_uid", c->category, "class_uid",
                         c->uid, "type_uid", (json_int_t) c->uid * 100 + activity, "activity_id", activity,
                         "activity_name", caption, "time", (json_int_t) milliseconds(now), "severity_id", k->severity,
                         "metadata", metadata, "device", terminal(t), "actor",
                         json_pack("{s:s}", "app_name", OCSF_PRODUCT));
}

/* Adds a member; value is stolen, NULL (no memory) is a failure that sticks. */
void ocsf_put(json_t *object, const char *key, json_t *value, int *failed) {
        *failed |= json_object_set_new(object, key, value);
}

void ocsf_put_text(json_t *object, const char *key, int *failed, const char *format, ...) {
        CLEANUP(free_p) char *text = NULL;
        va_list ap;
        va_start(ap, format);
        int n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0) {
                text = NULL;
                *failed = -1;
                return;
        }
        ocsf_put(object, key, text_json(text), failed);
}

json_t *ocsf_digest(const uint8_t digest[DIGEST_BYTES]) {
        char hex[DIGEST_HEX_SIZE];
        digest_hex(digest, hex);
        return json_sprintf("sha256:%s", hex);
}

json_t *ocsf_masked(const char *s) {
        if (!s || !*s)
                return json_null();
        CLEANUP(free_p) char *copy = strdup(s);
        if (!copy)
                return NULL;
        mask_numbers(copy);
        return text_json(copy);
}

void ocsf_put_permit(json_t *own, const struct verdict *v, int *failed) {
        if (v->permit)
                ocsf_put(own, "permit", json_pack("{s:s, s:o}", "id", v->permit, "ticket", ocsf_masked(v->ticket)),
                         failed);
}

json_t *ocsf_finish(json_t *event, json_t *own, int failed) {
        if (!event || !own)
                failed = -1;
        if (event)
                failed |= json_object_set_new(event, "unmapped", json_pack("{s:O}", "sekisho", own));
        json_decref(own);
        if (failed) {
                json_decref(event);
                return NULL;
        }
        return event;
}
