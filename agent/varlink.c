/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "helpers.h"
#include "ipc/agent_interface.h"
#include "json_text.h"
#include "varlink.h"

#define WATCHERS_MAX 32

struct watchers {
        struct ipc_call *list[WATCHERS_MAX];
        size_t n;
};

/* ---- what there is, as JSON. New references; NULL: no memory ---- */

json_t *varlink_time(int64_t seconds) {
        char text[40];
        if (seconds == POLICY_NEVER)
                return json_string("never");
        return time_format(seconds, text, sizeof text) < 0 ? json_string("") : json_string(text);
}

/* As the interface names them. */
static const char *origin_name(const struct stored_policy *p) {
        static const char *const names[ORIGIN_MAX] = {
                [ORIGIN_FILE] = "file", [ORIGIN_LAST_GOOD] = "last-good", [ORIGIN_BUILTIN] = "built-in"
        };
        return p->origin == ORIGIN_FILE && p->source == SOURCE_DEFAULT ? "default" : names[p->origin];
}

static json_t *policy_json(const struct agent *a) {
        const struct policy *p = a->active.policy;
        const char *fleet = p->header.fleet ? p->header.fleet : "";
        return json_pack("{s:s, s:I, s:o, s:o, s:b, s:s, s:s, s:s, s:b, s:s, s:I}", "fleet", fleet, "serial",
                         (json_int_t) p->header.serial, "issued", varlink_time(p->header.issued), "expires",
                         varlink_time(p->header.expires), "expired", time_now(&a->time) >= p->header.expires, "mode",
                         mode_name(p->mode), "contact", p->contact ? p->contact : "", "source", origin_name(&a->active),
                         "signed", a->active.source == SOURCE_SIGNED, "sha256", a->active.sha256, "rules",
                         (json_int_t) ((uint64_t) p->devices.n_rules + p->network.n_rules + p->network.n_inbound +
                                       p->clipboard.n_flows + p->login.n_rules));
}

static json_t *classes_json(uint32_t classes) {
        json_t *list = json_array();
        for (int c = 0; c < CLASS_MAX; c++)
                if (classes & CLASS_BIT(c))
                        (void) json_array_append_new(list, json_string(class_name((enum device_class) c)));
        return list;
}

static json_t *interfaces_json(const struct device_facts *d) {
        json_t *list = json_array();
        for (size_t i = 0; i < d->n_interfaces; i++) {
                char text[16];
                (void) snprintf(text, sizeof text, "%02x:%02x:%02x", d->interfaces[i].class, d->interfaces[i].subclass,
                                d->interfaces[i].protocol);
                (void) json_array_append_new(list, json_string(text));
        }
        return list;
}

static json_t *hex_json(uint16_t value) {
        char text[8];
        (void) snprintf(text, sizeof text, "%04x", value);
        return json_string(text);
}

static json_t *digest_json(const struct device_facts *d) {
        char text[sizeof "sha256:" + DIGEST_HEX_SIZE] = "sha256:";
        if (!d->has_digest)
                return json_null();
        digest_hex(d->digest, text + strlen(text));
        return json_string(text);
}

/* The order is that of enum held. */
static json_t *held_json(unsigned held) {
        static const char *const names[] = { "read-only", "users", "luks" };
        json_t *list = json_array();
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (held & 1u << i)
                        (void) json_array_append_new(list, json_string(names[i]));
        return list;
}

