/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xrdp's files say, changing them and back, and whole fake machines. The files as the programs ship them are the
 * business of integration/remote. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "remote/private.h"
#include "remote/remote.h"

#define N(a) (sizeof(a) / sizeof *(a))

#define RESTRICTED                                                                                                     \
        "[Security]\nRestrictOutboundClipboard=all\nRestrictInboundClipboard=ALL\n[Chansrv]\nEnableFuseMount=no\n"

static const struct row {
        const char *name, *xrdp, *sesman;
        bool clipboard, drives; /* open */
        unsigned line;          /* of the clipboard */
} rows[] = {
        { "nothing said", "", "", true, true, 0 },
        { "as shipped", "[Channels]\nrdpdr=true\ncliprdr=true\n", "", true, true, 3 },
        { "shut", "[Channels]\nrdpdr=false\ncliprdr=false\n", "", false, false, 3 },
        { "shut in another section", "[Globals]\nrdpdr=false\ncliprdr=false\n", "", true, true, 0 },
        { "case, blanks, ends of Windows", "[CHANNELS]\r\n RdpDr = NO \r\n\tCLIPRDR=0\r\n", "", false, false, 3 },
        { "a comment", "[Channels]\n#cliprdr=false\n;cliprdr=false\n", "", true, true, 0 },
        { "said twice", "[Channels]\ncliprdr=false\ncliprdr=true\nrdpdr=off\n", "", true, false, 3 },
        { "a kind of session opens it", "[Channels]\ncliprdr=false\nrdpdr=false\n[Xorg]\nchannel.cliprdr=true\n", "",
          true, false, 5 },
        { "a kind of session shuts it, too", "[Channels]\ncliprdr=false\nrdpdr=false\n[Xorg]\nchannel.cliprdr=false\n",
          "", false, false, 2 },
        { "no channels at all", "[Globals]\nallow_channels=false\n[Channels]\ncliprdr=true\n", "", false, false, 2 },
        { "the other file restricts", "[Channels]\ncliprdr=true\nrdpdr=true\n", RESTRICTED, false, false, 2 },
        { "only out of here", "", "[Security]\nRestrictOutboundClipboard=all\n", true, true, 0 },
        { "only text", "", "[Security]\nRestrictOutboundClipboard=text\nRestrictInboundClipboard=all\n", true, true,
          0 },
        { "neither yes nor no", "[Channels]\ncliprdr=maybe\nrdpdr=\n", "", false, false, 2 },
};

static void test_row(void **state) {
        const struct row *row = *state;
        struct xrdp_settings s;
        remote_read_xrdp(row->xrdp, row->sesman, &s);
        assert_int_equal(s.open[REMOTE_CLIPBOARD], row->clipboard);
        assert_int_equal(s.open[REMOTE_DRIVES], row->drives);
        assert_int_equal(s.line[REMOTE_CLIPBOARD], row->line);
}

static const struct edit {
        const char *name, *before, *after; /* after NULL: nothing changes */
} edits[] = {
        { "there", "[A]\nk=1\n[B]\nk=1\n", "[A]\n#sekisho-was k=1\nk=0\n[B]\nk=1\n" },
        { "as wanted", "[A]\nK = 0\n", NULL },
        { "twice", "[A]\nk=1\nK=0\n", "[A]\n#sekisho-was k=1\nk=0\n#sekisho-was K=0\nk=0\n" },
        { "not there", "[A]\nx=1\n", "[A]\n#sekisho-added\nk=0\nx=1\n" },
        { "no such section", "[B]\nx=1\n", "[B]\nx=1\n#sekisho-added\n[A]\n#sekisho-added\nk=0\n" },
        { "no end of line", "[A]\nk=1", "[A]\n#sekisho-was k=1\nk=0\n" },
        { "empty", "", "#sekisho-added\n[A]\n#sekisho-added\nk=0\n" },
};

static void test_edit(void **state) {
        const struct edit *e = *state;
        char *changed = NULL, *again = NULL, *back = NULL;
        assert_int_equal(ini_set(e->before, "A", "k", "0", &changed), 0);
        if (!e->after) {
                assert_null(changed);
                return;
        }
        assert_string_equal(changed, e->after);
        assert_int_equal(ini_set(changed, "a", "K", "0", &again), 0);
        assert_null(again);
        assert_int_equal(ini_restore(changed, &back), 0);
        assert_non_null(back);
        assert_memory_equal(back, e->before, strlen(e->before)); /* but for an end of line that was missing */
        assert_true(strlen(back) <= strlen(e->before) + 1);
        assert_int_equal(ini_restore(back, &again), 0);
        assert_null(again);
        free(changed);
        free(back);
}

