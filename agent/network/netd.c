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
#include "put_down.h"

#define STATE_DIRECTORY "var/lib/sekisho/network"
#define STATE_FILE      "stance" /* what held last: "enforce", "observe" */
#define LOOK_USEC       UINT64_C(50000)
#define REFUSED_OFTEN   8u /* whoever turns an interface on again and again is answered by the slow tick */

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
        if (!n->policy)
                return false; /* nobody knows which: nothing gets out of any */
        const struct strings *list = &n->policy->network.interfaces_allow;
        if (n->stance == STANCE_OBSERVE && list->n == 0)
                return l->type == ARPHRD_ETHER && !l->virtual;
        return link_is_listed(l, list);
}

static void not_held(struct netd *n, const struct link *l, int error) {
        char detail[64];
        (void) snprintf(detail, sizeof detail, "%s: %s", l->name, strerrorname_np(-error));
        trouble(n, "interface-not-held", detail);
}

static void hold(struct netd *n, const struct link *l, enum attachment how) {
        struct attached a = { .index = l->index, .how = how };
        (void) snprintf(a.name, sizeof a.name, "%s", l->name);
        if (l->type == ARPHRD_ETHER)
                a.mac = l->address;
        int r = kernel_rules_attach(&n->rules, &a);
        if (r < 0 && r != -ENODEV && r != -ENOENT) /* it went meanwhile; that comes as news of its own */
                not_held(n, l, r);
}

static void put_down(struct netd *n, struct link *l) {
        int r = link_set(&n->links, l->index, false);
        if (r < 0 && r != -ENODEV)
                not_held(n, l, r);
        else if (l->refused++ == 0)
                trouble(n, "interface-refused", l->name);
        if (!l->put_down && r >= 0) {
                l->put_down = true;
                (void) put_down_save(n->env.root, &n->links); /* best effort: it is only for giving back */
        }
}

/* As it was before us. */
static void give_back(struct netd *n, struct link *l) {
        if (l->put_down && link_set(&n->links, l->index, true) >= 0) {
                l->put_down = false;
                (void) put_down_save(n->env.root, &n->links);
        }
}

static void look_at(struct netd *n, struct link *l, bool again) {
        bool enforce = n->stance == STANCE_ENFORCE || n->stance == STANCE_CLOSED;
        if (l->flags & IFF_LOOPBACK || !n->rules.standing)
                return;
        if (is_listed(n, l)) {
                hold(n, l, enforce ? ATTACHED_GUARDED : ATTACHED_OBSERVED);
                give_back(n, l);
        } else if (enforce) {
                hold(n, l, ATTACHED_REFUSED);
                /* Before the policy is known it would be the listed ones, too. */
                if (n->stance == STANCE_ENFORCE && l->flags & IFF_UP && (again || l->refused < REFUSED_OFTEN))
                        put_down(n, l);
        } else {
                (void) kernel_rules_detach(&n->rules, l->index);
                give_back(n, l);
        }
}

static void look_at_links(struct netd *n) {
        if (links_read(&n->links) < 0)
                trouble(n, "network-events-lost", "links");
        for (size_t i = 0; i < n->links.n; i++)
                look_at(n, &n->links.list[i], true);
}

/* ---- neighbours ---- */

static bool carries(unsigned index, void *userdata) {
        const struct netd *n = userdata;
        const struct attached *a = kernel_rules_attached(&n->rules, index);
        return a && a->how == ATTACHED_GUARDED;
}

static void pin_neighbours(struct netd *n) {
        const struct network_policy *p = n->stance == STANCE_ENFORCE && n->policy ? &n->policy->network : NULL;
        int r = n->neighbours.requests ? neighbours_apply(&n->neighbours, p, carries, n) : 0;
        if (r < 0)
                trouble(n, "interface-not-held", strerrorname_np(-r));
}

static int on_pin(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) s;
        (void) usec;
        pin_neighbours(userdata);
        return 0;
}

static void pin_soon(struct netd *n) {
        if (!n->pin)
                return;
        (void) sd_event_source_set_time_relative(n->pin, LOOK_USEC);
        (void) sd_event_source_set_enabled(n->pin, SD_EVENT_ONESHOT);
}

