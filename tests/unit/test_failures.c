/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fail table, row by row: what each failure leads to. The integration tests (test_agent*.py) make them happen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/failures.h"

struct row {
        const char *code;
        enum failure failure;
        enum failure_action action;
        bool falls_short, lasts;
};

/* Written down a second time on purpose: whoever changes what a failure leads to changes it here, too. */
static const struct row rows[] = {
        { "no-valid-policy", FAILURE_POLICY_BUILTIN, FAIL_BUILTIN, true, true },
        { "policy-last-good", FAILURE_POLICY_LAST_GOOD, FAIL_LAST_GOOD, true, true },
        { "policy-file-changed", FAILURE_POLICY_CHANGED, FAIL_LAST_GOOD, true, true },
        { "policy-state-damaged", FAILURE_STATE_DAMAGED, FAIL_BUILTIN, true, true },
        { "policy-expired", FAILURE_POLICY_EXPIRED, FAIL_SUSPEND, true, true },
        { "image-restored", FAILURE_IMAGE_RESTORED, FAIL_SUSPEND, true, true },
        { "tpm-counter-lost", FAILURE_COUNTER_LOST, FAIL_RECORD, true, true },
        { "tpm-counter-unreadable", FAILURE_COUNTER_UNREADABLE, FAIL_RECORD, true, true },
        { "tpm-counter-unset", FAILURE_COUNTER_UNSET, FAIL_STATUS, false, true },
        { "trust-damaged", FAILURE_TRUST_DAMAGED, FAIL_LAST_GOOD, true, true },
        { "policy-not-applied", FAILURE_POLICY_NOT_APPLIED, FAIL_LAST_GOOD, true, false },
        { "policy-on-trial", FAILURE_POLICY_ON_TRIAL, FAIL_STATUS, false, true },
        { "inbox-unusable", FAILURE_INBOX, FAIL_RECORD, true, true },
        { "clock-suspect", FAILURE_CLOCK, FAIL_FLOOR_OF_TIME, true, true },
        { "record-failing", FAILURE_RECORD, FAIL_KEEP_SHUT, true, true },
        { "record-torn", FAILURE_RECORD_TORN, FAIL_RECORD, false, true },
        { "record-damaged", FAILURE_RECORD_DAMAGED, FAIL_RECORD, true, true },
        { "record-unsigned", FAILURE_RECORD_UNSIGNED, FAIL_RECORD, true, true },
        { "record-key-lost", FAILURE_RECORD_KEY_LOST, FAIL_RECORD, true, true },
        { "disk-full", FAILURE_DISK_FULL, FAIL_KEEP_SHUT, true, true },
        { "no-reserve", FAILURE_NO_RESERVE, FAIL_STATUS, false, true },
        { "sink-failing", FAILURE_SINK, FAIL_STATUS, false, true },
        { "ports-open-by-default", FAILURE_PORTS, FAIL_RECORD, true, true },
        { "buses-open-by-default", FAILURE_BUSES, FAIL_RECORD, true, true },
        { "guard-failed", FAILURE_GUARD, FAIL_RECORD, true, true },
        { "no-events", FAILURE_NO_EVENTS, FAIL_RECORD, true, true },
        { "events-lost", FAILURE_EVENTS_LOST, FAIL_LOOK_AGAIN, false, false },
        { "facts-unreadable", FAILURE_FACTS, FAIL_KEEP_SHUT, false, false },
        { "second-reader-failed", FAILURE_SECOND_READER, FAIL_RECORD, false, false },
        { "worker-stuck", FAILURE_WORKER_STUCK, FAIL_REPLACE, true, true },
        { "worker-died", FAILURE_WORKER_DIED, FAIL_REPLACE, false, false },
        { "workers-exhausted", FAILURE_WORKERS_EXHAUSTED, FAIL_KEEP_SHUT, true, true },
        { "effect-differs", FAILURE_EFFECT, FAIL_LOOK_AGAIN, true, true },
        { "drift", FAILURE_DRIFT, FAIL_LOOK_AGAIN, false, false },
        { "rule-not-held", FAILURE_RULE_NOT_HELD, FAIL_KEEP_SHUT, true, true },
        { "keyboard-waits", FAILURE_KEYBOARD_WAITS, FAIL_KEEP_SHUT, false, true },
        { "keyboards-fallback", FAILURE_KEYBOARDS_FALLBACK, FAIL_RECORD, true, true },
        { "transfer-unwatched", FAILURE_TRANSFER_UNWATCHED, FAIL_RECORD, true, true },
        { "transfers-lost", FAILURE_TRANSFERS_LOST, FAIL_RECORD, false, false },
        { "netlog-unwatched", FAILURE_NETLOG_UNWATCHED, FAIL_RECORD, true, true },
        { "permit-overdue", FAILURE_PERMIT_OVERDUE, FAIL_RECORD, true, true },
        { "permits-damaged", FAILURE_PERMITS_DAMAGED, FAIL_KEEP_SHUT, true, true },
        { "permit-not-stored", FAILURE_PERMIT_NOT_STORED, FAIL_KEEP_SHUT, true, true },
        { "session-unguarded", FAILURE_SESSION_UNGUARDED, FAIL_LOCK, true, true },
        { "network-unguarded", FAILURE_NETWORK_UNGUARDED, FAIL_LAST_GOOD, true, true },
        { "network-not-loaded", FAILURE_NETWORK_NOT_LOADED, FAIL_LAST_GOOD, true, true },
        { "network-tampered", FAILURE_NETWORK_TAMPERED, FAIL_LOOK_AGAIN, false, false },
        { "network-events-lost", FAILURE_NETWORK_EVENTS_LOST, FAIL_LOOK_AGAIN, false, false },
        { "network-state-not-kept", FAILURE_NETWORK_STATE, FAIL_RECORD, true, false },
        { "interface-refused", FAILURE_INTERFACE_REFUSED, FAIL_KEEP_SHUT, false, false },
        { "interface-not-held", FAILURE_INTERFACE_NOT_HELD, FAIL_KEEP_SHUT, true, false },
        { "screen-stays-open", FAILURE_SCREEN_OPEN, FAIL_RECORD, true, true },
        { "no-memory", FAILURE_MEMORY, FAIL_KEEP_SHUT, true, true },
        { "observe-mode", FAILURE_OBSERVE, FAIL_STATUS, false, true },
};

