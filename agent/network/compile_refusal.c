/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdio.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "compile.h"
#include "names.h"

#define TYPE_PEER4          (7u << 12 | 12u << 6 | 13u) /* ipaddr . inet_proto . inet_service, as nft counts */
#define TYPE_PEER6          (8u << 12 | 12u << 6 | 13u)
#define SEEN_MAX            32768u

#define TCP_FIN_SYN_RST_ACK 0x17u
#define TCP_SYN             0x02u
/* Ports from here on are what programs are given when they call (net.ipv4.ip_local_port_range): what comes to them is
 * most likely an answer. */
#define PORT_EPHEMERAL 32768u

static void count_and_log(const struct compilation *c, const char *chain, const struct refusal *r, int code) {
        char prefix[64];
        (void) snprintf(prefix, sizeof prefix, NETWORK_LOG_PREFIX "%s %s", r->prefix, c->observe ? "observe" : "block");
        rule_begin(c->rs, chain);
        count_in(c->rs, r->counter);
        log_to(c->rs, prefix);
        verdict(c->rs, code, NULL);
        rule_end(c->rs);
}

static void accept_unlogged(const struct compilation *c) {
        verdict(c->rs, NF_ACCEPT, NULL);
        rule_end(c->rs);
}

/* Only what opens a connection is of interest. */
static void pass_over_tcp(const struct compilation *c, const char *chain) {
        static const uint8_t flags = TCP_FIN_SYN_RST_ACK;
        rule_begin(c->rs, chain);
        load_meta(c->rs, NFT_META_L4PROTO);
        match_8(c->rs, NFT_CMP_EQ, IPPROTO_TCP);
        load_payload(c->rs, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, 1);
        mask(c->rs, &flags, 1);
        match_8(c->rs, NFT_CMP_NEQ, TCP_SYN);
        accept_unlogged(c);
}

static void pass_over_answers(const struct compilation *c, const char *chain) {
        rule_begin(c->rs, chain);
        load_meta(c->rs, NFT_META_L4PROTO);
        match_8(c->rs, NFT_CMP_EQ, IPPROTO_UDP);
        load_payload(c->rs, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_DESTINATION, 2);
        match_16(c->rs, NFT_CMP_GTE, PORT_EPHEMERAL);
        accept_unlogged(c);
}

/* The peer's address, the protocol, and the port (udp) or 0 into the registers from the first on. */
static void load_peer(const struct compilation *c, const struct refusal *r, bool udp) {
        uint32_t length = r->family == PLAN_IPV4 ? 4 : 16, words = length / 4;
        load_meta(c->rs, NFT_META_L4PROTO);
        match_8(c->rs, udp ? NFT_CMP_EQ : NFT_CMP_NEQ, IPPROTO_UDP);
        load_payload_at(c->rs, NFT_PAYLOAD_NETWORK_HEADER, r->address, length, 0);
        load_meta_at(c->rs, NFT_META_L4PROTO, words);
        if (udp)
                load_payload_at(c->rs, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_DESTINATION, 2, words + 1);
        else
                load_zero_at(c->rs, words + 1);
}

/* Passes over what was logged some seconds ago, and keeps in mind what was not. */
static void pass_over_seen(const struct compilation *c, const char *chain, const char *seen, const struct refusal *r,
                           bool udp) {
        rule_begin(c->rs, chain);
        load_peer(c, r, udp);
        match_set(c->rs, seen, false);
        accept_unlogged(c);

        rule_begin(c->rs, chain);
        load_peer(c, r, udp);
        remember(c->rs, seen, NETWORK_OBSERVE_SECONDS);
        rule_end(c->rs);
}

static void observe_sparingly(const struct compilation *c, const char *chain, const struct refusal *r) {
        char base[NAME_SIZE], seen[NAME_SIZE];
        bool v4 = r->family == PLAN_IPV4;
        const struct set_type type = {
                v4 ? TYPE_PEER4 : TYPE_PEER6, v4 ? 12 : 24, NFT_SET_EVAL | NFT_SET_TIMEOUT, false, SEEN_MAX, false
        };
        (void) snprintf(base, sizeof base, "seen-%s", r->chain);
        (void) ruleset_set(c->rs, ruleset_name(c->rs, base, seen), &type);

        pass_over_tcp(c, chain);
        if (r->inbound)
                pass_over_answers(c, chain);
        pass_over_seen(c, chain, seen, r, true);
        pass_over_seen(c, chain, seen, r, false);
}

void compile_refusal(const struct compilation *c, const struct refusal *r) {
        char chain[NAME_SIZE];
        ruleset_chain(c->rs, ruleset_name(c->rs, r->chain, chain));
        if (c->everything) {
                rule_begin(c->rs, chain);
                accept_unlogged(c);
                return;
        }
        if (c->observe && r->family >= 0)
                observe_sparingly(c, chain, r);
        count_and_log(c, chain, r, c->observe ? NF_ACCEPT : NF_DROP);
}
