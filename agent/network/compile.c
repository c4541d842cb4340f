/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "compile.h"

#include <errno.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>

#include "names.h"

#define TYPE_NFPROTO  2
#define TYPE_PROTOCOL 12

#define LOOPBACK      1 /* its index in every network namespace */
/* Behind whatever rewrites addresses (NAT, mangling): what is judged is what goes out. Connection tracking confirms
 * later still. */
#define HOST_PRIORITY 310
/* The last: of two chains with this one, the kernel puts the newer before the older. */
#define EGRESS_PRIORITY  INT32_MAX

#define ARP_FRAME_LENGTH (ETH_HLEN + 28u) /* for IPv4 over Ethernet (RFC 826), before the driver pads it */
#define LINK_PER_SECOND  50u              /* ARP and ND are as quiet as that, and as narrow */
#define LINK_BURST       100u

const uint32_t table_family[TABLES] = {
        [TABLE_INET] = NFPROTO_INET, [TABLE_ARP] = NFPROTO_ARP, [TABLE_NETDEV] = NFPROTO_NETDEV
};

const char *table_family_name(uint32_t family) {
        return family == NFPROTO_INET     ? "inet"
               : family == NFPROTO_ARP    ? "arp"
               : family == NFPROTO_NETDEV ? "netdev"
                                          : "?";
}

const struct door doors[] = {
        { TABLE_INET, "output", NFPROTO_IPV4, "output4" },
        { TABLE_INET, "output", NFPROTO_IPV6, "output6" },
        { TABLE_INET, "input", NFPROTO_IPV4, "input4" },
        { TABLE_INET, "input", NFPROTO_IPV6, "input6" },
        { TABLE_INET, "forward", NFPROTO_IPV4, "refuse-forward4" },
        { TABLE_INET, "forward", NFPROTO_IPV6, "refuse-forward6" },
        { TABLE_ARP, "output", NFPROTO_ARP, "output" },
        { TABLE_NETDEV, "egress", NFPROTO_NETDEV, "egress" },
        { 0, NULL, 0, NULL },
};

/* ---- what stands ---- */

static void standing_chain(struct ruleset *rs, const char *name, uint32_t loopback_key, const char *door) {
        if (loopback_key) {
                rule_begin(rs, name);
                load_meta(rs, loopback_key);
                match_32(rs, NFT_CMP_EQ, LOOPBACK);
                verdict(rs, NF_ACCEPT, NULL);
                rule_end(rs);
        }
        rule_begin(rs, name);
        load_meta(rs, NFT_META_NFPROTO);
        verdict_map(rs, door);
        rule_end(rs);

        rule_begin(rs, name);
        count_in(rs, "closed");
        verdict(rs, NF_DROP, NULL);
        rule_end(rs);
}

void compile_standing(struct ruleset *rs) {
        static const struct set_type door = { TYPE_NFPROTO, 1, 0, true, 0, false };
        static const struct {
                int table;
                const char *name;
                uint32_t hook, loopback_key; /* of the chain; 0: not asked */
                bool has_chain;              /* egress has one for each interface */
        } hooks[] = {
                { TABLE_INET, "output", NF_INET_LOCAL_OUT, NFT_META_OIF, true },
                { TABLE_INET, "input", NF_INET_LOCAL_IN, NFT_META_IIF, true },
                { TABLE_INET, "forward", NF_INET_FORWARD, 0, true },
                { TABLE_ARP, "output", NF_ARP_OUT, 0, true },
                { TABLE_NETDEV, "egress", NF_NETDEV_EGRESS, 0, false },
        };
        static const struct {
                int table;
                const char *name;
        } counters[] = {
                { TABLE_INET, "refused-out" },   { TABLE_INET, "refused-in" }, { TABLE_INET, "refused-forward" },
                { TABLE_INET, "closed" },        { TABLE_ARP, "refused-out" }, { TABLE_ARP, "closed" },
                { TABLE_NETDEV, "refused-out" }, { TABLE_NETDEV, "closed" },
        };
        const struct set_type interfaces = INTERFACES_SET_TYPE;

        for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
                rs->family = table_family[counters[i].table];
                ruleset_counter(rs, counters[i].name);
        }
        for (int t = TABLE_INET; t <= TABLE_ARP; t++) {
                rs->family = table_family[t];
                (void) ruleset_set(rs, NETWORK_SET_INTERFACES, &interfaces);
        }
        for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
                rs->family = table_family[hooks[i].table];
                (void) ruleset_set(rs, hooks[i].name, &door);
                if (!hooks[i].has_chain)
                        continue;
                ruleset_base_chain(rs, hooks[i].name, hooks[i].hook, HOST_PRIORITY, NULL);
                standing_chain(rs, hooks[i].name, hooks[i].loopback_key, hooks[i].name);
        }
}

