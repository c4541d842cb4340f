/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel holds of the network. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "inspect.h"
#include "network_faults.h"
#include "probe_files.h"
#include "talk.h"

#define FAULTS_MAX   12
#define ARP_LOOPBACK 772 /* ARPHRD_LOOPBACK */

struct faults {
        struct finding *f;
        int n;
};

static void hear_fault(enum network_fault fault, const char *detail, void *userdata) {
        struct faults *a = userdata;
        if (a->n++ < FAULTS_MAX)
                say(a->f, FIT_NO, "%s%s%s", network_fault_text(fault), *detail ? ": " : "", detail);
}

void probe_rules_loaded(const struct inspection *n, struct finding *f) {
        const char *source = talk_string(json_object_get(n->status, "policy"), "source");
        struct faults a = { .f = f };
        if (!n->policy) {
                say(f, FIT_UNKNOWN, _("The policy in force cannot be read."));
                return;
        }
        if (n->policy->network.mode == MODE_OBSERVE)
                say(f, FIT_NO, _("The policy only observes the network."));
        if (!n->root->is_machine) {
                say(f, FIT_UNKNOWN, _("The rules of another root cannot be seen."));
                return;
        }
        if (strcmp(source, "default") == 0 || strcmp(source, "built-in") == 0) {
                say(f, FIT_NO, _("No policy was installed on this terminal, so its network is not guarded."));
                return;
        }
        int r = network_check(&n->policy->network, hear_fault, &a);
        if (r < 0)
                say(f, FIT_UNKNOWN, _("The rules that are loaded cannot be read: %s."), strerror(-r));
        else if (r > FAULTS_MAX)
                note(f, _("and %d more: sekishoctl network check"), r - FAULTS_MAX);
        else if (r == 0)
                say(f, FIT_YES, _("What is loaded is what the policy says."));
}

/* ---- interfaces ---- */

struct interfaces {
        const struct inspection *n;
        struct finding *f;
        unsigned seen, down;
        bool wireless_listed;
};

static bool is_listed(const struct interfaces *s, const char *name, const char *mac) {
        const struct strings *list = &s->n->policy->network.interfaces_allow;
        for (uint32_t i = 0; i < list->n; i++)
                if (strcmp(list->list[i], name) == 0 ||
                    (strncmp(list->list[i], "mac:", 4) == 0 && *mac && strcasecmp(list->list[i] + 4, mac) == 0))
                        return true;
        return false;
}

static int look_interface(const char *name, void *userdata) {
        struct interfaces *s = userdata;
        char path[PROBE_LINE], flags[PROBE_LINE], type[PROBE_LINE], mac[PROBE_LINE];
        (void) snprintf(path, sizeof path, "sys/class/net/%.64s/type", name);
        if (look_line(s->n->root, path, type) < 0 || strtol(type, NULL, 10) == ARP_LOOPBACK)
                return 0; /* bonding_masters is a file, not an interface */
        (void) snprintf(path, sizeof path, "sys/class/net/%.64s/address", name);
        (void) look_line(s->n->root, path, mac);
        (void) snprintf(path, sizeof path, "sys/class/net/%.64s/flags", name);
        s->seen++;
        if (look_line(s->n->root, path, flags) < 0) {
                say(s->f, FIT_UNKNOWN, _("%s: its state cannot be read"), name);
                return 0;
        }
        bool up = strtoul(flags, NULL, 16) & IFF_UP, listed = is_listed(s, name, mac);
        (void) snprintf(path, sizeof path, "sys/class/net/%.64s/phy80211", name);
        s->wireless_listed = s->wireless_listed || (listed && look_there(s->n->root, path));
        if (up && !listed)
                say(s->f, FIT_NO, _("%s (%s) is up, and is not listed"), name, mac);
        s->down += !up;
        return 0;
}

static int look_radio(const char *name, void *userdata) {
        struct interfaces *s = userdata;
        char path[PROBE_LINE], soft[PROBE_LINE], hard[PROBE_LINE], type[PROBE_LINE];
        (void) snprintf(path, sizeof path, "sys/class/rfkill/%.64s/soft", name);
        int r = look_line(s->n->root, path, soft);
        (void) snprintf(path, sizeof path, "sys/class/rfkill/%.64s/hard", name);
        (void) look_line(s->n->root, path, hard);
        (void) snprintf(path, sizeof path, "sys/class/rfkill/%.64s/type", name);
        (void) look_line(s->n->root, path, type);
        bool wanted = s->wireless_listed && (strcmp(type, "wlan") == 0 || strcmp(type, "wwan") == 0);
        if (r < 0)
                say(s->f, FIT_UNKNOWN, _("%s: its state cannot be read"), name);
        else if (strcmp(soft, "1") != 0 && strcmp(hard, "1") != 0 && !wanted)
                say(s->f, FIT_NO, _("The radio %s (%s) is on"), name, type);
        return 0;
}

void probe_interfaces(const struct inspection *n, struct finding *f) {
        struct interfaces s = { .n = n, .f = f };
        if (!n->policy) {
                say(f, FIT_UNKNOWN, _("The policy in force cannot be read."));
                return;
        }
        int r = look_names(n->root, "sys/class/net", look_interface, &s);
        if (r < 0) {
                say(f, FIT_UNKNOWN, _("%s cannot be read: %s"), "/sys/class/net", strerror(-r));
                return;
        }
        (void) look_names(n->root, "sys/class/rfkill", look_radio, &s);
        if (!f->said)
                say(f, FIT_YES, _("Interfaces: %u, of them off: %u; those that are on are listed"), s.seen, s.down);
}

/* ---- what went, or tried to ---- */

void probe_paths(const struct inspection *n, struct finding *f) {
        const struct tally *t = &n->tally;
        if (!n->has_record)
                say(f, FIT_UNKNOWN, _("The record cannot be read."));
        else if (!n->status)
                say(f, FIT_UNKNOWN, _("The agent does not answer, so that nobody watches the network."));
        else if (inspection_attention(n, "netlog-unwatched") || look_service(n->root, "sekisho-netlogd.service") != 1)
                say(f, FIT_UNKNOWN, _("What the network rules hold back is not recorded at the moment."));
        else if (json_object_get(t->troubles, "netlog-unwatched"))
                say(f, FIT_UNKNOWN,
                    _("What the network rules hold back was not recorded all the time in the last %d days."),
                    INSPECT_DAYS);
        else if (t->more_troubles > 0)
                say(f, FIT_UNKNOWN, _("There was trouble of more kinds than are counted, perhaps with this too."));
        if (!n->policy)
                say(f, FIT_UNKNOWN, _("The policy in force cannot be read."));
        else if (n->policy->network.mode == MODE_OBSERVE)
                say(f, FIT_NO, _("The policy only observes the network."));
        if (t->observed_flows > 0)
                say(f, FIT_NO, _("Let through because the network was only observed, packets: %llu"),
                    (unsigned long long) t->observed_flows);
        if (!f->said)
                say(f, FIT_YES, _("Held back in the last %d days, packets: %llu"), INSPECT_DAYS,
                    (unsigned long long) t->blocked);
}
