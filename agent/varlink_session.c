/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What helpers of sessions say, and what they are told. They are processes of users: each speaks of sessions of its own
 * uid only, and what it says is taken as said, not as so. */
#include <errno.h>
#include <string.h>

#include "helpers.h"
#include "ipc/agent_interface.h"
#include "json_text.h"
#include "varlink.h"

#define BYTES_MAX (INT64_C(1) << 53)

static json_t *types_json(uint32_t types) {
        json_t *list = json_array();
        for (int t = 0; t < FLOW_TYPE_MAX; t++)
                if (types & 1u << t)
                        (void) json_array_append_new(list, json_string(flow_type_name((enum flow_type) t)));
        return list;
}

static json_t *zone_json(const struct clipboard_zone *z) {
        json_t *programs = json_array();
        for (uint32_t i = 0; i < z->programs.n; i++)
                (void) json_array_append_new(programs, json_text(z->programs.list[i]));
        return json_pack("{s:o, s:o}", "id", json_text(z->id), "programs", programs);
}

static json_t *flow_json(const struct clipboard_policy *c, const struct clipboard_flow *f) {
        return json_pack("{s:o, s:o, s:o, s:I, s:b}", "from", json_text(c->zones[f->from].id), "to",
                         json_text(c->zones[f->to].id), "allow", types_json(f->types), "max_bytes",
                         f->max_bytes == UINT64_MAX ? (json_int_t) 0 : (json_int_t) f->max_bytes, "my_number_block",
                         f->my_number_block);
}

json_t *varlink_clipboard(const struct agent *a) {
        const struct policy *p = a->active.policy;
        const struct clipboard_policy *c = &p->clipboard;
        json_t *zones = json_array(), *flows = json_array();
        for (uint32_t i = 0; i < c->n_zones; i++)
                (void) json_array_append_new(zones, zone_json(&c->zones[i]));
        for (uint32_t i = 0; i < c->n_flows; i++)
                (void) json_array_append_new(flows, flow_json(c, &c->flows[i]));
        return json_pack("{s:{s:I, s:s, s:s, s:o, s:o, s:I}, s:o}", "clipboard", "serial",
                         (json_int_t) p->header.serial, "mode", mode_name(c->mode), "default",
                         action_name(c->default_action == ACTION_ALLOW ? ACTION_ALLOW : ACTION_BLOCK), "zones", zones,
                         "flows", flows, "clear_after", (json_int_t) c->clear_after, "contact",
                         json_text(p->contact ? p->contact : ""));
}

static int wrong(struct ipc_call *call, const char *parameter) {
        json_t *j = json_pack("{s:s}", "parameter", parameter);
        return j ? ipc_error(call, IPC_ERROR_INVALID_PARAMETER, j) : -ENOMEM;
}

int varlink_join_session(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        int r = helpers_join(a, call, json_string_value(json_object_get(parameters, "session")));
        if (r < 0)
                return wrong(call, "session");
        (void) ipc_reply_continues(call, varlink_clipboard(a)); /* if it fails, the call is gone */
        return 0;
}

static struct helper *caller(struct agent *a, struct ipc_call *call, const json_t *parameters) {
        return helpers_find(a, ipc_call_uid(call), json_string_value(json_object_get(parameters, "session")));
}

int varlink_session_alive(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        struct helper *h = caller(a, call, parameters);
        if (!h)
                return wrong(call, "session");
        helpers_heard(a, h, json_is_true(json_object_get(parameters, "holding")),
                      json_string_value(json_object_get(parameters, "detail")));
        return ipc_reply(call, NULL);
}

/* True: a list of names of types. */
static bool read_types(const json_t *list, uint32_t *ret) {
        uint32_t types = 0;
        for (size_t i = 0; i < json_array_size(list); i++) {
                enum flow_type t = flow_type_from_name(json_string_value(json_array_get(list, i)));
                if (t == FLOW_TYPE_INVALID)
                        return false;
                types |= 1u << t;
        }
        *ret = types;
        return true;
}

static const char *const selections[] = { "", "clipboard", "primary", "secondary", "drag" };

static bool is_selection(const char *s) {
        for (size_t i = 0; i < sizeof selections / sizeof *selections; i++)
                if (strcmp(selections[i], s) == 0)
                        return true;
        return false;
}

