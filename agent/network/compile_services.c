/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>

#include "compile.h"

#define TYPE_IPADDR    7
#define TYPE_IP6ADDR   8
#define TYPE_ETHERADDR 9
#define TYPE_SERVICE   13

#define TCP_SYN        0x02u
#define TCP_ACK        0x10u

static const uint8_t protocol_number[PROTOCOL_MAX] = {
        [PROTOCOL_TCP] = IPPROTO_TCP,   [PROTOCOL_UDP] = IPPROTO_UDP,       [PROTOCOL_SCTP] = IPPROTO_SCTP,
        [PROTOCOL_ICMP] = IPPROTO_ICMP, [PROTOCOL_ICMPV6] = IPPROTO_ICMPV6,
};
/* What answers a ping; a terminal that may be asked answers with nothing else, seen from outside. */
static const uint8_t echo_reply[PROTOCOL_MAX] = { [PROTOCOL_ICMP] = 0, [PROTOCOL_ICMPV6] = 129 };

/* DHCP answers come from the server's port to the client's, before we have an address by which a connection could be
 * known. */
static const struct { uint16_t server, client; } dhcp[] = { { 67, 68 }, { 547, 546 } };

static const char *const direction_name[PLAN_DIRECTIONS] = { [PLAN_OUT] = "to", [PLAN_IN] = "from" };

const char *map_name(const struct ruleset *rs, int direction, int family, char buffer[static NAME_SIZE]) {
        char base[16];
        (void) snprintf(base, sizeof base, "%s%d", direction_name[direction], family == PLAN_IPV4 ? 4 : 6);
        return ruleset_name(rs, base, buffer);
}

/* "ports3.N", "to-service3.N" */
static const char *numbered(const struct ruleset *rs, const char *prefix, const char *what, uint32_t number,
                            char buffer[static NAME_SIZE]) {
        char base[40];
        (void) snprintf(base, sizeof base, "%s%s%u", prefix, what, number);
        return ruleset_name(rs, base, buffer);
}

/* ---- sets ---- */

/* [first, last] as the kernel's interval sets want it: where it begins, and where it no longer holds. */
static void port_elements(struct ruleset *rs, struct nftnl_set *set, const struct port_range *list, size_t n) {
        for (size_t i = 0; i < n; i++) {
                uint16_t first = htons(list[i].first), behind = htons((uint16_t) (list[i].last + 1u));
                ruleset_element(rs, set, &first, sizeof first, 0, -1, NULL);
                if (list[i].last < UINT16_MAX)
                        ruleset_element(rs, set, &behind, sizeof behind, NFT_SET_ELEM_INTERVAL_END, -1, NULL);
        }
}

static void port_sets(const struct compilation *c) {
        static const struct set_type type = { TYPE_SERVICE, 2, NFT_SET_INTERVAL | NFT_SET_CONSTANT, false, 0, false };
        char name[NAME_SIZE];
        for (uint32_t i = 0; i < c->plan->ports.n; i++) {
                const struct blob *b = &c->plan->ports.list[i];
                size_t n = b->size / sizeof(struct port_range);
                if (n > 1)
                        port_elements(c->rs, ruleset_set(c->rs, numbered(c->rs, "", "ports", i, name), &type), b->bytes,
                                      n);
        }
}

static void mac_sets(const struct compilation *c) {
        static const struct set_type type = { TYPE_ETHERADDR, 6, NFT_SET_CONSTANT, false, 0, false };
        char name[NAME_SIZE];
        for (uint32_t i = 0; i < c->plan->macs.n; i++) {
                const struct blob *b = &c->plan->macs.list[i];
                size_t n = b->size / sizeof(struct mac);
                if (n < 2)
                        continue;
                struct nftnl_set *set = ruleset_set(c->rs, numbered(c->rs, "", "macs", i, name), &type);
                for (size_t k = 0; k < n; k++)
                        ruleset_element(c->rs, set, &((const struct mac *) b->bytes)[k], 6, 0, -1, NULL);
        }
}

/* ---- one service ---- */

static void match_protocol(const struct compilation *c, enum protocol p) {
        load_meta(c->rs, NFT_META_L4PROTO);
        match_8(c->rs, NFT_CMP_EQ, protocol_number[p]);
}

static void match_ports(const struct compilation *c, const struct plan_service *s, uint32_t offset) {
        char name[NAME_SIZE];
        const struct blob *b = &c->plan->ports.list[s->ports];
        const struct port_range *list = b->bytes;
        size_t n = b->size / sizeof *list;
        if (n == 0)
                return;
        load_payload(c->rs, NFT_PAYLOAD_TRANSPORT_HEADER, offset, 2);
        if (n > 1)
                match_set(c->rs, numbered(c->rs, "", "ports", s->ports, name), false);
        else if (list->first == list->last)
                match_16(c->rs, NFT_CMP_EQ, list->first);
        else
                match_range_16(c->rs, list->first, list->last);
}

