/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <libnftnl/common.h>
#include <libnftnl/table.h>

#include "base/cleanup.h"

#define MESSAGE_MAX  (128u * 1024u) /* one attribute has up to 64 KiB */
#define BATCH_FIRST  (256u * 1024u)
#define BATCH_MAX    (64u * 1024u * 1024u)
#define RECEIVE_SIZE (1024 * 1024)
#define ANSWER_SIZE  (64u * 1024u)

/* ---- the socket ---- */

static int prepare(struct mnl_socket *s) {
        int one = 1, size = RECEIVE_SIZE, fd = mnl_socket_get_fd(s);
        /* Best effort: without CAP_NET_ADMIN, which loading needs anyway, the buffer stays small. */
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
        (void) mnl_socket_setsockopt(s, NETLINK_EXT_ACK, &one, sizeof one);
        /* An answer that did not fit is missed and counts as a failure; the socket must not stay unusable after it. */
        return mnl_socket_setsockopt(s, NETLINK_NO_ENOBUFS, &one, sizeof one) < 0 ? -errno : 0;
}

void nft_socket_p(struct mnl_socket **s) {
        if (*s)
                (void) mnl_socket_close(*s);
}

int nft_socket_new(struct mnl_socket **ret) {
        CLEANUP(nft_socket_p) struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
        if (!s || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0)
                return -errno;
        int r = prepare(s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

int nft_socket_adopt(int fd, struct mnl_socket **ret) {
        CLEANUP(nft_socket_p) struct mnl_socket *s = mnl_socket_fdopen(fd);
        if (!s) {
                int error = errno;
                (void) close(fd);
                return -error;
        }
        int r = prepare(s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

/* ---- messages ---- */

/* Room for one more message, and where it begins; NULL: it failed. */
static void *room(struct batch *b) {
        if (b->error)
                return NULL;
        if (b->allocated - b->used < MESSAGE_MAX) {
                size_t more = b->allocated ? 2 * b->allocated : BATCH_FIRST;
                uint8_t *bytes = more <= BATCH_MAX ? realloc(b->bytes, more) : NULL;
                if (!bytes) {
                        b->error = more <= BATCH_MAX ? -ENOMEM : -E2BIG;
                        return NULL;
                }
                b->bytes = bytes;
                b->allocated = more;
        }
        return b->bytes + b->used;
}

static size_t aligned(const struct nlmsghdr *h) {
        return (h->nlmsg_len + (MNL_ALIGNTO - 1u)) & ~(MNL_ALIGNTO - 1u);
}

static void took(struct batch *b, const struct nlmsghdr *h) {
        b->used += aligned(h);
        b->messages++;
}

static struct nlmsghdr *message(struct batch *b, uint16_t command, uint32_t family, uint16_t flags) {
        void *place = room(b);
        return place ? nftnl_nlmsg_build_hdr(place, command, (uint16_t) family, flags, ++b->sequence) : NULL;
}

void batch_begin(struct batch *b) {
        *b = (struct batch){ .sequence = 0 };
        void *place = room(b);
        if (place)
                took(b, nftnl_batch_begin(place, ++b->sequence));
}

void batch_clear(struct batch *b) {
        free(b->bytes);
        *b = (struct batch){ .bytes = NULL };
}

static uint16_t flags_of(uint16_t command) {
        switch (command) {
        case NFT_MSG_NEWRULE:
                return NLM_F_CREATE | NLM_F_APPEND;
        case NFT_MSG_NEWTABLE:
        case NFT_MSG_NEWCHAIN:
        case NFT_MSG_NEWSET:
        case NFT_MSG_NEWSETELEM:
        case NFT_MSG_NEWOBJ:
                return NLM_F_CREATE;
        default:
                return 0;
        }
}

void batch_table(struct batch *b, uint16_t command, uint32_t family, const char *name, uint32_t flags) {
        struct nlmsghdr *h = message(b, command, family, flags_of(command));
        struct nftnl_table *t = h ? nftnl_table_alloc() : NULL;
        if (!t) {
                b->error = b->error ? b->error : -ENOMEM;
                return;
        }
        nftnl_table_set_u32(t, NFTNL_TABLE_FAMILY, family);
        (void) nftnl_table_set_str(t, NFTNL_TABLE_NAME, name);
        if (flags)
                nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, flags);
        nftnl_table_nlmsg_build_payload(h, t);
        nftnl_table_free(t);
        took(b, h);
}

void batch_chain(struct batch *b, uint16_t command, struct nftnl_chain *chain) {
        struct nlmsghdr *h = message(b, command, nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY), flags_of(command));
        if (!h)
                return;
        nftnl_chain_nlmsg_build_payload(h, chain);
        took(b, h);
}

static void add_counter(struct batch *b, struct nftnl_obj *o) {
        struct nlmsghdr *h =
                message(b, NFT_MSG_NEWOBJ, nftnl_obj_get_u32(o, NFTNL_OBJ_FAMILY), flags_of(NFT_MSG_NEWOBJ));
        if (!h)
                return;
        nftnl_obj_nlmsg_build_payload(h, o);
        took(b, h);
}

static void one_set(struct batch *b, uint16_t command, struct nftnl_set *s) {
        struct nlmsghdr *h = message(b, command, nftnl_set_get_u32(s, NFTNL_SET_FAMILY), flags_of(command));
        if (!h)
                return;
        if (command == NFT_MSG_NEWSET) {
                nftnl_set_nlmsg_build_payload(h, s);
        } else { /* a description that comes along would be taken for a wish */
                mnl_attr_put_strz(h, NFTA_SET_TABLE, nftnl_set_get_str(s, NFTNL_SET_TABLE));
                mnl_attr_put_strz(h, NFTA_SET_NAME, nftnl_set_get_str(s, NFTNL_SET_NAME));
        }
        took(b, h);
}

static void empty_set(struct batch *b, struct nftnl_set *s) {
        struct nlmsghdr *h = message(b, NFT_MSG_DELSETELEM, nftnl_set_get_u32(s, NFTNL_SET_FAMILY), 0);
        if (!h)
                return;
        mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, nftnl_set_get_str(s, NFTNL_SET_TABLE));
        mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, nftnl_set_get_str(s, NFTNL_SET_NAME));
        took(b, h);
}

