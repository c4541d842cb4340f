/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <libintl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/program.h"
#include "counter.h"
#include "helpers.h"
#include "inbox.h"
#include "ipc/agent_interface.h"
#include "keyboards.h"
#include "medium.h"
#include "permits.h"
#include "screen_lock.h"
#include "sys/hwdb.h"

#define _(text)         dgettext("sekisho", text)

#define LOCK_FILE       AGENT_SOCKET_DIRECTORY "/agent.lock"
#define LOCK_TRIES      40
#define LOCK_PAUSE_USEC 50000

struct options {
        const char *root;
        bool foreground;
};

/* As program_options(). */
static int parse_options(int argc, char **argv, struct options *ret) {
        *ret = (struct options){ .root = "/" };
        const struct program_option options[] = {
                { "root", &ret->root, NULL },
                { "foreground", NULL, &ret->foreground },
                { NULL, NULL, NULL },
        };
        return program_options(argc, argv, "sekishod",
                               _("Usage: sekishod [--root DIR] [--foreground] [--version]\n"
                                 "The resident agent of Sekisho. See sekishod(8).\n"),
                               options);
}

static int make_directories(struct agent *a) {
        static const struct {
                const char *path;
                mode_t mode;
        } directories[] = { { AGENT_SOCKET_DIRECTORY, 0755 }, { STORE_DIRECTORY, 0750 }, { AUDIT_DIRECTORY, 0750 } };
        (void) umask(022); /* everybody reaches the socket; each file has its own mode */
        for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
                int r = root_mkdirs(&a->root, directories[i].path, directories[i].mode);
                if (r < 0) {
                        log_error(_("Cannot create /%s: %s"), directories[i].path, strerror(-r));
                        /* A record that cannot be kept shuts doors; it must not cost the keyboard. */
                        if (strcmp(directories[i].path, AUDIT_DIRECTORY) != 0)
                                return r;
                }
        }
        return 0;
}