static int on_neighbour_event(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct netd *n = userdata;
        (void) s;
        (void) fd;
        (void) revents;
        if (neighbours_process(&n->neighbours) != 0)
                pin_soon(n);
        return 0;
}

static int watch_neighbours(struct netd *n) {
        int r = neighbours_open(&n->neighbours);
        if (r >= 0)
                r = sd_event_add_io(n->env.event, &n->neighbour_events, neighbours_fd(&n->neighbours), EPOLLIN,
                                    on_neighbour_event, n);
        if (r >= 0)
                r = sd_event_add_time_relative(n->env.event, &n->pin, CLOCK_MONOTONIC, LOOK_USEC, 0, on_pin, n);
        return r;
}

/* ---- radios, modules ---- */

static bool is_wireless(const struct netd *n, const struct link *l) {
        char path[64];
        (void) snprintf(path, sizeof path, "sys/class/net/%s/phy80211", l->name);
        CLEANUP(close_p) int fd = root_openat(n->env.root, path, O_PATH, 0);
        return fd >= 0;
}

static bool lists_wireless(const struct netd *n) {
        for (size_t i = 0; i < n->links.n; i++)
                if (is_listed(n, &n->links.list[i]) && is_wireless(n, &n->links.list[i]))
                        return true;
        return false;
}

/* Its modules have to be there before it can be; by a MAC address alone nobody knows what it will be. */
static bool names_wireless(const struct netd *n) {
        const struct strings *list = &n->policy->network.interfaces_allow;
        for (uint32_t i = 0; i < list->n; i++)
                if (strncmp(list->list[i], "wl", 2) == 0)
                        return true;
        return false;
}

static void hold_radios(struct netd *n) {
        struct radios_held h = { .held = n->stance == STANCE_ENFORCE, .wireless = lists_wireless(n) };
        int r = 0, e = 0;
        if (h.held) {
                r = radios_block(&n->radios, n->env.root, h.wireless);
                if (h.wireless && n->radios_held.held && !n->radios_held.wireless)
                        r = radios_let_wireless(&n->radios, n->env.root);
                e = modules_keep_out(n->env.root, h.wireless || names_wireless(n));
        } else if (n->stance != STANCE_CLOSED) {
                r = radios_release(&n->radios, n->env.root);
                e = modules_let_in(n->env.root);
        }
        n->radios_held = h;
        if (r < 0 || e < 0)
                trouble(n, "interface-not-held", r < 0 ? "radios" : "modules");
}

static void look_at_radios(struct netd *n) {
        if (n->radios_held.held && n->radios_held.wireless != lists_wireless(n))
                hold_radios(n);
}

