/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Typed facts to OCSF 1.7.0 objects. https://schema.ocsf.io/1.7.0/classes/{peripheral_activity,entity_management,
 * application_lifecycle}; profiles host and security_control. What the schema has no place for is under
 * unmapped.sekisho. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "audit/kinds.h"
#include "audit/ocsf_parts.h"
#include "audit/text.h"
#include "base/cleanup.h"

struct activity {
        const char *word; /* as the caller says it; NULL ends a table and stands for anything else */
        int id;
        const char *caption;
        enum audit_kind kind;
        int status; /* status_id: 1 success, 2 failure */
};

static const struct ocsf_class peripheral_activity = { 1, 1010, true };
static const struct ocsf_class entity_management = { 3, 3004, false };
static const struct ocsf_class application_lifecycle = { 6, 6002, false };

/* ---- devices ---- */

static const struct peripheral_type {
        uint32_t classes;
        int id;
        const char *caption;
} peripheral_types[] = {
        /* the first that fits: what can carry data out counts before what it says it is too */
        { CLASS_BIT(CLASS_STORAGE) | CLASS_BIT(CLASS_OPTICAL) | CLASS_BIT(CLASS_PHONE), 1, "External Storage" },
        { CLASS_BIT(CLASS_KEYBOARD), 2, "Keyboard" },
        { CLASS_BIT(CLASS_MOUSE), 3, "Mouse" },
        { CLASS_BIT(CLASS_PRINTER), 4, "Printer" },
        { CLASS_BIT(CLASS_CAMERA) | CLASS_BIT(CLASS_VIDEO), 7, "Webcam" },
        { UINT32_MAX, 99, "Other" },
        { 0, 0, "Unknown" },
};

static const struct peripheral_type *peripheral_type(uint32_t classes) {
        const struct peripheral_type *p = peripheral_types;
        while (p->classes && !(p->classes & classes))
                p++;
        return p;
}

static json_t *class_names(uint32_t classes) {
        json_t *names = json_array();
        int failed = !names;
        for (int c = 0; !failed && c < CLASS_MAX; c++)
                if (classes & CLASS_BIT(c))
                        failed |= json_array_append_new(names, json_string(class_name((enum device_class) c)));
        if (failed) {
                json_decref(names);
                return NULL;
        }
        return names;
}

static json_t *interface_triples(const struct device_facts *d) {
        json_t *triples = json_array();
        int failed = !triples;
        for (size_t i = 0; !failed && i < d->n_interfaces && i < DEVICE_INTERFACES_MAX; i++) {
                const struct interface_triple *t = &d->interfaces[i];
                failed |= json_array_append_new(triples,
                                                json_sprintf("%02x:%02x:%02x", t->class, t->subclass, t->protocol));
        }
        if (failed) {
                json_decref(triples);
                return NULL;
        }
        return triples;
}

/* The shape of FACTS.json (policy explain, replay), so that a record can be judged again. */
json_t *ocsf_device_facts(const struct device_facts *d) {
        const char *bus = bus_name(d->bus);
        json_t *j = json_pack("{s:s, s:s?, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:b}", "kind",
                              "device", "bus", bus, "vendor", json_sprintf("%04x", d->vendor), "product",
                              json_sprintf("%04x", d->product), "serial", text_json(d->serial), "name",
                              text_json(d->name), "known_as", text_json(d->known_as), "port", text_json(d->port),
                              "classes", class_names(device_classes(d)), "interfaces", interface_triples(d),
                              "descriptors", d->has_digest ? ocsf_digest(d->digest) : json_null(), "descriptors_valid",
                              d->descriptors_valid, "present_at_boot", d->present_at_boot, "root_hub", d->is_root_hub);
        int failed = 0;
        if (j && *d->node)
                ocsf_put(j, "node", text_json(d->node), &failed);
        if (j && d->returned)
                ocsf_put(j, "returned", json_true(), &failed);
        if (failed) {
                json_decref(j);
                return NULL;
        }
        return j;
}

