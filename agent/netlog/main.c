/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sekisho-netlogd: see sekisho-netlogd(8). */
#include <cap-ng.h>
#include <errno.h>
#include <libintl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/program.h"
#include "watch.h"

#define _(text) dgettext("sekisho", text)

/* As program_options(). */
static int parse_options(int argc, char **argv, const char **ret_root) {
        *ret_root = "/";
        const struct program_option options[] = {
                { "root", ret_root, NULL },
                { NULL, NULL, NULL },
        };
        return program_options(
                argc, argv, "sekisho-netlogd",
                _("Usage: sekisho-netlogd [--root DIR] [--version]\n"
                  "Sees what the network rules hold back, for the agent's record. See sekisho-netlogd(8).\n"),
                options);
}

/* Who sends is asked from /proc: whose file descriptors and which program, of other users' processes. What it took to
 * listen is not needed any more. */
static void drop_capabilities(void) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                log_warning(_("Cannot give up capabilities."));
        capng_select_t which =
                capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS;
        capng_clear(CAPNG_SELECT_BOTH);
        if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, CAP_DAC_READ_SEARCH,
                          CAP_SYS_PTRACE, -1) != 0 ||
            capng_apply(which) != 0)
                log_warning(_("Cannot give up capabilities."));
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        (void) s;
        (void) si;
        (void) sd_notify(0, "STOPPING=1");
        watch_finish(userdata);
        return 0;
}

static int run(const struct root *root) {
        CLEANUP(sd_event_unrefp) sd_event *event = NULL;
        struct watch *watch = NULL;
        int r = sd_event_new(&event);
        if (r >= 0)
                r = watch_new(event, root, &watch);
        if (r < 0) {
                log_error(_("Cannot listen to the packet log: %s"), strerror(-r));
                return r;
        }
        r = sd_event_add_signal(event, NULL, SIGTERM, on_signal, watch);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, on_signal, watch);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r >= 0) {
                drop_capabilities();
                (void) sd_notify(0, "READY=1");
                r = sd_event_loop(event);
        }
        if (r < 0)
                log_error(_("The event loop failed: %s"), strerror(-r));
        (void) watch_free(watch);
        return r;
}

int main(int argc, char **argv) {
        (void) setlocale(LC_ALL, "");
        (void) bindtextdomain("sekisho", SEKISHO_LOCALEDIR);
        const char *path = "/";
        int r = parse_options(argc, argv, &path);
        if (r != 0)
                return r < 0 ? 2 : 0;

        sigset_t set;
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        (void) signal(SIGPIPE, SIG_IGN);

        struct root root = { .fd = -1 };
        r = root_open(path, &root);
        if (r < 0)
                log_error(_("Cannot open the root %s: %s"), path, strerror(-r));
        else
                r = run(&root);
        root_close(&root);
        return r < 0 ? 1 : 0;
}
