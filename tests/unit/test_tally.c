/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the records of a span add up to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ctl/tally.h"

#define FROM 1793458800 /* Sunday 2026-11-01 00:00 in Tokyo */
#define DAY  86400
#define NOON (FROM + DAY + 12 * 3600) /* Monday */

static uint64_t seq;

static void hear(struct tally *t, int64_t when, const char *code, const char *own_json) {
        json_t *own = json_loads(own_json, 0, NULL);
        assert_non_null(own);
        (void) json_object_set_new(own, "log", json_string("agent"));
        (void) json_object_set_new(own, "seq", json_integer((json_int_t) ++seq));
        json_t *event = json_pack("{s:{s:s}, s:I, s:{s:o}}", "metadata", "event_code", code, "time",
                                  (json_int_t) when * 1000, "unmapped", "sekisho", own);
        tally_hear(t, event);
        json_decref(event);
}

static int begin(void **state) {
        (void) setenv("TZ", "Asia/Tokyo", 1);
        tzset();
        seq = 0;
        struct tally *t = malloc(sizeof *t);
        assert_int_equal(tally_begin(t, FROM, FROM + 30 * DAY), 0);
        *state = t;
        return 0;
}

static int end(void **state) {
        struct tally *t = *state;
        assert_false(t->failed);
        tally_clear(t);
        free(t);
        return 0;
}

#define STICK "{\"facts\": {\"classes\": [\"keyboard\", \"storage\"]}%s}"

static void devices(void **state) {
        struct tally *t = *state;
        char text[128];
        (void) snprintf(text, sizeof text, STICK, "");
        hear(t, FROM - 1, "device-refused", text);        /* before the span */
        hear(t, FROM + 30 * DAY, "device-refused", text); /* behind it */
        hear(t, FROM, "device-refused", text);
        hear(t, NOON, "device-refused", "{\"facts\": {\"classes\": [\"phone\"]}}");
        hear(t, NOON, "device-refused", "{}");
        hear(t, NOON, "device-observed", text);
        hear(t, NOON, "device-effect-wrong", text);
        hear(t, NOON, "device-allowed", text);
        (void) snprintf(text, sizeof text, STICK, ", \"permit\": {\"id\": \"p\"}");
        hear(t, NOON, "device-allowed", text);
        hear(t, NOON, "device-allowed", "{\"facts\": {\"classes\": [\"keyboard\"]}}");
        tally_end(t);
        assert_int_equal(t->n_denied, 3);
        assert_int_equal(t->denied[CLASS_STORAGE], 1); /* not what it says it is too */
        assert_int_equal(t->denied[CLASS_PHONE], 1);
        assert_int_equal(t->denied[CLASS_VENDOR], 1);
        assert_int_equal(t->devices_by_day[0], 1);
        assert_int_equal(t->devices_by_day[1], 2);
        assert_int_equal(t->n_observed, 1);
        assert_int_equal(t->n_effect_wrong, 1);
        assert_int_equal(t->n_allowed, 3);
        assert_int_equal(t->opened_by_rule, 1);
        assert_int_equal(t->opened_by_permit, 1);
        assert_int_equal(t->records, 8);
        assert_int_equal(t->first, FROM);
        assert_int_equal(t->last, NOON);
}

static void files(void **state) {
        struct tally *t = *state;
        hear(t, NOON, "file-written", "{\"transfer\": {\"size\": 100}, \"permit\": {\"id\": \"p\"}}");
        hear(t, NOON, "file-written", "{\"transfer\": {\"size\": 5}}");
        hear(t, FROM + 3600, "file-written", "{\"transfer\": {\"size\": 7}}");              /* a Sunday night */
        hear(t, NOON + 9 * 3600, "file-written", "{\"transfer\": {\"size\": 1073741824}}"); /* 21:00, and much */
        hear(t, NOON + DAY, "file-created", "{\"transfer\": {}}");
        tally_end(t);
        assert_int_equal(t->with_permit.files, 1);
        assert_int_equal(t->with_permit.bytes, 100);
        assert_int_equal(t->by_rule.files, 3);
        assert_int_equal(t->by_rule.bytes, 1073741824 + 12);
        assert_int_equal(t->out_of_hours.files, 2);
        assert_int_equal(t->bulk_days, 1);
        assert_int_equal(t->files_by_day[1], 3);
}

static void logins(void **state) {
        struct tally *t = *state;
        hear(t, NOON, "login-accepted", "{\"login\": {\"factor\": \"totp\"}, \"rule\": \"vendors\"}");
        hear(t, NOON, "login-accepted",
             "{\"login\": {\"factor\": \"grant\", \"escort\": \"s\"}, \"rule\": \"vendors\"}");
        hear(t, NOON, "login-accepted", "{\"login\": {\"factor\": \"recovery\"}}");
        hear(t, NOON, "login-refused", "{\"login\": {}}");
        hear(t, NOON, "login-break-glass", "{\"login\": {}}");
        hear(t, FROM, "login-session", "{\"login\": {}}");
        hear(t, NOON, "factor-locked", "{\"login\": {}}");
        tally_end(t);
        assert_int_equal(t->logins_accepted, 3);
        assert_int_equal(t->grants_used, 1);
        assert_int_equal(t->recovery_used, 1);
        assert_int_equal(t->escorted, 1);
        const json_t *vendors = json_object_get(t->escorts, "vendors");
        assert_int_equal(json_integer_value(json_object_get(vendors, "with")), 1);
        assert_int_equal(json_integer_value(json_object_get(vendors, "without")), 1);
        assert_int_equal(t->logins_refused, 1);
        assert_int_equal(t->logins_by_day[1], 1);
        assert_int_equal(t->break_glass, 1);
        assert_int_equal(t->sessions_out_of_hours, 1);
        assert_int_equal(t->lockouts, 1);
}

