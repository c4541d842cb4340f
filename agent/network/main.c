/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sekisho-netd: see sekisho-netd(8). */
#include <cap-ng.h>
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
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <sekisho/document.h>

#include "agent/store.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/program.h"
#include "channel.h"
#include "names.h"
#include "netd.h"
#include "print.h"

#define _(text)   dgettext("sekisho", text)
#define LOCK_FILE "run/sekisho/network.lock"
#define KEPT_NAME "nftables"
#define TICK_USEC UINT64_C(60000000)

enum verb { VERB_GUARD, VERB_PRINT, VERB_CHECK, VERB_LEAVE, VERB_REMOVE };

struct options {
        enum verb verb;
        const char *root, *policy; /* policy: a file as it is, in place of the accepted one; NULL */
};

struct netd_main {
        struct root root;
        const char *policy;
        struct netd netd;
        struct families families;
        struct channel *channel;
};

/* As program_options(). */
static int parse_options(int argc, char **argv, struct options *ret) {
        struct options o = { .root = "/" };
        const char *print = NULL, *check = NULL;
        bool leave = false, remove = false;
        const struct program_option options[] = {
                { "root", &o.root, NULL }, { "policy", &o.policy, NULL }, { "print", &print, NULL },
                { "check", &check, NULL }, { "leave", NULL, &leave },     { "remove", NULL, &remove },
                { NULL, NULL, NULL },
        };
        int r = program_options(argc, argv, "sekisho-netd",
                                _("Usage: sekisho-netd [--root DIR] [--policy FILE] [--version]\n"
                                  "       sekisho-netd --print FILE | --check FILE | --leave | --remove\n"
                                  "Keeps network rules and interfaces as the policy says. See sekisho-netd(8).\n"),
                                options);
        o.verb = remove ? VERB_REMOVE : leave ? VERB_LEAVE : check ? VERB_CHECK : print ? VERB_PRINT : VERB_GUARD;
        if (print || check)
                o.policy = check ? check : print;
        *ret = o;
        return r;
}

/* ---- the policy ---- */

static void problems_p(struct problems *p) {
        problems_clear(p);
}

/* 0; 1: it is no valid policy, and why was said; -errno. */
static int read_file(const char *path, struct policy **ret) {
        CLEANUP(document_clear) struct document d = { 0 };
        CLEANUP(problems_p) struct problems problems = { 0 };
        int r = document_read(AT_FDCWD, path, POLICY_MAX, &d);
        if (r != 0) {
                log_error(_("Cannot read %s: %s"), path, r < 0 ? strerror(-r) : document_outcome_text(r));
                return r < 0 ? r : 1;
        }
        r = policy_parse(d.bytes, d.size, &problems, ret);
        for (size_t i = 0; r > 0 && i < problems.n && i < 5; i++)
                log_error("%s:%u:%u: %s", path, problems.list[i].line, problems.list[i].column,
                          problems.list[i].message);
        return r;
}

static int find_accepted(struct netd_main *m, struct netd_policy *ret) {
        struct store store = { .directory = -1 };
        CLEANUP(stored_policy_clear) struct stored_policy p = { 0 };
        int r = store_open(&m->root, &store);
        if (r == 0)
                r = store_read(&store, &p);
        store_close(&store);
        if (r < 0)
                return r;
        ret->nothing_accepted = r > 0;
        if (r > 0 || p.origin == ORIGIN_BUILTIN)
                return 0;
        ret->serial = p.policy->header.serial;
        (void) snprintf(ret->sha256, sizeof ret->sha256, "%s", p.sha256);
        ret->policy = TAKE_PTR(p.owned);
        return 0;
}

static int find_policy(void *userdata, struct netd_policy *ret) {
        struct netd_main *m = userdata;
        if (!m->policy)
                return find_accepted(m, ret);
        int r = read_file(m->policy, &ret->policy);
        if (r == 0)
                ret->serial = ret->policy->header.serial;
        return r > 0 ? -EINVAL : r;
}

/* ---- --print, --check ---- */

static void lines_p(struct lines *l) {
        ruleset_lines_clear(l);
}

