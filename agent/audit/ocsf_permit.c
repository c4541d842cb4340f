/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a permit. https://schema.ocsf.io/1.7.0/classes/entity_management */
#include <inttypes.h>
#include <sekisho/permit.h>
#include <stdio.h>
#include <string.h>

#include "audit/ocsf_parts.h"
#include "audit/text.h"

static const struct ocsf_class entity_management = { 3, 3004, false };

static const struct permit_row {
        const char *outcome;
        int activity;
        const char *caption;
        enum audit_kind kind;
        int status; /* status_id: 1 success, 2 failure */
} rows[] = {
        { "installed", 1, "Create", KIND_PERMIT_INSTALLED, 1 }, { "activated", 8, "Enable", KIND_PERMIT_ACTIVATED, 1 },
        { "used", 10, "Activate", KIND_PERMIT_USED, 1 },        { "ended", 11, "Deactivate", KIND_PERMIT_ENDED, 1 },
        { "closed", 9, "Disable", KIND_PERMIT_CLOSED, 1 },      { "refused", 99, "Other", KIND_PERMIT_REFUSED, 2 },
};

static const struct permit_row *row_of(const char *outcome) {
        size_t i = 0;
        while (i < sizeof rows / sizeof *rows - 1 && strcmp(rows[i].outcome, outcome) != 0)
                i++;
        return &rows[i];
}

static json_t *strings_json(const struct strings *s) {
        json_t *list = json_array();
        for (uint32_t i = 0; list && i < s->n; i++)
                if (json_array_append_new(list, text_json(s->list[i])) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

/* What an approver signed. People type the texts, so that a My Number in them is masked. */
static json_t *document(const struct permit *p) {
        const struct device_rule *r = &p->rule;
        json_t *device = json_pack("{s:o, s:o, s:o, s:o}", "vendor", json_sprintf("%04x", r->vendor), "product",
                                   json_sprintf("%04x", r->product), "serial", text_json(r->serial), "descriptors",
                                   ocsf_digest(r->descriptors));
        return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:o, s:b}", "id", p->id,
                         "ticket", ocsf_masked(p->ticket), "applicant", ocsf_masked(p->applicant), "approver",
                         ocsf_masked(p->approver), "purpose", ocsf_masked(p->purpose), "device", device, "action",
                         action_name((enum action) r->action), "encrypted",
                         r->encrypted == ENCRYPTED_LUKS ? "luks" : "any", "users", strings_json(&r->users), "issued",
                         (json_int_t) p->issued, "expires", (json_int_t) p->expires, "duration",
                         (json_int_t) p->duration, "return_within", (json_int_t) p->return_within, "max_bytes",
                         p->max_bytes > INT64_MAX ? json_null() : json_integer((json_int_t) p->max_bytes), "sealed",
                         p->activation != NULL);
}

static json_t *details(const struct audit_permit *a) {
        json_t *j = a->permit ? document(a->permit) : json_pack("{s:o}", "id", text_json(a->id));
        json_t *what =
                json_pack("{s:s, s:o, s:o, s:I, s:I, s:o, s:b, s:b}", "outcome", a->outcome, "sha256",
                          text_json(a->sha256), "uid", a->uid >= 0 ? json_integer(a->uid) : json_null(), "files",
                          (json_int_t) a->files, "bytes", (json_int_t) a->bytes, "by",
                          a->by ? ocsf_masked(a->by) : json_null(), "returned", a->returned, "erased", a->erased);
        if (!j || !what || json_object_update(j, what) < 0) {
                json_decref(j);
                j = NULL;
        }
        json_decref(what);
        return j;
}

json_t *audit_event_permit(const struct audit_terminal *t, int64_t now, const struct audit_permit *a) {
        const struct permit_row *row = row_of(a->outcome);
        const char *id = a->permit ? a->permit->id : a->id ? a->id : "";
        json_t *event = ocsf_event_new(t, now, &entity_management, row->activity, row->caption, row->kind);
        json_t *own = ocsf_own(NULL, NULL, 0, false);
        int failed = 0;
        if (event && own) {
                json_t *entity = json_pack("{s:o, s:i, s:s}", "name", text_json(*id ? id : "permit"), "type_id", 99,
                                           "type", "Permit");
                if (entity && a->sha256)
                        ocsf_put(entity, "uid", text_json(a->sha256), &failed);
                ocsf_put(event, "entity", entity, &failed);
                ocsf_put(event, "status_id", json_integer(row->status), &failed);
                ocsf_put(event, "status", json_string(row->status == 1 ? "Success" : "Failure"), &failed);
                if (a->detail)
                        ocsf_put(event, "status_detail", text_json(a->detail), &failed);
                ocsf_put_text(event, "message", &failed, "permit %s: %s%s%s", id, a->outcome, a->detail ? ", " : "",
                              a->detail ? a->detail : "");
                if (a->uid >= 0)
                        ocsf_put(event, "actor",
                                 json_pack("{s:s, s:{s:o}}", "app_name", OCSF_PRODUCT, "user", "uid",
                                           json_sprintf("%" PRId64, a->uid)),
                                 &failed);
                ocsf_put(own, "permit", details(a), &failed);
                ocsf_put(own, "detail", text_json(a->detail), &failed);
        }
        return ocsf_finish(event, own, failed);
}
