/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "blocked.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* On the wire: this, then the texts in the order of the table below, each with its NUL. */
struct head {
        uint64_t id;
        int64_t uid, pid, login_uid, session, count, bytes, first, last;
        uint32_t kind, direction;
        uint16_t ether_type, port;
        uint8_t observed, family, has_protocol, protocol, has_port, has_mac;
        uint8_t mac[6], peer[16], own[16];
};

static const size_t texts[] = {
        offsetof(struct blocked, interface), offsetof(struct blocked, layer),  offsetof(struct blocked, program),
        offsetof(struct blocked, command),   offsetof(struct blocked, detail), offsetof(struct blocked, code),
};
#define N_TEXTS (sizeof texts / sizeof *texts)

static const char **text_of(struct blocked *b, size_t i) {
        return (const char **) (void *) ((char *) b + texts[i]);
}

int blocked_encode(const struct blocked *b, void *buffer, size_t size) {
        struct head h;
        memset(&h, 0, sizeof h); /* its gaps too: they go out */
        h.id = b->id, h.kind = b->kind, h.direction = b->direction;
        h.uid = b->uid, h.pid = b->pid, h.login_uid = b->login_uid, h.session = b->session;
        h.count = b->count, h.bytes = b->bytes, h.first = b->first, h.last = b->last;
        h.ether_type = b->ether_type, h.port = b->port, h.observed = b->observed, h.family = b->family;
        h.has_protocol = b->has_protocol, h.protocol = b->protocol, h.has_port = b->has_port, h.has_mac = b->has_mac;
        memcpy(h.mac, b->mac.octets, sizeof h.mac);
        memcpy(h.peer, b->peer, sizeof h.peer);
        memcpy(h.own, b->own, sizeof h.own);

        char *out = buffer;
        size_t used = sizeof h;
        if (size < sizeof h)
                return -EMSGSIZE;
        memcpy(out, &h, sizeof h);
        struct blocked copy = *b;
        for (size_t i = 0; i < N_TEXTS; i++) {
                const char *text = *text_of(&copy, i);
                size_t length = text ? strlen(text) : 0;
                if (length > BLOCKED_TEXT_MAX || length + 1 > size - used)
                        return -EMSGSIZE;
                if (length > 0)
                        memcpy(out + used, text, length);
                out[used + length] = '\0';
                used += length + 1;
        }
        return (int) used;
}

static bool is_sound(const struct head *h) {
        return h->kind < BLOCKED_KIND_MAX && h->direction < BLOCKED_DIRECTION_MAX && h->observed <= 1 &&
               h->has_protocol <= 1 && h->has_port <= 1 && h->has_mac <= 1 &&
               (h->family == 0 || h->family == 4 || h->family == 6) && h->bytes >= 0 &&
               (h->count >= 1 || h->kind >= BLOCKED_TROUBLE) && h->first <= h->last;
}

int blocked_decode(const void *bytes, size_t size, struct blocked *ret) {
        struct head h;
        if (size < sizeof h || size > BLOCKED_MESSAGE_MAX)
                return -EBADMSG;
        memcpy(&h, bytes, sizeof h);
        if (!is_sound(&h))
                return -EBADMSG;
        struct blocked b = { .id = h.id,
                             .kind = (enum blocked_kind) h.kind,
                             .direction = (enum blocked_direction) h.direction,
                             .observed = h.observed == 1,
                             .family = h.family,
                             .has_protocol = h.has_protocol == 1,
                             .protocol = h.protocol,
                             .ether_type = h.ether_type,
                             .has_port = h.has_port == 1,
                             .port = h.port,
                             .has_mac = h.has_mac == 1,
                             .uid = h.uid,
                             .pid = h.pid,
                             .login_uid = h.login_uid,
                             .session = h.session,
                             .count = h.count,
                             .bytes = h.bytes,
                             .first = h.first,
                             .last = h.last };
        memcpy(b.mac.octets, h.mac, sizeof h.mac);
        memcpy(b.peer, h.peer, sizeof h.peer);
        memcpy(b.own, h.own, sizeof h.own);

        const char *p = (const char *) bytes + sizeof h, *end = (const char *) bytes + size;
        for (size_t i = 0; i < N_TEXTS; i++) {
                const char *nul = memchr(p, '\0', (size_t) (end - p));
                if (!nul || nul - p > (ptrdiff_t) BLOCKED_TEXT_MAX)
                        return -EBADMSG;
                *text_of(&b, i) = p;
                p = nul + 1;
        }
        if (p != end)
                return -EBADMSG;
        *ret = b;
        return 0;
}

const char *blocked_kind_name(enum blocked_kind kind) {
        static const char *const names[BLOCKED_KIND_MAX] = {
                [BLOCKED_FLOW] = "flow",       [BLOCKED_STORM] = "storm",       [BLOCKED_LOST] = "lost",
                [BLOCKED_TROUBLE] = "trouble", [BLOCKED_WATCHING] = "watching",
        };
        return names[kind];
}

const char *blocked_direction_name(enum blocked_direction d) {
        static const char *const names[BLOCKED_DIRECTION_MAX] = { "out", "in", "forward" };
        return names[d];
}

enum protocol blocked_protocol(const struct blocked *b) {
        static const uint8_t numbers[PROTOCOL_MAX] = { [PROTOCOL_TCP] = IPPROTO_TCP,
                                                       [PROTOCOL_UDP] = IPPROTO_UDP,
                                                       [PROTOCOL_SCTP] = IPPROTO_SCTP,
                                                       [PROTOCOL_ICMP] = IPPROTO_ICMP,
                                                       [PROTOCOL_ICMPV6] = IPPROTO_ICMPV6 };
        for (int p = 0; b->has_protocol && p < PROTOCOL_MAX; p++)
                if (numbers[p] == b->protocol)
                        return (enum protocol) p;
        return PROTOCOL_INVALID;
}