static void test_row(void **state) {
        const struct row *row = *state;
        const struct failure_row *f = failure_row(row->failure);
        assert_string_equal(f->code, row->code);
        assert_int_equal(f->action, row->action);
        assert_int_equal(f->falls_short, row->falls_short);
        assert_int_equal(f->lasts, row->lasts);
        assert_true(f->room && *f->room);
        assert_int_equal(failure_from_code(row->code), row->failure);

        struct findings findings = { .active = { false } };
        assert_true(findings_raise(&findings, row->failure, "one"));
        assert_int_equal(findings_raise(&findings, row->failure, "one"), !row->lasts);
        assert_true(findings_raise(&findings, row->failure, "two"));

        json_t *list = findings_json(&findings);
        assert_int_equal(json_array_size(list), row->lasts ? 1 : 0);
        if (row->lasts) {
                const json_t *finding = json_array_get(list, 0);
                assert_string_equal(json_string_value(json_object_get(finding, "code")), row->code);
                assert_string_equal(json_string_value(json_object_get(finding, "detail")), "two");
                assert_string_equal(json_string_value(json_object_get(finding, "severity")),
                                    row->falls_short ? "short" : "note");
        }
        json_decref(list);
        assert_int_equal(findings_clear(&findings, row->failure), row->lasts);
        assert_false(findings_clear(&findings, row->failure));
}

static void test_every_failure_has_its_row(void **state) {
        (void) state;
        assert_int_equal(sizeof rows / sizeof *rows, FAILURE_MAX);
        assert_int_equal(failure_from_code("nonsense"), FAILURE_INVALID);
}

static void test_endings(void **state) {
        (void) state;
        assert_int_equal(failure_ended_by("ports-shut"), FAILURE_PORTS);
        assert_int_equal(failure_ended_by("workers-restored"), FAILURE_WORKERS_EXHAUSTED);
        assert_int_equal(failure_ended_by("transfer-watched"), FAILURE_TRANSFER_UNWATCHED);
        assert_int_equal(failure_ended_by("ports-open-by-default"), FAILURE_INVALID);
}

static void test_those_that_fall_short_come_first(void **state) {
        (void) state;
        struct findings findings = { .active = { false } };
        (void) findings_raise(&findings, FAILURE_RECORD_TORN, NULL);
        (void) findings_raise(&findings, FAILURE_OBSERVE, NULL);
        (void) findings_raise(&findings, FAILURE_RULE_NOT_HELD, NULL);
        json_t *list = findings_json(&findings);
        assert_int_equal(json_array_size(list), 3);
        assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "code")), "rule-not-held");
        json_decref(list);
}

int main(void) {
        struct CMUnitTest tests[FAILURE_MAX + 3];
        size_t n = 0;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                tests[n++] = (struct CMUnitTest){ rows[i].code, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_every_failure_has_its_row);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_endings);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_those_that_fall_short_come_first);
        return _cmocka_run_group_tests("failures", tests, n, NULL, NULL);
}
