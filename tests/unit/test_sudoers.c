/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of sudo that ask for nothing. */
#include "logins_fixture.h"

static const char policy[] =
        "  second-factor:\n    default: required\n    rules:\n"
        "      - {id: break-glass, users: [kinkyu], action: exempt, until: 2027-03-31}\n"
        "      - {id: wardens, groups: [yakuin], services: [sudo], action: exempt, until: 2027-03-31}\n";

struct row {
        const char *text, *drop_in;
        const char *found; /* "NAME@LINE VERDICT, ..." */
};

static const struct row rows[] = {
        { "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n", NULL,
          "" },
        { "yamada ALL=(ALL) NOPASSWD: ALL\n", NULL, "yamada@1 no-factor" },
        { "# yamada ALL=(ALL) NOPASSWD: ALL\nyamada ALL=(ALL) ALL # NOPASSWD: ALL\n", NULL, "" },
        { "%joho ALL = NOPASSWD : /bin/ls, PASSWD: /bin/cat\n", NULL, "%joho@1 no-factor" },
        { "\n%joho, yamada \\\n  ALL = (root) SETENV: NOPASSWD: ALL\n", NULL, "%joho, yamada@2 no-factor" },
        { "root ALL = NOPASSWD: ALL\n", NULL, "" },
        { "kinkyu ALL = NOPASSWD: ALL\n%yakuin ALL = NOPASSWD: ALL\n", NULL, "kinkyu@1 exempt, %yakuin@2 exempt" },
        { "kinkyu, yamada ALL = NOPASSWD: ALL\n", NULL, "kinkyu, yamada@1 no-factor" },
        { "User_Alias A = kinkyu, %yakuin : B = yamada\nA ALL = NOPASSWD: ALL\nB ALL = NOPASSWD: ALL\n", NULL,
          "A@2 exempt, B@3 no-factor" },
        { "User_Alias A = A\nA ALL = NOPASSWD: ALL\n", NULL, "A@2 no-factor" },
        { "Defaults !authenticate\n", NULL, "ALL@1 no-factor" },
        { "Defaults:yamada env_reset, !authenticate\n", NULL, "yamada@1 no-factor" },
        { "Defaults:kinkyu !authenticate\n", NULL, "kinkyu@1 exempt" },
        { "Defaults authenticate\nDefaults:yamada !insults\n", NULL, "" },
        { "Defaults exempt_group = joho\n", NULL, "%joho@1 no-factor" },
        { "#includedir /etc/sudoers.d\n", "yamada ALL=NOPASSWD: ALL\n", "yamada@1 no-factor" },
        { "@include sudoers.d/local\n", "#1000 ALL=NOPASSWD: ALL\n", "#1000@1 no-factor" },
        { "Cmnd_Alias NOPASSWD = /bin/ls\nyamada ALL = NOPASSWD\nyamada ALL = XNOPASSWD: /bin/x\n", NULL, "" },
};

static void test_row(void **state) {
        const struct row *r = *state;
        struct machine_fixture m;
        fixture_open(&m);
        fixture_write(&m, "etc/pam.d/other", "auth required pam_deny.so\n");
        fixture_write(&m, "etc/sudoers", r->text);
        fixture_write(&m, "etc/sudoers.d/README.txt", "yamada ALL=NOPASSWD: ALL\n"); /* a dot: sudo passes over it */
        if (r->drop_in)
                fixture_write(&m, "etc/sudoers.d/local", r->drop_in);
        fixture_policy(&m, policy);
        fixture_check(&m);
        char found[512] = "";
        for (size_t i = 0; i < m.report.n; i++) {
                const struct login_entry *e = &m.report.entries[i];
                size_t n = strlen(found);
                if (e->kind == LOGIN_BY_SUDO)
                        (void) snprintf(found + n, sizeof found - n, "%s%s@%u %s", n ? ", " : "",
                                        e->name + strlen("sudo: "), e->ways[0].places[0].line,
                                        login_verdict_name(e->verdict));
        }
        assert_string_equal(found, r->found);
        fixture_close(&m);
}

int main(void) {
        enum { N = sizeof rows / sizeof *rows };
        static struct CMUnitTest tests[N];
        static char names[N][32];
        for (size_t i = 0; i < N; i++) {
                (void) snprintf(names[i], sizeof names[i], "row %zu", i);
                tests[i] = (struct CMUnitTest){ names[i], test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        }
        return _cmocka_run_group_tests("sudoers", tests, N, NULL, NULL);
}
