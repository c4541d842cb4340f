/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sekisho-session: see sekisho-session(1). */
#include <errno.h>
#include <fcntl.h>
#include <libintl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/program.h"
#include "clip.h"
#include "link.h"
#include "wayland.h"
#include "x11.h"

#define _(text)    dgettext("sekisho", text)

#define AGAIN_USEC 100000

struct options {
        const char *root, *session;
        bool supervise;
};

struct session {
        sd_event *event;
        struct root root;
        struct clip *clip;
        const char *no_guard; /* why not all is guarded, untranslated; or NULL */
        struct link *link;
        struct x11 *x11;         /* or NULL: there are no X programs */
        struct wayland *wayland; /* or NULL: it is no Wayland session */
};

/* As program_options(). */
static int parse_options(int argc, char **argv, struct options *ret) {
        *ret = (struct options){ .root = "/" };
        const struct program_option options[] = {
                { "root", &ret->root, NULL },
                { "session", &ret->session, NULL },
                { "supervise", NULL, &ret->supervise },
                { NULL, NULL, NULL },
        };
        return program_options(argc, argv, "sekisho-session",
                               _("Usage: sekisho-session [--root DIR] [--session ID] [--supervise] [--version]\n"
                                 "Guards the clipboard of a graphical session. See sekisho-session(1).\n"),
                               options);
}

/* Given, or of this process, or, for a unit of the user's own systemd, which is in no session, his graphical one.
 * free() it. NULL: there is none. */
static char *find_session(const char *given) {
        char *id = NULL;
        if (given)
                return strdup(given);
        if (sd_pid_get_session(0, &id) >= 0 || sd_uid_get_display(getuid(), &id) >= 0)
                return id;
        return NULL;
}

static void on_policy(const json_t *reply, void *userdata) {
        struct session *s = userdata;
        clip_set_rules(s->clip, reply);
}

static bool on_holding(const char **ret_detail, void *userdata) {
        const struct session *s = userdata;
        if (!s->no_guard && (!s->x11 || x11_holds(s->x11)) && (!s->wayland || wayland_holds(s->wayland)))
                return true;
        *ret_detail = s->no_guard ? s->no_guard : "the display is lost";
        return false;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        struct session *s = userdata;
        (void) source;
        (void) si;
        (void) sd_notify(0, "STOPPING=1");
        return sd_event_exit(s->event, 0);
}

static void open_wayland(struct session *s) {
        int r = wayland_new(s->event, s->clip, &s->wayland);
        s->no_guard = r == -ENOSYS ? "the compositor has no data-control"
                      : r < 0      ? "the compositor cannot be reached"
                                   : NULL;
        if (r < 0)
                log_error(_("Cannot guard the Wayland display: %s"), strerror(-r));
}

/* A display beside a compositor's that nobody has is only a name that was left over. */
static void open_x11(struct session *s) {
        int r = x11_new(s->event, NULL, s->wayland != NULL, s->clip, &s->x11);
        bool is_none = r == -ECONNREFUSED && s->wayland;
        s->no_guard = r == -ENOSYS        ? "the X server lacks an extension"
                      : r < 0 && !is_none ? "the X display cannot be reached"
                                          : NULL;
        if (s->no_guard)
                log_error(_("Cannot guard the X display: %s"), strerror(-r));
}

/* A session in which nothing can be guarded is told to the agent, which deals with it. */
static void open_fronts(struct session *s) {
        s->no_guard = "no display";
        bool is_wayland = getenv("WAYLAND_DISPLAY") != NULL;
        if (is_wayland)
                open_wayland(s);
        /* Without data-control the one is not guarded, and guarding the other would be of no use. */
        if (getenv("DISPLAY") && (!is_wayland || s->wayland))
                open_x11(s);
}

static int start(struct session *s, const char *id) {
        int r = sd_event_new(&s->event);
        if (r >= 0)
                r = sd_event_add_signal(s->event, NULL, SIGTERM, on_signal, s);
        if (r >= 0)
                r = sd_event_add_signal(s->event, NULL, SIGINT, on_signal, s);
        if (r >= 0)
                r = sd_event_set_watchdog(s->event, true);
        if (r >= 0)
                r = clip_new(s->event, &s->clip);
        if (r >= 0)
                open_fronts(s);
        const struct link_events events = { .policy = on_policy, .holding = on_holding, .userdata = s };
        if (r >= 0)
                r = link_new(s->event, &s->root, id, &events, &s->link);
        if (r >= 0)
                clip_set_link(s->clip, s->link);
        return r;
}

static int run(struct session *s, const char *id) {
        int r = start(s, id);
        if (r < 0) {
                log_error(_("Cannot guard the session: %s"), strerror(-r));
                return r;
        }
        (void) sd_notify(0, "READY=1");
        r = sd_event_loop(s->event);
        if (r < 0)
                log_error(_("The event loop failed: %s"), strerror(-r));
        return r;
}

static void stop(struct session *s) {
        s->x11 = x11_free(s->x11);
        s->wayland = wayland_free(s->wayland);
        s->clip = clip_free(s->clip);
        s->link = link_free(s->link);
        (void) sd_event_unref(s->event);
        root_close(&s->root);
}

/* One helper for each session: a second one waits here until the first has ended, and then takes its place. Without a
 * place for the lock there is none. */
static int wait_for_turn(const char *id) {
        const char *directory = getenv("XDG_RUNTIME_DIR");
        char path[512];
        if (!directory ||
            (size_t) snprintf(path, sizeof path, "%s/sekisho-session-%s.lock", directory, id) >= sizeof path ||
            strchr(id, '/'))
                return -1;
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0 && flock(fd, LOCK_EX) < 0)
                close_p(&fd);
        return fd;
}

/* Returns in each child anew; the parent stays, and ends when it is told to, or when its child was. */
static void supervise(void) {
        for (;;) {
                pid_t parent = getpid(), child = fork();
                if (child <= 0) {
                        (void) prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
                        if (child == 0 && getppid() != parent)
                                _exit(0);
                        return; /* no child: without supervision */
                }
                int status = 0;
                while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                        ;
                if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                        exit(0);
                if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY"))
                        exit(1);
                (void) usleep(AGAIN_USEC);
        }
}

static void block_signals(void) {
        sigset_t set;
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv) {
        (void) setlocale(LC_ALL, "");
        (void) bindtextdomain("sekisho", SEKISHO_LOCALEDIR);
        struct options o;
        int r = parse_options(argc, argv, &o);
        if (r != 0)
                return r < 0 ? 2 : 0;
        if (o.supervise)
                supervise();
        /* Other programs of the user's are not to read what is on the clipboard out of our memory. */
        (void) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);

        CLEANUP(free_p) char *id = find_session(o.session);
        if (!id) {
                log_error(_("This is no session that logind knows of."));
                return 1;
        }
        /* A second one waits, ready to take its turn, and may be stopped. */
        (void) sd_notify(0, "READY=1");
        CLEANUP(close_p) int turn = wait_for_turn(id);
        (void) turn;
        block_signals();
        struct session s = { .root = { .fd = -1 } };
        r = root_open(o.root, &s.root);
        if (r < 0)
                log_error(_("Cannot open the root %s: %s"), o.root, strerror(-r));
        else
                r = run(&s, id);
        stop(&s);
        return r != 0 ? 1 : 0; /* 1 of the loop: the display is lost */
}
