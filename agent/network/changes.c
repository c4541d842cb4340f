/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "changes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/cleanup.h"
#include "batch.h"

#define NEW_GENERATION ((uint16_t) (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN))
#define TYPE_OFFSET    4 /* of nlmsg_type in struct nlmsghdr */

struct receiver {
        void (*each)(const struct change *c, void *userdata);
        void *userdata;
};

/* A transaction is told object by object; the one message that sums it up is enough. */
static int only_generations(int fd) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_H | BPF_ABS, TYPE_OFFSET),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(NEW_GENERATION), 0, 1),
                BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
                BPF_STMT(BPF_RET | BPF_K, 0),
        };
        const struct sock_fprog program = { .len = sizeof code / sizeof *code, .filter = code };
        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
}

int changes_open(struct mnl_socket **ret) {
        int group = NFNLGRP_NFTABLES;
        CLEANUP(nft_socket_p)
        struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (!s || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0)
                return -errno;
        int r = only_generations(mnl_socket_get_fd(s));
        if (r < 0)
                return r;
        if (mnl_socket_setsockopt(s, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
                return -errno;
        *ret = TAKE_PTR(s);
        return 0;
}

static int on_attribute(const struct nlattr *a, void *userdata) {
        struct change *c = userdata;
        if (mnl_attr_get_type(a) == NFTA_GEN_PROC_PID && mnl_attr_validate(a, MNL_TYPE_U32) == 0)
                c->pid = ntohl(mnl_attr_get_u32(a));
        if (mnl_attr_get_type(a) == NFTA_GEN_PROC_NAME && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0)
                (void) snprintf(c->program, sizeof c->program, "%s", mnl_attr_get_str(a));
        return MNL_CB_OK;
}

static int on_message(const struct nlmsghdr *h, void *userdata) {
        const struct receiver *r = userdata;
        struct change c = { .pid = 0 };
        if (h->nlmsg_type != NEW_GENERATION)
                return MNL_CB_OK;
        (void) mnl_attr_parse(h, sizeof(struct nfgenmsg), on_attribute, &c);
        if (c.pid != (uint32_t) getpid())
                r->each(&c, r->userdata);
        return MNL_CB_OK;
}

int changes_process(struct mnl_socket *s, void (*each)(const struct change *c, void *userdata), void *userdata) {
        static char buffer[16384];
        struct receiver r = { each, userdata };
        for (;;) {
                ssize_t n = mnl_socket_recvfrom(s, buffer, sizeof buffer);
                if (n < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                (void) mnl_cb_run(buffer, (size_t) n, 0, 0, on_message, &r);
        }
}