static json_t *device_json(const struct subject *s) {
        const struct device_facts *d = &s->facts.device;
        const struct verdict *v = &s->verdict;
        json_t *j = json_pack("{s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "handle",
                              (json_int_t) s->handle, "guard", s->guard->ops->name, "bus", bus_name(d->bus), "vendor",
                              hex_json(d->vendor), "product", hex_json(d->product), "serial", json_text(d->serial),
                              "name", json_text(d->name), "known_as", json_text(d->known_as), "port",
                              json_text(d->port), "classes", classes_json(device_classes(d)), "interfaces",
                              interfaces_json(d), "descriptors", digest_json(d), "present_at_boot", d->present_at_boot);
        json_t *decided = json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:I, s:b, s:s, s:b, s:s, s:b}", "node",
                                    json_text_or_null(*d->node ? d->node : NULL), "held",
                                    held_json(s->has_effect ? s->effect.held : 0), "action", action_name(v->action),
                                    "rule", json_text_or_null(v->rule), "permit", json_text_or_null(v->permit),
                                    "ticket", json_text_or_null(v->ticket), "note", json_text_or_null(v->note), "line",
                                    (json_int_t) v->line, "explicit", v->explicit_rule, "reason",
                                    reason_code(v->reason), "enforce", v->enforce, "effect", subject_effect_name(s),
                                    "open", s->has_effect && s->effect.open);
        if (!j || !decided || json_object_update_new(j, decided) < 0) {
                json_decref(j);
                return NULL;
        }
        return j;
}

/* Its last read-back agreed with every verdict. */
static json_t *guard_json(const struct agent *a, const struct guard *g) {
        json_int_t subjects = 0, open = 0, blocked = 0;
        bool holding = true;
        enum mode mode = a->active.policy->devices.mode;
        if (g->ops->summary) {
                struct guard_summary s;
                g->ops->summary(g, &s);
                holding = s.holding;
                subjects = s.subjects, open = s.open, blocked = s.blocked;
                mode = a->active.policy->network.mode;
        }
        for (size_t i = 0; i < a->registry.n; i++) {
                const struct subject *s = a->registry.list[i];
                if (s->guard != g)
                        continue;
                subjects++;
                open += s->has_effect && s->effect.open;
                blocked += s->verdict.action == ACTION_BLOCK;
                /* A door that is withheld is shut: the guard holds, though status has a finding. */
                holding = holding && s->has_effect &&
                          (s->effect.result == EFFECT_AS_DECIDED || (s->withheld != WITHHELD_NOT && !s->effect.open));
        }
        return json_pack("{s:s, s:s, s:b, s:I, s:I, s:I}", "name", g->ops->name, "mode", mode_name(mode), "holding",
                         holding, "subjects", subjects, "open", open, "blocked", blocked);
}

static json_t *guards_json(const struct agent *a) {
        json_t *list = json_array();
        for (size_t i = 0; i < a->n_guards; i++)
                (void) json_array_append_new(list, guard_json(a, a->guards[i]));
        (void) json_array_append_new(list, helpers_json(a));
        return list;
}

static json_t *record_json(const struct agent *a) {
        return json_pack("{s:s, s:s, s:I, s:I, s:s, s:b}", "file", "/" AUDIT_DIRECTORY "/" AUDIT_FILE, "log",
                         AGENT_LOG_NAME, "seq", (json_int_t) (a->log ? audit_log_last_seq(a->log) : 0), "sink_failures",
                         (json_int_t) (a->log ? audit_log_sink_failures(a->log) : 0), "key",
                         a->log ? audit_log_key(a->log) : "", "on_reserve", a->log && audit_log_on_reserve(a->log));
}

static json_t *tally_json(const struct agent *a) {
        const struct network_tally *t = &a->tally;
        return json_pack("{s:I, s:I, s:I, s:o}", "blocked", (json_int_t) t->blocked, "observed",
                         (json_int_t) t->observed, "lost", (json_int_t) t->lost, "last",
                         t->last ? varlink_time(t->last) : json_string(""));
}

json_t *varlink_problems(const struct problems *p, bool warnings_only) {
        json_t *list = json_array();
        for (size_t i = 0; i < p->n; i++) {
                const struct problem *q = &p->list[i];
                if (warnings_only && q->severity != SEVERITY_WARNING)
                        continue;
                (void) json_array_append_new(list,
                                             json_pack("{s:s, s:I, s:I, s:o, s:o}", "severity",
                                                       q->severity == SEVERITY_ERROR ? "error" : "warning", "line",
                                                       (json_int_t) q->line, "column", (json_int_t) q->column, "path",
                                                       json_text(q->path ? q->path : ""), "message",
                                                       json_text(q->message ? q->message : "")));
        }
        return list;
}

/* ---- methods ---- */