static int compiled(const char *path, struct lines *ret) {
        struct policy *policy = NULL;
        int r = read_file(path, &policy);
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        struct ruleset rs;
        ruleset_init(&rs, NETWORK_TABLE, 1);
        compile_generation(&rs, &policy->network);
        r = rs.error ? rs.error : ruleset_lines(&rs, ret);
        ruleset_clear(&rs);
        (void) policy_free(policy);
        return r;
}

static void print_difference(char sign, const char *line, void *userdata) {
        (void) userdata;
        (void) printf("%c %s\n", sign, line);
}

/* Exit status. */
static int print_or_check(const struct options *o) {
        CLEANUP(lines_p) struct lines wanted = { 0 }, loaded = { 0 };
        if (compiled(o->policy, &wanted) < 0)
                return 2;
        if (o->verb == VERB_PRINT) {
                for (size_t i = 0; i < wanted.n; i++)
                        (void) puts(wanted.list[i]);
                return 0;
        }
        struct ruleset rs;
        int r = kernel_read(NETWORK_TABLE, true, &rs);
        if (r == 0) {
                r = ruleset_lines(&rs, &loaded);
                ruleset_clear(&rs);
        }
        if (r < 0) {
                log_error(_("Cannot read the rules that are loaded: %s"), strerror(-r));
                return 2;
        }
        return lines_compare(&wanted, &loaded, print_difference, NULL) > 0 ? 1 : 0;
}

/* ---- the guard ---- */

static void on_trouble(const char *code, const char *detail, void *userdata) {
        struct netd_main *m = userdata;
        log_warning("%s: %s", code, detail);
        if (m->channel)
                channel_trouble(m->channel, code, detail);
}

static void on_changed(void *userdata) {
        struct netd_main *m = userdata;
        if (m->channel)
                channel_state(m->channel);
}

static int on_reload(void *userdata) {
        struct netd_main *m = userdata;
        int r = netd_reload(&m->netd);
        if (r < 0)
                log_error(_("Cannot load the network rules: %s"), strerror(-r));
        else
                log_info(_("The network rules are loaded."));
        return r;
}

/* A pipe would keep us waiting, and bytes that change might be others when they are read again. */
static bool is_sealed(int fd) {
        const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
        int r = fcntl(fd, F_GET_SEALS);
        return r >= 0 && (r & seals) == seals;
}

static int read_sealed(int fd, struct policy **ret) {
        struct stat st;
        if (!is_sealed(fd) || fstat(fd, &st) < 0 || st.st_size > POLICY_MAX)
                return -EBADF;
        size_t size = (size_t) st.st_size;
        CLEANUP(free_p) char *text = malloc(size + 1);
        if (!text)
                return -ENOMEM;
        for (size_t at = 0; at < size;) {
                ssize_t n = pread(fd, text + at, size - at, (off_t) at);
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                at += (size_t) n;
        }
        CLEANUP(problems_p) struct problems problems = { 0 };
        int r = policy_parse(text, size, &problems, ret);
        return r > 0 ? -EINVAL : r;
}

static int on_try(int fd, void *userdata) {
        struct netd_main *m = userdata;
        struct policy *policy = NULL;
        int r = read_sealed(fd, &policy);
        if (r == 0)
                r = netd_try(&m->netd, policy);
        (void) policy_free(policy);
        if (r < 0)
                log_error(_("The network rules of a policy that arrived could not be loaded: %s"), strerror(-r));
        return r;
}

static void on_state(void *userdata, struct network_message *ret) {
        const struct netd_main *m = userdata;
        netd_state(&m->netd, ret);
}

/* Rules and interfaces; nothing else. */
static void drop_capabilities(void) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                log_warning(_("Cannot give up capabilities."));
        capng_select_t which =
                capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS;
        capng_clear(CAPNG_SELECT_BOTH);
        if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, CAP_NET_ADMIN, -1) != 0 ||
            capng_apply(which) != 0)
                log_warning(_("Cannot give up capabilities."));
}

/* The socket that the service manager kept for us; -1: none. Others that lie there are none of ours. */
static int kept_socket(void) {
        char **names = NULL;
        int kept = -1, n = sd_listen_fds_with_names(1, &names);
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;
                if (kept < 0 && strcmp(names[i], KEPT_NAME) == 0)
                        kept = fd;
                else
                        (void) close(fd);
                free(names[i]);
        }
        free(names);
        return kept;
}

