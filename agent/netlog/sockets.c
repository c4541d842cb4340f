/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

int sockets_open(void) {
        CLEANUP(close_p) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        const struct timeval patience = { .tv_sec = 1 };
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
                return -errno;
        return TAKE_FD(fd);
}

struct request {
        struct nlmsghdr header;
        struct inet_diag_req_v2 body;
};

static void fill(struct request *q, const struct packet *p, uint32_t sequence) {
        memset(q, 0, sizeof *q);
        q->header = (struct nlmsghdr){ .nlmsg_len = sizeof *q,
                                       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                                       .nlmsg_flags = NLM_F_REQUEST,
                                       .nlmsg_seq = sequence };
        q->body.sdiag_family = p->family == 4 ? AF_INET : AF_INET6;
        q->body.sdiag_protocol = p->protocol;
        q->body.idiag_states = UINT32_MAX;
        struct inet_diag_sockid *id = &q->body.id;
        /* net/ipv4/udp_diag.c: for one socket the two sides are swapped, "for historical reasons". */
        bool swapped = p->protocol != IPPROTO_TCP;
        id->idiag_sport = htons(swapped ? p->destination_port : p->source_port);
        id->idiag_dport = htons(swapped ? p->source_port : p->destination_port);
        memcpy(id->idiag_src, swapped ? p->destination : p->source, sizeof id->idiag_src);
        memcpy(id->idiag_dst, swapped ? p->source : p->destination, sizeof id->idiag_dst);
        id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

static int64_t read_answer(int diag, uint32_t sequence) {
        char bytes[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
        for (;;) {
                ssize_t n = recv(diag, bytes, sizeof bytes, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? 0 : -errno;
                const struct nlmsghdr *h = (const struct nlmsghdr *) (const void *) bytes;
                if (!NLMSG_OK(h, (size_t) n))
                        return -EBADMSG;
                if (h->nlmsg_seq != sequence)
                        continue; /* the answer to one that came too late */
                if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
                        return 0; /* NLMSG_ERROR: there is none */
                struct inet_diag_msg m;
                memcpy(&m, NLMSG_DATA(h), sizeof m);
                return m.idiag_inode;
        }
}

int64_t sockets_inode(int diag, const struct packet *p) {
        static uint32_t sequence;
        if (!p->has_ports ||
            (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP && p->protocol != IPPROTO_UDPLITE))
                return 0;
        struct request q;
        fill(&q, p, ++sequence);
        if (send(diag, &q, sizeof q, 0) < 0)
                return -errno;
        return read_answer(diag, sequence);
}

/* ---- /proc ---- */

static void closedir_p(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static DIR *open_directory(int at, const char *path) {
        int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
        if (!d)
                close_p(&fd);
        return d;
}

static bool has_open(int proc, const char *pid, const char *wanted) {
        char path[64], target[64];
        (void) snprintf(path, sizeof path, "%.32s/fd", pid);
        CLEANUP(closedir_p) DIR *fds = open_directory(proc, path);
        for (const struct dirent *e; fds && (e = readdir(fds));) {
                ssize_t n = readlinkat(dirfd(fds), e->d_name, target, sizeof target - 1);
                if (n <= 0)
                        continue;
                target[n] = '\0';
                if (strcmp(target, wanted) == 0)
                        return true;
        }
        return false;
}

pid_t sockets_owner(const struct root *root, int64_t inode) {
        char wanted[64];
        (void) snprintf(wanted, sizeof wanted, "socket:[%lld]", (long long) inode);
        int fd = root_openat(root, "proc", O_RDONLY | O_DIRECTORY, 0);
        CLEANUP(closedir_p) DIR *proc = fd >= 0 ? fdopendir(fd) : NULL;
        if (!proc) {
                close_p(&fd);
                return 0;
        }
        for (const struct dirent *e; (e = readdir(proc));)
                if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && has_open(dirfd(proc), e->d_name, wanted))
                        return (pid_t) strtol(e->d_name, NULL, 10);
        return 0;
}
