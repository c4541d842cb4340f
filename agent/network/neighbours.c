/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "neighbours.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "base/cleanup.h"

#define BUFFER_SIZE (32u * 1024u)
#define ROUTES_MAX  1024u

struct routes {
        struct route *list;
        size_t n;
};

static uint8_t family_of(unsigned char f) {
        return f == AF_INET ? 4 : f == AF_INET6 ? 6 : 0;
}

static bool take_address(const struct nlattr *a, uint8_t family, uint8_t ret[16]) {
        size_t size = family == 4 ? 4 : 16;
        if (mnl_attr_get_payload_len(a) != size)
                return false;
        memset(ret, 0, 16);
        memcpy(ret, mnl_attr_get_payload(a), size);
        return true;
}

static int on_route_attribute(const struct nlattr *a, void *userdata) {
        struct route *r = userdata;
        switch (mnl_attr_get_type(a)) {
        case RTA_DST:
                (void) take_address(a, r->to.family, r->to.address);
                break;
        case RTA_GATEWAY:
                r->gateway.family = r->to.family;
                r->has_gateway = take_address(a, r->to.family, r->gateway.address);
                break;
        case RTA_OIF:
                if (mnl_attr_validate(a, MNL_TYPE_U32) == 0)
                        r->index = mnl_attr_get_u32(a);
                break;
        case RTA_PRIORITY:
                if (mnl_attr_validate(a, MNL_TYPE_U32) == 0)
                        r->metric = mnl_attr_get_u32(a);
                break;
        default:
                break;
        }
        return MNL_CB_OK;
}

static int on_route(const struct nlmsghdr *h, void *userdata) {
        struct routes *routes = userdata;
        const struct rtmsg *m = mnl_nlmsg_get_payload(h);
        if (h->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(h) < sizeof *m || !family_of(m->rtm_family) ||
            m->rtm_type != RTN_UNICAST || m->rtm_table != RT_TABLE_MAIN || routes->n == ROUTES_MAX)
                return MNL_CB_OK;
        struct route r = { .to = { .family = family_of(m->rtm_family), .length = m->rtm_dst_len } };
        (void) mnl_attr_parse(h, sizeof *m, on_route_attribute, &r);
        if (r.index)
                routes->list[routes->n++] = r;
        return MNL_CB_OK;
}

static int ask(struct neighbours *n, struct nlmsghdr *h, mnl_cb_t callback, void *userdata) {
        CLEANUP(free_p) char *buffer = malloc(BUFFER_SIZE);
        if (!buffer)
                return -ENOMEM;
        h->nlmsg_seq = ++n->sequence;
        if (mnl_socket_sendto(n->requests, h, h->nlmsg_len) < 0)
                return -errno;
        for (int r = 1; r > 0;) {
                ssize_t size = mnl_socket_recvfrom(n->requests, buffer, BUFFER_SIZE);
                if (size < 0)
                        return -errno;
                r = mnl_cb_run(buffer, (size_t) size, n->sequence, mnl_socket_get_portid(n->requests), callback,
                               userdata);
                if (r < 0)
                        return -errno;
        }
        return 0;
}

static int read_routes(struct neighbours *n, struct routes *ret) {
        char buffer[256];
        struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
        h->nlmsg_type = RTM_GETROUTE;
        h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
        m->rtm_family = AF_UNSPEC;
        return ask(n, h, on_route, ret);
}

static int set(struct neighbours *n, const struct neighbour *x, bool pin) {
        char buffer[256];
        struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
        h->nlmsg_type = pin ? RTM_NEWNEIGH : RTM_DELNEIGH;
        h->nlmsg_flags = (uint16_t) (NLM_F_REQUEST | NLM_F_ACK | (pin ? NLM_F_CREATE | NLM_F_REPLACE : 0));
        struct ndmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
        m->ndm_family = x->family == 4 ? AF_INET : AF_INET6;
        m->ndm_ifindex = (int) x->index;
        m->ndm_state = NUD_PERMANENT;
        mnl_attr_put(h, NDA_DST, x->family == 4 ? 4 : 16, x->address);
        if (pin)
                mnl_attr_put(h, NDA_LLADDR, sizeof x->mac, &x->mac);
        return ask(n, h, NULL, NULL);
}