static json_t *peripheral(const struct device_facts *d) {
        const struct peripheral_type *type = peripheral_type(device_classes(d));
        json_t *name = *d->name ? text_json(d->name) : json_sprintf("%04x:%04x", d->vendor, d->product);
        json_t *p = json_pack("{s:o, s:i, s:s, s:o, s:o}", "name", name, "type_id", type->id, "type", type->caption,
                              "model", json_sprintf("%04x", d->product), "vendor_id_list",
                              json_pack("[o]", json_sprintf("%04x", d->vendor)));
        int failed = 0;
        if (p && *d->serial)
                ocsf_put(p, "serial_number", text_json(d->serial), &failed);
        if (failed) {
                json_decref(p);
                return NULL;
        }
        return p;
}

/* What came true, as guards report it. */
static const struct outcome {
        const char *effect;
        enum audit_kind kind;
        int status, disposition; /* disposition 0: that of the verdict */
        const char *caption;
} outcomes[] = {
        { "as-decided", KIND_DEVICE_EFFECT, 1, 0, NULL },
        { "not-enforced", KIND_DEVICE_EFFECT, 1, 0, NULL },
        { "gone", KIND_DEVICE_GONE, 1, 16, "No Action" },
        { NULL, KIND_DEVICE_EFFECT_WRONG, 2, 27, "Error" }, /* differs, failed, timed-out, and words yet unknown */
};

static const struct outcome *outcome_of(const char *effect) {
        const struct outcome *o = outcomes;
        while (o->effect && strcmp(o->effect, effect) != 0)
                o++;
        return o;
}

static enum audit_kind decision_kind(enum audit_activity activity, const struct verdict *v) {
        if (!v || activity == AUDIT_DEVICE_DISCONNECT)
                return KIND_DEVICE_GONE;
        if (v->action != ACTION_BLOCK)
                return KIND_DEVICE_ALLOWED;
        return v->enforce ? KIND_DEVICE_REFUSED : KIND_DEVICE_OBSERVED;
}

struct control {
        int action, disposition;
        const char *action_caption, *disposition_caption;
};

static struct control control_of(const struct verdict *v, const struct outcome *o) {
        static const struct control allowed = { 1, 1, "Allowed", "Allowed" };
        static const struct control denied = { 2, 2, "Denied", "Blocked" };
        static const struct control observed = { 3, 17, "Observed", "Logged" };
        struct control c = !v->enforce ? observed : v->action == ACTION_BLOCK ? denied : allowed;
        if (o && o->disposition) {
                c.disposition = o->disposition;
                c.disposition_caption = o->caption;
        }
        return c;
}

static void put_decision(json_t *event, json_t *own, const struct verdict *v, const struct outcome *o,
                         const char *effect, int *failed) {
        struct control c = control_of(v, o);
        ocsf_put(event, "action_id", json_integer(c.action), failed);
        ocsf_put(event, "action", json_string(c.action_caption), failed);
        ocsf_put(event, "disposition_id", json_integer(c.disposition), failed);
        ocsf_put(event, "disposition", json_string(c.disposition_caption), failed);
        ocsf_put(event, "is_alert", json_boolean(o ? o->status == 2 : v->enforce && v->action == ACTION_BLOCK), failed);
        ocsf_put(event, "policy",
                 json_pack("{s:s, s:o}", "name", "devices", "version", json_sprintf("%" PRIu64, v->policy_serial)),
                 failed);
        ocsf_put(own, "action", json_string(action_name(v->action)), failed);
        ocsf_put(own, "enforce", json_boolean(v->enforce), failed);
        ocsf_put_permit(own, v, failed);
        ocsf_put(own, "effect", effect ? text_json(effect) : json_null(), failed);
}

