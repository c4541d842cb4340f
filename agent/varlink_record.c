/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "audit/export.h"
#include "base/cleanup.h"
#include "ipc/agent_interface.h"
#include "receipts.h"
#include "varlink.h"

static void problems_p(struct problems *p) {
        problems_clear(p);
}

int varlink_install_receipt(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        const json_t *text = json_object_get(parameters, "text"), *sig = json_object_get(parameters, "signatures");
        const struct submission s = { .text = json_string_value(text),
                                      .size = json_string_length(text),
                                      .signatures = json_string_value(sig),
                                      .signatures_size = json_string_length(sig),
                                      .uid = ipc_call_uid(call),
                                      .via = "socket" };
        CLEANUP(problems_p) struct problems problems = { 0 };
        struct trust_check c;
        int r = agent_install_receipt(a, &s, &problems, &c);
        if (r < 0)
                return r;
        if (r == RECEIPT_OK)
                return varlink_answer(call, json_object());
        json_t *error = json_pack("{s:s, s:i, s:i, s:o}", "reason", receipt_refusal_name(r), "counted", (int) c.counted,
                                  "needed", (int) c.needed, "problems", varlink_problems(&problems, false));
        return error ? ipc_error(call, AGENT_ERROR_RECEIPT_REFUSED, error) : -ENOMEM;
}

int varlink_sign_export(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        const char *sha256 = json_string_value(json_object_get(parameters, "sha256"));
        struct audit_export e;
        int r = a->log ? audit_log_sign_export(a->log, sha256, ipc_call_uid(call), &e) : -ENOKEY;
        if (r == 0)
                loop_schedule_flush(a);
        if (r < 0 && r != -ENOKEY)
                return r;
        return r < 0 ? ipc_error(call, AGENT_ERROR_NO_KEY, NULL) : varlink_answer(call, audit_export_json(&e));
}

const struct ipc_param varlink_sign_params[] = { { "sha256", IPC_STRING, false }, { NULL, IPC_BOOL, false } };
