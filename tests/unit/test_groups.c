/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/groups.h"

static void put(const struct group *g, void *userdata) {
        FILE *f = userdata;
        for (size_t i = 0; i < GROUP_FIELDS; i++)
                fprintf(f, "%s,", g->fields[i] ? g->fields[i] : "-");
        fprintf(f, "%llu,%llu,%lld,%lld\n", (unsigned long long) g->count, (unsigned long long) g->bytes,
                (long long) g->first, (long long) g->last);
}

static void counting(void **state) {
        (void) state;
        struct groups g;
        assert_int_equal(groups_begin(&g), 0);
        groups_add(&g, (const char *const[GROUP_FIELDS]){ "a", "b" }, 1, 10, 50);
        groups_add(&g, (const char *const[GROUP_FIELDS]){ "a", "c" }, 2, 0, 60);
        groups_add(&g, (const char *const[GROUP_FIELDS]){ "a", "b" }, 3, 5, 40); /* told late */
        groups_add(&g, (const char *const[GROUP_FIELDS]){ "a", "b", "", "x" }, 1, 1, 70);
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        assert_non_null(f);
        groups_each(&g, put, f);
        assert_int_equal(fclose(f), 0);
        assert_string_equal(text, "a,b,-,-,4,15,40,50\na,c,-,-,2,0,60,60\na,b,,x,1,1,70,70\n");
        assert_int_equal(groups_size(&g), 3);
        assert_false(g.failed);
        free(text);
        groups_clear(&g);
}

static void bounds(void **state) {
        (void) state;
        struct groups g;
        assert_int_equal(groups_begin(&g), 0);
        for (unsigned i = 0; i < 2 * GROUPS_MAX; i++) {
                char name[16];
                (void) snprintf(name, sizeof name, "%u", i);
                groups_add(&g, (const char *const[GROUP_FIELDS]){ name }, 1, 0, 0);
        }
        groups_add(&g, (const char *const[GROUP_FIELDS]){ "7" }, 1, 0, 0); /* those that are there go on counting */
        assert_int_equal(groups_size(&g), GROUPS_MAX);
        assert_int_equal(g.more, GROUPS_MAX);
        groups_clear(&g);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(counting), cmocka_unit_test(bounds) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
