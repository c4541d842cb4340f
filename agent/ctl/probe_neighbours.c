/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether next hops have the MAC addresses that the policy lists: those of the kernel, now. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "inspect.h"
#include "network/neighbours.h"
#include "probe_files.h"

#define NAMED_MAX 12u /* of each kind */
#define ARP_MAX   1024u

struct comparing {
        struct finding *f;
        unsigned fits, wrong, left_out;
};

static const char *address_text(const struct prefix *p, char ret[static INET6_ADDRSTRLEN]) {
        return inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->address, ret, INET6_ADDRSTRLEN) ? ret : "?";
}

static void say_wrong(struct comparing *c, const struct neighbour_judgement *j) {
        const uint8_t *o = j->mac.octets;
        char hop[INET6_ADDRSTRLEN], mac[18];
        (void) snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", o[0], o[1], o[2], o[3], o[4], o[5]);
        if (c->wrong++ < NAMED_MAX)
                say(c->f, FIT_NO, _("%s is reached at %s, which rule %s does not list"), address_text(&j->hop, hop),
                    mac, j->rule->id);
}

/* Why it cannot be compared. The rules that are loaded hold each frame to the addresses all the same. */
static void note_left_out(struct comparing *c, const struct neighbour_judgement *j) {
        char to[INET6_ADDRSTRLEN + 4], address[INET6_ADDRSTRLEN];
        const char *why = j->verdict == NEIGHBOUR_MANY
                                  ? _("several hosts on the wire, each with a MAC address of its own")
                          : j->verdict == NEIGHBOUR_NO_ROUTE ? _("no one route leads there")
                          : j->verdict == NEIGHBOUR_GROUP    ? _("a group or broadcast is nobody's address")
                                                             : _("the kernel knows no MAC address of it at the moment");
        (void) snprintf(to, sizeof to, "%s/%u", address_text(j->to, address), j->to->length);
        if (c->left_out++ < NAMED_MAX)
                note(c->f, _("Rule %s, %s: cannot be compared: %s"), j->rule->id, to, why);
}

static void hear(const struct neighbour_judgement *j, void *userdata) {
        struct comparing *c = userdata;
        if (j->verdict == NEIGHBOUR_WRONG)
                say_wrong(c, j);
        else if (j->verdict == NEIGHBOUR_FITS)
                c->fits++;
        else
                note_left_out(c, j);
}

/* "10.20.0.1  0x1  0x6  52:54:00:00:00:01  *  eno1"; flag 2: complete. */
static int take_line(char *line, void *userdata) {
        struct neighbourhood *l = userdata;
        char address[40], flags[16], hardware[40];
        struct neighbour x = { .family = 4 };
        if (l->n_known < ARP_MAX && sscanf(line, "%39s %*s %15s %39s", address, flags, hardware) == 3 &&
            inet_pton(AF_INET, address, x.address) == 1 && (strtoul(flags, NULL, 16) & 2) &&
            facts_from_mac(hardware, &x.mac))
                l->known[l->n_known++] = x;
        return 0;
}

/* Of another root there is a table of IPv4 at most, and no route. 0 or -errno. */
static int look(const struct inspection *n, struct neighbourhood *ret) {
        if (n->root->is_machine)
                return neighbours_look(ret);
        *ret = (struct neighbourhood){ .known = calloc(ARP_MAX, sizeof *ret->known) };
        int r = ret->known ? look_lines(n->root, "proc/net/arp", take_line, ret) : -ENOMEM;
        if (r < 0)
                neighbours_forget(ret);
        return r;
}

static bool lists_any(const struct network_policy *p) {
        for (uint32_t i = 0; i < p->n_rules; i++)
                if (p->rules[i].n_next_hops > 0)
                        return true;
        return false;
}

void probe_next_hops(const struct inspection *n, struct finding *f) {
        struct comparing c = { .f = f };
        CLEANUP(neighbours_forget) struct neighbourhood around = { 0 };
        if (!n->policy) {
                say(f, FIT_UNKNOWN, _("The policy in force cannot be read."));
                return;
        }
        const struct network_policy *p = &n->policy->network;
        if (!lists_any(p)) {
                say(f, FIT_NONE, _("No rule lists a MAC address."));
                return;
        }
        int r = look(n, &around);
        if (r < 0) {
                say(f, FIT_UNKNOWN, _("The neighbours cannot be read: %s"), strerror(-r));
                return;
        }
        neighbours_judge(p, around.routes, around.n_routes, around.known, around.n_known, hear, &c);
        if (c.wrong == 0 && c.fits == 0)
                say(f, FIT_UNKNOWN, _("No next hop could be compared."));
        else if (c.wrong == 0)
                say(f, FIT_YES, _("Next hops that were compared: %u; each has a MAC address that the policy lists"),
                    c.fits);
        if (c.wrong > NAMED_MAX)
                note(f, _("and %u more that are wrong"), c.wrong - NAMED_MAX);
        if (c.left_out > NAMED_MAX)
                note(f, _("and %u more that cannot be compared"), c.left_out - NAMED_MAX);
}