static void match_macs(const struct compilation *c, const struct plan_service *s, uint32_t offset) {
        char name[NAME_SIZE];
        const struct blob *b = &c->plan->macs.list[s->macs];
        size_t n = b->size / sizeof(struct mac);
        if (n == 0)
                return;
        load_payload(c->rs, NFT_PAYLOAD_LL_HEADER, offset, 6);
        if (n > 1)
                match_set(c->rs, numbered(c->rs, "", "macs", s->macs, name), false);
        else
                match(c->rs, NFT_CMP_EQ, b->bytes, 6);
}

static void accept_rule(struct ruleset *rs) {
        verdict(rs, NF_ACCEPT, NULL);
        rule_end(rs);
}

/* The way the rule speaks of: out to the peer's ports, or in to ours. key: NFT_META_OIF, NFT_META_IIF; 0 where a packet
 * has no such interface. */
static void host_request(const struct compilation *c, const char *chain, const struct plan_service *s, uint32_t key) {
        rule_begin(c->rs, chain);
        load_meta(c->rs, key);
        match_32(c->rs, NFT_CMP_NEQ, 0);
        match_protocol(c, s->protocol);
        match_ports(c, s, PORT_DESTINATION);
        if (key == NFT_META_IIF && c->plan->macs.list[s->macs].size > 0) {
                load_meta(c->rs, NFT_META_IIFTYPE);
                uint16_t ethernet = ARPHRD_ETHER;
                match(c->rs, NFT_CMP_EQ, &ethernet, sizeof ethernet);
                match_macs(c, s, ETHER_SOURCE);
        }
        accept_rule(c->rs);
}

/* The way back. That the connection is known does not suffice: the rule must still be there, or what was open when a
 * policy was tightened would stay open. */
static void host_answer(const struct compilation *c, const char *chain, const struct plan_service *s, uint32_t key) {
        static const uint8_t reply = IP_CT_DIR_REPLY;
        rule_begin(c->rs, chain);
        load_meta(c->rs, key);
        match_32(c->rs, NFT_CMP_NEQ, 0);
        match_protocol(c, s->protocol);
        match_ports(c, s, PORT_SOURCE);
        load_ct(c->rs, NFT_CT_DIRECTION);
        match(c->rs, NFT_CMP_EQ, &reply, sizeof reply);
        accept_rule(c->rs);
}

static bool has_port(const struct compilation *c, const struct plan_service *s, uint16_t port) {
        const struct blob *b = &c->plan->ports.list[s->ports];
        const struct port_range *list = b->bytes;
        for (size_t i = 0; i < b->size / sizeof *list; i++)
                if (list[i].first <= port && port <= list[i].last)
                        return true;
        return false;
}

static void host_dhcp(const struct compilation *c, const char *chain, const struct plan_service *s) {
        for (size_t i = 0; s->protocol == PROTOCOL_UDP && i < sizeof dhcp / sizeof *dhcp; i++) {
                if (!has_port(c, s, dhcp[i].server))
                        continue;
                rule_begin(c->rs, chain);
                load_meta(c->rs, NFT_META_IIF);
                match_32(c->rs, NFT_CMP_NEQ, 0);
                match_protocol(c, PROTOCOL_UDP);
                load_payload(c->rs, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_SOURCE, 2);
                match_16(c->rs, NFT_CMP_EQ, dhcp[i].server);
                load_payload(c->rs, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_DESTINATION, 2);
                match_16(c->rs, NFT_CMP_EQ, dhcp[i].client);
                accept_rule(c->rs);
        }
}

static void egress_request(const struct compilation *c, const char *chain, const struct plan_service *s) {
        rule_begin(c->rs, chain);
        match_protocol(c, s->protocol);
        match_ports(c, s, PORT_DESTINATION);
        match_macs(c, s, ETHER_DESTINATION);
        accept_rule(c->rs);
}