static void on_link(struct link *l, bool gone, void *userdata) {
        struct netd *n = userdata;
        if (gone)
                (void) kernel_rules_detach(&n->rules, l->index);
        else
                look_at(n, l, false);
        look_at_radios(n);
        pin_soon(n);
        n->env.changed(n->env.userdata);
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

/* Closed from power-on, too. */
static void hold_families(const struct netd *n) {
        if (n->env.families)
                families_refuse(n->env.families, n->stance == STANCE_ENFORCE || n->stance == STANCE_CLOSED);
}

static int on_radio_event(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct netd *n = userdata;
        (void) s;
        (void) fd;
        (void) revents;
        if (radios_process(&n->radios, lists_wireless(n)) && n->stance == STANCE_ENFORCE) {
                trouble(n, "interface-refused", "radio");
                hold_radios(n);
        }
        return 0;
}

/* A machine without radios has no such device. */
static int watch_radios(struct netd *n) {
        radios_open(&n->radios, n->env.root);
        (void) radios_process(&n->radios, false); /* what there is, told once to each who opens it */
        return radios_fd(&n->radios) < 0 ? 0
                                         : sd_event_add_io(n->env.event, &n->radio_events, radios_fd(&n->radios),
                                                           EPOLLIN, on_radio_event, n);
}

/* ---- the rules are still ours ---- */

struct first_difference {
        char text[200];
};

static void on_difference(char sign, const char *line, void *userdata) {
        struct first_difference *d = userdata;
        if (!*d->text)
                (void) snprintf(d->text, sizeof d->text, "%c %s", sign, line);
}

static void look_soon(struct netd *n) {
        int enabled = SD_EVENT_OFF;
        (void) sd_event_source_get_enabled(n->look, &enabled);
        if (enabled != SD_EVENT_OFF)
                return; /* it will be seen then */
        (void) sd_event_source_set_time_relative(n->look, LOOK_USEC);
        (void) sd_event_source_set_enabled(n->look, SD_EVENT_ONESHOT);
}

static void on_change(const struct change *c, void *userdata) {
        struct netd *n = userdata;
        n->suspect = *c;
        look_soon(n);
}

static void mend(struct netd *n, const struct first_difference *d) {
        char detail[200];
        int r = kernel_rules_rebuild(&n->rules, n->policy ? &n->policy->network : NULL);
        /* The kernel tells of a change at its end, when it can long be seen; ours has waited for that. */
        (void) changes_process(n->changes, on_change, n);
        const char *who = *n->suspect.program ? n->suspect.program : "somebody";
        (void) snprintf(detail, sizeof detail, "%s%s: %.140s", r < 0 ? "not mended, " : "", who, d->text);
        trouble(n, "network-tampered", detail);
        if (r >= 0)
                look_soon(n); /* somebody may have been at it again meanwhile */
}

/* Anything at all that happened to any rule changes a number; it is looked at closely only then. */
static void verify(struct netd *n) {
        uint32_t number = 0;
        struct first_difference d = { .text = "" };
        if (!n->rules.standing || kernel_change_number(&number) < 0 || number == n->verified_number)
                return;
        int r = kernel_rules_verify(&n->rules, n->policy ? &n->policy->network : NULL, on_difference, &d);
        if (r > 0)
                mend(n, &d);
        if (r >= 0)
                n->verified_number = number;
        n->suspect = (struct change){ .pid = 0 };
}

static int on_look(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) s;
        (void) usec;
        verify(userdata);
        return 0;
}

static int on_change_event(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct netd *n = userdata;
        (void) s;
        (void) fd;
        (void) revents;
        if (changes_process(n->changes, on_change, n) < 0)
                on_change(&(struct change){ .pid = 0 }, n);
        return 0;
}

static int watch_changes(struct netd *n) {
        int r = changes_open(&n->changes);
        if (r >= 0)
                r = sd_event_add_io(n->env.event, &n->change_events, mnl_socket_get_fd(n->changes), EPOLLIN,
                                    on_change_event, n);
        if (r >= 0)
                r = sd_event_add_time_relative(n->env.event, &n->look, CLOCK_MONOTONIC, LOOK_USEC, 0, on_look, n);
        return r;
}