static void the_rest(void **state) {
        struct tally *t = *state;
        hear(t, NOON, "network-blocked", "{\"network\": {\"count\": 40}, \"enforce\": true}");
        hear(t, NOON, "network-storm", "{\"network\": {\"count\": 2}, \"enforce\": true}");
        hear(t, NOON, "network-observed", "{\"network\": {\"count\": 3}, \"enforce\": false}");
        hear(t, NOON, "document-installed", "{\"document\": {\"what\": \"policy\", \"serial\": 7}}");
        hear(t, NOON, "document-refused", "{\"document\": {\"what\": \"policy\"}, \"detail\": \"serial\"}");
        hear(t, NOON, "permit-installed", "{\"permit\": {\"id\": \"a\", \"ticket\": \"T1\"}}");
        hear(t, NOON, "permit-closed", "{\"permit\": {\"id\": \"a\", \"files\": 3}}");
        hear(t, NOON, "agent-start", "{}");
        hear(t, NOON, "agent-stop", "{}");
        hear(t, NOON, "agent-start", "{}");
        hear(t, NOON, "agent-start", "{}"); /* nobody stopped it */
        hear(t, NOON, "agent-trouble", "{\"agent\": {\"code\": \"drift\"}}");
        hear(t, NOON, "agent-trouble", "{\"agent\": {\"code\": \"drift\"}}");
        hear(t, NOON, "paste-refused", "{\"paste\": {\"count\": 4}}");
        hear(t, NOON, "paste-storm", "{\"paste\": {}}");
        hear(t, NOON, "paste-observed", "{\"paste\": {\"count\": 2}}");
        hear(t, NOON, "a kind that nobody knows", "{}");
        tally_hear(t, NULL);
        tally_end(t);
        assert_int_equal(t->blocked, 42);
        assert_int_equal(t->network_by_day[1], 42);
        assert_int_equal(t->observed_flows, 3);
        assert_int_equal(t->policies, 1);
        assert_int_equal(t->documents_refused, 1);
        assert_int_equal(json_array_size(t->documents), 2);
        const json_t *permit = json_object_get(t->permits, "a");
        assert_string_equal(json_string_value(json_object_get(permit, "ticket")), "T1");
        assert_string_equal(json_string_value(json_object_get(permit, "last_code")), "permit-closed");
        assert_int_equal(json_integer_value(json_object_get(permit, "files")), 3);
        assert_int_equal(t->starts, 3);
        assert_int_equal(t->stops, 1);
        assert_int_equal(t->unclean, 1);
        assert_int_equal(json_integer_value(json_object_get(t->troubles, "drift")), 2);
        assert_int_equal(t->pastes_refused, 5);
        assert_int_equal(t->pastes_observed, 2);
        assert_int_equal(t->damaged, 1);
}

static void numbers_that_are_missing(void **state) {
        struct tally *t = *state;
        hear(t, NOON, "x", "{}");
        seq += 4;
        hear(t, NOON, "x", "{}");
        hear(t, NOON, "x", "{}");
        seq = 2;
        hear(t, NOON, "x", "{}");
        tally_end(t);
        assert_int_equal(t->n_logs, 1);
        assert_int_equal(t->logs[0].first, 1);
        assert_int_equal(t->logs[0].records, 4);
        assert_int_equal(t->logs[0].gaps, 2);
        assert_int_equal(t->logs[0].missing, 4);
}

/* However much there is, the lists stay short. */
static void bounds(void **state) {
        struct tally *t = *state;
        char text[96];
        for (int i = 0; i < 1000; i++) {
                (void) snprintf(text, sizeof text, "{\"permit\": {\"id\": \"p%d\"}, \"agent\": {\"code\": \"c%d\"}}", i,
                                i);
                hear(t, NOON, "permit-installed", text);
                hear(t, NOON, "document-refused", "{}");
                hear(t, NOON, "agent-trouble", text);
                (void) snprintf(text, sizeof text, "{\"rule\": \"r%d\", \"login\": {\"factor\": \"totp\"}}", i);
                hear(t, NOON, "login-accepted", text);
                hear(t, NOON, i % 2 ? "agent-stop" : "agent-start", "{}");
        }
        tally_end(t);
        assert_int_equal(json_object_size(t->permits), TALLY_LIST);
        assert_int_equal(t->more_permits, 1000 - TALLY_LIST);
        assert_int_equal(json_array_size(t->documents), TALLY_LIST);
        assert_int_equal(t->more_documents, 1000 - TALLY_LIST);
        assert_int_equal(json_object_size(t->troubles), TALLY_CODES);
        assert_int_equal(t->more_troubles, 1000 - TALLY_CODES);
        assert_int_equal(json_object_size(t->escorts), TALLY_LIST);
        assert_int_equal(t->more_escorts, 1000 - TALLY_LIST);
        assert_int_equal(t->n_runs, TALLY_RUNS);
        assert_int_equal(t->more_runs, 1000 - TALLY_RUNS);
        assert_int_equal(t->unclean, 0);
}

int main(void) {
#define ROW(test) cmocka_unit_test_setup_teardown(test, begin, end)
        const struct CMUnitTest tests[] = {
                ROW(devices), ROW(files), ROW(logins), ROW(the_rest), ROW(numbers_that_are_missing), ROW(bounds)
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