/* What a caller is answered; never the beginning of a connection. */
static void egress_answer(const struct compilation *c, const char *chain, const struct plan_service *s) {
        rule_begin(c->rs, chain);
        match_protocol(c, s->protocol);
        match_ports(c, s, PORT_SOURCE);
        if (s->protocol == PROTOCOL_TCP) {
                static const uint8_t syn_ack = TCP_SYN | TCP_ACK;
                load_payload(c->rs, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, 1);
                mask(c->rs, &syn_ack, 1);
                match_8(c->rs, NFT_CMP_NEQ, TCP_SYN);
        } else if (s->protocol == PROTOCOL_ICMP || s->protocol == PROTOCOL_ICMPV6) {
                load_payload(c->rs, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
                match_8(c->rs, NFT_CMP_EQ, echo_reply[s->protocol]);
        }
        match_macs(c, s, ETHER_DESTINATION);
        accept_rule(c->rs);
}

/* Later fragments have no ports; without their first one, which has, nobody puts them together. A packet was judged
 * whole in the host's layer. */
static void egress_fragments(const struct compilation *c, const char *chain, const struct plan_service *s) {
        static const uint8_t offset4[2] = { 0x1f, 0xff }, offset6[2] = { 0xff, 0xf8 };
        for (int family = 0; family < PLAN_FAMILIES; family++) {
                if (s->protocol == (family == PLAN_IPV4 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP))
                        continue;
                rule_begin(c->rs, chain);
                load_meta(c->rs, NFT_META_PROTOCOL);
                match_16(c->rs, NFT_CMP_EQ, family == PLAN_IPV4 ? ETH_P_IP : ETH_P_IPV6);
                match_protocol(c, s->protocol);
                if (family == PLAN_IPV4)
                        load_payload(c->rs, NFT_PAYLOAD_NETWORK_HEADER, IPV4_FRAGMENT, 2);
                else
                        load_exthdr(c->rs, IPPROTO_FRAGMENT, 2, 2);
                mask(c->rs, family == PLAN_IPV4 ? offset4 : offset6, 2);
                match_16(c->rs, NFT_CMP_NEQ, 0);
                match_macs(c, s, ETHER_DESTINATION);
                accept_rule(c->rs);
        }
}

static void service_rules(const struct compilation *c, const char *chain, int direction, const struct plan_service *s) {
        bool out = direction == PLAN_OUT;
        if (c->layer == LAYER_EGRESS) {
                (out ? egress_request : egress_answer)(c, chain, s);
                egress_fragments(c, chain, s);
                return;
        }
        host_request(c, chain, s, out ? NFT_META_OIF : NFT_META_IIF);
        if (!c->observe) /* what refuses nothing need not know connections */
                host_answer(c, chain, s, out ? NFT_META_IIF : NFT_META_OIF);
        if (out)
                host_dhcp(c, chain, s);
}

/* ---- chains and maps ---- */

static const char *service_chain(const struct compilation *c, int direction, uint32_t service, char buffer[NAME_SIZE]) {
        return numbered(c->rs, direction_name[direction], "-service", service, buffer);
}

static const char *class_chain(const struct compilation *c, int direction, uint32_t class, char buffer[NAME_SIZE]) {
        const struct blob *b = &c->plan->directions[direction].classes.list[class];
        if (b->size == sizeof(uint32_t))
                return service_chain(c, direction, *(const uint32_t *) b->bytes, buffer);
        return numbered(c->rs, direction_name[direction], "-class", class, buffer);
}

static void service_chains(const struct compilation *c, int direction) {
        char name[NAME_SIZE];
        const struct interner *services = &c->plan->directions[direction].services;
        for (uint32_t i = 0; i < services->n; i++) {
                ruleset_chain(c->rs, service_chain(c, direction, i, name));
                service_rules(c, name, direction, services->list[i].bytes);
        }
}

static void class_chains(const struct compilation *c, int direction) {
        char name[NAME_SIZE], target[NAME_SIZE];
        const struct interner *classes = &c->plan->directions[direction].classes;
        for (uint32_t i = 0; i < classes->n; i++) {
                const struct blob *b = &classes->list[i];
                if (b->size == sizeof(uint32_t))
                        continue;
                ruleset_chain(c->rs, class_chain(c, direction, i, name));
                for (size_t k = 0; k < b->size / sizeof(uint32_t); k++) {
                        rule_begin(c->rs, name);
                        verdict(c->rs, NFT_JUMP, service_chain(c, direction, ((const uint32_t *) b->bytes)[k], target));
                        rule_end(c->rs);
                }
        }
}

static void address_map(const struct compilation *c, int direction, int family) {
        static const struct set_type types[PLAN_FAMILIES] = {
                [PLAN_IPV4] = { TYPE_IPADDR, 4, NFT_SET_INTERVAL, true, 0, false },
                [PLAN_IPV6] = { TYPE_IP6ADDR, 16, NFT_SET_INTERVAL, true, 0, false },
        };
        const struct plan_map *m = &c->plan->directions[direction].maps[family];
        char name[NAME_SIZE];
        uint32_t length = types[family].key_length;
        if (m->n == 0)
                return;
        struct nftnl_set *set = ruleset_set(c->rs, map_name(c->rs, direction, family, name), &types[family]);
        for (size_t i = 0; i < m->n; i++) {
                const struct plan_edge *e = &m->edges[i];
                if (i > 0 && m->edges[i - 1].class != PLAN_NOTHING)
                        ruleset_element(c->rs, set, e->start, length, NFT_SET_ELEM_INTERVAL_END, -1, NULL);
                if (e->class != PLAN_NOTHING)
                        ruleset_element(c->rs, set, e->start, length, 0, NFT_JUMP,
                                        class_chain(c, direction, e->class, name));
        }
}

void compile_services(const struct compilation *c) {
        port_sets(c);
        mac_sets(c);
        for (int direction = 0; direction < PLAN_DIRECTIONS; direction++) {
                service_chains(c, direction);
                class_chains(c, direction);
                for (int family = 0; family < PLAN_FAMILIES; family++)
                        address_map(c, direction, family);
        }
}

void compile_lookup(const struct compilation *c, const char *chain, int direction, int family, uint32_t offset) {
        char name[NAME_SIZE];
        if (c->plan->directions[direction].maps[family].n == 0)
                return;
        rule_begin(c->rs, chain);
        load_payload(c->rs, NFT_PAYLOAD_NETWORK_HEADER, offset, family == PLAN_IPV4 ? 4 : 16);
        verdict_map(c->rs, map_name(c->rs, direction, family, name));
        rule_end(c->rs);
}