static void put_status(json_t *event, const struct outcome *o, const char *effect, int *failed) {
        ocsf_put(event, "status_id", json_integer(o ? o->status : 99), failed);
        ocsf_put(event, "status", json_string(!o ? "Decided" : o->status == 1 ? "Success" : "Failure"), failed);
        if (effect)
                ocsf_put(event, "status_detail", text_json(effect), failed);
}

json_t *audit_event_device(const struct audit_terminal *t, int64_t now, enum audit_activity activity,
                           const struct device_facts *device, const struct verdict *verdict,
                           const char *effect_result) {
        static const struct {
                int id;
                const char *caption;
        } activities[] = {
                [AUDIT_DEVICE_CONNECT] = { 1, "Connect" },
                [AUDIT_DEVICE_DISCONNECT] = { 2, "Disconnect" },
                [AUDIT_DEVICE_ENABLE] = { 3, "Enable" },
                [AUDIT_DEVICE_DISABLE] = { 4, "Disable" },
        };
        const struct outcome *o = effect_result ? outcome_of(effect_result) : NULL;
        enum audit_kind kind = o ? o->kind : decision_kind(activity, verdict);
        const char *action = verdict ? action_name(verdict->action) : NULL;
        const char *reason = verdict ? reason_code(verdict->reason) : NULL;

        json_t *event = ocsf_event_new(t, now, &peripheral_activity, activities[activity].id,
                                       activities[activity].caption, kind);
        json_t *own = ocsf_own(verdict ? verdict->rule : NULL, reason, verdict ? verdict->policy_serial : 0,
                               verdict && verdict->explicit_rule);
        int failed = 0;
        if (event && own) {
                const char *bus = bus_name(device->bus);
                ocsf_put(event, "peripheral_device", peripheral(device), &failed);
                ocsf_put(own, "facts", ocsf_device_facts(device), &failed);
                if (verdict)
                        put_decision(event, own, verdict, o, effect_result, &failed);
                if (activity != AUDIT_DEVICE_DISCONNECT || o)
                        put_status(event, o, effect_result, &failed);
                ocsf_put_text(event, "message", &failed, "%s %04x:%04x %s at %s: %s%s%s%s%s", bus ? bus : "?",
                              device->vendor, device->product, device->name, device->port, audit_kinds[kind].name,
                              action ? ", " : "", action ? action : "", effect_result ? ", " : "",
                              effect_result ? effect_result : "");
        }
        return ocsf_finish(event, own, failed);
}

/* ---- documents ---- */

static const struct activity outcomes_of_documents[] = {
        { "installed", 3, "Update", KIND_DOCUMENT_INSTALLED, 1 },
        { "refused", 3, "Update", KIND_DOCUMENT_REFUSED, 2 },
        { "restored", 10, "Activate", KIND_DOCUMENT_RESTORED, 1 },
        { NULL, 99, "Other", KIND_DOCUMENT_REFUSED, 2 },
};

static const struct activity *activity_of(const struct activity *table, const char *word) {
        while (table->word && strcmp(table->word, word) != 0)
                table++;
        return table;
}

static void put_outcome(json_t *event, const struct activity *a, const char *code, const char *detail, int *failed) {
        ocsf_put(event, "status_id", json_integer(a->status), failed);
        ocsf_put(event, "status", json_string(a->status == 1 ? "Success" : "Failure"), failed);
        if (code)
                ocsf_put(event, "status_code", text_json(code), failed);
        if (detail)
                ocsf_put(event, "status_detail", text_json(detail), failed);
}

static json_t *entity(const char *what, uint64_t serial, const char *sha256, bool is_policy) {
        json_t *e = json_pack("{s:o, s:i, s:o, s:o}", "name", text_json(what), "type_id", is_policy ? 5 : 99, "type",
                              is_policy ? json_string("Policy") : text_json(what), "version",
                              json_sprintf("%" PRIu64, serial));
        int failed = 0;
        if (e && sha256)
                ocsf_put(e, "uid", text_json(sha256), &failed);
        if (failed) {
                json_decref(e);
                return NULL;
        }
        return e;
}

