/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "links.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "base/cleanup.h"

#define BUFFER_SIZE  (32u * 1024u)
#define RECEIVE_SIZE (4 * 1024 * 1024)
#define LINKS_MAX    4096u

static struct link *find(const struct links *l, unsigned index) {
        for (size_t i = 0; i < l->n; i++)
                if (l->list[i].index == index)
                        return &l->list[i];
        return NULL;
}

static struct link *add(struct links *l, unsigned index) {
        if (l->n == LINKS_MAX)
                return NULL;
        if (l->n == l->allocated) {
                size_t more = l->allocated ? 2 * l->allocated : 16;
                struct link *list = reallocarray(l->list, more, sizeof *list);
                if (!list)
                        return NULL;
                l->list = list;
                l->allocated = more;
        }
        struct link *x = &l->list[l->n++];
        *x = (struct link){ .index = index };
        return x;
}

static void take_mac(const struct nlattr *a, struct mac *ret) {
        if (mnl_attr_get_payload_len(a) == sizeof *ret)
                memcpy(ret, mnl_attr_get_payload(a), sizeof *ret);
}

static int on_attribute(const struct nlattr *a, void *userdata) {
        struct link *x = userdata;
        switch (mnl_attr_get_type(a)) {
        case IFLA_IFNAME:
                if (mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0)
                        (void) snprintf(x->name, sizeof x->name, "%s", mnl_attr_get_str(a));
                break;
        case IFLA_ADDRESS:
                take_mac(a, &x->address);
                break;
        case IFLA_PERM_ADDRESS:
                take_mac(a, &x->permanent);
                break;
        case IFLA_LINKINFO:
                x->virtual = true;
                break;
        default:
                break;
        }
        return MNL_CB_OK;
}

static int on_message(const struct nlmsghdr *h, void *userdata) {
        struct links *l = userdata;
        const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
        if ((h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK) ||
            mnl_nlmsg_get_payload_len(h) < sizeof *i || i->ifi_index <= 0 ||
            (i->ifi_family != AF_UNSPEC)) /* bridges tell of their ports too */
                return MNL_CB_OK;
        struct link *x = find(l, (unsigned) i->ifi_index);
        if (h->nlmsg_type == RTM_DELLINK) {
                if (x) {
                        struct link gone = *x;
                        *x = l->list[--l->n];
                        l->changed(&gone, true, l->userdata);
                }
                return MNL_CB_OK;
        }
        if (!x && !(x = add(l, (unsigned) i->ifi_index)))
                return MNL_CB_ERROR;
        x->flags = i->ifi_flags;
        x->type = i->ifi_type;
        (void) mnl_attr_parse(h, sizeof *i, on_attribute, x);
        x->news = l->reading;
        if (!l->reading)
                l->changed(x, false, l->userdata);
        return MNL_CB_OK;
}

static void socket_p(struct mnl_socket **s) {
        if (*s)
                (void) mnl_socket_close(*s);
}

static int open_socket(unsigned groups, struct mnl_socket **ret) {
        CLEANUP(socket_p)
        struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0));
        if (!s || mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID) < 0)
                return -errno;
        int size = RECEIVE_SIZE;
        (void) setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
        *ret = TAKE_PTR(s);
        return 0;
}

int links_open(struct links *l, void (*changed)(struct link *, bool gone, void *userdata), void *userdata) {
        *l = (struct links){ .changed = changed, .userdata = userdata };
        int r = open_socket(RTMGRP_LINK, &l->events);
        if (r == 0)
                r = open_socket(0, &l->requests);
        if (r == 0)
                r = links_read(l);
        if (r < 0)
                links_close(l);
        return r;
}

void links_close(struct links *l) {
        socket_p(&l->events);
        socket_p(&l->requests);
        free(l->list);
        *l = (struct links){ 0 };
}

int links_fd(const struct links *l) {
        return mnl_socket_get_fd(l->events);
}

