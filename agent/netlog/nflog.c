/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nflog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter_arp.h>
#include <linux/netlink.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "network/names.h"

#define COPY_BYTES     ((uint32_t) NETWORK_LOG_BYTES)
#define RECEIVE_BUFFER (4 * 1024 * 1024)
#define KERNEL_BUFFER  32768u /* of messages that the kernel sends at one time */
#define THRESHOLD      50u
#define TIMEOUT        10u /* hundredths of a second that the kernel may keep a message */
#define MAC_SIZE       6u
#define ETHERNET_SIZE  14u
#define NETDEV_EGRESS  1 /* NF_NETDEV_EGRESS, an enum that older headers lack */

/* The least length of each attribute that is looked at. */
static const uint16_t least[NFULA_MAX + 1] = {
        [NFULA_PACKET_HDR] = sizeof(struct nfulnl_msg_packet_hdr),
        [NFULA_IFINDEX_INDEV] = sizeof(uint32_t),
        [NFULA_IFINDEX_OUTDEV] = sizeof(uint32_t),
        [NFULA_HWADDR] = sizeof(struct nfulnl_msg_packet_hw),
        [NFULA_UID] = sizeof(uint32_t),
        [NFULA_SEQ] = sizeof(uint32_t),
        [NFULA_HWTYPE] = sizeof(uint16_t),
        [NFULA_HWLEN] = sizeof(uint16_t),
        [NFULA_HWHEADER] = ETHERNET_SIZE,
};

struct attributes {
        const struct nlattr *list[NFULA_MAX + 1];
};

static int take_attribute(const struct nlattr *a, void *userdata) {
        struct attributes *attributes = userdata;
        uint16_t type = mnl_attr_get_type(a);
        if (type <= NFULA_MAX && mnl_attr_get_payload_len(a) >= least[type])
                attributes->list[type] = a;
        return MNL_CB_OK;
}

static uint32_t number(const struct attributes *a, int type, uint32_t otherwise) {
        if (!a->list[type])
                return otherwise;
        uint32_t value;
        memcpy(&value, mnl_attr_get_payload(a->list[type]), sizeof value);
        return ntohl(value);
}

static uint16_t short_number(const struct attributes *a, int type) {
        uint16_t value = 0;
        if (a->list[type])
                memcpy(&value, mnl_attr_get_payload(a->list[type]), sizeof value);
        return ntohs(value);
}

/* The word that text begins with, of at most max - 1 bytes, and the spaces behind it; NULL: none. */
static const char *take_word(const char *text, const char *end, char *ret, size_t max) {
        size_t n = 0;
        for (; text<end && * text> ' ' && *text < 0x7f && n < max - 1; text++)
                ret[n++] = *text;
        ret[n] = '\0';
        while (text < end && *text == ' ')
                text++;
        return n > 0 ? text : NULL;
}

/* "sekisho LAYER DIRECTION OUTCOME" (network/names.h). */
static bool read_prefix(const struct attributes *a, struct sighting *s) {
        static const char ours[] = NETWORK_LOG_PREFIX;
        if (!a->list[NFULA_PREFIX])
                return false;
        const char *text = mnl_attr_get_payload(a->list[NFULA_PREFIX]);
        const char *end = text + strnlen(text, mnl_attr_get_payload_len(a->list[NFULA_PREFIX]));
        char direction[16], outcome[16];
        if ((size_t) (end - text) < sizeof ours - 1 || memcmp(text, ours, sizeof ours - 1) != 0)
                return false;
        text = take_word(text + sizeof ours - 1, end, s->layer, sizeof s->layer);
        text = text ? take_word(text, end, direction, sizeof direction) : NULL;
        if (!text || !take_word(text, end, outcome, sizeof outcome))
                return false;
        for (int d = 0; d < BLOCKED_DIRECTION_MAX; d++)
                if (strcmp(direction, blocked_direction_name((enum blocked_direction) d)) == 0) {
                        s->direction = (enum blocked_direction) d;
                        s->observed = strcmp(outcome, "observe") == 0;
                        return s->observed || strcmp(outcome, "block") == 0;
                }
        return false;
}

/* Outbound: whom the frame is for. Inbound: who sent it. */
static void read_mac(const struct attributes *a, struct sighting *s, const uint8_t *ethernet) {
        const uint8_t *mac = NULL;
        bool is_ethernet = a->list[NFULA_HWTYPE] && short_number(a, NFULA_HWTYPE) == ARPHRD_ETHER;
        if (ethernet) {
                mac = s->direction == BLOCKED_OUT ? ethernet : ethernet + MAC_SIZE;
        } else if (is_ethernet && short_number(a, NFULA_HWLEN) >= ETHERNET_SIZE && a->list[NFULA_HWHEADER]) {
                const uint8_t *header = mnl_attr_get_payload(a->list[NFULA_HWHEADER]);
                mac = s->direction == BLOCKED_OUT ? header : header + MAC_SIZE;
        }
        if (!mac)
                return;
        memcpy(s->mac, mac, sizeof s->mac);
        s->has_mac = true;
}

/* What leaves an interface, and ARP that does, is logged from its Ethernet header on; else from the network layer on.
 */
static bool has_ethernet(uint8_t family, uint8_t hook) {
        return (family == NFPROTO_NETDEV && hook == NETDEV_EGRESS) || (family == NFPROTO_ARP && hook == NF_ARP_OUT);
}