/* The floor helper takes its place whenever nobody holds this lock. */
static int take_lock(struct agent *a) {
        a->lock = root_openat(&a->root, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
        if (a->lock < 0) {
                log_error(_("Cannot open /%s: %s"), LOCK_FILE, strerror(-a->lock));
                return a->lock;
        }
        /* An agent that was killed may leave a worker that it had just forked, for the moment until that has closed
         * what it inherited. Another agent that lives holds on for longer. */
        int tries = LOCK_TRIES, r;
        while ((r = flock(a->lock, LOCK_EX | LOCK_NB)) < 0 && errno == EWOULDBLOCK && --tries > 0)
                (void) usleep(LOCK_PAUSE_USEC);
        if (r < 0) {
                int error = errno;
                if (error == EWOULDBLOCK)
                        log_error(_("Another agent is already running here: it holds /%s."), LOCK_FILE);
                else
                        log_error(_("Cannot lock /%s: %s"), LOCK_FILE, strerror(error));
                return -error;
        }
        return 0;
}

static void read_identity(struct agent *a) {
        CLEANUP(close_p) int etc = root_openat(&a->root, "etc", O_PATH | O_DIRECTORY, 0);
        if (etc < 0 || file_read_line_at(etc, "machine-id", a->machine_id, sizeof a->machine_id - 1) < 0)
                a->machine_id[0] = '\0';
        if (etc < 0 || file_read_line_at(etc, "hostname", a->hostname, sizeof a->hostname - 1) <= 0)
                if (gethostname(a->hostname, sizeof a->hostname - 1) < 0)
                        a->hostname[0] = '\0';
        a->identity = (struct audit_terminal){ a->machine_id, a->hostname, SEKISHO_VERSION };
}

static int load_policy(struct agent *a) {
        int r = store_open(&a->root, &a->store);
        if (r == 0)
                r = store_load(&a->store, &a->active);
        if (r < 0) {
                log_error(_("Cannot load the policy: %s"), strerror(-r));
                return r;
        }
        time_raise_floor(&a->time, store_read_time_floor(&a->store));
        time_raise_floor(&a->time, a->active.policy->header.issued);
        agent_read_terminal(a);
        return 0;
}

static void record_life(struct agent *a, const char *activity) {
        char detail[64];
        (void) snprintf(detail, sizeof detail, "policy serial %llu",
                        (unsigned long long) a->active.policy->header.serial);
        (void) agent_record(a, audit_event_agent(&a->identity, time_now(&a->time), activity, NULL, detail),
                            AUDIT_DURABLE);
}

static void on_worker_trouble(const char *code, const char *detail, void *userdata) {
        agent_on_trouble(NULL, code, detail, userdata);
}

/* One more step of the start is done: the next one may take as long again as the unit grants the whole. A slow machine,
 * or a long record, must not have it killed at the same place for ever. */
static void advance(void) {
        (void) sd_notify(0, "EXTEND_TIMEOUT_USEC=30000000");
}

static void start_guards(struct agent *a) {
        const struct guard_env env = { .event = a->event,
                                       .root = &a->root,
                                       .time = &a->time,
                                       .workers = a->workers,
                                       .userdata = a,
                                       .noticed = agent_on_noticed,
                                       .effect = agent_on_effect,
                                       .gone = agent_on_gone,
                                       .transferred = agent_on_transferred,
                                       .blocked = agent_on_blocked,
                                       .lent = medium_on_lent,
                                       .trouble = agent_on_trouble };
        for (size_t i = 0; guard_table[i] && a->n_guards < AGENT_GUARDS_MAX; i++) {
                struct guard *g = NULL;
                int r = guard_table[i]->start(&env, &g);
                if (r < 0)
                        agent_raise(a, FAILURE_GUARD, guard_table[i]->name);
                else
                        a->guards[a->n_guards++] = g;
                advance();
        }
        (void) agent_adopt(a); /* what could not be done is a finding */
}

/* What stays: writing to the kernel's audit trail (the record's second copy). All else that we do, uid 0 does as the
 * owner of the files: sysfs, /run/sekisho, /var/lib/sekisho, /var/log/sekisho. Killing a worker needs nothing, it has
 * our uid. */
static void drop_capabilities(void) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                log_warning(_("Cannot give up capabilities."));

        bool has_more = false;
        for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
                has_more = has_more || (c != CAP_AUDIT_WRITE && capng_have_capability(CAPNG_PERMITTED, c));
        if (!has_more)
                return; /* the unit has seen to it, and forbids capset(2) */

        capng_select_t which =
                capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS;
        capng_clear(CAPNG_SELECT_BOTH);
        if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, CAP_AUDIT_WRITE, -1) !=
                    0 ||
            capng_apply(which) != 0)
                log_warning(_("Cannot give up capabilities."));
}

static int start_loop(struct agent *a) {
        int r = sd_event_new(&a->event);
        if (r >= 0)
                r = worker_pool_attach(a->workers, a->event, on_worker_trouble, a);
        if (r >= 0)
                r = loop_new(a);
        if (r < 0)
                log_error(_("Cannot start the event loop: %s"), strerror(-r));
        return r;
}

/* What arrives from here on arrives shut, whatever becomes of us. */
static void shut_early(struct agent *a) {
        for (size_t i = 0; guard_table[i]; i++) {
                int r = guard_table[i]->shut_early ? guard_table[i]->shut_early(&a->root) : 0;
                if (r < 0) /* the guard says so again, in the record, once there is one */
                        log_warning(_("Ports stay open by default: %s"), strerror(-r));
        }
}

