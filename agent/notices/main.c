/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sekisho-notices: see sekisho-notices(1). */
#include <errno.h>
#include <fcntl.h>
#include <libintl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-login.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/program.h"
#include "notices.h"

#define _(text) dgettext("sekisho", text)

struct options {
        const char *root;
        struct notices_options notices;
};

/* As program_options(). */
static int parse_options(int argc, char **argv, struct options *ret) {
        *ret = (struct options){ .root = "/" };
        const struct program_option options[] = {
                { "root", &ret->root, NULL },
                { "session", &ret->notices.session, NULL },
                { "console", NULL, &ret->notices.console },
                { "tty", &ret->notices.tty, NULL },
                { NULL, NULL, NULL },
        };
        int r = program_options(
                argc, argv, "sekisho-notices",
                _("Usage: sekisho-notices [--root DIR] [--session ID] [--console] [--tty PATH] [--version]\n"
                  "Tells the user what was refused and why. See sekisho-notices(1).\n"),
                options);
        ret->notices.console = ret->notices.console || ret->notices.tty;
        return r;
}

/* Of this process, or, for a unit of the user's own systemd, which is in no session, his graphical one. */
static void find_session(struct options *o, char **id) {
        if (!o->notices.session && !o->notices.console &&
            (sd_pid_get_session(0, id) >= 0 || sd_uid_get_display(getuid(), id) >= 0))
                o->notices.session = *id;
}

/* The user's systemd and the desktop may both start one: the second waits here until the first has ended. Without a
 * place for the lock there is none. */
static int wait_for_turn(const struct options *o) {
        const char *directory = getenv("XDG_RUNTIME_DIR");
        const char *what = o->notices.console ? "console" : o->notices.session ? o->notices.session : "desktop";
        char path[512];
        if (!directory || strchr(what, '/') ||
            (size_t) snprintf(path, sizeof path, "%s/sekisho-notices-%s.lock", directory, what) >= sizeof path)
                return -1;
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        while (fd >= 0 && flock(fd, LOCK_EX) < 0)
                if (errno != EINTR)
                        close_p(&fd), fd = -1;
        return fd;
}

static int run(const struct options *o, const struct root *root) {
        sd_event *event = NULL;
        struct notices *notices = NULL;
        sigset_t set;
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        int r = sd_event_new(&event);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
        if (r >= 0)
                r = notices_new(event, root, &o->notices, &notices);
        if (r >= 0) {
                (void) sd_notify(0, "READY=1");
                r = sd_event_loop(event);
        }
        if (r < 0)
                log_error(_("Cannot show notices: %s"), strerror(-r));
        (void) notices_free(notices);
        (void) sd_event_unref(event);
        return r;
}

int main(int argc, char **argv) {
        (void) setlocale(LC_ALL, "");
        (void) bindtextdomain("sekisho", SEKISHO_LOCALEDIR);
        (void) bind_textdomain_codeset("sekisho", "UTF-8");

        struct options o;
        struct root root;
        CLEANUP(free_p) char *session = NULL;
        int r = parse_options(argc, argv, &o);
        if (r != 0)
                return r < 0 ? 2 : 0;
        find_session(&o, &session);
        CLEANUP(close_p) int turn = wait_for_turn(&o);
        (void) turn;
        r = root_open(o.root, &root);
        if (r < 0) {
                log_error(_("Cannot open the root %s: %s"), o.root, strerror(-r));
                return 1;
        }
        r = run(&o, &root);
        root_close(&root);
        return r < 0 ? 1 : 0;
}
