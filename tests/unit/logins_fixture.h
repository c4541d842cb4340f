/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine of configuration files in a temporary directory, and the report about it in one line a login. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "logins/logins.h"

#define NOON INT64_C(1795402800)

struct machine_fixture {
        char path[64];
        struct root root;
        struct policy *policy;
        struct login_report report;
        bool checked;
};

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st, (void) type, (void) ftw;
        return remove(path);
}

static inline void fixture_open(struct machine_fixture *m) {
        *m = (struct machine_fixture){ .path = "/tmp/sekisho-logins-XXXXXX" };
        assert_non_null(mkdtemp(m->path));
        assert_int_equal(root_open(m->path, &m->root), 0);
        assert_int_equal(root_mkdirs(&m->root, "etc/pam.d", 0755), 0);
}

static inline void fixture_close(struct machine_fixture *m) {
        if (m->checked)
                logins_clear(&m->report);
        (void) policy_free(m->policy);
        root_close(&m->root);
        (void) nftw(m->path, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void fixture_write(struct machine_fixture *m, const char *path, const char *text) {
        char *directory = strdup(path), *slash = directory ? strrchr(directory, '/') : NULL;
        assert_non_null(slash);
        *slash = '\0';
        assert_int_equal(root_mkdirs(&m->root, directory, 0755), 0);
        free(directory);
        int fd = root_openat(&m->root, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        assert_int_equal(close(fd), 0);
}

/* login: the section of that name. */
static inline void fixture_policy(struct machine_fixture *m, const char *login) {
        char *text = NULL;
        struct problems problems = { 0 };
        assert_true(
                asprintf(&text,
                         "sekisho: 1\nheader: {fleet: t, serial: 1, issued: 2026-01-01T00:00:00+09:00, expires: never, "
                         "target: [all]}\nmode: enforce\nlogin:\n%s",
                         login) > 0);
        int r = policy_parse(text, strlen(text), &problems, &m->policy);
        if (r != 0 && problems.n > 0)
                print_error("%s\n", problems.list[0].message);
        problems_clear(&problems);
        free(text);
        assert_int_equal(r, 0);
}

static inline const struct login_entry *fixture_entry(const struct machine_fixture *m, enum login_kind kind,
                                                      const char *name) {
        for (size_t i = 0; i < m->report.n; i++)
                if (m->report.entries[i].kind == kind && strcmp(m->report.entries[i].name, name) == 0)
                        return &m->report.entries[i];
        return NULL;
}

static inline void fixture_check(struct machine_fixture *m) {
        assert_int_equal(logins_check(&m->root, m->policy, NOON, &m->report), 0);
        m->checked = true;
}

/* "password+code; code if x": the ways, the worst first. */
static inline void fixture_ways(const struct login_entry *e, char *ret, size_t size) {
        FILE *f = fmemopen(ret, size, "w");
        assert_non_null(f);
        for (size_t i = 0; i < e->n_ways; i++) {
                const struct login_way *w = &e->ways[i];
                fputs(i ? "; " : "", f);
                if (w->proofs == 0)
                        fputs("nothing", f);
                bool any = false;
                for (unsigned n = 0; login_proof_name(n); n++)
                        if (w->proofs & 1u << n) {
                                fprintf(f, "%s%s", any ? "+" : "", login_proof_name(n));
                                any = true;
                        }
                if (w->when)
                        fprintf(f, " if %s", w->when);
                if (w->unless)
                        fprintf(f, " unless %s", w->unless);
        }
        assert_int_equal(fclose(f), 0);
}