int varlink_answer(struct ipc_call *call, json_t *parameters) {
        return parameters ? ipc_reply(call, parameters) : -ENOMEM;
}

static int get_status(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        (void) parameters;
        agent_look_at_itself(a);
        return varlink_answer(call,
                              json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "version", SEKISHO_VERSION, "enforcing",
                                        a->n_guards > 0 && a->active.policy->devices.mode == MODE_ENFORCE, "policy",
                                        policy_json(a), "guards", guards_json(a), "record", record_json(a), "network",
                                        tally_json(a), "attention", findings_json(&a->findings)));
}

static int list_devices(struct ipc_call *call, json_t *parameters, void *userdata) {
        const struct agent *a = userdata;
        (void) parameters;
        json_t *list = json_array();
        for (size_t i = 0; i < a->registry.n; i++)
                (void) json_array_append_new(list, device_json(a->registry.list[i]));
        return varlink_answer(call, json_pack("{s:o}", "devices", list));
}

static int get_policy(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        (void) parameters;
        (void) store_recall_text(&a->store, &a->active);
        json_t *reply = json_pack("{s:s, s:o}", "text", a->active.text ? a->active.text : "", "info", policy_json(a));
        stored_policy_forget_text(&a->active);
        return varlink_answer(call, reply);
}

static void problems_p(struct problems *p) {
        problems_clear(p);
}

/* Borrowed from the parameters. */
static struct submission submission_of(const struct ipc_call *call, const json_t *parameters) {
        const json_t *text = json_object_get(parameters, "text"), *sig = json_object_get(parameters, "signatures"),
                     *trial = json_object_get(parameters, "trial");
        json_int_t seconds = trial ? json_integer_value(trial) : 0;
        return (struct submission){ .text = json_string_value(text),
                                    .size = json_string_length(text),
                                    .signatures = sig ? json_string_value(sig) : "",
                                    .signatures_size = sig ? json_string_length(sig) : 0,
                                    .uid = ipc_call_uid(call),
                                    .via = "socket",
                                    /* A nonsense of a time is refused, not taken for "for ever". */
                                    .trial = seconds < 0 || (trial && seconds == 0) ? 1 : (uint64_t) seconds };
}

static int policy_refused(struct ipc_call *call, const struct agent *a, int refusal, const struct trust_check *c,
                          const struct problems *problems) {
        json_t *error = json_pack("{s:s, s:I, s:i, s:i, s:o}", "reason", install_refusal_name(refusal), "serial",
                                  (json_int_t) (agent_serial_floor(a) + 1), "counted", (int) c->counted, "needed",
                                  (int) c->needed, "problems", varlink_problems(problems, false));
        return error ? ipc_error(call, AGENT_ERROR_POLICY_REFUSED, error) : -ENOMEM;
}

static int install_policy(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        const struct submission p = submission_of(call, parameters);
        CLEANUP(problems_p) struct problems problems = { 0 };
        struct trust_check c;
        int r = agent_install_policy(a, &p, &problems, &c);
        if (r < 0)
                return r;
        if (r == INSTALL_OK)
                return varlink_answer(call, json_pack("{s:o, s:o}", "info", policy_json(a), "warnings",
                                                      varlink_problems(&problems, true)));

        return policy_refused(call, a, r, &c, &problems);
}

static int confirm_policy(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        (void) parameters;
        int r = trial_confirm(a, ipc_call_uid(call));
        if (r == INSTALL_OK)
                return varlink_answer(call, json_pack("{s:o}", "info", policy_json(a)));
        const struct trust_check none = { .n = 0 };
        const struct problems no_problems = { 0 };
        return policy_refused(call, a, r, &none, &no_problems);
}

static int get_trust(struct ipc_call *call, json_t *parameters, void *userdata) {
        const struct agent *a = userdata;
        const struct trust *t = a->trust.trust;
        (void) parameters;
        return varlink_answer(call,
                              json_pack("{s:b, s:s, s:I, s:o, s:o, s:s, s:I, s:s}", "installed", t != NULL, "fleet",
                                        t ? t->fleet : "", "version", (json_int_t) (t ? t->version : 0), "issued",
                                        t ? varlink_time(t->issued) : json_string(""), "expires",
                                        t ? varlink_time(t->expires) : json_string(""), "sha256", a->trust.sha256,
                                        "damaged", (json_int_t) a->trust.damaged, "text", t ? a->trust.text : ""));
}

