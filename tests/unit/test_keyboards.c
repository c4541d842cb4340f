/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which keyboards have to wait for a locked screen. Here nobody can lock one, so that whoever has to wait is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "agent/keyboards.h"

static const struct row {
        const char *name;
        bool present_at_boot, returned, opens, types, open;
        bool needless;
} rows[] = {
        { "there at boot", true, false, true, true, false, true },
        { "plugged in later", false, false, true, true, false, false },
        { "there at boot, gone for a moment, and back", true, true, true, true, false, false },
        { "the same, and open already", true, true, true, true, true, true },
        { "back, but not let in", true, true, false, true, false, true },
        { "back, but nothing that types", true, true, true, false, false, true },
};

static void test_row(void **state) {
        const struct row *r = *state;
        char path[] = "/tmp/sekisho-keyboards-XXXXXX";
        assert_non_null(mkdtemp(path));
        struct agent a = { .root = { .fd = -1 } };
        assert_int_equal(root_open(path, &a.root), 0);
        assert_true(sd_event_new(&a.event) >= 0);
        assert_int_equal(keyboards_new(&a), 0);

        struct subject s = { .facts = { .kind = FACTS_DEVICE } };
        struct device_facts *d = &s.facts.device;
        *d = (struct device_facts){ .bus = BUS_USB,
                                    .port = "1-2",
                                    .interfaces = { r->types ? (struct interface_triple){ 3, 1, 1 }
                                                             : (struct interface_triple){ 0x0b, 0, 0 } },
                                    .n_interfaces = 1,
                                    .descriptors_valid = true,
                                    .present_at_boot = r->present_at_boot,
                                    .returned = r->returned };
        s.verdict = (struct verdict){ .action = r->opens ? ACTION_ALLOW : ACTION_BLOCK, .enforce = true };
        s.has_effect = s.effect.open = r->open;
        assert_int_equal(keyboards_lock_first(&a, &s) == KEYBOARDS_LOCK_NEEDLESS, r->needless);

        keyboards_free(&a);
        (void) sd_event_unref(a.event);
        root_close(&a.root);
        assert_int_equal(rmdir(path), 0);
}

#define N(array) (sizeof(array) / sizeof((array)[0]))

int main(void) {
        struct CMUnitTest tests[N(rows)] = { 0 };
        for (size_t i = 0; i < N(rows); i++)
                tests[i] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        return _cmocka_run_group_tests("keyboards", tests, N(rows), NULL, NULL);
}