static void read_packet(const struct attributes *a, uint8_t family, uint8_t hook, uint16_t ether_type,
                        struct sighting *s) {
        const uint8_t *bytes = a->list[NFULA_PAYLOAD] ? mnl_attr_get_payload(a->list[NFULA_PAYLOAD]) : NULL;
        size_t size = bytes ? mnl_attr_get_payload_len(a->list[NFULA_PAYLOAD]) : 0;
        const uint8_t *ethernet = NULL;
        if (has_ethernet(family, hook) && size >= ETHERNET_SIZE) {
                ethernet = bytes;
                bytes += ETHERNET_SIZE, size -= ETHERNET_SIZE;
        }
        read_mac(a, s, ethernet);
        packet_parse(ether_type, bytes, size, &s->packet);
}

int nflog_parse(const void *message, size_t size, struct sighting *ret) {
        if (size > INT32_MAX || !mnl_nlmsg_ok(message, (int) size))
                return -EBADMSG;
        const struct nlmsghdr *h = message;
        if ((h->nlmsg_len + 3u) / 4u * 4u > size) /* libmnl takes the padding behind the last attribute for granted */
                return -EBADMSG;
        if (h->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
                return 1;
        struct attributes a = { { NULL } };
        if (mnl_nlmsg_get_payload_len(h) < sizeof(struct nfgenmsg) ||
            mnl_attr_parse(h, sizeof(struct nfgenmsg), take_attribute, &a) < 0 || !a.list[NFULA_PACKET_HDR])
                return -EBADMSG;

        const struct nfgenmsg *general = mnl_nlmsg_get_payload(h);
        struct nfulnl_msg_packet_hdr header;
        memcpy(&header, mnl_attr_get_payload(a.list[NFULA_PACKET_HDR]), sizeof header);
        struct sighting s = { .uid = -1 };
        if (!read_prefix(&a, &s))
                return 1;
        s.interface = (int) number(&a, s.direction == BLOCKED_IN ? NFULA_IFINDEX_INDEV : NFULA_IFINDEX_OUTDEV, 0);
        if (a.list[NFULA_UID])
                s.uid = number(&a, NFULA_UID, 0);
        s.has_sequence = a.list[NFULA_SEQ] != NULL;
        s.sequence = number(&a, NFULA_SEQ, 0);
        read_packet(&a, general->nfgen_family, header.hook, ntohs(header.hw_protocol), &s);
        *ret = s;
        return 0;
}

/* ---- the socket ---- */

static struct nlmsghdr *begin(char *buffer, uint16_t group, uint16_t flags, uint32_t sequence) {
        struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
        h->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
        h->nlmsg_flags = (uint16_t) (NLM_F_REQUEST | NLM_F_ACK | flags);
        h->nlmsg_seq = sequence;
        struct nfgenmsg *general = mnl_nlmsg_put_extra_header(h, sizeof *general);
        *general = (struct nfgenmsg){ .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(group) };
        return h;
}

static int ask(int fd, const struct nlmsghdr *h) {
        char answer[4096];
        if (send(fd, h, h->nlmsg_len, 0) < 0)
                return -errno;
        for (;;) { /* packets may come before the answer */
                ssize_t n = recv(fd, answer, sizeof answer, 0);
                if (n < 0 && errno != EINTR && errno != ENOBUFS)
                        return -errno;
                const struct nlmsghdr *a = (const struct nlmsghdr *) (const void *) answer;
                if (n < 0 || !mnl_nlmsg_ok(a, (int) n) || a->nlmsg_type != NLMSG_ERROR ||
                    a->nlmsg_seq != h->nlmsg_seq || mnl_nlmsg_get_payload_len(a) < sizeof(struct nlmsgerr))
                        continue;
                const struct nlmsgerr *e = mnl_nlmsg_get_payload(a);
                return e->error;
        }
}

static int configure(int fd, uint16_t group) {
        char buffer[512] __attribute__((aligned(8)));
        struct nlmsghdr *h = begin(buffer, group, 0, 1);
        const struct nfulnl_msg_config_cmd bind_it = { .command = NFULNL_CFG_CMD_BIND };
        mnl_attr_put(h, NFULA_CFG_CMD, sizeof bind_it, &bind_it);
        int r = ask(fd, h);
        if (r < 0)
                return r;
        h = begin(buffer, group, 0, 2);
        const struct nfulnl_msg_config_mode mode = { .copy_range = htonl(COPY_BYTES), .copy_mode = NFULNL_COPY_PACKET };
        mnl_attr_put(h, NFULA_CFG_MODE, sizeof mode, &mode);
        mnl_attr_put_u32(h, NFULA_CFG_NLBUFSIZ, htonl(KERNEL_BUFFER));
        mnl_attr_put_u32(h, NFULA_CFG_QTHRESH, htonl(THRESHOLD));
        mnl_attr_put_u32(h, NFULA_CFG_TIMEOUT, htonl(TIMEOUT));
        mnl_attr_put_u16(h, NFULA_CFG_FLAGS, htons(NFULNL_CFG_F_SEQ));
        return ask(fd, h);
}

int nflog_open(uint16_t group) {
        CLEANUP(close_p) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
        if (fd < 0)
                return -errno;
        const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
        if (bind(fd, (const struct sockaddr *) &any, sizeof any) < 0)
                return -errno;
        int size = RECEIVE_BUFFER, on = 1;
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
        /* What did not fit is seen in the sequence numbers, with its number. */
        (void) setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
        const struct timeval patience = { .tv_sec = 2 };
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        int r = configure(fd, group);
        return r < 0 ? r : TAKE_FD(fd);
}