static int install_trust(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        const struct submission s = submission_of(call, parameters);
        CLEANUP(problems_p) struct problems problems = { 0 };
        struct trust_check c;
        int r = agent_install_trust(a, &s, &problems, &c);
        if (r < 0)
                return r;
        if (r == TRUST_OK)
                return varlink_answer(call, json_pack("{s:I}", "version", (json_int_t) a->trust.trust->version));
        json_t *error =
                json_pack("{s:s, s:I, s:i, s:i, s:o}", "reason", trust_refusal_name(r), "version",
                          (json_int_t) (a->trust.trust ? a->trust.trust->version + 1 : 0), "counted", (int) c.counted,
                          "needed", (int) c.needed, "problems", varlink_problems(&problems, false));
        return error ? ipc_error(call, AGENT_ERROR_TRUST_REFUSED, error) : -ENOMEM;
}

static void forget_watcher(struct ipc_call *call, void *userdata) {
        struct watchers *w = ((struct agent *) userdata)->watchers;
        for (size_t i = 0; w && i < w->n; i++)
                if (w->list[i] == call) {
                        w->list[i] = w->list[--w->n];
                        return;
                }
}

static int watch(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        (void) parameters;
        if (a->watchers->n == WATCHERS_MAX)
                return -EBUSY;
        a->watchers->list[a->watchers->n++] = call;
        ipc_call_on_gone(call, forget_watcher, a);
        return 0;
}

static const struct ipc_param install_params[] = { { "text", IPC_STRING, false },
                                                   { "signatures", IPC_STRING, true },
                                                   { "trial", IPC_INT, true },
                                                   { NULL, IPC_BOOL, false } };

static const struct ipc_param trust_params[] = { { "text", IPC_STRING, false },
                                                 { "signatures", IPC_STRING, false },
                                                 { NULL, IPC_BOOL, false } };

static const struct ipc_method methods[] = {
        { AGENT_GET_STATUS, IPC_ANYONE, false, get_status, NULL },
        { AGENT_LIST_DEVICES, IPC_ANYONE, false, list_devices, NULL },
        { AGENT_WATCH, IPC_AUDITOR, true, watch, NULL },
        { AGENT_GET_POLICY, IPC_AUDITOR, false, get_policy, NULL },
        { AGENT_INSTALL_POLICY, IPC_ROOT, false, install_policy, install_params },
        { AGENT_CONFIRM_POLICY, IPC_ROOT, false, confirm_policy, NULL },
        { AGENT_GET_TRUST, IPC_ANYONE, false, get_trust, NULL },
        { AGENT_INSTALL_TRUST, IPC_ROOT, false, install_trust, trust_params },
        { AGENT_LIST_PERMITS, IPC_AUDITOR, false, varlink_list_permits, NULL },
        { AGENT_INSTALL_PERMIT, IPC_ROOT, false, varlink_install_permit, trust_params },
        { AGENT_ACTIVATE_PERMIT, IPC_ANYONE, false, varlink_activate_permit, varlink_activate_params },
        { AGENT_CLOSE_PERMIT, IPC_ROOT, false, varlink_close_permit, varlink_close_params },
        { AGENT_JOIN_SESSION, IPC_ANYONE, true, varlink_join_session, varlink_join_params },
        { AGENT_SESSION_ALIVE, IPC_ANYONE, false, varlink_session_alive, varlink_alive_params },
        { AGENT_REPORT_PASTE, IPC_ANYONE, false, varlink_report_paste, varlink_paste_params },
        { AGENT_WATCH_OWN, IPC_ANYONE, true, varlink_watch_own, NULL },
        { AGENT_REPORT_IDLE, IPC_ANYONE, false, varlink_report_idle, varlink_idle_params },
        { AGENT_INSTALL_RECEIPT, IPC_ROOT, false, varlink_install_receipt, trust_params },
        { AGENT_SIGN_EXPORT, IPC_ROOT, false, varlink_sign_export, varlink_sign_params },
};