/* Closed, changed by hand, closed again, opened: what was there last by hand is back, and no mark is left. */
static void test_closed_twice(void **state) {
        (void) state;
        static const struct {
                const char *marked, *restored;
        } marks[] = {
                { "[a]\n#sekisho-was k=1\n#sekisho-was k=2\nk=0\nx=y\n", "[a]\nk=2\nx=y\n" },
                { "[a]\n#sekisho-added\n#sekisho-was k=2\nk=0\n", "[a]\nk=2\n" },
                { "#sekisho-added\n[a]\n#sekisho-added\nk=0\n", "" },
                { "[a]\n#sekisho-was k=1\n", "[a]\nk=1\n" },
        };
        for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
                char *back = NULL;
                assert_int_equal(ini_restore(marks[i].marked, &back), 0);
                assert_non_null(back);
                assert_string_equal(back, marks[i].restored);
                free(back);
        }
}

/* ---- machines ---- */

struct machine {
        char path[64];
        struct root root;
};

static int set_up(void **state) {
        struct machine *m = calloc(1, sizeof *m);
        if (!m)
                return -1;
        *state = m;
        (void) snprintf(m->path, sizeof m->path, "/tmp/test_remote.XXXXXX");
        return mkdtemp(m->path) && root_open(m->path, &m->root) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void) st;
        (void) flag;
        (void) ftw;
        return remove(path);
}

