/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A paste that was refused. OCSF has no class for the clipboard: https://schema.ocsf.io/1.7.0/classes/base_event */
#include <inttypes.h>
#include <string.h>

#include "audit/ocsf_parts.h"
#include "audit/text.h"

static const struct ocsf_class base_event = { 0, 0, true };

static const struct row {
        enum audit_kind kind;
        int action, disposition;
        const char *action_caption, *disposition_caption;
} rows[] = {
        { KIND_PASTE_REFUSED, 2, 2, "Denied", "Blocked" },
        { KIND_PASTE_OBSERVED, 3, 17, "Observed", "Logged" },
};

static json_t *types(uint32_t mask) {
        json_t *list = json_array();
        for (int t = 0; list && t < FLOW_TYPE_MAX; t++)
                if (mask & 1u << t)
                        (void) json_array_append_new(list, json_string(flow_type_name((enum flow_type) t)));
        return list;
}

static json_t *details(const struct paste *p) {
        return json_pack("{s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:b, s:b, s:I, s:b}", "uid",
                         (json_int_t) p->uid, "session", text_json(p->session), "selection", p->selection, "from",
                         text_json(p->facts.from), "to", text_json(p->facts.to), "from_program",
                         ocsf_masked(p->from_program), "to_program", ocsf_masked(p->to_program), "types",
                         types(p->facts.types), "bytes", (json_int_t) p->facts.bytes, "my_number",
                         p->facts.has_my_number, "focused", p->focused, "count", (json_int_t) p->count, "storm",
                         p->storm);
}

json_t *audit_event_paste(const struct audit_terminal *t, int64_t now, const struct paste *p, const struct verdict *v) {
        const struct row *row = &rows[!v->enforce];
        enum audit_kind kind = p->storm ? KIND_PASTE_STORM : row->kind;
        json_t *event = ocsf_event_new(t, now, &base_event, 99, "Paste", kind);
        json_t *own = ocsf_own(v->rule, reason_code(v->reason), v->policy_serial, v->explicit_rule);
        int failed = 0;
        if (event && own) {
                ocsf_put(event, "action_id", json_integer(row->action), &failed);
                ocsf_put(event, "action", json_string(row->action_caption), &failed);
                ocsf_put(event, "disposition_id", json_integer(row->disposition), &failed);
                ocsf_put(event, "disposition", json_string(row->disposition_caption), &failed);
                ocsf_put(event, "is_alert", json_boolean(v->enforce), &failed);
                ocsf_put(event, "policy",
                         json_pack("{s:s, s:o}", "name", "clipboard", "version",
                                   json_sprintf("%" PRIu64, v->policy_serial)),
                         &failed);
                ocsf_put(event, "status_id", json_integer(1), &failed);
                ocsf_put(event, "status", json_string("Success"), &failed);
                ocsf_put(event, "count", json_integer(p->count > INT32_MAX ? INT32_MAX : (json_int_t) p->count),
                         &failed);
                ocsf_put(event, "actor",
                         json_pack("{s:s, s:{s:o}}", "app_name", OCSF_PRODUCT, "user", "uid",
                                   json_sprintf("%" PRId64, p->uid)),
                         &failed);
                ocsf_put_text(event, "message", &failed, "%s from %s to %s, uid %" PRId64 ": %" PRId64,
                              audit_kinds[kind].name, p->facts.from ? p->facts.from : "no zone",
                              p->facts.to ? p->facts.to : "no zone", p->uid, p->count);
                ocsf_put(own, "action", json_string(action_name(ACTION_BLOCK)), &failed);
                ocsf_put(own, "enforce", json_boolean(v->enforce), &failed);
                ocsf_put(own, "paste", details(p), &failed);
        }
        return ocsf_finish(event, own, failed);
}
