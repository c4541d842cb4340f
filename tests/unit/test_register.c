/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The media register: which openings there were, and which permit each belongs to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/register.h"

#define N(a) (sizeof(a) / sizeof *(a))

/* One thing that was recorded, at its second. */
struct said {
        const char *code, *port, *serial, *permit, *rule;
        int size; /* of a file */
};
#define MEDIUM(code, port, serial, permit, rule)                                                                       \
        { (code), (port), (serial), (permit), (rule), 0 }
#define FILE_OF(port, permit, size)                                                                                    \
        { "file-written", (port), "A", (permit), NULL, (size) }
#define PERMIT(code, id)                                                                                               \
        { "permit-" code, NULL, (code), (id), NULL, 0 }

static void tell(struct register_book *b, const struct said *s, int second) {
        json_t *own = json_object();
        if (strncmp(s->code, "permit-", 7) == 0) {
                (void) json_object_set_new(
                        own, "permit",
                        json_pack("{s:s, s:s, s:s}", "id", s->permit, "outcome", s->serial, "ticket", "T"));
        } else {
                (void) json_object_set_new(
                        own, "facts",
                        json_pack("{s:s, s:s, s:[s]}", "port", s->port, "serial", s->serial, "classes", "storage"));
                (void) json_object_set_new(own, "transfer", json_pack("{s:s, s:i}", "port", s->port, "size", s->size));
                (void) json_object_set_new(own, "action", json_string("allow"));
                (void) json_object_set_new(own, "enforce", json_true());
                if (s->permit)
                        (void) json_object_set_new(own, "permit", json_pack("{s:s}", "id", s->permit));
                if (s->rule)
                        (void) json_object_set_new(own, "rule", json_string(s->rule));
        }
        json_t *event =
                json_pack("{s:{s:s}, s:I, s:{s:s}, s:{s:o}}", "metadata", "event_code", s->code, "time",
                          (json_int_t) second * 1000, "device", "hostname", "terminal", "unmapped", "sekisho", own);
        register_hear(b, event);
        json_decref(event);
}

struct expected {
        const char *permit, *rule, *why;
        int opened, shut;
        unsigned files, bytes;
};

static const struct row {
        const char *name;
        struct said said[12];
        struct expected expected[4];
        size_t n;
} rows[] = {
        { "nothing", { { 0 } }, { { 0 } }, 0 },
        { "a rule",
          { MEDIUM("device-allowed", "1-2", "A", NULL, "joho"), FILE_OF("1-2", NULL, 5),
            MEDIUM("device-gone", "1-2", "A", NULL, "joho") },
          { { NULL, "joho", "unplugged", 1, 3, 1, 5 } },
          1 },
        { "refused ones are no openings", { MEDIUM("device-refused", "1-2", "A", NULL, NULL) }, { { 0 } }, 0 },
        { "a permit, over in time",
          { PERMIT("installed", "p"), PERMIT("used", "p"), MEDIUM("device-allowed", "1-2", "A", "p", NULL),
            FILE_OF("1-2", "p", 5), FILE_OF("1-2", "p", 7), PERMIT("ended", "p"),
            MEDIUM("device-refused", "1-2", "A", NULL, NULL) },
          { { "p", NULL, "decided", 3, 7, 2, 12 } },
          1 },
        { "plugged in twice",
          { MEDIUM("device-allowed", "1-2", "A", "p", NULL), MEDIUM("device-gone", "1-2", "A", "p", NULL),
            MEDIUM("device-allowed", "1-3", "A", "p", NULL) },
          { { "p", NULL, "unplugged", 1, 2, 0, 0 }, { "p", NULL, NULL, 3, 0, 0, 0 } },
          2 },
        { "said again is the same",
          { MEDIUM("device-allowed", "1-2", "A", "p", NULL), MEDIUM("device-allowed", "1-2", "A", "p", NULL) },
          { { "p", NULL, NULL, 1, 0, 0, 0 } },
          1 },
        { "another permit is another opening",
          { MEDIUM("device-allowed", "1-2", "A", "p", NULL), MEDIUM("device-allowed", "1-2", "A", "q", NULL) },
          { { "p", NULL, "decided", 1, 2, 0, 0 }, { "q", NULL, NULL, 2, 0, 0, 0 } },
          2 },
        { "another medium too",
          { MEDIUM("device-allowed", "1-2", "A", NULL, "r"), MEDIUM("device-allowed", "1-2", "B", NULL, "r") },
          { { NULL, "r", "decided", 1, 2, 0, 0 }, { NULL, "r", NULL, 2, 0, 0, 0 } },
          2 },
        { "a file that is told late",
          { MEDIUM("device-allowed", "1-2", "A", "p", NULL), MEDIUM("device-gone", "1-2", "A", "p", NULL),
            MEDIUM("device-allowed", "1-2", "B", NULL, "r"), FILE_OF("1-2", "p", 9) },
          { { "p", NULL, "unplugged", 1, 2, 1, 9 }, { NULL, "r", NULL, 3, 0, 0, 0 } },
          2 },
        { "a permit that was not used",
          { PERMIT("installed", "p"), PERMIT("ended", "p") },
          { { "p", 0, 0, 0, 0, 0, 0 } },
          1 },
};

