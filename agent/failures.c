/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "failures.h"

#include <stdio.h>
#include <string.h>

#include "json_text.h"

static const struct failure_row rows[FAILURE_MAX] = {
        /*                              code                  room      action            short  lasts */
        [FAILURE_POLICY_BUILTIN] = { "no-valid-policy", "policy", FAIL_BUILTIN, true, true },
        [FAILURE_POLICY_LAST_GOOD] = { "policy-last-good", "policy", FAIL_LAST_GOOD, true, true },
        [FAILURE_POLICY_CHANGED] = { "policy-file-changed", "policy", FAIL_LAST_GOOD, true, true },
        [FAILURE_STATE_DAMAGED] = { "policy-state-damaged", "policy", FAIL_BUILTIN, true, true },
        [FAILURE_POLICY_EXPIRED] = { "policy-expired", "policy", FAIL_SUSPEND, true, true },
        [FAILURE_IMAGE_RESTORED] = { "image-restored", "policy", FAIL_SUSPEND, true, true },
        [FAILURE_COUNTER_LOST] = { "tpm-counter-lost", "policy", FAIL_RECORD, true, true },
        [FAILURE_COUNTER_UNREADABLE] = { "tpm-counter-unreadable", "policy", FAIL_RECORD, true, true },
        [FAILURE_COUNTER_UNSET] = { "tpm-counter-unset", "policy", FAIL_STATUS, false, true },
        [FAILURE_TRUST_DAMAGED] = { "trust-damaged", "policy", FAIL_LAST_GOOD, true, true },
        [FAILURE_POLICY_NOT_APPLIED] = { "policy-not-applied", "policy", FAIL_LAST_GOOD, true, false },
        [FAILURE_POLICY_ON_TRIAL] = { "policy-on-trial", "policy", FAIL_STATUS, false, true },
        [FAILURE_INBOX] = { "inbox-unusable", "policy", FAIL_RECORD, true, true },
        [FAILURE_CLOCK] = { "clock-suspect", "agent", FAIL_FLOOR_OF_TIME, true, true },
        [FAILURE_RECORD] = { "record-failing", "record", FAIL_KEEP_SHUT, true, true },
        [FAILURE_RECORD_TORN] = { "record-torn", "record", FAIL_RECORD, false, true },
        [FAILURE_RECORD_DAMAGED] = { "record-damaged", "record", FAIL_RECORD, true, true },
        [FAILURE_RECORD_UNSIGNED] = { "record-unsigned", "record", FAIL_RECORD, true, true },
        [FAILURE_RECORD_KEY_LOST] = { "record-key-lost", "record", FAIL_RECORD, true, true },
        [FAILURE_DISK_FULL] = { "disk-full", "record", FAIL_KEEP_SHUT, true, true },
        [FAILURE_NO_RESERVE] = { "no-reserve", "record", FAIL_STATUS, false, true },
        [FAILURE_SINK] = { "sink-failing", "record", FAIL_STATUS, false, true },
        [FAILURE_PORTS] = { "ports-open-by-default", "devices", FAIL_RECORD, true, true },
        [FAILURE_BUSES] = { "buses-open-by-default", "devices", FAIL_RECORD, true, true },
        [FAILURE_GUARD] = { "guard-failed", "devices", FAIL_RECORD, true, true },
        [FAILURE_NO_EVENTS] = { "no-events", "devices", FAIL_RECORD, true, true },
        [FAILURE_EVENTS_LOST] = { "events-lost", "devices", FAIL_LOOK_AGAIN, false, false },
        [FAILURE_FACTS] = { "facts-unreadable", "devices", FAIL_KEEP_SHUT, false, false },
        [FAILURE_SECOND_READER] = { "second-reader-failed", "devices", FAIL_RECORD, false, false },
        [FAILURE_WORKER_STUCK] = { "worker-stuck", "devices", FAIL_REPLACE, true, true },
        [FAILURE_WORKER_DIED] = { "worker-died", "devices", FAIL_REPLACE, false, false },
        [FAILURE_WORKERS_EXHAUSTED] = { "workers-exhausted", "devices", FAIL_KEEP_SHUT, true, true },
        [FAILURE_EFFECT] = { "effect-differs", "devices", FAIL_LOOK_AGAIN, true, true },
        [FAILURE_DRIFT] = { "drift", "devices", FAIL_LOOK_AGAIN, false, false },
        [FAILURE_RULE_NOT_HELD] = { "rule-not-held", "devices", FAIL_KEEP_SHUT, true, true },
        [FAILURE_KEYBOARD_WAITS] = { "keyboard-waits", "devices", FAIL_KEEP_SHUT, false, true },
        [FAILURE_KEYBOARDS_FALLBACK] = { "keyboards-fallback", "devices", FAIL_RECORD, true, true },
        [FAILURE_TRANSFER_UNWATCHED] = { "transfer-unwatched", "devices", FAIL_RECORD, true, true },
        [FAILURE_TRANSFERS_LOST] = { "transfers-lost", "devices", FAIL_RECORD, false, false },
        [FAILURE_PERMIT_OVERDUE] = { "permit-overdue", "devices", FAIL_RECORD, true, true },
        [FAILURE_PERMITS_DAMAGED] = { "permits-damaged", "devices", FAIL_KEEP_SHUT, true, true },
        [FAILURE_PERMIT_NOT_STORED] = { "permit-not-stored", "devices", FAIL_KEEP_SHUT, true, true },
        [FAILURE_NETWORK_UNGUARDED] = { "network-unguarded", "network", FAIL_LAST_GOOD, true, true },
        [FAILURE_NETWORK_NOT_LOADED] = { "network-not-loaded", "network", FAIL_LAST_GOOD, true, true },
        [FAILURE_NETWORK_TAMPERED] = { "network-tampered", "network", FAIL_LOOK_AGAIN, false, false },
        [FAILURE_NETWORK_EVENTS_LOST] = { "network-events-lost", "network", FAIL_LOOK_AGAIN, false, false },
        [FAILURE_NETWORK_STATE] = { "network-state-not-kept", "network", FAIL_RECORD, true, false },
        [FAILURE_INTERFACE_REFUSED] = { "interface-refused", "network", FAIL_KEEP_SHUT, false, false },
        [FAILURE_INTERFACE_NOT_HELD] = { "interface-not-held", "network", FAIL_KEEP_SHUT, true, false },
        [FAILURE_NETLOG_UNWATCHED] = { "netlog-unwatched", "network", FAIL_RECORD, true, true },
        [FAILURE_SESSION_UNGUARDED] = { "session-unguarded", "clipboard", FAIL_LOCK, true, true },
        [FAILURE_SCREEN_OPEN] = { "screen-stays-open", "session", FAIL_RECORD, true, true },
        [FAILURE_MEMORY] = { "no-memory", "agent", FAIL_KEEP_SHUT, true, true },
        [FAILURE_OBSERVE] = { "observe-mode", "policy", FAIL_STATUS, false, true },
};

