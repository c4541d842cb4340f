/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's messages about packets that a rule logged (NFLOG). Private to agent/netlog.
 *
 * Sources: linux/netfilter/nfnetlink_log.h; net/netfilter/nfnetlink_log.c for what lies where. What the packet itself
 * says is hostile, and so is its length; what the kernel says of it is believed, but for sizes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blocked.h"
#include "packet.h"

struct sighting {
        struct packet packet;
        enum blocked_direction direction;
        bool observed;
        char layer[32];
        int interface; /* index; 0: none */
        bool has_mac;
        uint8_t mac[6];
        int64_t uid; /* -1: no socket of this machine is behind it */
        bool has_sequence;
        uint32_t sequence; /* of this reader's messages; one that is missing was lost */
};

/* One netlink message, header included; size is what was received of it. 0; 1: it is another message, or not one of our
 * rules logged it; -EBADMSG: it does not hold together. */
int nflog_parse(const void *message, size_t size, struct sighting *ret);

/* A socket bound to the group, which from then on needs no right. -errno; -EBUSY: somebody else reads the group. */
int nflog_open(uint16_t group);
