/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event Log Activity (1008): what happens to the record itself. */
#include <inttypes.h>

#include "audit/ocsf_parts.h"
#include "audit/ocsf_record.h"
#include "audit/text.h"

static const struct ocsf_class event_log_activity = { 1, 1008, false };

static json_t *finish(json_t *event, json_t *own, const char *log, int failed) {
        if (event)
                ocsf_put(event, "log_name", json_string(log), &failed);
        return ocsf_finish(event, own, failed);
}

json_t *ocsf_record_opened(const struct audit_terminal *t, int64_t now, const char *log, uint32_t segment,
                           const char *key, const char *detail) {
        json_t *event = ocsf_event_new(t, now, &event_log_activity, 6, "Start", KIND_RECORD_OPENED);
        json_t *own = ocsf_own(NULL, NULL, 0, false);
        int failed = 0;
        if (event && own) {
                ocsf_put_text(event, "message", &failed, "segment %" PRIu32 " of %s begins", segment, log);
                ocsf_put(own, "segment", json_integer(segment), &failed);
                ocsf_put(own, "key", json_string(key), &failed);
                ocsf_put(own, "detail", text_json(detail), &failed);
        }
        return finish(event, own, log, failed);
}

json_t *ocsf_record_anchor(const struct audit_terminal *t, const struct anchor *a) {
        bool closes = *a->next != '\0';
        json_t *event = ocsf_event_new(t, a->time, &event_log_activity, closes ? 5 : 99, closes ? "Rotate" : "Anchor",
                                       KIND_RECORD_ANCHOR);
        json_t *own = ocsf_own(NULL, NULL, 0, false);
        int failed = 0;
        if (event && own) {
                ocsf_put_text(event, "message", &failed, "anchor of %s at %" PRIu64, a->log, a->seq);
                ocsf_put(own, "anchor", anchor_json(a), &failed);
        }
        return finish(event, own, a->log, failed);
}

json_t *ocsf_record_deleted(const struct audit_terminal *t, int64_t now, const char *log, uint32_t segment,
                            uint64_t last_seq) {
        json_t *event = ocsf_event_new(t, now, &event_log_activity, 2, "Delete", KIND_RECORD_DELETED);
        json_t *own = ocsf_own(NULL, NULL, 0, false);
        int failed = 0;
        if (event && own) {
                ocsf_put_text(event, "message", &failed, "segment %" PRIu32 " of %s deleted", segment, log);
                ocsf_put(own, "segment", json_integer(segment), &failed);
                ocsf_put(own, "detail", json_sprintf("records up to %" PRIu64, last_seq), &failed);
        }
        return finish(event, own, log, failed);
}

json_t *audit_event_exported(const struct audit_terminal *t, int64_t now, const char *log, const char *sha256,
                             int64_t uid) {
        json_t *event = ocsf_event_new(t, now, &event_log_activity, 3, "Export", KIND_RECORD_EXPORTED);
        json_t *own = ocsf_own(NULL, NULL, 0, false);
        int failed = 0;
        if (event && own) {
                ocsf_put_text(event, "message", &failed, "record exported");
                ocsf_put(own, "detail", json_sprintf("manifest SHA-256 %s, user %" PRId64, sha256, uid), &failed);
        }
        return finish(event, own, log, failed);
}