static int take_lock(const struct root *root) {
        int r = root_mkdirs(root, "run/sekisho", 0755);
        CLEANUP(close_p) int fd = r < 0 ? r : root_openat(root, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
        if (fd < 0)
                return fd;
        return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : TAKE_FD(fd);
}

static int on_stop(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        (void) si;
        (void) userdata;
        return sd_event_exit(sd_event_source_get_event(s), 0);
}

static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        (void) s;
        (void) si;
        (void) on_reload(userdata);
        return 0;
}

/* Often enough for the watchdog (WatchdogSec=), so that nothing else wakes us. */
static int on_tick(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) usec;
        (void) sd_notify(0, "WATCHDOG=1");
        netd_resync(userdata);
        int r = sd_event_source_set_time_relative(s, TICK_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static int add_sources(sd_event *event, struct netd_main *m) {
        int r = sd_event_add_signal(event, NULL, SIGTERM, on_stop, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, on_stop, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGHUP, on_hangup, m);
        if (r >= 0)
                r = sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, TICK_USEC, 0, on_tick, &m->netd);
        return r;
}

/* While we may. */
static void open_families(struct netd_main *m) {
        char detail[64];
        int r = families_open(&m->root, &m->families);
        (void) snprintf(detail, sizeof detail, "AF_XDP: %s", r < 0 ? strerrorname_np(-r) : "");
        if (r > 0)
                log_info(_("This kernel has no BPF-LSM: AF_XDP sockets of root are not refused."));
        else if (r < 0)
                on_trouble("interface-not-held", detail, m);
}

static int guard(struct netd_main *m, const struct netd_env *env) {
        CLEANUP(close_p) int lock = take_lock(&m->root);
        if (lock < 0) {
                log_error(_("Cannot lock /%s: %s"), LOCK_FILE, strerror(-lock));
                return lock;
        }
        const struct channel_env calls = { env->event, env->root, on_reload, on_try, on_state, m };
        int r = channel_new(&calls, &m->channel);
        if (r >= 0)
                r = add_sources(env->event, m);
        open_families(m);
        drop_capabilities();
        if (r >= 0)
                r = netd_start(&m->netd, env, kept_socket());
        if (r < 0) {
                log_error(_("Cannot load the network rules: %s"), strerror(-r));
                if (!m->netd.rules.standing)
                        netd_shut_all(env);
        } else {
                (void) sd_notifyf(0, "READY=1\nSTATUS=%s", stance_name(m->netd.stance));
                log_notice("sekisho-netd: ready");
                r = sd_event_loop(env->event);
                (void) sd_notify(0, "STOPPING=1");
        }
        int left = netd_leave(env);
        if (left < 0)
                log_error(_("Cannot leave a copy of the network rules: %s"), strerror(-left));
        netd_stop(&m->netd);
        families_close(&m->families);
        m->channel = channel_free(m->channel);
        return r < 0 ? r : left;
}

static int run(const struct options *o) {
        struct netd_main m = { .root = { .fd = -1 }, .policy = o->policy };
        CLEANUP(sd_event_unrefp) sd_event *event = NULL;
        int r = sd_event_new(&event);
        if (r >= 0)
                r = root_open(o->root, &m.root);
        if (r < 0) {
                log_error(_("Cannot open the root %s: %s"), o->root, strerror(-r));
                return r;
        }
        const struct netd_env env = { event, &m.root, &m.families, find_policy, &m, on_trouble, on_changed };
        r = o->verb == VERB_LEAVE ? netd_leave(&env) : o->verb == VERB_REMOVE ? netd_remove(&m.root) : guard(&m, &env);
        root_close(&m.root);
        return r;
}

int main(int argc, char **argv) {
        (void) setlocale(LC_ALL, "");
        (void) bindtextdomain("sekisho", SEKISHO_LOCALEDIR);
        struct options o;
        int r = parse_options(argc, argv, &o);
        if (r != 0)
                return r < 0 ? 2 : 0;
        if (o.verb == VERB_PRINT || o.verb == VERB_CHECK)
                return print_or_check(&o);

        sigset_t set;
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        (void) sigaddset(&set, SIGHUP);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        return run(&o) < 0 ? 1 : 0;
}
