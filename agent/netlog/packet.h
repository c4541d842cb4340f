/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses of a packet: hostile bytes, read as far as they say where it was going. Private to agent/netlog; pure.
 *
 * Sources: RFC 791 (IPv4), RFC 8200 (IPv6 and its extension headers), RFC 826 (ARP), RFC 9293/768/9260/792/4443 (ports
 * and types). Nothing is reassembled and nothing inside a tunnel is looked at.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packet {
        uint16_t ether_type;
        uint8_t family; /* 4, 6; 0: none, or a header that does not hold together */
        bool has_protocol;
        uint8_t protocol; /* behind IPv6's extension headers */
        bool has_ports;
        uint16_t source_port, destination_port; /* icmp: 0, and its type */
        bool fragment;                          /* not the first: it has no ports */
        uint8_t source[16], destination[16];    /* IPv4 in the first four */
        uint32_t length;                        /* as the network layer says it, 0: it does not */
};

/* bytes begin at the network layer. Cannot fail: what cannot be read is left out. */
void packet_parse(uint16_t ether_type, const uint8_t *bytes, size_t size, struct packet *ret);