static int tear_down(void **state) {
        struct machine *m = *state;
        root_close(&m->root);
        int r = nftw(m->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(m);
        return r;
}

static void put(struct machine *m, const char *path, const char *text) {
        char directory[96];
        (void) snprintf(directory, sizeof directory, "%.*s", (int) (strrchr(path, '/') - path), path);
        assert_int_equal(root_mkdirs(&m->root, directory, 0755), 0);
        int fd = root_openat(&m->root, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        (void) close(fd);
}

static enum remote_verdict verdict(struct machine *m, const struct policy *p, const char *program,
                                   enum remote_channel channel) {
        struct remote_report r;
        remote_check(&m->root, p, &r);
        for (size_t i = 0; i < r.n; i++)
                if (strcmp(r.list[i].program, program) == 0 && r.list[i].channel == channel)
                        return r.list[i].verdict;
        return REMOTE_VERDICT_MAX;
}

static void test_nothing_installed(void **state) {
        struct machine *m = *state;
        struct remote_report r;
        struct remote_changes c;
        remote_check(&m->root, NULL, &r);
        assert_int_equal(r.n, 0);
        assert_int_equal(remote_close(&m->root, &c), 0);
        assert_int_equal(c.n, 0);
        assert_int_equal(remote_reopen(&m->root, &c), 0);
        assert_int_equal(c.n, 0);
}

static void test_unreadable(void **state) {
        struct machine *m = *state;
        put(m, "usr/sbin/xrdp", "");
        put(m, "etc/xrdp/xrdp.ini", "[Channels]\ncliprdr=false\n");
        assert_int_equal(verdict(m, NULL, "xrdp", REMOTE_CLIPBOARD), REMOTE_UNKNOWN); /* no sesman.ini */
        struct remote_changes c;
        assert_int_equal(remote_close(&m->root, &c), -ENOENT);
        assert_string_equal(c.failed, "etc/xrdp/sesman.ini");
        put(m, "etc/xrdp/sesman.ini", "");
        assert_int_equal(verdict(m, NULL, "xrdp", REMOTE_CLIPBOARD), REMOTE_SHUT);
}

static void test_spice(void **state) {
        struct machine *m = *state;
        struct remote_changes c;
        put(m, "usr/sbin/spice-vdagentd", "");
        assert_int_equal(verdict(m, NULL, "spice-vdagent", REMOTE_DRIVES), REMOTE_OPEN);
        assert_int_equal(remote_close(&m->root, &c), 0);
        assert_int_equal(c.n, 2);
        assert_int_equal(verdict(m, NULL, "spice-vdagent", REMOTE_DRIVES), REMOTE_SHUT);
        assert_int_equal(verdict(m, NULL, "spice-vdagent", REMOTE_CLIPBOARD), REMOTE_SHUT);
        assert_int_equal(remote_close(&m->root, &c), 0);
        assert_int_equal(c.n, 0);
        assert_int_equal(remote_reopen(&m->root, &c), 0);
        assert_int_equal(c.n, 2);
        assert_int_equal(verdict(m, NULL, "spice-vdagent", REMOTE_CLIPBOARD), REMOTE_OPEN);
        put(m, "etc/systemd/system/spice-vdagentd.socket", "[Socket]\n"); /* the site's own stays */
        assert_int_equal(remote_close(&m->root, &c), -EEXIST);
        assert_string_equal(c.failed, "etc/systemd/system");
}

/* What an admin had masked before stays masked. */
static void test_masks_of_others(void **state) {
        struct machine *m = *state;
        struct remote_changes c;
        put(m, "usr/sbin/spice-vdagentd", "");
        assert_int_equal(root_mkdirs(&m->root, REMOTE_UNITS, 0755), 0);
        int units = root_openat(&m->root, REMOTE_UNITS, O_RDONLY | O_DIRECTORY, 0);
        assert_int_equal(symlinkat("/dev/null", units, remote_spice_units[0]), 0);
        for (int twice = 0; twice < 2; twice++) {
                assert_int_equal(remote_close(&m->root, &c), 0);
                assert_int_equal(c.n, 1); /* the other one */
                assert_int_equal(remote_close(&m->root, &c), 0);
                assert_int_equal(c.n, 0);
                assert_int_equal(remote_reopen(&m->root, &c), 0);
                assert_int_equal(c.n, 1);
                assert_true(remote_is_masked(&m->root, remote_spice_units[0]));
                assert_false(remote_is_masked(&m->root, remote_spice_units[1]));
                assert_int_equal(remote_reopen(&m->root, &c), 0);
                assert_int_equal(c.n, 0);
        }
        /* Nothing is remembered of an earlier time. */
        assert_int_equal(symlinkat("/dev/null", units, remote_spice_units[1]), 0);
        assert_int_equal(remote_reopen(&m->root, &c), 0);
        assert_int_equal(c.n, 0);
        assert_true(remote_is_masked(&m->root, remote_spice_units[1]));
        (void) close(units);
}

#define POLICY                                                                                                         \
        "sekisho: 1\nheader:\n  fleet: f\n  serial: 1\n  issued: 2026-01-01T00:00:00+09:00\n  expires: never\n"        \
        "  target: [all]\nmode: %s\ncontact: x\nclipboard:\n  default: block\n  zones:\n"                              \
        "    - {id: z, programs: [%s]}\n  flows:\n    - {from: z, to: z, allow: [text]}\n"

static void test_clients(void **state) {
        struct machine *m = *state;
        static const struct {
                const char *mode, *program;
                enum remote_verdict clipboard;
        } policies[] = { { "enforce", "/usr/bin/firefox-esr", REMOTE_SHUT },
                         { "enforce", "/usr/bin/xfreerdp", REMOTE_PERMITTED },
                         { "observe", "/usr/bin/firefox-esr", REMOTE_OPEN } };
        put(m, "usr/bin/xfreerdp", "");
        assert_int_equal(verdict(m, NULL, "freerdp", REMOTE_CLIPBOARD), REMOTE_OPEN);
        for (size_t i = 0; i < N(policies); i++) {
                char text[512];
                struct policy *p = NULL;
                struct problems problems = { 0 };
                int n = snprintf(text, sizeof text, POLICY, policies[i].mode, policies[i].program);
                assert_int_equal(policy_parse(text, (size_t) n, &problems, &p), 0);
                problems_clear(&problems);
                assert_int_equal(verdict(m, p, "freerdp", REMOTE_CLIPBOARD), policies[i].clipboard);
                (void) policy_free(p);
        }
        static const struct {
                const char *profiles;
                enum remote_verdict drives;
        } loaded[] = { { "a (enforce)\n", REMOTE_OPEN },
                       { "sekisho-remote-client (complain)\n", REMOTE_OPEN },
                       { "x-sekisho-remote-client (enforce)\n", REMOTE_OPEN },
                       { "a (enforce)\nsekisho-remote-client (enforce)\n", REMOTE_SHUT } };
        assert_int_equal(verdict(m, NULL, "freerdp", REMOTE_DRIVES), REMOTE_OPEN);
        for (size_t i = 0; i < N(loaded); i++) {
                put(m, "sys/kernel/security/apparmor/profiles", loaded[i].profiles);
                assert_int_equal(verdict(m, NULL, "freerdp", REMOTE_DRIVES), loaded[i].drives);
        }
        struct remote_changes c;
        assert_int_equal(remote_close(&m->root, &c), -ENOENT); /* nothing ships here */
        put(m, "usr/share/sekisho/apparmor/sekisho-remote-clients", "profile\n");
        assert_int_equal(remote_close(&m->root, &c), 0);
        assert_int_equal(c.n, 1);
        assert_string_equal(c.list[0], "/etc/apparmor.d/sekisho-remote-clients");
        assert_int_equal(remote_close(&m->root, &c), 0);
        assert_int_equal(c.n, 0);
        assert_int_equal(remote_reopen(&m->root, &c), 0);
        assert_int_equal(c.n, 1);
}

int main(void) {
        struct CMUnitTest tests[N(rows) + N(edits) + 6];
        size_t n = 0;
        for (size_t i = 0; i < N(rows); i++)
                tests[n++] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        for (size_t i = 0; i < N(edits); i++)
                tests[n++] =
                        (struct CMUnitTest){ edits[i].name, test_edit, NULL, NULL, (void *) (uintptr_t) &edits[i] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_closed_twice);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_nothing_installed, set_up, tear_down);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_unreadable, set_up, tear_down);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_spice, set_up, tear_down);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_masks_of_others, set_up, tear_down);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test_clients, set_up, tear_down);
        return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
