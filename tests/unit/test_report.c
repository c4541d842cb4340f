/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of refused pastes on their way to the agent, which is played here, and how much of a copy is taken. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "session/report.h"

static json_int_t told, storms;
static bool is_away;

/* The agent. */
int link_tell(struct link *l, const char *method, json_t *parameters) {
        (void) l;
        (void) method;
        if (!is_away) {
                told += json_integer_value(json_object_get(parameters, "count"));
                storms += json_is_true(json_object_get(parameters, "storm"));
        }
        json_decref(parameters);
        return is_away ? -ENOTCONN : 0;
}

static struct reports *begin(sd_event **ret_event) {
        struct reports *r = NULL;
        told = storms = 0;
        is_away = false;
        assert_true(sd_event_new(ret_event) >= 0);
        assert_int_equal(reports_new(*ret_event, &r), 0);
        reports_set_link(r, (struct link *) 1); /* never looked into */
        return r;
}

static void add_kinds(struct reports *r, int n) {
        for (int i = 0; i < n; i++) {
                char program[32];
                (void) snprintf(program, sizeof program, "/usr/bin/p%d", i);
                const struct report p = { .facts = { .types = 1 }, .from_program = "", .to_program = program };
                reports_add(r, &p);
        }
}

/* As many kinds as there is room for go one by one, the rest as a number, at the latest when it ends. */
static void test_all_are_told(void **state) {
        (void) state;
        sd_event *event = NULL;
        struct reports *r = begin(&event);
        add_kinds(r, 100);
        assert_true(told < 100);
        assert_int_equal(storms, 0);
        (void) reports_free(r);
        assert_int_equal(told, 100);
        assert_int_equal(storms, 1);
        (void) sd_event_unref(event);
}

static void test_what_was_not_told_waits(void **state) {
        (void) state;
        sd_event *event = NULL;
        struct reports *r = begin(&event);
        is_away = true;
        add_kinds(r, 3);
        add_kinds(r, 3);
        assert_int_equal(told, 0);
        is_away = false;
        (void) reports_free(r);
        assert_int_equal(told, 6);
        (void) sd_event_unref(event);
}

static void test_room(void **state) {
        (void) state;
        assert_int_equal(clip_room(10, 0, 0), 10);
        assert_int_equal(clip_room(SIZE_MAX, 0, 0), CLIP_BYTES_MAX);
        /* What other formats have is not there for this one; what it has itself is. */
        assert_int_equal(clip_room(SIZE_MAX, 100, 0), CLIP_BYTES_MAX - 100);
        assert_int_equal(clip_room(SIZE_MAX, 100, 40), CLIP_BYTES_MAX - 60);
        assert_int_equal(clip_room(50, CLIP_BYTES_MAX, 0), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_are_told),
                cmocka_unit_test(test_what_was_not_told_waits),
                cmocka_unit_test(test_room),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
