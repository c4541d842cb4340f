/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network: the keys, and which combinations contradict themselves. */
#include "parser.h"
#include "shadow.h"
#include "values.h"

#define ALLOW_OR_BLOCK (1u << ACTION_ALLOW | 1u << ACTION_BLOCK)

/* The same keys in the same places for both directions; only "to" is "from" for what comes in. */
enum { RULE_ID, RULE_NOTE, RULE_PEER, RULE_PROTOCOL, RULE_PORTS, RULE_NEXT_HOP };
#define RULE_KEYS(peer, peer_description)                                                                              \
        [RULE_ID] = { "id",                                                                                            \
                      &value_id,                                                                                       \
                      FIELD(network_rule, id),                                                                         \
                      .flags = KEY_REQUIRED | KEY_UNIQUE,                                                              \
                      .scope = SCOPE_NETWORK,                                                                          \
                      .widens = WIDENS_NO,                                                                             \
                      .description = N_("What the rule is called in records and answers. Unique in its section.") },   \
        [RULE_NOTE] = { "note", &value_text, FIELD(network_rule, note), .widens = WIDENS_NO,                           \
                        .description = N_("For people; shown beside a decision.") },                                   \
        [RULE_PEER] = { peer,                                                                                          \
                        &value_prefix,                                                                                 \
                        .shape = SHAPE_LIST,                                                                           \
                        ROWS(network_rule, prefixes),                                                                  \
                        .flags = KEY_REQUIRED | KEY_NONEMPTY,                                                          \
                        .widens = WIDENS_MORE,                                                                         \
                        .description = peer_description },                                                             \
        [RULE_PROTOCOL] = { "protocol",                                                                                \
                            &value_enum,                                                                               \
                            FIELD(network_rule, protocol),                                                             \
                            .flags = KEY_REQUIRED,                                                                     \
                            .names = &protocol_names,                                                                  \
                            .description = N_("The protocol.") },                                                      \
        [RULE_PORTS] = { "ports",                                                                                      \
                         &value_ports,                                                                                 \
                         .shape = SHAPE_LIST,                                                                          \
                         ROWS(network_rule, ports),                                                                    \
                         .flags = KEY_NONEMPTY,                                                                        \
                         .widens = WIDENS_FREE,                                                                        \
                         .description = N_("Ports and ranges of ports on the side that is called. Required for tcp, "  \
                                           "udp and sctp; not for icmp and icmpv6.") },                                \
        [RULE_NEXT_HOP] = { "next-hop",                                                                                \
                            &value_mac,                                                                                \
                            .shape = SHAPE_LIST,                                                                       \
                            ROWS(network_rule, next_hops),                                                             \
                            .flags = KEY_NONEMPTY,                                                                     \
                            .widens = WIDENS_FREE,                                                                     \
                            .description = N_("MAC addresses: of the host itself, or of the router in front of it. "   \
                                              "Absent: any.") }

static const struct key outbound_keys[] = { RULE_KEYS("to", N_("Networks that may be called.")) };
static const struct key inbound_keys[] = { RULE_KEYS("from", N_("Networks that may call.")) };

static bool has_family(const struct network_rule *r, uint8_t family) {
        for (uint32_t i = 0; i < r->n_prefixes; i++)
                if (r->prefixes[i].family == family)
                        return true;
        return false;
}

static void check_protocol(struct parser *p, const struct network_rule *r, const struct seen *s) {
        bool icmp = r->protocol == PROTOCOL_ICMP || r->protocol == PROTOCOL_ICMPV6;
        if (icmp && IS_GIVEN(s, RULE_PORTS))
                key_error(p, s, RULE_PORTS, _("%s has no ports; remove \"ports\""), protocol_name(r->protocol));
        if (!icmp && !IS_GIVEN(s, RULE_PORTS))
                report_error(&p->report, s->start, _("%s needs \"ports\"; every port is [1-65535]"),
                             protocol_name(r->protocol));
        if (r->protocol == PROTOCOL_ICMP && has_family(r, 6))
                key_error(p, s, RULE_PEER, _("icmp is for IPv4; for IPv6 addresses write icmpv6"));
        if (r->protocol == PROTOCOL_ICMPV6 && has_family(r, 4))
                key_error(p, s, RULE_PEER, _("icmpv6 is for IPv6; for IPv4 addresses write icmp"));
}