void batch_elements(struct batch *b, uint16_t command, struct nftnl_set *set) {
        struct nftnl_set_elems_iter *i = nftnl_set_elems_iter_create(set);
        if (!i) {
                b->error = -ENOMEM;
                return;
        }
        if (!nftnl_set_elems_iter_cur(i) && command == NFT_MSG_DELSETELEM)
                empty_set(b, set);
        /* As many messages as it takes; each says which set it is about. */
        for (int more = nftnl_set_elems_iter_cur(i) != NULL; more > 0;) {
                struct nlmsghdr *h = message(b, command, nftnl_set_get_u32(set, NFTNL_SET_FAMILY), flags_of(command));
                if (!h)
                        break;
                more = nftnl_set_elems_nlmsg_build_payload_iter(h, i);
                took(b, h);
        }
        nftnl_set_elems_iter_destroy(i);
}

static void add_rule(struct batch *b, struct nftnl_rule *r) {
        struct nlmsghdr *h =
                message(b, NFT_MSG_NEWRULE, nftnl_rule_get_u32(r, NFTNL_RULE_FAMILY), flags_of(NFT_MSG_NEWRULE));
        if (!h)
                return;
        nftnl_rule_nlmsg_build_payload(h, r);
        took(b, h);
}

void batch_flush_chain(struct batch *b, uint32_t family, const char *table, const char *chain) {
        struct nlmsghdr *h = message(b, NFT_MSG_DELRULE, family, 0);
        if (!h)
                return;
        mnl_attr_put_strz(h, NFTA_RULE_TABLE, table);
        mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain);
        took(b, h);
}

void batch_add(struct batch *b, const struct ruleset *rs) {
        const struct objects *o = rs->objects;
        for (size_t i = 0; i < o[OBJECT_COUNTER].n; i++)
                add_counter(b, o[OBJECT_COUNTER].list[i].counter);
        for (size_t i = 0; i < o[OBJECT_CHAIN].n; i++)
                batch_chain(b, NFT_MSG_NEWCHAIN, o[OBJECT_CHAIN].list[i].chain);
        for (size_t i = 0; i < o[OBJECT_SET].n; i++) {
                one_set(b, NFT_MSG_NEWSET, o[OBJECT_SET].list[i].set);
                batch_elements(b, NFT_MSG_NEWSETELEM, o[OBJECT_SET].list[i].set);
        }
        batch_add_rules(b, rs);
}

