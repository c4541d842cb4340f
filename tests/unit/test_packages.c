/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debian's order of versions, and what is read of its files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/packages.h"

static int sign(int n) {
        return (n > 0) - (n < 0);
}

/* As dpkg --compare-versions says. */
static void versions(void **state) {
        (void) state;
        static const struct {
                const char *a, *b;
                int order;
        } rows[] = {
                { "1", "1", 0 },
                { "1.0", "1.0-0", 0 },
                { "1.0-1", "1.0-2", -1 },
                { "1.9", "1.10", -1 },
                { "1.010", "1.10", 0 },
                { "1:1", "2", 1 },
                { "0:2", "2", 0 },
                { "1.0~rc1", "1.0", -1 },
                { "1.0~~", "1.0~", -1 },
                { "1.0~beta1~svn1", "1.0~beta1", -1 },
                { "1.0a", "1.0+", -1 },
                { "1.0", "1.0a", -1 },
                { "1.0+b1", "1.0", 1 },
                { "5.2.15-2+b7", "5.2.15-2+b8", -1 },
                { "2.36-9+deb12u4", "2.36-9+deb12u10", -1 },
                { "1.2-3-4", "1.2-3-5", -1 },
                { "1.2-3", "1.2-3-1", -1 },
                { "20231003~deb12u1", "20231003", -1 },
                { "6.1.0-18", "6.1.0-9", 1 },
                { "", "", 0 },
                { "", "0", 0 },
                { "99999999999999999999999", "99999999999999999999998", 1 },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                if (sign(package_version_compare(rows[i].a, rows[i].b)) != rows[i].order ||
                    sign(package_version_compare(rows[i].b, rows[i].a)) != -rows[i].order)
                        fail_msg("%s %s", rows[i].a, rows[i].b);
        }
}

struct heard {
        char text[512];
};

static int hear(const struct package *p, void *userdata) {
        struct heard *h = userdata;
        size_t n = strlen(h->text);
        (void) snprintf(h->text + n, sizeof h->text - n, "%s=%s%s;", p->name, p->version, p->installed ? "!" : "");
        return strcmp(p->name, "stop") == 0;
}

static void files(void **state) {
        (void) state;
        static const struct {
                const char *text, *heard;
        } rows[] = {
                { "", "" },
                { "Package: a\nStatus: install ok installed\nVersion: 1\n", "a=1!;" },
                { "Package: a\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage:b\nVersion: 2\n\n",
                  "a=1;b=2;" },
                { "Package: a\nStatus: hold ok installed\nVersion: 1\n\n\n\nPackage: c\n", "a=1!;c=;" },
                { "Version: 3\n\nPackage: d\nDescription: x\n Package: no\n", "d=;" },
                { "Package: stop\n\nPackage: e\n", "stop=;" },
                { "nonsense\n\n\n", "" },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char directory[] = "/tmp/packages-XXXXXX", path[64];
                assert_non_null(mkdtemp(directory));
                (void) snprintf(path, sizeof path, "%s/status", directory);
                FILE *f = fopen(path, "we");
                assert_non_null(f);
                (void) fputs(rows[i].text, f);
                assert_int_equal(fclose(f), 0);
                struct root root;
                struct heard h = { "" };
                assert_int_equal(root_open(directory, &root), 0);
                assert_int_equal(packages_read(&root, "status", hear, &h), 0);
                assert_string_equal(h.text, rows[i].heard);
                assert_true(packages_read(&root, "missing", hear, &h) < 0);
                root_close(&root);
                (void) unlink(path);
                (void) rmdir(directory);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(versions), cmocka_unit_test(files) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
