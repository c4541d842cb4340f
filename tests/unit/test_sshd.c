/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sshd asks for, by its configuration and PAM's service together. */
#include "logins_fixture.h"

#define BOTH                                                                                                           \
        "auth requisite pam_unix.so\nauth [success=ok ignore=ignore default=die] pam_sekisho.so\n"                     \
        "auth required pam_permit.so\n"
#define ALONE  "auth required pam_unix.so\n"
#define CHECKS "session required pam_sekisho.so\nsession optional pam_systemd.so\n"
#define OPEN   "session optional pam_systemd.so\n"
#define DEBIAN "Include /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\n"

static const char policy[] = "  second-factor:\n    default: required\n    rules:\n"
                             "      - {id: break-glass, users: [kinkyu], action: exempt, until: 2027-03-31}\n";
static const char strict[] = "  second-factor: {default: required}\n";
static const char open_to_all[] =
        "  second-factor: {default: required, rules: [{id: ssh, services: [sshd], action: exempt, until: "
        "2027-01-01}]}\n";

struct row {
        const char *config, *drop_in, *auth, *session, *policy;
        enum login_verdict verdict;
        const char *ways;
};

static const struct row rows[] = {
        /* as Debian has it: password and key, each alone */
        { DEBIAN, NULL, ALONE, OPEN, strict, LOGIN_ONE, "password; key" },
        { DEBIAN, NULL, BOTH, CHECKS, strict, LOGIN_TWO, "password+code" },
        /* the session phase does not look: the key alone is enough */
        { DEBIAN, NULL, BOTH, OPEN, strict, LOGIN_ONE, "key; password+code" },
        { DEBIAN, NULL, BOTH, "session optional pam_sekisho.so\n" OPEN, strict, LOGIN_ONE, "key; password+code" },
        { DEBIAN, NULL, BOTH, "session sufficient pam_permit.so\n" CHECKS, strict, LOGIN_ONE, "key; password+code" },
        /* the drop-in goes before what Debian says */
        { DEBIAN,
          "KbdInteractiveAuthentication yes\nPasswordAuthentication no\nAuthenticationMethods keyboard-interactive "
          "publickey,keyboard-interactive\n",
          BOTH, OPEN, strict, LOGIN_TWO, "password+code; password+code+key" },
        { DEBIAN, "AuthenticationMethods publickey,keyboard-interactive:pam\nKbdInteractiveAuthentication=yes\n", ALONE,
          OPEN, strict, LOGIN_TWO, "password+key" },
        { DEBIAN, "AuthenticationMethods publickey,keyboard-interactive:pam\n", ALONE, OPEN, strict, LOGIN_SHUT, "" },
        { DEBIAN, "AuthenticationMethods publickey,publickey\n", BOTH, CHECKS, strict, LOGIN_SHUT, "" },
        { DEBIAN, "AuthenticationMethods publickey,publickey\n", BOTH, OPEN, strict, LOGIN_ONE, "key" },
        { DEBIAN, "PubkeyAuthentication no\n", BOTH, OPEN, strict, LOGIN_TWO, "password+code" },
        /* without PAM nothing of PAM's counts */
        { "UsePAM no\n", NULL, BOTH, CHECKS, strict, LOGIN_ONE, "password; key" },
        { "PasswordAuthentication no\n", NULL, BOTH, CHECKS, strict, LOGIN_ONE, "key" },
        { DEBIAN, "HostbasedAuthentication yes\nPubkeyAuthentication no\n", BOTH, OPEN, strict, LOGIN_ONE,
          "key; password+code" },
        { DEBIAN, "GSSAPIAuthentication yes\nPubkeyAuthentication no\n", BOTH, CHECKS, strict, LOGIN_TWO,
          "password+code" },
        /* exempt by the policy */
        { DEBIAN, "PasswordAuthentication no\n", BOTH, CHECKS, policy, LOGIN_EXEMPT, "key if break-glass" },
        { DEBIAN, NULL, ALONE, OPEN, open_to_all, LOGIN_EXEMPT, "password; key" },
        /* odd spellings */
        { "  usepam   YES  # comment\n\tpasswordauthentication \"no\"\nPUBKEYAUTHENTICATION=no\n", NULL, BOTH, OPEN,
          strict, LOGIN_TWO, "password+code" },
        { DEBIAN, "ChallengeResponseAuthentication yes\nPasswordAuthentication no\nPubkeyAuthentication no\n", BOTH,
          OPEN, strict, LOGIN_TWO, "password+code" },
        { DEBIAN, "PasswordAuthentication perhaps\n", BOTH, CHECKS, strict, LOGIN_UNKNOWN, "unknown" },
        { "\"UsePAM\" yes\n\"\n=\nPasswordAuthentication\"no\"\n", NULL, BOTH, OPEN, strict, LOGIN_ONE, "key" },
        { DEBIAN, "AuthenticationMethods \"\" \"\"\n", BOTH, CHECKS, strict, LOGIN_SHUT, "" },
        { DEBIAN, "AuthenticationMethods\n", BOTH, CHECKS, strict, LOGIN_UNKNOWN, "unknown" },
        { DEBIAN, "PasswordAuthentication no\nPasswordAuthentication yes\nPubkeyAuthentication no\n", BOTH, OPEN,
          strict, LOGIN_SHUT, "" },
};

