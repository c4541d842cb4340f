/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "names.h"

#define STATE_DIRECTORY "var/lib/sekisho/network"
#define STATE_FILE      "stance" /* what held last: "enforce", "observe" */
#define REFUSED_OFTEN   8u       /* whoever turns an interface on again and again is answered by the slow tick */

static const char *const stance_names[] = {
        [STANCE_NONE] = "none", [STANCE_CLOSED] = "closed", [STANCE_OBSERVE] = "observe", [STANCE_ENFORCE] = "enforce"
};

const char *stance_name(enum stance s) {
        return stance_names[s];
}

static void trouble(struct netd *n, const char *code, const char *detail) {
        n->env.trouble(code, detail, n->env.userdata);
}

/* ---- what held when the machine was on last ---- */

static bool was_enforcing(const struct netd *n) {
        char line[32];
        CLEANUP(close_p) int directory = root_openat(n->env.root, STATE_DIRECTORY, O_PATH | O_DIRECTORY, 0);
        return directory >= 0 && file_read_line_at(directory, STATE_FILE, line, sizeof line - 1) > 0 &&
               strcmp(line, stance_names[STANCE_ENFORCE]) == 0;
}

static int keep_stance(const struct netd *n, enum stance s) {
        char line[32];
        int r = root_mkdirs(n->env.root, STATE_DIRECTORY, 0750);
        CLEANUP(close_p)
        int directory = r < 0 ? r : root_openat(n->env.root, STATE_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        if (directory < 0)
                return directory;
        int size = snprintf(line, sizeof line, "%s\n", stance_names[s]);
        char before[32] = "";
        (void) file_read_line_at(directory, STATE_FILE, before, sizeof before - 1);
        return strncmp(before, line, (size_t) size - 1) == 0 && before[size - 1] == '\0'
                       ? 0
                       : file_replace_at(directory, STATE_FILE, line, (size_t) size, 0640);
}

/* ---- interfaces ---- */

static bool is_listed(const struct netd *n, const struct link *l) {
        if (n->stance == STANCE_CLOSED)
                return true; /* nobody knows which; nothing gets out of any */
        if (n->stance == STANCE_NONE || !n->policy)
                return false;
        if (n->stance == STANCE_OBSERVE && n->policy->network.interfaces_allow.n == 0)
                return l->type == ARPHRD_ETHER && !l->virtual;
        return link_is_listed(l, &n->policy->network.interfaces_allow);
}

static void attach(struct netd *n, const struct link *l) {
        const struct attached *a = kernel_rules_attached(&n->rules, l->index);
        if (a && strcmp(a->name, l->name) != 0) { /* it has another name now: the chain may have lost it */
                (void) kernel_rules_detach(&n->rules, l->index);
                a = NULL;
        }
        int r = a ? 0 : kernel_rules_attach(&n->rules, l->index, l->name);
        if (r < 0 && r != -ENODEV && r != -ENOENT) /* it went meanwhile; that comes as news of its own */
                trouble(n, "interface-not-guarded", l->name);
}

static void put_down(struct netd *n, struct link *l) {
        int r = link_set(&n->links, l->index, false);
        if (r < 0 && r != -ENODEV) {
                trouble(n, "interface-not-down", l->name);
                return;
        }
        if (l->refused++ == 0)
                trouble(n, "interface-refused", l->name);
        l->put_down = true;
}

static void look_at(struct netd *n, struct link *l, bool again) {
        if (l->flags & IFF_LOOPBACK)
                return;
        if (is_listed(n, l)) {
                attach(n, l);
                if (l->put_down && link_set(&n->links, l->index, true) == 0)
                        l->put_down = false;
                return;
        }
        if (n->stance == STANCE_ENFORCE) {
                if (l->flags & IFF_UP && (again || l->refused < REFUSED_OFTEN))
                        put_down(n, l);
        } else if (l->put_down && link_set(&n->links, l->index, true) == 0) {
                l->put_down = false; /* as it was before us */
        }
        (void) kernel_rules_detach(&n->rules, l->index);
}

static void on_link(struct link *l, bool gone, void *userdata) {
        struct netd *n = userdata;
        if (gone)
                (void) kernel_rules_detach(&n->rules, l->index);
        else
                look_at(n, l, false);
}

static int on_link_event(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct netd *n = userdata;
        (void) s;
        (void) fd;
        (void) revents;
        if (links_process(&n->links) < 0)
                trouble(n, "network-events-lost", "links");
        return 0;
}

void netd_resync(struct netd *n) {
        if (links_read(&n->links) < 0)
                trouble(n, "network-events-lost", "links");
        for (size_t i = 0; i < n->links.n; i++)
                look_at(n, &n->links.list[i], true);
}

/* ---- the policy ---- */

static enum stance stance_for(const struct netd *n, const struct netd_policy *p) {
        if (p->policy)
                return p->policy->network.mode == MODE_OBSERVE ? STANCE_OBSERVE : STANCE_ENFORCE;
        /* One was accepted, but cannot be believed: what was enforced stays shut, or as it is while rules stand. */
        if (!p->nothing_accepted && was_enforcing(n))
                return n->stance == STANCE_ENFORCE ? STANCE_ENFORCE : STANCE_CLOSED;
        return STANCE_NONE;
}

/* Rules first, then what may use them. */
static int take_up(struct netd *n, enum stance stance, struct netd_policy *p) {
        int r = 0;
        if (p->policy)
                r = kernel_rules_load(&n->rules, &p->policy->network);
        else if (stance == STANCE_CLOSED)
                r = kernel_rules_shut(&n->rules);
        else if (stance == STANCE_NONE)
                r = kernel_rules_remove(&n->rules, NETWORK_TABLE);
        if (r < 0)
                return r;
        n->stance = stance;
        (void) policy_free(n->policy);
        n->policy = TAKE_PTR(p->policy);
        n->serial = p->serial;
        (void) snprintf(n->sha256, sizeof n->sha256, "%s", p->sha256);
        netd_resync(n);
        if (!n->rules.owned)
                return 0;
        if (stance == STANCE_ENFORCE || stance == STANCE_OBSERVE)
                r = keep_stance(n, stance);
        if (r < 0)
                trouble(n, "network-state-not-kept", strerrorname_np(-r));
        /* What an earlier stop left behind has done its work. */
        return stance == STANCE_NONE ? 0 : kernel_rules_remove(&n->rules, NETWORK_TABLE_LEFT);
}

int netd_reload(struct netd *n) {
        struct netd_policy p = { 0 };
        int r = n->env.find_policy(n->env.userdata, &p);
        if (r < 0)
                return r;
        enum stance stance = stance_for(n, &p);
        if (p.policy || stance != STANCE_ENFORCE) /* else the last rules stay */
                r = take_up(n, stance, &p);
        (void) policy_free(p.policy);
        return r;
}

int netd_start(struct netd *n, const struct netd_env *env, int kept) {
        *n = (struct netd){ .env = *env, .stance = STANCE_NONE };
        int r = kernel_rules_open(&n->rules, NETWORK_TABLE, true, kept);
        if (r < 0)
                return r;
        if (kept < 0) {
                int fd = mnl_socket_get_fd(n->rules.socket);
                (void) sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=nftables", &fd, 1);
                (void) kernel_rules_remove(&n->rules, NETWORK_TABLE); /* of that name, but nobody's */
        }
        if (was_enforcing(n) && n->rules.generation.generation == 0) {
                r = kernel_rules_stand(&n->rules);
                if (r < 0)
                        return r;
                n->stance = STANCE_CLOSED;
        }
        r = links_open(&n->links, on_link, n);
        if (r >= 0)
                r = sd_event_add_io(env->event, &n->link_events, links_fd(&n->links), EPOLLIN, on_link_event, n);
        return r < 0 ? r : netd_reload(n);
}

void netd_stop(struct netd *n) {
        (void) sd_event_source_disable_unref(n->link_events);
        links_close(&n->links);
        kernel_rules_close(&n->rules);
        (void) policy_free(n->policy);
}

/* ---- what stays, and what goes ---- */

static int make_copy(struct netd *n) {
        int r = kernel_rules_open(&n->rules, NETWORK_TABLE_LEFT, false, -1);
        if (r == 0)
                r = links_open(&n->links, on_link, n);
        if (r < 0)
                return r;
        r = netd_reload(n);
        return r < 0 || n->stance != STANCE_CLOSED ? r : kernel_rules_stand(&n->rules);
}

int netd_leave(const struct netd_env *env) {
        struct netd n = { .env = *env, .stance = STANCE_NONE };
        if (!was_enforcing(&n) || kernel_has_table(NETWORK_TABLE_LEFT))
                return 0;
        int r = make_copy(&n);
        netd_stop(&n);
        return r;
}

int netd_remove(void) {
        struct kernel_rules k;
        int r = kernel_rules_open(&k, NETWORK_TABLE_LEFT, false, -1);
        if (r < 0)
                return r;
        r = kernel_rules_remove(&k, NETWORK_TABLE_LEFT);
        int e = kernel_rules_remove(&k, NETWORK_TABLE);
        kernel_rules_close(&k);
        return r < 0 ? r : e;
}