int links_process(struct links *l) {
        static char buffer[BUFFER_SIZE];
        for (;;) {
                ssize_t n = mnl_socket_recvfrom(l->events, buffer, sizeof buffer);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return 0;
                if (n < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
                        int r = links_read(l);
                        return r < 0 ? r : 1;
                }
                if (n < 0)
                        return -errno;
                if (mnl_cb_run(buffer, (size_t) n, 0, 0, on_message, l) < 0)
                        return -ENOMEM;
        }
}

/* Sends h and lets on_message have what comes. 0 or -errno. */
static int ask(struct links *l, struct nlmsghdr *h) {
        CLEANUP(free_p) char *buffer = malloc(BUFFER_SIZE);
        if (!buffer)
                return -ENOMEM;
        h->nlmsg_seq = ++l->sequence;
        if (mnl_socket_sendto(l->requests, h, h->nlmsg_len) < 0)
                return -errno;
        for (int r = 1; r > 0;) {
                ssize_t n = mnl_socket_recvfrom(l->requests, buffer, BUFFER_SIZE);
                if (n < 0)
                        return -errno;
                r = mnl_cb_run(buffer, (size_t) n, l->sequence, mnl_socket_get_portid(l->requests), on_message, l);
                if (r < 0)
                        return errno ? -errno : -EIO;
        }
        return 0;
}

static int dump_links(struct links *l) {
        char buffer[256];
        struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
        h->nlmsg_type = RTM_GETLINK;
        h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof *i);
        i->ifi_family = AF_UNSPEC;
        return ask(l, h);
}

/* What went unheard is gone without a word: whatever a dump does not bring is no longer there. */
int links_read(struct links *l) {
        CLEANUP(free_p) struct link *before = l->list;
        size_t n_before = l->n;
        l->list = NULL;
        l->n = l->allocated = 0;
        for (size_t i = 0; i < n_before; i++) {
                struct link *x = add(l, before[i].index);
                if (!x)
                        return -ENOMEM;
                *x = before[i];
                x->type = UINT16_MAX; /* not seen */
        }
        l->reading = true;
        int r = dump_links(l);
        l->reading = false;
        for (size_t i = 0; r == 0 && i < l->n;) {
                if (l->list[i].type != UINT16_MAX) {
                        i++;
                        continue;
                }
                struct link gone = l->list[i];
                l->list[i] = l->list[--l->n];
                l->changed(&gone, true, l->userdata);
        }
        /* Not while the kernel still tells: whoever hears of a link may want to turn it off, on the same socket. */
        for (size_t i = 0; i < l->n; i++)
                if (l->list[i].news) {
                        l->list[i].news = false;
                        l->changed(&l->list[i], false, l->userdata);
                }
        return r;
}

int link_set(struct links *l, unsigned index, bool up) {
        char buffer[256];
        struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
        h->nlmsg_type = RTM_NEWLINK;
        h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
        struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof *i);
        i->ifi_family = AF_UNSPEC;
        i->ifi_index = (int) index;
        i->ifi_change = IFF_UP;
        i->ifi_flags = up ? IFF_UP : 0;
        return ask(l, h);
}

static bool is_mac(const struct mac *m, const char *text) {
        static const struct mac none;
        char own[18];
        const uint8_t *o = m->octets;
        (void) snprintf(own, sizeof own, "%02x:%02x:%02x:%02x:%02x:%02x", o[0], o[1], o[2], o[3], o[4], o[5]);
        return memcmp(m, &none, sizeof none) != 0 && strcasecmp(own, text) == 0;
}

/* The address that somebody gave an interface says nothing about which one it is, where the hardware has its own. */
bool link_is_listed(const struct link *l, const struct strings *list) {
        static const char by_mac[] = "mac:";
        static const struct mac none;
        const struct mac *own = memcmp(&l->permanent, &none, sizeof none) != 0 ? &l->permanent : &l->address;
        for (uint32_t i = 0; i < list->n; i++) {
                const char *x = list->list[i];
                if (strncmp(x, by_mac, sizeof by_mac - 1) == 0 ? is_mac(own, x + sizeof by_mac - 1)
                                                               : strcmp(l->name, x) == 0)
                        return true;
        }
        return false;
}