void batch_add_rules(struct batch *b, const struct ruleset *rs) {
        const struct objects *rules = &rs->objects[OBJECT_RULE];
        for (size_t i = 0; i < rules->n; i++)
                add_rule(b, rules->list[i].rule);
}

void batch_remove(struct batch *b, const struct ruleset *rs) {
        const struct objects *o = rs->objects;
        for (size_t i = 0; i < o[OBJECT_CHAIN].n; i++) {
                const struct nftnl_chain *c = o[OBJECT_CHAIN].list[i].chain;
                batch_flush_chain(b, nftnl_chain_get_u32(c, NFTNL_CHAIN_FAMILY),
                                  nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE), nftnl_chain_get_str(c, NFTNL_CHAIN_NAME));
        }
        for (size_t i = 0; i < o[OBJECT_SET].n; i++)
                one_set(b, NFT_MSG_DELSET, o[OBJECT_SET].list[i].set);
        for (size_t i = 0; i < o[OBJECT_CHAIN].n; i++)
                batch_chain(b, NFT_MSG_DELCHAIN, o[OBJECT_CHAIN].list[i].chain);
}

/* ---- sending ---- */

/* The kernel is done when sendmsg(2) returns; its answers lie there. */
static int read_answers(struct mnl_socket *s, uint32_t last, uint32_t *ret_failed) {
        CLEANUP(free_p) uint8_t *buffer = malloc(ANSWER_SIZE);
        if (!buffer)
                return -ENOMEM;
        int result = 0;
        bool answered = false;
        for (;;) {
                ssize_t n = recv(mnl_socket_get_fd(s), buffer, ANSWER_SIZE, MSG_DONTWAIT);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        break;
                int left = (int) n;
                for (const struct nlmsghdr *h = (const void *) buffer; mnl_nlmsg_ok(h, left);
                     h = mnl_nlmsg_next(h, &left)) {
                        const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
                        if (h->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(h) < sizeof *e)
                                continue;
                        if (e->error == 0) {
                                answered = answered || h->nlmsg_seq == last;
                        } else if (result == 0) {
                                result = e->error;
                                *ret_failed = h->nlmsg_seq;
                        }
                }
        }
        return result < 0 ? result : answered ? 0 : -EIO;
}

/* What still lies there, from somebody who was interrupted, is not about us. */
static void drain(struct mnl_socket *s) {
        uint8_t byte;
        while (recv(mnl_socket_get_fd(s), &byte, sizeof byte, MSG_DONTWAIT | MSG_TRUNC) >= 0 || errno == EINTR)
                ;
}

static int send_all(struct batch *b, struct mnl_socket *s) {
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        struct iovec iov = { .iov_base = b->bytes, .iov_len = b->used };
        struct msghdr m = { .msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &iov, .msg_iovlen = 1 };
        int size = (int) b->used + 65536;
        (void) setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
        return sendmsg(mnl_socket_get_fd(s), &m, 0) < 0 ? -errno : 0;
}

/* A transaction whose end never comes is checked and undone. */
static int transact(struct batch *b, struct mnl_socket *s, bool end, uint32_t *ret_failed) {
        uint32_t failed = 0, last = b->sequence;
        void *place = b->messages > 1 ? room(b) : NULL;
        int r = b->error;
        if (place) {
                /* Whoever asks for an answer to the last message is told when all has come true. */
                struct nlmsghdr *h = (struct nlmsghdr *) (void *) b->bytes;
                for (size_t at = 0; at < b->used; at += aligned(h))
                        h = (struct nlmsghdr *) (void *) (b->bytes + at);
                h->nlmsg_flags |= NLM_F_ACK;
                if (end)
                        took(b, nftnl_batch_end(place, ++b->sequence));
                drain(s);
                r = send_all(b, s);
                if (r == 0)
                        r = read_answers(s, last, &failed);
        }
        if (ret_failed)
                *ret_failed = failed;
        batch_clear(b);
        return r;
}

int batch_send(struct batch *b, struct mnl_socket *s, uint32_t *ret_failed) {
        return transact(b, s, true, ret_failed);
}

int batch_try(struct batch *b, struct mnl_socket *s) {
        return transact(b, s, false, NULL);
}
