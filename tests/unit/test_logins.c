/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which factors services demand: the stacks that Debian 12's packages bring, as they are, with the shipped profile, and
 * with what people put into them. */
#include "logins_fixture.h"

#define PLAIN                                                                                                          \
        "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\nauth required "               \
        "pam_permit.so\n"                                                                                              \
        "auth optional pam_cap.so\n"
/* Password, then the code; the decoy keeps whoever has no password in the same conversation. */
#define BOTH                                                                                                           \
        "auth [success=1 default=ignore] pam_unix.so nullok\nauth [success=die default=die] pam_sekisho.so decoy\n"    \
        "auth [success=ok ignore=ignore default=die] pam_sekisho.so\nauth required pam_permit.so\n"                    \
        "auth optional pam_cap.so\n"
#define SSSD                                                                                                           \
        "auth [success=2 default=ignore] pam_unix.so nullok\nauth [success=1 default=ignore] pam_sss.so "              \
        "use_first_pass\nauth requisite pam_deny.so\nauth required pam_permit.so\n"
#define LOCKED                                                                                                         \
        "auth required pam_faillock.so preauth\nauth [success=1 default=ignore] pam_unix.so nullok\n"                  \
        "auth [default=die] pam_faillock.so authfail\nauth sufficient pam_faillock.so authsucc\n"                      \
        "auth required pam_deny.so\n"

struct row {
        const char *service, *common, *text; /* common: of common-auth */
        enum login_verdict verdict;
        const char *ways;
};

#define LOGIN                                                                                                          \
        "auth optional pam_faildelay.so delay=3000000\nauth requisite pam_nologin.so\n@include common-auth\n"          \
        "auth optional pam_group.so\n"
#define SU "auth sufficient pam_rootok.so\n@include common-auth\n"
#define GDM                                                                                                            \
        "auth requisite pam_nologin.so\nauth required pam_succeed_if.so user != root quiet_success\n"                  \
        "@include common-auth\nauth optional pam_gnome_keyring.so\n"
#define CARD                                                                                                           \
        "auth [success=ok user_unknown=ignore default=bad] pam_succeed_if.so user != root quiet_success\n"             \
        "auth [success=2 default=ignore] pam_sss.so allow_missing_name try_cert_auth\nauth substack common-auth\n"     \
        "auth requisite pam_nologin.so\nauth optional pam_gnome_keyring.so\n"
#define ROOT_NO " if pam_succeed_if.so user != root quiet_success"

