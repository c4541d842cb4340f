/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the network rules held back (or would have, in observe mode), and how the process that sees it (sekisho-netlogd)
 * tells the agent's guard.
 *
 * Owned by base: plain data and its encoding, for agent/netlog (sends), agent/guards (receives), agent.c and
 * agent/audit (record). Never holds what a packet carried: addresses, ports, who and how often. One message is one
 * packet of a SOCK_SEQPACKET socket between two processes of one machine and one build, so that numbers are in the
 * machine's own order; what arrives is checked all the same.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sekisho/policy.h>

#define BLOCKED_SOCKET      "run/sekisho/netlog.sock"
#define BLOCKED_TEXT_MAX    4096u /* bytes of one text, without its NUL */
#define BLOCKED_MESSAGE_MAX 16384u

enum blocked_kind {
        BLOCKED_FLOW,     /* packets that have all of the below in common */
        BLOCKED_STORM,    /* too many different ones: what they have in common, and how many there were */
        BLOCKED_LOST,     /* count packets were held back of which the kernel could not tell more */
        BLOCKED_TROUBLE,  /* code and detail: what the watcher could not do */
        BLOCKED_WATCHING, /* it listens */
        BLOCKED_KIND_MAX,
};

enum blocked_direction { BLOCKED_OUT, BLOCKED_IN, BLOCKED_FORWARD, BLOCKED_DIRECTION_MAX };

/* Texts are NUL-terminated, may hold any other bytes, and are "" where nothing is known. */
struct blocked {
        uint64_t id; /* of this message; the agent's answer names it */
        enum blocked_kind kind;
        enum blocked_direction direction;
        bool observed;       /* it went through: the section only observes */
        uint8_t family;      /* 4, 6; 0: not IP, or several */
        bool has_protocol;   /* protocol is known, and one */
        uint8_t protocol;    /* IP's number: 6 is TCP */
        uint16_t ether_type; /* 0: not known, or several */
        bool has_port;       /* likewise port */
        uint16_t port;       /* of the destination, whichever side it is on; icmp: its type */
        uint8_t peer[16];    /* the other side's address */
        uint8_t own[16];     /* this terminal's */
        bool has_mac;
        struct mac mac; /* outbound: of the next hop; inbound: of the last */
        int64_t uid;    /* -1: not known */
        int64_t pid, login_uid, session;
        int64_t count;       /* packets since the last message about the same; at least 1 */
        int64_t bytes;       /* of them, on the network layer */
        int64_t first, last; /* milliseconds since the epoch: of the oldest and the newest of them */
        const char *interface;
        const char *layer;   /* which part of the rule set held it */
        const char *program; /* path of the executable */
        const char *command; /* short name of the process */
        const char *detail;  /* BLOCKED_TROUBLE */
        const char *code;    /* likewise */
};

/* Bytes used in buffer; -EMSGSIZE: does not fit. */
int blocked_encode(const struct blocked *b, void *buffer, size_t size);
/* The texts of *ret lie in bytes. 0; -EBADMSG: not such a message. */
int blocked_decode(const void *bytes, size_t size, struct blocked *ret);

const char *blocked_kind_name(enum blocked_kind kind);        /* "flow" */
const char *blocked_direction_name(enum blocked_direction d); /* "out" */
/* The policy's name of the protocol (enum protocol), or PROTOCOL_INVALID. */
enum protocol blocked_protocol(const struct blocked *b);