static void make(struct machine_fixture *m, const struct row *r) {
        fixture_open(m);
        fixture_write(m, "etc/ssh/sshd_config", r->config);
        if (r->drop_in)
                fixture_write(m, "etc/ssh/sshd_config.d/50.conf", r->drop_in);
        fixture_write(m, "etc/pam.d/other", "auth required pam_deny.so\n");
        char *text = NULL;
        assert_true(asprintf(&text, "%s%s", r->auth, r->session) > 0);
        fixture_write(m, "etc/pam.d/sshd", text);
        free(text);
        fixture_policy(m, r->policy);
        fixture_check(m);
}

static void test_row(void **state) {
        const struct row *r = *state;
        struct machine_fixture m;
        char ways[1024] = "";
        make(&m, r);
        const struct login_entry *e = fixture_entry(&m, LOGIN_BY_SSHD, "sshd");
        assert_non_null(e);
        if (e->n_ways > 0)
                fixture_ways(e, ways, sizeof ways);
        if (strcmp(ways, r->ways) != 0)
                print_error("%s%s%s\n", r->config, r->drop_in ? r->drop_in : "", r->auth);
        assert_string_equal(ways, r->ways);
        assert_int_equal(e->verdict, r->verdict);
        fixture_close(&m);
}

/* A Match block is a way in of its own, named with its file and line. */
static void test_match(void **state) {
        (void) state;
        const struct row row = {
                DEBIAN "Match User kinkyu,root Address 10.0.0.0/8\n  AuthenticationMethods publickey\n"
                       "Match all\n  X11Forwarding no\n",
                "PubkeyAuthentication yes\nPasswordAuthentication no\nKbdInteractiveAuthentication yes\n"
                "AuthenticationMethods publickey,keyboard-interactive\n",
                BOTH,
                OPEN,
                strict,
                LOGIN_ONE,
                NULL
        };
        struct machine_fixture m;
        make(&m, &row);
        assert_int_equal(fixture_entry(&m, LOGIN_BY_SSHD, "sshd")->verdict, LOGIN_TWO);
        const struct login_entry *e =
                fixture_entry(&m, LOGIN_BY_SSHD, "sshd Match User kinkyu,root Address 10.0.0.0/8");
        assert_non_null(e);
        assert_int_equal(e->verdict, LOGIN_ONE);
        assert_string_equal(e->ways[0].places[0].file, "/etc/ssh/sshd_config.d/50.conf");
        fixture_close(&m);
}

/* A Match in a drop-in ends with it; two blocks may hold at once. */
static void test_match_in_drop_in(void **state) {
        (void) state;
        const struct row row = { DEBIAN "PubkeyAuthentication no\nPasswordAuthentication yes\n"
                                        "Match Group joho\n  PubkeyAuthentication yes\n",
                                 "Match User yamada\n  AuthenticationMethods publickey\n",
                                 BOTH,
                                 OPEN,
                                 strict,
                                 LOGIN_ONE,
                                 NULL };
        struct machine_fixture m;
        make(&m, &row);
        assert_int_equal(fixture_entry(&m, LOGIN_BY_SSHD, "sshd")->verdict, LOGIN_TWO);
        assert_int_equal(fixture_entry(&m, LOGIN_BY_SSHD, "sshd Match Group joho")->verdict, LOGIN_ONE);
        fixture_close(&m);
}

int main(void) {
        enum { N = sizeof rows / sizeof *rows };
        static struct CMUnitTest tests[N + 2];
        static char names[N][32];
        for (size_t i = 0; i < N; i++) {
                (void) snprintf(names[i], sizeof names[i], "row %zu", i);
                tests[i] = (struct CMUnitTest){ names[i], test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        }
        tests[N] = (struct CMUnitTest) cmocka_unit_test(test_match);
        tests[N + 1] = (struct CMUnitTest) cmocka_unit_test(test_match_in_drop_in);
        return _cmocka_run_group_tests("sshd", tests, N + 2, NULL, NULL);
}