/* A frame under another address than the interface's, or an ARP message about another, is not this machine's. */
static void own_address(struct ruleset *rs, const char *chain, const struct mac *mac) {
        static const uint8_t arp_type[2] = { ETH_P_ARP >> 8, ETH_P_ARP & 0xff };
        for (int arp = 0; arp < 2; arp++) {
                rule_begin(rs, chain);
                if (arp) {
                        load_payload(rs, NFT_PAYLOAD_LL_HEADER, ETHER_TYPE, 2);
                        match(rs, NFT_CMP_EQ, arp_type, sizeof arp_type);
                        load_payload(rs, NFT_PAYLOAD_NETWORK_HEADER, ARP_SENDER, sizeof *mac);
                } else {
                        load_payload(rs, NFT_PAYLOAD_LL_HEADER, ETHER_SOURCE, sizeof *mac);
                }
                match(rs, NFT_CMP_NEQ, mac, sizeof *mac);
                count_in(rs, "refused-out");
                log_to(rs, NETWORK_LOG_PREFIX "egress out block");
                verdict(rs, NF_DROP, NULL);
                rule_end(rs);
        }
}

void compile_interface(struct ruleset *rs, const struct attached *a) {
        static const struct mac none;
        char chain[NAME_SIZE];
        (void) snprintf(chain, sizeof chain, "egress-%u", a->index);
        rs->family = NFPROTO_NETDEV;
        ruleset_base_chain(rs, chain, NF_NETDEV_EGRESS, EGRESS_PRIORITY, a->name);
        if (a->how == ATTACHED_REFUSED) {
                rule_begin(rs, chain);
                count_in(rs, "refused-out");
                log_to(rs, NETWORK_LOG_PREFIX "egress out block");
                verdict(rs, NF_DROP, NULL);
                rule_end(rs);
                return;
        }
        if (a->how == ATTACHED_GUARDED && memcmp(&a->mac, &none, sizeof none) != 0)
                own_address(rs, chain, &a->mac);
        standing_chain(rs, chain, 0, "egress");
}

/* ---- a generation ---- */

static void go_to(const struct compilation *c, const char *chain) {
        char name[NAME_SIZE];
        verdict(c->rs, NFT_GOTO, ruleset_name(c->rs, chain, name));
        rule_end(c->rs);
}

static void refuse_the_rest(const struct compilation *c, const char *chain, const char *refusal) {
        rule_begin(c->rs, chain);
        go_to(c, refusal);
}

static void only_listed_interfaces(const struct compilation *c, const char *chain, uint32_t key, const char *refusal) {
        if (c->observe)
                return;
        rule_begin(c->rs, chain);
        load_meta(c->rs, key);
        match_set(c->rs, NETWORK_SET_INTERFACES, true);
        if (!c->everything) {
                go_to(c, refusal);
                return;
        }
        verdict(c->rs, NF_DROP, NULL); /* what is not listed is kept down, wherever else one may go */
        rule_end(c->rs);
}