static int start(struct agent *a, const struct options *o) {
        int r = root_open(o->root, &a->root);
        if (r < 0) {
                log_error(_("Cannot open the root %s: %s"), o->root, strerror(-r));
                return r;
        }
        r = make_directories(a);
        if (r == 0)
                r = take_lock(a);
        if (r < 0)
                return r;
        shut_early(a);

        r = worker_pool_new(&WORKER_LIMITS, &a->workers);
        if (r < 0) {
                log_error(_("Cannot start the workers: %s"), strerror(-r));
                return r;
        }
        r = load_policy(a);
        if (r < 0)
                return r;
        advance();
        read_identity(a);
        r = start_loop(a);
        if (r < 0)
                return r;

        (void) hwdb_open(&a->hwdb); /* names are for people; without them there are numbers */
        r = keyboards_new(a);
        if (r < 0)
                return r;

        (void) agent_open_record(a); /* without it doors stay shut, and keyboards alive */
        advance();
        record_life(a, "start");
        agent_report_policy(a);
        r = agent_load_trust(a);
        if (r < 0) {
                log_error(_("Cannot load the trust documents: %s"), strerror(-r));
                return r;
        }
        advance();
        counter_check(a);
        advance();
        r = permits_new(a);
        if (r < 0) {
                log_error(_("Cannot load the permits: %s"), strerror(-r));
                return r;
        }
        r = trial_resume(a);
        if (r < 0)
                return r;
        registry_load(&a->registry, &a->root);
        advance();
        start_guards(a);
        advance();
        permits_start(a);
        r = helpers_new(a);
        if (r < 0) {
                log_error(_("Cannot watch over sessions: %s"), strerror(-r));
                return r;
        }
        r = screen_lock_new(a);
        if (r < 0) {
                log_error(_("Cannot watch over sessions: %s"), strerror(-r));
                return r;
        }
        advance();
        agent_look_at_itself(a);
        r = agent_serve(a);
        if (r < 0) /* guards work without clients */
                log_error(_("Cannot listen on /%s: %s"), AGENT_SOCKET, strerror(-r));
        inbox_new(a);
        drop_capabilities();
        return 0;
}

/* Shuts nothing and opens nothing: doors stay as they are, and what arrives later arrives shut. */
static void stop(struct agent *a) {
        if (a->loop)
                record_life(a, "stop");
        agent_stop_serving(a);
        loop_free(a); /* saves what the guards' subjects were decided to be */
        a->medium = medium_free(a->medium);
        for (size_t i = 0; i < a->n_guards; i++)
                a->guards[i]->ops->stop(a->guards[i]);
        helpers_free(a);
        screen_lock_free(a);
        permits_free(a);
        keyboards_free(a);
        a->inbox = inbox_free(a->inbox);
        trial_free(a);
        a->hwdb = hwdb_close(a->hwdb);
        (void) worker_pool_free(a->workers);
        a->log = audit_log_free(a->log);
        registry_clear(&a->registry);
        stored_policy_clear(&a->active);
        stored_trust_clear(&a->trust);
        (void) terminal_free(a->terminal);
        store_close(&a->store);
        (void) sd_event_unref(a->event);
        close_p(&a->lock);
        root_close(&a->root);
}

static void block_signals(void) {
        static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
        sigset_t set;
        (void) sigemptyset(&set);
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
                (void) sigaddset(&set, numbers[i]);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv) {
        (void) setlocale(LC_CTYPE, ""); /* what messages need: each of the others is a file more to open */
        (void) setlocale(LC_MESSAGES, "");
        (void) bindtextdomain("sekisho", SEKISHO_LOCALEDIR);

        struct options options;
        int r = parse_options(argc, argv, &options);
        if (r != 0)
                return r < 0 ? 2 : 0;
        block_signals();

        struct agent agent = { .root = { .fd = -1 }, .lock = -1, .store = { .directory = -1 } };
        r = start(&agent, &options);
        if (r == 0) {
                (void) sd_notifyf(0, "READY=1\nSTATUS=policy serial %llu, %zu devices",
                                  (unsigned long long) agent.active.policy->header.serial, agent.registry.n);
                log_notice(_("Sekisho %s is running."), SEKISHO_VERSION);
                store_settle(&agent.store, &agent.active);
                hwdb_rest(agent.hwdb); /* all that is there has its name */
                r = sd_event_loop(agent.event);
                if (r < 0)
                        log_error(_("The event loop failed: %s"), strerror(-r));
                (void) sd_notify(0, "STOPPING=1");
        }
        stop(&agent);
        return r < 0 ? 1 : 0;
}