static bool same_place(const struct neighbour *a, const struct neighbour *b) {
        return a->index == b->index && a->family == b->family && memcmp(a->address, b->address, sizeof a->address) == 0;
}

/* ---- what the kernel tells of a neighbour ---- */

struct told {
        struct neighbour neighbour;
        bool has_address, has_mac;
};

static int on_neighbour_attribute(const struct nlattr *a, void *userdata) {
        struct told *t = userdata;
        if (mnl_attr_get_type(a) == NDA_DST)
                t->has_address = take_address(a, t->neighbour.family, t->neighbour.address);
        if (mnl_attr_get_type(a) == NDA_LLADDR && mnl_attr_get_payload_len(a) == sizeof t->neighbour.mac) {
                memcpy(&t->neighbour.mac, mnl_attr_get_payload(a), sizeof t->neighbour.mac);
                t->has_mac = true;
        }
        return MNL_CB_OK;
}

/* ---- events ---- */

struct listening {
        const struct neighbours *n;
        bool look;
};

/* A pinned neighbour that is no longer as it was pinned. */
static bool is_displaced(const struct neighbours *n, const struct nlmsghdr *h) {
        const struct ndmsg *m = mnl_nlmsg_get_payload(h);
        if (mnl_nlmsg_get_payload_len(h) < sizeof *m || !family_of(m->ndm_family))
                return false;
        struct told t = { .neighbour = { .index = (unsigned) m->ndm_ifindex, .family = family_of(m->ndm_family) } };
        (void) mnl_attr_parse(h, sizeof *m, on_neighbour_attribute, &t);
        for (size_t i = 0; t.has_address && i < n->n; i++)
                if (same_place(&n->pinned[i], &t.neighbour))
                        return h->nlmsg_type == RTM_DELNEIGH || m->ndm_state != NUD_PERMANENT || !t.has_mac ||
                               memcmp(&t.neighbour.mac, &n->pinned[i].mac, sizeof t.neighbour.mac) != 0;
        return false;
}

static int on_event(const struct nlmsghdr *h, void *userdata) {
        struct listening *l = userdata;
        l->look = l->look || h->nlmsg_type == RTM_NEWROUTE || h->nlmsg_type == RTM_DELROUTE || is_displaced(l->n, h);
        return MNL_CB_OK;
}

int neighbours_process(struct neighbours *n) {
        static char buffer[BUFFER_SIZE];
        struct listening l = { .n = n };
        for (;;) {
                ssize_t size = mnl_socket_recvfrom(n->events, buffer, sizeof buffer);
                if (size < 0 && (errno == EAGAIN || errno == EINTR))
                        return l.look;
                if (size < 0)
                        return errno == ENOBUFS ? 1 : -errno;
                (void) mnl_cb_run(buffer, (size_t) size, 0, 0, on_event, &l);
        }
}

/* ---- ---- */

static void socket_p(struct mnl_socket **s) {
        if (*s)
                (void) mnl_socket_close(*s);
        *s = NULL;
}

int neighbours_open(struct neighbours *n) {
        *n = (struct neighbours){ .events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK),
                                  .requests = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC) };
        if (n->events && n->requests &&
            mnl_socket_bind(n->events, RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE, MNL_SOCKET_AUTOPID) >= 0 &&
            mnl_socket_bind(n->requests, 0, MNL_SOCKET_AUTOPID) >= 0)
                return 0;
        int error = errno;
        neighbours_close(n);
        return -error;
}