void netd_resync(struct netd *n) {
        look_at_links(n);
        pin_neighbours(n);
        if (n->pin) /* what the look at the links put in its place has been done */
                (void) sd_event_source_set_enabled(n->pin, SD_EVENT_OFF);
        verify(n);
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
        look_at_links(n);
        pin_neighbours(n);
        if (n->rules.owned) {
                hold_radios(n);
                hold_families(n);
        }
        n->env.changed(n->env.userdata);
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

int netd_try(struct netd *n, const struct policy *p) {
        return kernel_rules_try(&n->rules, &p->network);
}

static void on_any_link(struct link *l, bool gone, void *userdata) {
        (void) l;
        (void) gone;
        (void) userdata;
}

int netd_start(struct netd *n, const struct netd_env *env, int kept) {
        *n = (struct netd){ .env = *env, .stance = STANCE_NONE, .radios = { .fd = -1 } };
        int r = kernel_rules_open(&n->rules, NETWORK_TABLE, true, kept);
        if (r < 0)
                return r;
        if (kept < 0) {
                int fd = mnl_socket_get_fd(n->rules.socket);
                (void) sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=nftables", &fd, 1);
                (void) kernel_rules_remove(&n->rules, NETWORK_TABLE); /* of that name, but nobody's */
        } else {
                /* Of an earlier life, and perhaps of an earlier version, which made them otherwise. */
                (void) snprintf(n->suspect.program, sizeof n->suspect.program, "before the start");
        }
        if (was_enforcing(n) && n->rules.generation.generation == 0) {
                r = kernel_rules_stand(&n->rules);
                if (r < 0)
                        return r;
                n->stance = STANCE_CLOSED;
                hold_families(n);
        }
        r = watch_changes(n);
        if (r >= 0)
                r = watch_neighbours(n);
        if (r >= 0)
                r = watch_radios(n);
        if (r >= 0)
                r = links_open(&n->links, on_link, n);
        if (r >= 0)
                r = sd_event_add_io(env->event, &n->link_events, links_fd(&n->links), EPOLLIN, on_link_event, n);
        if (r < 0)
                return r;
        put_down_load(env->root, &n->links);
        return netd_reload(n);
}

void netd_shut_all(const struct netd_env *env) {
        struct netd n = { .env = *env };
        if (!was_enforcing(&n) || links_open(&n.links, on_any_link, NULL) < 0)
                return;
        put_down_load(env->root, &n.links);
        for (size_t i = 0; i < n.links.n; i++) {
                struct link *l = &n.links.list[i];
                if (!(l->flags & IFF_LOOPBACK) && l->flags & IFF_UP && link_set(&n.links, l->index, false) >= 0)
                        l->put_down = true; /* given back when there are rules */
        }
        (void) put_down_save(env->root, &n.links);
        links_close(&n.links);
}

void netd_state(const struct netd *n, struct network_message *ret) {
        ret->serial = n->serial;
        (void) snprintf(ret->sha256, sizeof ret->sha256, "%s", n->sha256);
        (void) snprintf(ret->stance, sizeof ret->stance, "%s", stance_names[n->stance]);
        for (size_t i = 0; i < n->rules.n_attached; i++)
                ret->open += n->rules.attached[i].how != ATTACHED_REFUSED;
        for (size_t i = 0; i < n->links.n; i++)
                ret->down += n->stance == STANCE_ENFORCE && !(n->links.list[i].flags & (IFF_UP | IFF_LOOPBACK)) &&
                             !is_listed(n, &n->links.list[i]);
}

void netd_stop(struct netd *n) {
        (void) sd_event_source_disable_unref(n->link_events);
        (void) sd_event_source_disable_unref(n->change_events);
        (void) sd_event_source_disable_unref(n->look);
        (void) sd_event_source_disable_unref(n->neighbour_events);
        (void) sd_event_source_disable_unref(n->pin);
        nft_socket_p(&n->changes);
        (void) sd_event_source_disable_unref(n->radio_events);
        radios_close(&n->radios);
        neighbours_close(&n->neighbours);
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
        struct netd n = { .env = *env, .stance = STANCE_NONE, .radios = { .fd = -1 } };
        if (!was_enforcing(&n) || kernel_has_table(NETWORK_TABLE_LEFT))
                return 0;
        int r = make_copy(&n);
        netd_stop(&n);
        return r;
}

static void give_all_back(const struct root *root) {
        struct links l;
        struct radios radios;
        if (links_open(&l, on_any_link, NULL) < 0)
                return;
        put_down_load(root, &l);
        for (size_t i = 0; i < l.n; i++)
                if (l.list[i].put_down)
                        (void) link_set(&l, l.list[i].index, true);
        links_close(&l);
        radios_open(&radios, root);
        (void) modules_let_in(root);
        (void) radios_release(&radios, root);
        radios_close(&radios);
}

int netd_remove(const struct root *root) {
        struct kernel_rules k;
        give_all_back(root);
        int f = families_remove(root);
        int r = kernel_rules_open(&k, NETWORK_TABLE_LEFT, false, -1);
        if (r < 0)
                return r;
        r = kernel_rules_remove(&k, NETWORK_TABLE_LEFT);
        int e = kernel_rules_remove(&k, NETWORK_TABLE);
        kernel_rules_close(&k);
        return r < 0 ? r : e < 0 ? e : f;
}