/* Options can lead a packet elsewhere than its address says (source routing). */
static void no_options4(const struct compilation *c, const char *chain, const char *refusal) {
        rule_begin(c->rs, chain);
        load_payload(c->rs, NFT_PAYLOAD_NETWORK_HEADER, 0, 1);
        match_8(c->rs, NFT_CMP_NEQ, 0x45);
        go_to(c, refusal);
}

/* So can extension headers: after the header comes one of these, or it is refused. */
static void no_extensions6(const struct compilation *c, const char *chain, const char *refusal) {
        static const uint8_t allowed[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_ICMPV6, IPPROTO_FRAGMENT };
        static const struct set_type type = { TYPE_PROTOCOL, 1, NFT_SET_CONSTANT, false, 0, false };
        char base[NAME_SIZE], name[NAME_SIZE];
        (void) snprintf(base, sizeof base, "headers-%s", refusal);
        struct nftnl_set *set = ruleset_set(c->rs, ruleset_name(c->rs, base, name), &type);
        for (size_t i = 0; i < sizeof allowed; i++)
                ruleset_element(c->rs, set, &allowed[i], 1, 0, -1, NULL);
        rule_begin(c->rs, chain);
        load_payload(c->rs, NFT_PAYLOAD_NETWORK_HEADER, IPV6_NEXT_HEADER, 1);
        match_set(c->rs, name, true);
        go_to(c, refusal);
}

/* What a link needs: neighbours (RFC 4861), and the groups in which they are asked for (RFC 3810). As long as they are
 * by themselves, and as often. */
struct link_message {
        uint8_t type, hop_limit;
        uint16_t length_max; /* behind the IPv6 header */
        bool out, in;
};
static const struct link_message link_messages[] = {
        { ND_ROUTER_SOLICIT, 255, 24, true, false },    { ND_ROUTER_ADVERT, 255, 1280, false, true },
        { ND_NEIGHBOR_SOLICIT, 255, 40, true, true },   { ND_NEIGHBOR_ADVERT, 255, 40, true, true },
        { MLD_LISTENER_QUERY, 1, 1280, false, true },   { MLD_LISTENER_REPORT, 1, 32, true, false },
        { MLD_LISTENER_REDUCTION, 1, 32, true, false }, { 143 /* MLDv2 report */, 1, 256, true, false },
};