void neighbours_close(struct neighbours *n) {
        socket_p(&n->events);
        socket_p(&n->requests);
        free(n->pinned);
        *n = (struct neighbours){ 0 };
}

int neighbours_fd(const struct neighbours *n) {
        return mnl_socket_get_fd(n->events);
}

static bool is_among(const struct neighbour *x, const struct neighbour *list, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (same_place(x, &list[i]))
                        return true;
        return false;
}

int neighbours_apply(struct neighbours *n, const struct network_policy *p,
                     bool (*usable)(unsigned index, void *userdata), void *userdata) {
        CLEANUP(free_p) struct route *list = calloc(ROUTES_MAX, sizeof *list);
        CLEANUP(free_p) struct neighbour *wanted = calloc(NEIGHBOURS_MAX, sizeof *wanted);
        struct routes routes = { .list = list };
        if (!list || !wanted)
                return -ENOMEM;
        int result = p ? read_routes(n, &routes) : 0;
        if (result < 0)
                return result;
        size_t count = p ? neighbours_wanted(p, list, routes.n, usable, userdata, wanted) : 0;
        for (size_t i = 0; i < n->n; i++)
                if (!is_among(&n->pinned[i], wanted, count))
                        (void) set(n, &n->pinned[i], false); /* it may be gone with its interface */
        for (size_t i = 0; i < count; i++) {
                int r = set(n, &wanted[i], true);
                if (r < 0 && r != -ENETDOWN && r != -ENODEV && result == 0)
                        result = r;
        }
        free(n->pinned);
        n->pinned = TAKE_PTR(wanted);
        n->n = count;
        return result;
}

/* ---- looking ---- */

#define NUD_KNOWN (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)

struct looking {
        struct neighbour *list;
        size_t n, room;
};

static int on_known(const struct nlmsghdr *h, void *userdata) {
        struct looking *l = userdata;
        const struct ndmsg *m = mnl_nlmsg_get_payload(h);
        if (h->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(h) < sizeof *m || !family_of(m->ndm_family) ||
            !(m->ndm_state & NUD_KNOWN))
                return MNL_CB_OK;
        struct told t = { .neighbour = { .index = (unsigned) m->ndm_ifindex, .family = family_of(m->ndm_family) } };
        (void) mnl_attr_parse(h, sizeof *m, on_neighbour_attribute, &t);
        if (!t.has_address || !t.has_mac)
                return MNL_CB_OK;
        if (l->n == l->room) {
                size_t room = l->room ? 2 * l->room : 64;
                struct neighbour *list = reallocarray(l->list, room, sizeof *list);
                if (!list) {
                        errno = ENOMEM;
                        return MNL_CB_ERROR;
                }
                l->list = list;
                l->room = room;
        }
        l->list[l->n++] = t.neighbour;
        return MNL_CB_OK;
}

static int read_known(struct neighbours *n, struct looking *ret) {
        char buffer[256];
        struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
        h->nlmsg_type = RTM_GETNEIGH;
        h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        struct ndmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
        m->ndm_family = AF_UNSPEC;
        return ask(n, h, on_known, ret);
}

int neighbours_look(struct neighbourhood *ret) {
        struct neighbours n = { .requests = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC) };
        CLEANUP(free_p) struct route *list = calloc(ROUTES_MAX, sizeof *list);
        struct routes routes = { .list = list };
        struct looking l = { 0 };
        int r = !n.requests || mnl_socket_bind(n.requests, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : list ? 0 : -ENOMEM;
        if (r == 0)
                r = read_routes(&n, &routes);
        if (r == 0)
                r = read_known(&n, &l);
        socket_p(&n.requests);
        if (r < 0) {
                free(l.list);
                return r;
        }
        *ret = (struct neighbourhood){ l.list, TAKE_PTR(list), l.n, routes.n };
        return 0;
}

void neighbours_forget(struct neighbourhood *n) {
        free(n->known);
        free(n->routes);
        *n = (struct neighbourhood){ 0 };
}