static const struct row rows[] = {
        /* as Debian has them */
        { "login", PLAIN, LOGIN, LOGIN_ONE, "password" },
        { "sshd", PLAIN, "@include common-auth\naccount required pam_nologin.so\n", LOGIN_ONE, "password" },
        { "su", PLAIN, SU, LOGIN_ONE, "password; nothing if caller-is-root" },
        { "sudo", PLAIN, "session required pam_limits.so\n@include common-auth\n", LOGIN_ONE, "password" },
        { "chsh", PLAIN, "auth required pam_shells.so\n" SU, LOGIN_ONE, NULL },
        { "lightdm", PLAIN,
          "auth requisite pam_nologin.so\n@include common-auth\n-auth optional pam_gnome_keyring.so\n", LOGIN_ONE,
          "password" },
        { "lightdm-greeter", PLAIN, "auth required pam_permit.so\n", LOGIN_PROGRAM, "nothing" },
        { "lightdm-autologin", PLAIN, "auth requisite pam_nologin.so\nauth required pam_permit.so\n", LOGIN_UNUSED,
          "nothing" },
        { "gdm-password", PLAIN, GDM, LOGIN_ONE, "password" ROOT_NO },
        { "gdm-launch-environment", PLAIN, "auth requisite pam_nologin.so\nauth required pam_permit.so\n",
          LOGIN_PROGRAM, "nothing" },
        { "gdm-smartcard", PLAIN, CARD, LOGIN_ONE, NULL },
        { "i3lock", PLAIN, "auth include login\n", LOGIN_ONE, "password" },
        { "xscreensaver", PLAIN, "@include common-auth\n@include common-account\n", LOGIN_ONE, "password" },
        { "polkit-1", PLAIN, "@include common-auth\n", LOGIN_ONE, "password" },
        { "cron", PLAIN, "@include common-auth\nsession required pam_loginuid.so\n", LOGIN_EXEMPT, "password" },
        { "systemd-user", PLAIN, "account required pam_permit.so\n", LOGIN_EXEMPT, "password" },
        { "cups", PLAIN, "@include common-auth\n", LOGIN_ONE, "password" },
        { "ppp", PLAIN, "auth required pam_nologin.so\n@include common-auth\n", LOGIN_ONE, "password" },
        { "runuser", PLAIN, "auth sufficient pam_rootok.so\n", LOGIN_ROOT, "nothing if caller-is-root" },
        { "vsftpd", PLAIN,
          "auth required pam_listfile.so item=user sense=deny file=/etc/ftpusers onerr=succeed\n@include common-auth\n",
          LOGIN_ONE, NULL },
        { "cockpit", PLAIN, "auth required pam_sepermit.so\nauth substack common-auth\nauth optional pam_ssh_add.so\n",
          LOGIN_ONE, NULL },
        { "passwd", PLAIN, "password required pam_permit.so\n", LOGIN_ONE, "password" }, /* falls back on "other" */
        { "sudo", SSSD, "@include common-auth\n", LOGIN_ONE, "password" },
        { "sudo", LOCKED, "@include common-auth\n", LOGIN_ONE, "password" },

        /* with the second factor */
        { "login", BOTH, LOGIN, LOGIN_EXEMPT, "password if break-glass; password+code" },
        { "sshd", BOTH, "@include common-auth\n", LOGIN_EXEMPT, "password if break-glass; password+code" },
        { "su", BOTH, SU, LOGIN_EXEMPT, NULL },
        { "sudo", BOTH, "@include common-auth\n", LOGIN_EXEMPT, NULL },
        { "i3lock", BOTH, "auth include login\n", LOGIN_EXEMPT, NULL },
        { "polkit-1", BOTH, "auth substack common-auth\n", LOGIN_EXEMPT, NULL },
        { "gdm-smartcard", BOTH, CARD, LOGIN_ONE, NULL }, /* the card alone jumps over all */
        { "cron", BOTH, "@include common-auth\n", LOGIN_EXEMPT, NULL },
        { "locker", PLAIN,
          "auth requisite pam_sekisho.so concat\nauth requisite pam_unix.so\nauth required pam_sekisho.so\n",
          LOGIN_EXEMPT, "password if break-glass; password+code" },
        { "oath", PLAIN, "auth required pam_unix.so\nauth required pam_oath.so usersfile=/etc/users.oath\n", LOGIN_TWO,
          "password+code" },
        { "google", PLAIN, "auth required pam_unix.so\nauth required pam_google_authenticator.so\n", LOGIN_TWO,
          "password+code" },
        { "u2f", PLAIN, "auth required pam_unix.so\nauth required pam_u2f.so cue\n", LOGIN_TWO, "password+key" },
        { "finger", PLAIN, "auth requisite pam_fprintd.so\nauth required pam_unix.so\n", LOGIN_TWO, "password+body" },

        /* ways around, put there on purpose or by mistake */
        { "sudo", BOTH, "auth sufficient pam_unix.so\n@include common-auth\n", LOGIN_ONE, NULL },
        { "login", BOTH, "auth sufficient pam_permit.so\n@include common-auth\n", LOGIN_NONE, "nothing" },
        { "sudo", BOTH, "auth sufficient pam_ssh_agent_auth.so file=/etc/keys\n@include common-auth\n", LOGIN_ONE,
          NULL },
        { "sudo", BOTH, "auth sufficient pam_fprintd.so\n@include common-auth\n", LOGIN_ONE, NULL },
        { "su", BOTH, "auth sufficient pam_wheel.so trust\n" SU, LOGIN_NONE, NULL },
        { "login", BOTH, "auth [success=done default=ignore] pam_succeed_if.so user ingroup nopasswdlogin\n" LOGIN,
          LOGIN_EXEMPT, NULL }, /* nobody is in that group */
        { "login", BOTH, "auth [success=done default=ignore] pam_succeed_if.so user ingroup joho\n" LOGIN, LOGIN_NONE,
          NULL },
        { "login", PLAIN, "auth required pam_unix.so\nauth optional pam_sekisho.so\n", LOGIN_ONE, "password" },
        { "login", PLAIN, "auth required pam_unix.so\nauth sufficient pam_sekisho.so\n", LOGIN_ONE, "password" },
        { "login", PLAIN, "auth sufficient pam_unix.so\nauth sufficient pam_sekisho.so\n", LOGIN_ONE,
          "password; code" },
        { "login", PLAIN,
          "auth [success=2 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n"
          "auth required pam_sekisho.so\nauth required pam_permit.so\n",
          LOGIN_ONE, "password" },
        { "login", PLAIN, "auth required pam_unix.so\nauth required pam_google_authenticator.so nullok\n", LOGIN_ONE,
          NULL },
        { "login", PLAIN, "auth required pam_unix.so\nauth [success=ok default=ignore] pam_oath.so\n", LOGIN_ONE,
          "password" },
        { "login", PLAIN,
          "auth required pam_unix.so\nauth required pam_sekisho.so nullok\n"
          "auth [default=reset] pam_debug.so\nauth required pam_permit.so\n",
          LOGIN_NONE, "nothing" },
        { "login", PLAIN, "auth required pam_mystery.so\n", LOGIN_UNKNOWN, "unknown" },
        { "login", PLAIN, "auth required pam_unix.so\nauth required pam_mystery.so\n", LOGIN_UNKNOWN,
          "password+unknown" },
        { "login", PLAIN, "auth required pam_unix.so\nauth required pam_oath.so\nauth required pam_mystery.so\n",
          LOGIN_TWO, NULL },
        { "login", PLAIN, "auth required pam_deny.so\n", LOGIN_SHUT, "" },
        { "login", PLAIN, "auth include nowhere\n@include common-auth\n", LOGIN_SHUT, "" },
        { "login", PLAIN, "@include nowhere\n@include common-auth\n", LOGIN_SHUT, "" },
        { "login", PLAIN, "auth required pam_unix.so \\\n", LOGIN_SHUT, "" },
        { "login", PLAIN, "auth substack deep\nauth required pam_deny.so\n", LOGIN_SHUT, "" },
        { "login", PLAIN, "auth include deep\nauth required pam_deny.so\n", LOGIN_NONE, "nothing" },
        { "login", PLAIN, "auth include login\n", LOGIN_SHUT, "" }, /* includes itself */
};