/* Who signed, and what each signature is worth. The fingerprint names those whom nobody knows. */
static json_t *signatures(const struct trust_check *c) {
        json_t *list = json_array();
        int failed = !list;
        for (unsigned i = 0; c && i < c->n && !failed; i++)
                failed |= json_array_append_new(
                        list, json_pack("{s:o, s:s, s:s}", "holder",
                                        text_json(c->signatures[i].holder ? c->signatures[i].holder->name : NULL),
                                        "fingerprint", c->signatures[i].fingerprint, "state",
                                        signature_state_name(c->signatures[i].state)));
        if (failed) {
                json_decref(list);
                return NULL;
        }
        return list;
}

static json_t *document(const struct audit_document *d) {
        return json_pack("{s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:i}", "what", text_json(d->what),
                         "serial", (json_int_t) d->serial, "sha256", text_json(d->sha256), "source",
                         text_json(d->source), "outcome", text_json(d->outcome), "uid",
                         d->uid >= 0 ? json_integer(d->uid) : json_null(), "via", text_json(d->via), "name",
                         text_json(d->name), "signatures", signatures(d->signatures), "counted",
                         d->signatures ? (int) d->signatures->counted : 0, "needed",
                         d->signatures ? (int) d->signatures->needed : 0);
}

json_t *audit_event_document(const struct audit_terminal *t, int64_t now, const struct audit_document *d) {
        const struct activity *a = activity_of(outcomes_of_documents, d->outcome);
        bool is_policy = strcmp(d->what, "policy") == 0;
        json_t *event = ocsf_event_new(t, now, &entity_management, a->id, a->caption, a->kind);
        json_t *own = ocsf_own(NULL, NULL, is_policy ? d->serial : 0, false);
        int failed = 0;
        if (event && own) {
                ocsf_put(event, "entity", entity(d->what, d->serial, d->sha256, is_policy), &failed);
                put_outcome(event, a, NULL, d->detail, &failed);
                ocsf_put_text(event, "message", &failed, "%s %" PRIu64 " (%s): %s", d->what, d->serial, d->source,
                              d->outcome);
                if (d->uid >= 0)
                        ocsf_put(event, "actor",
                                 json_pack("{s:s, s:{s:o}}", "app_name", OCSF_PRODUCT, "user", "uid",
                                           json_sprintf("%" PRId64, d->uid)),
                                 &failed);
                ocsf_put(own, "document", document(d), &failed);
                ocsf_put(own, "detail", text_json(d->detail), &failed);
        }
        return ocsf_finish(event, own, failed);
}

/* ---- the agent ---- */

static const struct activity activities_of_agent[] = {
        { "start", 3, "Start", KIND_AGENT_START, 1 },
        { "stop", 4, "Stop", KIND_AGENT_STOP, 1 },
        { "medium", 99, "Medium", KIND_MEDIUM, 1 },
        { NULL, 99, "Trouble", KIND_AGENT_TROUBLE, 2 },
};

json_t *audit_event_agent(const struct audit_terminal *t, int64_t now, const char *activity, const char *code,
                          const char *detail) {
        const struct activity *a = activity_of(activities_of_agent, activity);
        json_t *event = ocsf_event_new(t, now, &application_lifecycle, a->id, a->caption, a->kind);
        json_t *own = ocsf_own(NULL, NULL, 0, false);
        int failed = 0;
        if (event && own) {
                ocsf_put(event, "app", ocsf_product(t), &failed);
                put_outcome(event, a, code, detail, &failed);
                ocsf_put_text(event, "message", &failed, "agent %s%s%s", activity, code ? ": " : "", code ? code : "");
                ocsf_put(own, "agent",
                         json_pack("{s:o, s:o}", "activity", text_json(activity), "code", text_json(code)), &failed);
                ocsf_put(own, "detail", text_json(detail), &failed);
        }
        return ocsf_finish(event, own, failed);
}
