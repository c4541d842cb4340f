/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "ipc/agent_interface.h"
#include "json_text.h"
#include "permits.h"
#include "varlink.h"

static void problems_p(struct problems *p) {
        problems_clear(p);
}

static void json_p(json_t **j) {
        json_decref(*j);
}

static json_t *when(int64_t seconds) {
        return seconds > 0 ? varlink_time(seconds) : json_null();
}

static json_t *strings(const struct strings *s) {
        json_t *list = json_array();
        for (uint32_t i = 0; list && i < s->n; i++)
                (void) json_array_append_new(list, json_text(s->list[i]));
        return list;
}

static json_t *document_json(const struct permit *p) {
        const struct device_rule *r = &p->rule;
        char vendor[8], product[8], descriptors[sizeof "sha256:" + DIGEST_HEX_SIZE] = "sha256:";
        (void) snprintf(vendor, sizeof vendor, "%04x", r->vendor);
        (void) snprintf(product, sizeof product, "%04x", r->product);
        digest_hex(r->descriptors, descriptors + strlen(descriptors));
        return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:I}", "id",
                         p->id, "ticket", json_text(p->ticket), "applicant", json_text(p->applicant), "approver",
                         json_text(p->approver), "purpose", json_text(p->purpose), "vendor", vendor, "product", product,
                         "serial", json_text(r->serial), "descriptors", descriptors, "action",
                         action_name((enum action) r->action), "encrypted",
                         r->encrypted == ENCRYPTED_LUKS ? "luks" : "any", "users", strings(&r->users), "issued",
                         varlink_time(p->issued), "expires", varlink_time(p->expires), "duration",
                         (json_int_t) p->duration, "max_bytes",
                         (json_int_t) (p->max_bytes > INT64_MAX ? 0 : p->max_bytes));
}

static json_t *permit_json(const struct agent *a, const struct stored_permit *p) {
        const struct permit_life *l = &p->life;
        json_t *j = document_json(p->permit);
        json_t *life = json_pack(
                "{s:s, s:s, s:b, s:b, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:I, s:o, s:b, s:b}", "state",
                permit_state_name(l->state), "end", permit_end_name(l->end), "suspended", p->suspended, "overdue",
                permit_is_overdue(a, p), "tries", (int) l->tries, "installed", when(l->installed), "activated",
                when(l->activated), "started", when(l->started), "ended", when(l->ended), "return_by",
                when(l->state == PERMIT_USED ? l->ended + (int64_t) p->permit->return_within : 0), "closed",
                when(l->closed), "left", (json_int_t) permits_left(a, p), "port", json_text(l->port), "files",
                (json_int_t) l->files, "bytes", (json_int_t) (l->written > l->told ? l->written : l->told), "closed_by",
                json_text(l->closed_by), "returned", l->returned, "erased", l->erased);
        if (!j || !life || json_object_update(j, life) < 0) {
                json_decref(j);
                j = NULL;
        }
        json_decref(life);
        return j;
}

void agent_tell_permit(struct agent *a, const struct stored_permit *p, const char *detail) {
        varlink_own_permit(a, p, detail, permits_left(a, p));
        json_t *message = json_pack("{s:s, s:o, s:o, s:o}", "event", "permit", "time", varlink_time(time_now(&a->time)),
                                    "permit", permit_json(a, p), "detail", json_text(detail));
        varlink_tell(a, message);
}

static int refused(struct ipc_call *call, int refusal, unsigned tries, const struct trust_check *c,
                   const struct problems *problems) {
        static const struct problems none;
        json_t *error =
                json_pack("{s:s, s:i, s:i, s:i, s:o}", "reason", permit_refusal_name(refusal), "tries", (int) tries,
                          "counted", (int) (c ? c->counted : 0), "needed", (int) (c ? c->needed : 0), "problems",
                          varlink_problems(problems ? problems : &none, false));
        return error ? ipc_error(call, AGENT_ERROR_PERMIT_REFUSED, error) : -ENOMEM;
}

int varlink_install_permit(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        const json_t *text = json_object_get(parameters, "text"), *sig = json_object_get(parameters, "signatures");
        const struct permit_submission s = { .text = json_string_value(text),
                                             .size = json_string_length(text),
                                             .signatures = json_string_value(sig),
                                             .signatures_size = json_string_length(sig),
                                             .uid = ipc_call_uid(call) };
        CLEANUP(problems_p) struct problems problems = { 0 };
        struct trust_check c;
        const struct stored_permit *p = NULL;
        int r = agent_install_permit(a, &s, &problems, &c, &p);
        if (r < 0)
                return r;
        return r == PERMIT_OK ? varlink_answer(call, json_pack("{s:o}", "permit", permit_json(a, p)))
                              : refused(call, r, 0, &c, &problems);
}

/* The permit as it is now. */
static int answer_with(struct ipc_call *call, const struct agent *a, const char *id) {
        const struct stored_permit *p = permit_store_find(&a->permits->store, id);
        return varlink_answer(call, p ? json_pack("{s:o}", "permit", permit_json(a, p)) : NULL);
}

int varlink_activate_permit(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        const char *id = json_string_value(json_object_get(parameters, "id"));
        const json_t *code = json_object_get(parameters, "code");
        unsigned tries = 0;
        int r = agent_activate_permit(a, id, json_string_value(code), ipc_call_uid(call), &tries);
        explicit_bzero((char *) (uintptr_t) json_string_value(code), json_string_length(code));
        return r == PERMIT_OK ? answer_with(call, a, id) : refused(call, r, tries, NULL, NULL);
}

int varlink_close_permit(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        const char *id = json_string_value(json_object_get(parameters, "id"));
        int r = agent_close_permit(a, id, json_string_value(json_object_get(parameters, "by")),
                                   json_is_true(json_object_get(parameters, "returned")),
                                   json_is_true(json_object_get(parameters, "erased")), ipc_call_uid(call));
        return r == PERMIT_OK ? answer_with(call, a, id) : refused(call, r, 0, NULL, NULL);
}

int varlink_list_permits(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        (void) parameters;
        permits_look(a);
        CLEANUP(json_p) json_t *list = json_array();
        for (size_t i = 0; i < a->permits->store.n; i++)
                if (json_array_append_new(list, permit_json(a, a->permits->store.list[i])) < 0)
                        return -ENOMEM;
        return varlink_answer(call, json_pack("{s:O}", "permits", list));
}

const struct ipc_param varlink_activate_params[] = { { "id", IPC_STRING, false },
                                                     { "code", IPC_STRING, false },
                                                     { NULL, IPC_BOOL, false } };

const struct ipc_param varlink_close_params[] = { { "id", IPC_STRING, false },
                                                  { "by", IPC_STRING, false },
                                                  { "returned", IPC_BOOL, false },
                                                  { "erased", IPC_BOOL, false },
                                                  { NULL, IPC_BOOL, false } };