static const char policy[] = "  second-factor:\n    default: required\n    rules:\n"
                             "      - {id: timers, services: [cron, systemd-user], action: exempt}\n"
                             "      - {id: old, services: [login], action: exempt, until: 2026-01-01}\n"
                             "      - {id: break-glass, users: [kinkyu], action: exempt, until: 2027-03-31}\n";

static void make(struct machine_fixture *m, const struct row *r) {
        char path[128];
        fixture_open(m);
        fixture_write(m, "etc/pam.d/common-auth", r->common);
        fixture_write(m, "etc/pam.d/common-account", "account required pam_permit.so\n");
        fixture_write(m, "etc/pam.d/other", "@include common-auth\n");
        fixture_write(m, "etc/pam.d/login", LOGIN);
        fixture_write(m, "etc/pam.d/deep", "auth sufficient pam_permit.so\n");
        (void) snprintf(path, sizeof path, "etc/pam.d/%s", r->service);
        fixture_write(m, path, r->text);
        fixture_write(m, "etc/passwd", "root:x:0:0::/:/bin/sh\nyamada:x:1000:1000::/:/bin/sh\n");
        fixture_write(m, "etc/shadow", "root:*:1::::::\nyamada:$y$j9T$x:1::::::\n");
        fixture_write(m, "etc/group", "root:x:0:\njoho:x:50:yamada\nnopasswdlogin:x:51:\n");
}

static void test_row(void **state) {
        const struct row *r = *state;
        struct machine_fixture m;
        char ways[4096] = "";
        make(&m, r);
        fixture_policy(&m, policy);
        fixture_check(&m);
        const struct login_entry *e = fixture_entry(&m, LOGIN_BY_PAM, r->service);
        assert_non_null(e);
        if (e->n_ways > 0)
                fixture_ways(e, ways, sizeof ways);
        if (e->verdict != r->verdict || (r->ways && strcmp(ways, r->ways) != 0))
                print_error("%s: %s: %s\n", r->text, login_verdict_name(e->verdict), ways);
        assert_int_equal(e->verdict, r->verdict);
        if (r->ways)
                assert_string_equal(ways, r->ways);
        for (size_t i = 0; i < e->n_ways; i++)
                assert_true(e->ways[i].n_places > 0 && e->ways[i].places[0].line > 0);
        fixture_close(&m);
}

static const struct row sudo_row = { "sudo", BOTH, "auth sufficient pam_unix.so\n@include common-auth\n", LOGIN_ONE,
                                     NULL };