/* What ends a failure that lasts, where somebody else than the agent knows. */
static const struct {
        const char *code;
        enum failure failure;
} endings[] = {
        { "ports-shut", FAILURE_PORTS },
        { "buses-shut", FAILURE_BUSES },
        { "workers-restored", FAILURE_WORKERS_EXHAUSTED },
        { "transfer-watched", FAILURE_TRANSFER_UNWATCHED },
        { "network-guarded", FAILURE_NETWORK_UNGUARDED },
        { "network-loaded", FAILURE_NETWORK_NOT_LOADED },
        { "netlog-watched", FAILURE_NETLOG_UNWATCHED },
};

const struct failure_row *failure_row(enum failure f) {
        return &rows[f];
}

enum failure failure_from_code(const char *code) {
        for (int f = 0; f < FAILURE_MAX; f++)
                if (strcmp(rows[f].code, code) == 0)
                        return (enum failure) f;
        return FAILURE_INVALID;
}

enum failure failure_ended_by(const char *code) {
        for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
                if (strcmp(endings[i].code, code) == 0)
                        return endings[i].failure;
        return FAILURE_INVALID;
}

bool findings_raise(struct findings *f, enum failure what, const char *detail) {
        if (!rows[what].lasts)
                return true;
        char text[FINDING_DETAIL_MAX];
        (void) snprintf(text, sizeof text, "%s", detail ? detail : "");
        if (f->active[what] && strcmp(f->detail[what], text) == 0)
                return false;
        f->active[what] = true;
        memcpy(f->detail[what], text, sizeof text);
        return true;
}

bool findings_clear(struct findings *f, enum failure what) {
        bool was = f->active[what];
        f->active[what] = false;
        return was;
}

json_t *findings_json(const struct findings *f) {
        json_t *list = json_array();
        for (int pass = 0; list && pass < 2; pass++)
                for (int i = 0; i < FAILURE_MAX; i++) {
                        if (!f->active[i] || rows[i].falls_short != (pass == 0))
                                continue;
                        json_t *finding = json_pack("{s:s, s:s, s:o}", "severity", pass == 0 ? "short" : "note", "code",
                                                    rows[i].code, "detail", json_text(f->detail[i]));
                        if (!finding || json_array_append_new(list, finding) < 0) {
                                json_decref(list);
                                return NULL;
                        }
                }
        return list;
}