static void link_messages6(const struct compilation *c, const char *chain, bool inbound) {
        for (size_t i = 0; i < sizeof link_messages / sizeof *link_messages; i++) {
                const struct link_message *m = &link_messages[i];
                if (!(inbound ? m->in : m->out))
                        continue;
                rule_begin(c->rs, chain);
                load_meta(c->rs, NFT_META_L4PROTO);
                match_8(c->rs, NFT_CMP_EQ, IPPROTO_ICMPV6);
                load_payload(c->rs, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
                match_8(c->rs, NFT_CMP_EQ, m->type);
                load_payload(c->rs, NFT_PAYLOAD_NETWORK_HEADER, IPV6_HOP_LIMIT, 1);
                match_8(c->rs, NFT_CMP_EQ, m->hop_limit);
                load_payload(c->rs, NFT_PAYLOAD_NETWORK_HEADER, IPV6_LENGTH, 2);
                match_16(c->rs, NFT_CMP_LTE, m->length_max);
                if (!inbound)
                        match_limit(c->rs, LINK_PER_SECOND, LINK_BURST);
                verdict(c->rs, NF_ACCEPT, NULL);
                rule_end(c->rs);
        }
}

/* Errors about connections of ours ("fragmentation needed"); they only come in. */
static void related_errors(const struct compilation *c, const char *chain, int family) {
        static const uint8_t types4[] = { ICMP_DEST_UNREACH, ICMP_TIME_EXCEEDED, ICMP_PARAMETERPROB };
        static const uint8_t types6[] = { ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED,
                                          ICMP6_PARAM_PROB };
        const uint8_t *types = family == PLAN_IPV4 ? types4 : types6;
        size_t n = family == PLAN_IPV4 ? sizeof types4 : sizeof types6;
        const uint32_t related = 1u << (1 /* IP_CT_RELATED */ + 1);
        for (size_t i = 0; i < n && !c->observe; i++) {
                rule_begin(c->rs, chain);
                load_meta(c->rs, NFT_META_L4PROTO);
                match_8(c->rs, NFT_CMP_EQ, family == PLAN_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
                load_payload(c->rs, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
                match_8(c->rs, NFT_CMP_EQ, types[i]);
                load_ct(c->rs, NFT_CT_STATE);
                mask(c->rs, &related, sizeof related);
                match_32(c->rs, NFT_CMP_NEQ, 0);
                verdict(c->rs, NF_ACCEPT, NULL);
                rule_end(c->rs);
        }
}

static void lookups(const struct compilation *c, const char *chain, int family, uint32_t address) {
        for (int direction = 0; direction < PLAN_DIRECTIONS; direction++)
                compile_lookup(c, chain, direction, family, address);
}

static const char *begin_chain(const struct compilation *c, const char *base, char buffer[NAME_SIZE]) {
        ruleset_chain(c->rs, ruleset_name(c->rs, base, buffer));
        return buffer;
}

static void host_generation(const struct compilation *c) {
        static const struct refusal refusals[] = {
                { "refuse-out4", "refused-out", "inet out", PLAN_IPV4, IPV4_DESTINATION, false },
                { "refuse-out6", "refused-out", "inet out", PLAN_IPV6, IPV6_DESTINATION, false },
                { "refuse-in4", "refused-in", "inet in", PLAN_IPV4, IPV4_SOURCE, true },
                { "refuse-in6", "refused-in", "inet in", PLAN_IPV6, IPV6_SOURCE, true },
                { "refuse-forward4", "refused-forward", "inet forward", PLAN_IPV4, IPV4_DESTINATION, false },
                { "refuse-forward6", "refused-forward", "inet forward", PLAN_IPV6, IPV6_DESTINATION, false },
        };
        char chain[NAME_SIZE];
        for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
                compile_refusal(c, &refusals[i]);
        compile_services(c);

        (void) begin_chain(c, "output4", chain);
        only_listed_interfaces(c, chain, NFT_META_OIF, "refuse-out4");
        no_options4(c, chain, "refuse-out4");
        lookups(c, chain, PLAN_IPV4, IPV4_DESTINATION);
        refuse_the_rest(c, chain, "refuse-out4");

        (void) begin_chain(c, "output6", chain);
        only_listed_interfaces(c, chain, NFT_META_OIF, "refuse-out6");
        link_messages6(c, chain, false);
        no_extensions6(c, chain, "refuse-out6");
        lookups(c, chain, PLAN_IPV6, IPV6_DESTINATION);
        refuse_the_rest(c, chain, "refuse-out6");

        (void) begin_chain(c, "input4", chain);
        only_listed_interfaces(c, chain, NFT_META_IIF, "refuse-in4");
        lookups(c, chain, PLAN_IPV4, IPV4_SOURCE);
        related_errors(c, chain, PLAN_IPV4);
        refuse_the_rest(c, chain, "refuse-in4");

        (void) begin_chain(c, "input6", chain);
        only_listed_interfaces(c, chain, NFT_META_IIF, "refuse-in6");
        link_messages6(c, chain, true);
        lookups(c, chain, PLAN_IPV6, IPV6_SOURCE);
        related_errors(c, chain, PLAN_IPV6);
        refuse_the_rest(c, chain, "refuse-in6");
}

static void arp_generation(const struct compilation *c) {
        static const struct refusal refusal = { "refuse-out", "refused-out", "arp out", -1, 0, false };
        char chain[NAME_SIZE];
        compile_refusal(c, &refusal);
        (void) begin_chain(c, "output", chain);
        only_listed_interfaces(c, chain, NFT_META_OIF, "refuse-out");
        rule_begin(c->rs, chain);
        verdict(c->rs, NF_ACCEPT, NULL);
        rule_end(c->rs);
}

/* A request or an answer about an IPv4 address on Ethernet, not longer than it is, and not more often than needed. */
static void arp_frames(const struct compilation *c, const char *chain) {
        static const uint8_t kind[6] = { 0, ARPHRD_ETHER, ETH_P_IP >> 8, ETH_P_IP & 0xff, 6, 4 };
        rule_begin(c->rs, chain);
        load_meta(c->rs, NFT_META_LEN);
        match_32(c->rs, NFT_CMP_EQ, ARP_FRAME_LENGTH);
        load_payload(c->rs, NFT_PAYLOAD_NETWORK_HEADER, 0, sizeof kind);
        match(c->rs, NFT_CMP_EQ, kind, sizeof kind);
        load_payload(c->rs, NFT_PAYLOAD_NETWORK_HEADER, sizeof kind, 2);
        match_range_16(c->rs, ARPOP_REQUEST, ARPOP_REPLY);
        match_limit(c->rs, LINK_PER_SECOND, LINK_BURST);
        verdict(c->rs, NF_ACCEPT, NULL);
        rule_end(c->rs);
}

/* The frame's own type, and what the kernel takes it for: a tag that the network card would add is seen in the first.
 */
static void by_type(const struct compilation *c, const char *chain, uint16_t type, const char *target) {
        rule_begin(c->rs, chain);
        load_payload(c->rs, NFT_PAYLOAD_LL_HEADER, ETHER_TYPE, 2);
        match_16(c->rs, NFT_CMP_EQ, type);
        load_meta(c->rs, NFT_META_PROTOCOL);
        match_16(c->rs, NFT_CMP_EQ, type);
        go_to(c, target);
}

static void egress_generation(const struct compilation *c) {
        static const struct refusal refusals[] = {
                { "refuse-out", "refused-out", "egress out", -1, 0, false },
                { "refuse-out4", "refused-out", "egress out", PLAN_IPV4, IPV4_DESTINATION, false },
                { "refuse-out6", "refused-out", "egress out", PLAN_IPV6, IPV6_DESTINATION, false },
        };
        char chain[NAME_SIZE];
        for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
                compile_refusal(c, &refusals[i]);
        compile_services(c);

        (void) begin_chain(c, "egress4", chain);
        no_options4(c, chain, "refuse-out4");
        lookups(c, chain, PLAN_IPV4, IPV4_DESTINATION);
        refuse_the_rest(c, chain, "refuse-out4");

        (void) begin_chain(c, "egress6", chain);
        link_messages6(c, chain, false);
        no_extensions6(c, chain, "refuse-out6");
        lookups(c, chain, PLAN_IPV6, IPV6_DESTINATION);
        refuse_the_rest(c, chain, "refuse-out6");

        (void) begin_chain(c, "egress-arp", chain);
        arp_frames(c, chain);
        refuse_the_rest(c, chain, "refuse-out");

        (void) begin_chain(c, "egress", chain);
        by_type(c, chain, ETH_P_IP, "egress4");
        by_type(c, chain, ETH_P_IPV6, "egress6");
        by_type(c, chain, ETH_P_ARP, "egress-arp");
        refuse_the_rest(c, chain, "refuse-out");
}

void compile_generation(struct ruleset *rs, const struct network_policy *p) {
        static void (*const generations[TABLES])(const struct compilation *) = {
                [TABLE_INET] = host_generation, [TABLE_ARP] = arp_generation, [TABLE_NETDEV] = egress_generation
        };
        struct plan plan = { 0 };
        if (plan_make(p, &plan) < 0) {
                rs->error = -ENOMEM;
                return;
        }
        struct compilation c = { .rs = rs,
                                 .plan = &plan,
                                 .policy = p,
                                 .observe = p->mode == MODE_OBSERVE,
                                 .everything = p->default_action == ACTION_ALLOW };
        for (int t = 0; t < TABLES; t++) {
                rs->family = table_family[t];
                c.layer = t == TABLE_NETDEV ? LAYER_EGRESS : LAYER_HOST;
                generations[t](&c);
        }
        plan_clear(&plan);
}