/* The finding names the line that somebody put there. */
static void test_file_and_line(void **state) {
        (void) state;
        struct machine_fixture m;
        make(&m, &sudo_row);
        fixture_write(&m, "etc/pam.d/sudo", "#%PAM-1.0\n\nauth sufficient \\\n  pam_unix.so\n@include common-auth\n");
        fixture_policy(&m, policy);
        fixture_check(&m);
        const struct login_entry *e = fixture_entry(&m, LOGIN_BY_PAM, "sudo");
        const struct login_way *short_one = NULL;
        for (size_t i = 0; i < e->n_ways; i++)
                if (login_falls_short(e->ways[i].verdict)) {
                        assert_null(short_one);
                        short_one = &e->ways[i];
                }
        assert_non_null(short_one);
        assert_string_equal(short_one->places[0].file, "/etc/pam.d/sudo");
        assert_int_equal(short_one->places[0].line, 3);
        assert_string_equal(short_one->places[0].what, "pam_unix.so");
        fixture_close(&m);
}

static void assert_sudo(const char *login, const char *shadow, enum login_verdict wanted, const char *ways_wanted) {
        struct machine_fixture m;
        char ways[1024];
        struct row row = sudo_row;
        row.text = "@include common-auth\n";
        make(&m, &row);
        if (shadow)
                fixture_write(&m, "etc/shadow", shadow);
        if (login)
                fixture_policy(&m, login);
        fixture_check(&m);
        const struct login_entry *e = fixture_entry(&m, LOGIN_BY_PAM, "sudo");
        fixture_ways(e, ways, sizeof ways);
        assert_string_equal(ways, ways_wanted);
        assert_int_equal(e->verdict, wanted);
        fixture_close(&m);
}

static void test_by_policy(void **state) {
        (void) state;
        assert_sudo("  second-factor: {default: required}\n", NULL, LOGIN_TWO, "password+code");
        assert_sudo("  second-factor: {default: exempt}\n", NULL, LOGIN_EXEMPT, "password if exempt; password+code");
        assert_sudo("  mode: observe\n  second-factor: {default: required}\n", NULL, LOGIN_ONE,
                    "password if observe; password+code");
        assert_sudo("  second-factor: {default: required}\n  enrolment: {by: self, until: 2027-01-01}\n", NULL,
                    LOGIN_EXEMPT, "password if enrolment; password+code");
        assert_sudo("  second-factor: {default: required}\n  enrolment: {by: self, until: 2026-01-01}\n", NULL,
                    LOGIN_TWO, "password+code");
        assert_sudo(NULL, NULL, LOGIN_ONE, "password if no-policy; password+code");
}

static void test_empty_password(void **state) {
        (void) state;
        assert_sudo("  second-factor: {default: required}\n", "yamada::1::::::\nroot:*:1::::::\n", LOGIN_ONE,
                    "code if empty-password: yamada; password+code");
}

static void test_conf_without_directories(void **state) {
        (void) state;
        struct machine_fixture m;
        char ways[256];
        fixture_open(&m);
        fixture_write(&m, "etc/pam.conf",
                      "# old\nlogin auth required pam_unix.so\nsu auth sufficient pam_rootok.so\n"
                      "login auth required pam_oath.so\nother auth required pam_deny.so\n");
        assert_int_equal(unlinkat(m.root.fd, "etc/pam.d", AT_REMOVEDIR), 0);
        fixture_policy(&m, policy);
        fixture_check(&m);
        fixture_ways(fixture_entry(&m, LOGIN_BY_PAM, "login"), ways, sizeof ways);
        assert_string_equal(ways, "password+code");
        assert_int_equal(fixture_entry(&m, LOGIN_BY_PAM, "su")->verdict, LOGIN_ROOT);
        assert_int_equal(fixture_entry(&m, LOGIN_BY_PAM, "login")->ways[0].places[0].line, 2);
        fixture_close(&m);
}