static struct ipc_interface interface = {
        .name = AGENT_INTERFACE_NAME,
        .methods = methods,
        .n_methods = sizeof methods / sizeof *methods,
};

void varlink_tell(struct agent *a, json_t *message) {
        const struct watchers *w = a->watchers;
        /* Backwards, because one that is too slow is forgotten on the way, and the last takes its place. */
        for (size_t i = w ? w->n : 0; message && i-- > 0;)
                if (i < w->n)
                        (void) ipc_reply_continues(w->list[i], json_incref(message));
        json_decref(message);
}

bool varlink_anybody_watches(const struct agent *a) {
        return a->watchers && a->watchers->n > 0;
}

json_t *varlink_message(const struct agent *a, const char *event) {
        return json_pack("{s:s, s:o}", "event", event, "time", varlink_time(time_now(&a->time)));
}

void agent_tell(struct agent *a, const char *event, const struct subject *subject, const char *detail) {
        if (subject && strcmp(event, "gone") != 0)
                varlink_own_device(a, subject, strcmp(event, "effect") == 0);
        if (!varlink_anybody_watches(a))
                return;
        json_t *message = varlink_message(a, event);
        if (message && subject)
                (void) json_object_set_new(message, "device", device_json(subject));
        if (message && detail)
                (void) json_object_set_new(message, "detail", json_text(detail));
        varlink_tell(a, message);
}

/* As the record says it (audit/ocsf_network.c). */
static json_t *connection_json(const struct agent *a, const struct blocked *b, const struct verdict *v) {
        json_t *event = audit_event_blocked(&a->identity, time_now(&a->time), b, v);
        const json_t *own = json_object_get(json_object_get(event, "unmapped"), "sekisho");
        const json_t *network = json_object_get(own, "network");
        static const char *const members[] = { "kind", "direction", "layer", "protocol", "peer",
                                               "port", "interface", "uid",   "program",  "count" };
        json_t *j = json_pack("{s:b, s:O?, s:O?}", "observed", b->observed, "rule", json_object_get(own, "rule"),
                              "reason", json_object_get(own, "reason"));
        for (size_t i = 0; j && i < sizeof members / sizeof *members; i++)
                (void) json_object_set(j, members[i], json_object_get(network, members[i]));
        if (json_is_null(json_object_get(j, "layer")))
                (void) json_object_set_new(j, "layer", json_string(""));
        json_decref(event);
        return j;
}

void agent_tell_blocked(struct agent *a, const struct blocked *b, const struct verdict *v) {
        if (!varlink_anybody_watches(a) && !a->own)
                return;
        json_t *connection = connection_json(a, b, v);
        varlink_own_blocked(a, b, v, connection);
        json_t *message = varlink_message(a, "blocked");
        if (message)
                (void) json_object_set_new(message, "connection", connection);
        else
                json_decref(connection);
        varlink_tell(a, message);
}

int agent_serve(struct agent *a) {
        a->watchers = calloc(1, sizeof *a->watchers);
        if (!a->watchers)
                return -ENOMEM;
        CLEANUP(close_p) int fd = ipc_listen_at(&a->root, AGENT_SOCKET, 0666);
        if (fd < 0)
                return fd;
        const struct ipc_server_options options = { .vendor = "Sekisho",
                                                    .product = "sekishod",
                                                    .version = SEKISHO_VERSION,
                                                    .url = "",
                                                    .auditor_group = AGENT_AUDITOR_GROUP };
        int r = ipc_server_new(a->event, TAKE_FD(fd), &options, &a->server);
        if (r < 0)
                return r;
        interface.description = ipc_agent_description;
        return ipc_server_add(a->server, &interface, a);
}

void agent_stop_serving(struct agent *a) {
        a->server = ipc_server_free(a->server);
        varlink_own_free(a);
        free(a->watchers);
        a->watchers = NULL;
}
