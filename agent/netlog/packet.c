/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packet.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#define EXTENSIONS_MAX 16 /* headers; a packet with more says nothing that we want to know */

static uint16_t be16(const uint8_t *p) {
        return (uint16_t) (p[0] << 8 | p[1]);
}

static void read_transport(const uint8_t *p, size_t size, struct packet *ret) {
        switch (ret->protocol) {
        case IPPROTO_TCP:
        case IPPROTO_UDP:
        case IPPROTO_UDPLITE:
        case IPPROTO_SCTP:
        case IPPROTO_DCCP:
                if (size < 4)
                        return;
                ret->source_port = be16(p);
                ret->destination_port = be16(p + 2);
                break;
        case IPPROTO_ICMP:
        case IPPROTO_ICMPV6:
                if (size < 1)
                        return;
                ret->destination_port = p[0];
                break;
        default:
                return;
        }
        ret->has_ports = true;
}

static void read_ipv4(const uint8_t *p, size_t size, struct packet *ret) {
        size_t header = size >= 20 ? (size_t) (p[0] & 0xf) * 4 : 0;
        if (header < 20 || p[0] >> 4 != 4)
                return;
        ret->family = 4;
        ret->length = be16(p + 2);
        ret->has_protocol = true;
        ret->protocol = p[9];
        memcpy(ret->source, p + 12, 4);
        memcpy(ret->destination, p + 16, 4);
        ret->fragment = (be16(p + 6) & 0x1fff) != 0;
        if (!ret->fragment && size > header)
                read_transport(p + header, size - header, ret);
}

/* The size of the extension header at p, 0: it is none, or cut off. */
static size_t extension(uint8_t type, const uint8_t *p, size_t size, struct packet *ret) {
        size_t length;
        switch (type) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
        case IPPROTO_MH:
                length = size >= 8 ? ((size_t) p[1] + 1) * 8 : 0;
                break;
        case IPPROTO_AH:
                length = size >= 8 ? ((size_t) p[1] + 2) * 4 : 0;
                break;
        case IPPROTO_FRAGMENT:
                length = 8;
                ret->fragment = size >= 8 && (be16(p + 2) & 0xfff8) != 0;
                break;
        default:
                return 0;
        }
        return length <= size ? length : 0;
}

static void read_ipv6(const uint8_t *p, size_t size, struct packet *ret) {
        if (size < 40 || p[0] >> 4 != 6)
                return;
        ret->family = 6;
        ret->length = (uint32_t) be16(p + 4) + 40;
        memcpy(ret->source, p + 8, 16);
        memcpy(ret->destination, p + 24, 16);
        uint8_t next = p[6];
        p += 40, size -= 40;
        for (int i = 0; i < EXTENSIONS_MAX && !ret->fragment; i++) {
                size_t length = extension(next, p, size, ret);
                if (length == 0)
                        break;
                next = p[0];
                p += length, size -= length;
        }
        ret->has_protocol = true;
        ret->protocol = next;
        if (!ret->fragment)
                read_transport(p, size, ret);
}

/* For IPv4 over Ethernet; who is asked for, and who asks. */
static void read_arp(const uint8_t *p, size_t size, struct packet *ret) {
        static const uint8_t ethernet_ipv4[6] = { 0, 1, 8, 0, 6, 4 };
        if (size < 28 || memcmp(p, ethernet_ipv4, sizeof ethernet_ipv4) != 0)
                return;
        ret->family = 4;
        ret->length = 28;
        memcpy(ret->source, p + 14, 4);
        memcpy(ret->destination, p + 24, 4);
}

void packet_parse(uint16_t ether_type, const uint8_t *bytes, size_t size, struct packet *ret) {
        memset(ret, 0, sizeof *ret);
        ret->ether_type = ether_type;
        if (ether_type == ETH_P_IP)
                read_ipv4(bytes, size, ret);
        else if (ether_type == ETH_P_IPV6)
                read_ipv6(bytes, size, ret);
        else if (ether_type == ETH_P_ARP)
                read_arp(bytes, size, ret);
}
