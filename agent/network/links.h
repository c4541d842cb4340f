/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network interfaces of this namespace, as the kernel tells of them (rtnetlink(7)), and turning them off.
 *
 * Owned by agent/network; netd.c says which may be on.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sekisho/policy.h>

struct mnl_socket;

struct link {
        unsigned index;
        char name[IF_NAMESIZE];
        struct mac address, permanent; /* zero: none. permanent: of the hardware, where the driver tells it */
        unsigned flags;                /* IFF_* */
        uint16_t type;                 /* ARPHRD_* */
        bool virtual;                  /* made by software: bridge, VLAN, tun, veth ... */
        bool put_down;                 /* by us */
        unsigned refused;              /* so many times it was put down */
        bool news;                     /* links.c alone: read, and not told yet */
};

struct links {
        struct link *list;
        size_t n, allocated;
        struct mnl_socket *events, *requests;
        uint32_t sequence;
        bool reading; /* all of them: what is found is told when the kernel has said its last word */
        /* Came, changed or (gone) went; l is borrowed, and may be changed by the receiver. */
        void (*changed)(struct link *l, bool gone, void *userdata);
        void *userdata;
};

/* Opens the sockets and reads what there is; changed is called for each. 0 or -errno. */
int links_open(struct links *l, void (*changed)(struct link *, bool gone, void *userdata), void *userdata);
void links_close(struct links *l);
int links_fd(const struct links *l);
/* Reads what was announced. 0; 1: something was missed, so that all was read again; -errno. */
int links_process(struct links *l);
/* Reads all again. 0 or -errno. */
int links_read(struct links *l);

/* 0 or -errno. */
int link_set(struct links *l, unsigned index, bool up);

/* In the list, by name or as mac:52:54:.. */
bool link_is_listed(const struct link *l, const struct strings *list);