static void same(const char *a, const char *b) {
        assert_string_equal(a ? a : "", b ? b : "");
}

static void test_row(void **state) {
        const struct row *row = *state;
        struct register_book b;
        assert_int_equal(register_new(&b), 0);
        for (int i = 0; row->said[i].code; i++)
                tell(&b, &row->said[i], i + 1);
        register_finish(&b);
        assert_false(b.failed);
        assert_int_equal(b.n, row->n);
        for (size_t i = 0; i < row->n; i++) {
                const struct opening *o = &b.list[i];
                const struct expected *e = &row->expected[i];
                same(o->permit, e->permit);
                same(o->rule, e->rule);
                same(o->why_shut, e->why);
                assert_int_equal(o->opened, e->opened * 1000);
                assert_int_equal(o->shut, e->shut * 1000);
                assert_int_equal(o->files, e->files);
                assert_int_equal(o->bytes, e->bytes);
        }
        register_clear(&b);
}

static const char *state_of(const struct register_book *b) {
        const struct opening o = { .permit = (char[]){ "p" } };
        return json_string_value(json_object_get(register_permit(b, &o), "state"));
}

static void test_states(void **state) {
        (void) state;
        static const struct {
                struct said said;
                const char *state;
        } steps[] = { { PERMIT("installed", "p"), "ready" },
                      { PERMIT("used", "p"), "live" },
                      { PERMIT("ended", "p"), "used" },
                      { PERMIT("closed", "p"), "closed" },
                      { PERMIT("refused", "p"), "closed" } };
        struct register_book b;
        assert_int_equal(register_new(&b), 0);
        for (size_t i = 0; i < N(steps); i++) {
                tell(&b, &steps[i].said, (int) i);
                assert_string_equal(state_of(&b), steps[i].state);
        }
        register_clear(&b);
        assert_int_equal(register_new(&b), 0);
        tell(&b, &steps[0].said, 1);
        tell(&b, &steps[2].said, 2);
        assert_string_equal(state_of(&b), "lapsed");
        register_hear(&b, NULL);
        assert_int_equal(b.damaged, 1);
        register_clear(&b);
}

static void test_the_agents_list(void **state) {
        (void) state;
        struct register_book b;
        const struct said installed = PERMIT("installed", "p");
        assert_int_equal(register_new(&b), 0);
        tell(&b, &installed, 1);
        json_t *list = json_pack("[{s:s, s:s}, {s:s, s:s, s:s}]", "id", "p", "state", "closed", "id", "old", "state",
                                 "closed", "vendor", "0781");
        register_add_permits(&b, list);
        json_decref(list);
        register_finish(&b);
        assert_int_equal(b.n, 2);
        assert_string_equal(state_of(&b), "ready"); /* the record knows better */
        const struct opening o = { .permit = (char[]){ "old" } };
        const json_t *device = json_object_get(register_permit(&b, &o), "device");
        assert_string_equal(json_string_value(json_object_get(device, "vendor")), "0781");
        register_clear(&b);
}

int main(void) {
        struct CMUnitTest tests[N(rows) + 2];
        for (size_t i = 0; i < N(rows); i++)
                tests[i] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        tests[N(rows)] = (struct CMUnitTest) cmocka_unit_test(test_states);
        tests[N(rows) + 1] = (struct CMUnitTest) cmocka_unit_test(test_the_agents_list);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