/* NULL: read into *ret, whose texts are borrowed; else the parameter that is wrong. */
static const char *read_paste(const json_t *j, struct paste *ret) {
        *ret = (struct paste){ .session = json_string_value(json_object_get(j, "session")),
                               .selection = json_string_value(json_object_get(j, "selection")),
                               .from_program = json_string_value(json_object_get(j, "from_program")),
                               .to_program = json_string_value(json_object_get(j, "to_program")),
                               .focused = json_is_true(json_object_get(j, "focused")),
                               .count = json_integer_value(json_object_get(j, "count")),
                               .storm = json_is_true(json_object_get(j, "storm")) };
        json_int_t bytes = json_integer_value(json_object_get(j, "bytes"));
        ret->facts.from = json_string_value(json_object_get(j, "from"));
        ret->facts.to = json_string_value(json_object_get(j, "to"));
        ret->facts.bytes = (uint64_t) bytes;
        ret->facts.has_my_number = json_is_true(json_object_get(j, "my_number"));
        if (!is_selection(ret->selection))
                return "selection";
        if (bytes < 0 || bytes > BYTES_MAX)
                return "bytes";
        if (ret->count < 1 || ret->count > BYTES_MAX)
                return "count";
        if (strlen(ret->from_program) > 4096)
                return "from_program";
        if (strlen(ret->to_program) > 4096)
                return "to_program";
        return read_types(json_object_get(j, "types"), &ret->facts.types) ? NULL : "types";
}

int varlink_report_paste(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        struct helper *h = caller(a, call, parameters);
        if (!h)
                return wrong(call, "session");
        struct paste p;
        const char *parameter = read_paste(parameters, &p);
        if (parameter)
                return wrong(call, parameter);
        p.uid = ipc_call_uid(call);
        (void) helpers_report(a, h, &p); /* what could not be recorded is a finding */
        return ipc_reply(call, NULL);
}

const struct ipc_param varlink_join_params[] = { { "session", IPC_STRING, false }, { NULL, IPC_BOOL, false } };

const struct ipc_param varlink_alive_params[] = { { "session", IPC_STRING, false },
                                                  { "holding", IPC_BOOL, false },
                                                  { "detail", IPC_STRING, false },
                                                  { NULL, IPC_BOOL, false } };

const struct ipc_param varlink_paste_params[] = { { "session", IPC_STRING, false },
                                                  { "selection", IPC_STRING, false },
                                                  { "from", IPC_STRING, true },
                                                  { "to", IPC_STRING, true },
                                                  { "from_program", IPC_STRING, false },
                                                  { "to_program", IPC_STRING, false },
                                                  { "types", IPC_STRING_LIST, false },
                                                  { "bytes", IPC_INT, false },
                                                  { "my_number", IPC_BOOL, false },
                                                  { "focused", IPC_BOOL, false },
                                                  { "count", IPC_INT, false },
                                                  { "storm", IPC_BOOL, false },
                                                  { NULL, IPC_BOOL, false } };

void agent_tell_paste(struct agent *a, const struct paste *p, const struct verdict *v) {
        varlink_own_paste(a, p, v);
        if (!varlink_anybody_watches(a))
                return;
        json_t *message = varlink_message(a, "paste");
        json_t *j = json_pack("{s:I, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:I, s:b, s:b, s:I, s:b, s:o, s:I, s:s}",
                              "uid", (json_int_t) p->uid, "session", json_text(p->session), "selection", p->selection,
                              "observed", !v->enforce, "from", json_text_or_null(p->facts.from), "to",
                              json_text_or_null(p->facts.to), "from_program", json_text(p->from_program), "to_program",
                              json_text(p->to_program), "types", types_json(p->facts.types), "bytes",
                              (json_int_t) p->facts.bytes, "my_number", p->facts.has_my_number, "focused", p->focused,
                              "count", (json_int_t) p->count, "storm", p->storm, "note", json_text_or_null(v->note),
                              "line", (json_int_t) v->line, "reason", reason_code(v->reason));
        if (message)
                (void) json_object_set_new(message, "paste", j);
        else
                json_decref(j);
        varlink_tell(a, message);
}