static void test_vendor_directory_and_leftovers(void **state) {
        (void) state;
        struct machine_fixture m;
        fixture_open(&m);
        fixture_write(&m, "etc/pam.d/sudo", "auth required pam_deny.so\n");
        fixture_write(&m, "etc/pam.d/sudo.dpkg-old", "auth required pam_permit.so\n");
        fixture_write(&m, "etc/pam.d/common-auth.pam-old", "auth required pam_permit.so\n");
        fixture_write(&m, "etc/pam.d/common-auth", "auth required pam_permit.so\n");
        fixture_write(&m, "usr/lib/pam.d/sudo", "auth required pam_permit.so\n");
        fixture_write(&m, "usr/lib/pam.d/polkit-1", "auth required pam_permit.so\n");
        fixture_policy(&m, policy);
        fixture_check(&m);
        assert_int_equal(m.report.n, 2);
        assert_int_equal(fixture_entry(&m, LOGIN_BY_PAM, "sudo")->verdict, LOGIN_SHUT);
        assert_int_equal(fixture_entry(&m, LOGIN_BY_PAM, "polkit-1")->verdict, LOGIN_NONE);
        fixture_close(&m);
}

/* A module that is not installed cannot let anybody in; with a leading "-" neither. */
static void test_missing_module(void **state) {
        (void) state;
        struct machine_fixture m;
        fixture_open(&m);
        fixture_write(&m, "lib/x86_64-linux-gnu/security/pam_unix.so", "");
        fixture_write(&m, "etc/pam.d/a", "auth sufficient pam_permit.so\nauth required pam_unix.so\n");
        fixture_write(&m, "etc/pam.d/b", "auth required pam_unix.so\n-auth required pam_oath.so\n");
        fixture_policy(&m, policy);
        fixture_check(&m);
        assert_int_equal(fixture_entry(&m, LOGIN_BY_PAM, "a")->verdict, LOGIN_ONE);
        assert_int_equal(fixture_entry(&m, LOGIN_BY_PAM, "b")->verdict, LOGIN_SHUT);
        fixture_close(&m);
}

static void test_automatic_logins(void **state) {
        (void) state;
        struct machine_fixture m;
        fixture_open(&m);
        fixture_write(&m, "etc/lightdm/lightdm.conf", "[Seat:*]\n#autologin-user=x\nautologin-user=yamada\n");
        fixture_write(&m, "etc/gdm3/daemon.conf", "[daemon]\nAutomaticLoginEnable = false\n");
        fixture_write(&m, "etc/systemd/system/getty@tty1.service.d/a.conf",
                      "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin yamada %I\n");
        fixture_policy(&m, policy);
        fixture_check(&m);
        assert_int_equal(m.report.n, 2);
        for (size_t i = 0; i < m.report.n; i++) {
                assert_int_equal(m.report.entries[i].kind, LOGIN_BY_ITSELF);
                assert_int_equal(m.report.entries[i].verdict, LOGIN_NONE);
                assert_int_equal(m.report.entries[i].ways[0].places[0].line, 3);
        }
        fixture_close(&m);
}

static void test_hostile_files(void **state) {
        (void) state;
        struct machine_fixture m;
        fixture_open(&m);
        assert_int_equal(mkfifoat(m.root.fd, "etc/pam.d/fifo", 0644), 0);
        assert_int_equal(symlinkat("/dev/zero", m.root.fd, "etc/pam.d/link"), 0);
        assert_int_equal(mkdirat(m.root.fd, "etc/pam.d/folder", 0755), 0);
        fixture_write(&m, "etc/pam.d/jumps", "auth [success=99999999999999999999 default=2] pam_unix.so\n");
        fixture_policy(&m, policy);
        fixture_check(&m);
        for (size_t i = 0; i < m.report.n; i++)
                assert_int_equal(m.report.entries[i].n_ways, 0);
        fixture_close(&m);
}

int main(void) {
        enum { N = sizeof rows / sizeof *rows };
        static struct CMUnitTest tests[N + 8];
        static char names[N][32];
        for (size_t i = 0; i < N; i++) {
                (void) snprintf(names[i], sizeof names[i], "row %zu: %s", i, rows[i].service);
                tests[i] = (struct CMUnitTest){ names[i], test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        }
        const struct CMUnitTest others[] = { cmocka_unit_test(test_file_and_line),
                                             cmocka_unit_test(test_by_policy),
                                             cmocka_unit_test(test_empty_password),
                                             cmocka_unit_test(test_conf_without_directories),
                                             cmocka_unit_test(test_vendor_directory_and_leftovers),
                                             cmocka_unit_test(test_missing_module),
                                             cmocka_unit_test(test_automatic_logins),
                                             cmocka_unit_test(test_hostile_files) };
        memcpy(tests + N, others, sizeof others);
        return _cmocka_run_group_tests("logins", tests, N + 8, NULL, NULL);
}