static int check_rule(struct parser *p, const struct network_rule *r, const struct seen *s, bool inbound) {
        if (IS_GOOD(s, RULE_PROTOCOL))
                check_protocol(p, r, s);
        if (s->good != s->given || !IS_GIVEN(s, RULE_PEER) || !IS_GIVEN(s, RULE_PROTOCOL))
                return 0;
        return shadow_network(p, r, inbound, s->places[RULE_ID]);
}
static int check_outbound(struct parser *p, void *object, const struct seen *s) {
        return check_rule(p, object, s, false);
}
static int check_inbound(struct parser *p, void *object, const struct seen *s) {
        return check_rule(p, object, s, true);
}

static void identify_rule(const struct policy *p, const void *row, FILE *f) {
        (void) p;
        (void) fputs(((const struct network_rule *) row)->id, f);
}
static enum action rule_action(const void *row) {
        (void) row;
        return ACTION_ALLOW;
}

#define RULE_MAPPING(rule_keys, checker)                                                                               \
        {                                                                                                              \
                TABLE_OF(rule_keys), .has_line = true, .size = sizeof(struct network_rule),                            \
                                     .line_offset = offsetof(struct network_rule, line), .check = (checker),           \
                                     .identify = identify_rule, .action = rule_action,                                 \
        }
static const struct mapping outbound_mapping = RULE_MAPPING(outbound_keys, check_outbound);
static const struct mapping inbound_mapping = RULE_MAPPING(inbound_keys, check_inbound);

static const struct key interfaces_keys[] = {
        { "allow", &value_interface, .shape = SHAPE_LIST, ROWS(policy, network.interfaces_allow), .flags = KEY_REQUIRED,
          .widens = WIDENS_MORE, .description = N_("Interfaces that may be up, by name or by mac:ADDRESS.") },
};
static const struct mapping interfaces_mapping = { TABLE_OF(interfaces_keys) };

enum { NETWORK_MODE, NETWORK_DEFAULT, NETWORK_INTERFACES, NETWORK_RULES, NETWORK_INBOUND };
static const struct key network_keys[] = {
        [NETWORK_MODE] = { "mode", &value_enum, FIELD(policy, network.mode), .names = &mode_names, .widens = WIDENS_UP,
                           .description =
                                   N_("enforce, or observe (decide and record, block nothing), for this section. "
                                      "Absent: the mode of the whole policy.") },
        [NETWORK_DEFAULT] = { "default", &value_enum, FIELD(policy, network.default_action), .names = &action_names,
                              .valid = ALLOW_OR_BLOCK, .fallback = "block", .widens = WIDENS_RANK, .rank = action_rank,
                              .description = N_("What happens to a connection that no rule matches.") },
        [NETWORK_INTERFACES] = { "interfaces", .shape = SHAPE_MAP, .mapping = &interfaces_mapping,
                                 .description = N_("Network interfaces; those that are not listed are kept down.") },
        [NETWORK_RULES] = { "rules", .shape = SHAPE_ROWS, .mapping = &outbound_mapping, ROWS(policy, network.rules),
                            .description = N_("Connections that this terminal may open.") },
        [NETWORK_INBOUND] = { "inbound", .shape = SHAPE_ROWS, .mapping = &inbound_mapping,
                              ROWS(policy, network.inbound),
                              .description = N_("Connections that this terminal may receive.") },
};

static int check_network(struct parser *p, void *object, const struct seen *s) {
        (void) object;
        if (!IS_GIVEN(s, NETWORK_INTERFACES))
                p->no_interfaces = s->start; /* whether that matters depends on the mode; see section_policy.c */
        return 0;
}

const struct mapping network_mapping = { TABLE_OF(network_keys), .check = check_network };
