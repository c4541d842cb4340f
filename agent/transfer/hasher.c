/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hasher.h"

#include <assert.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "digest/digest.h"

#define CHUNK         (256u * 1024u)
#define GRACE_USEC    UINT64_C(30000000)
#define USEC_PER_BYTE 1u /* the slowest medium that is waited for: 1 MB/s */
#define KILLED_MAX    8u /* one that hangs in the kernel stays; no more than so many are begun */

struct hasher {
        sd_event *event;
        sd_event_source *answer, *timeout;
        void (*done)(const struct hash_result *result, void *userdata);
        void *userdata;
        pid_t pid; /* 0: none */
        int socket;
        bool busy;
        unsigned killed;
};

struct answer {
        int32_t error;
        uint32_t reserved;
        int64_t size;
        uint8_t sha256[TRANSFER_HASH_SIZE];
};

static_assert(DIGEST_BYTES == TRANSFER_HASH_SIZE, "SHA-256");

/* ---- the child ---- */

static int receive(int socket) {
        char byte;
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
        };
        if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
                return -EPIPE;
        const struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        int fd = -1;
        if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof fd))
                return -EBADMSG;
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
        return fd;
}

static struct answer hash_file(int fd) {
        static unsigned char chunk[CHUNK];
        struct answer a = { .error = 0 };
        struct digest *digest = NULL;
        if (digest_begin(&digest) < 0) {
                a.error = -ENOMEM;
                return a;
        }
        for (;;) {
                ssize_t n = pread(fd, chunk, sizeof chunk, a.size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        a.error = -errno;
                if (n <= 0)
                        break;
                digest_add(digest, chunk, (size_t) n);
                a.size += n;
        }
        digest_end(digest, a.sha256);
        return a;
}

static int confine(void) {
        static const int calls[] = { SCMP_SYS(recvmsg),      SCMP_SYS(sendto), SCMP_SYS(pread64), SCMP_SYS(close),
                                     SCMP_SYS(rt_sigreturn), SCMP_SYS(exit),   SCMP_SYS(write),   SCMP_SYS(exit_group),
                                     SCMP_SYS(mmap),         SCMP_SYS(munmap), SCMP_SYS(brk),     SCMP_SYS(futex),
                                     SCMP_SYS(sigaltstack) };
        capng_select_t which =
                capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS;
        capng_clear(CAPNG_SELECT_BOTH);
        if (capng_apply(which) != 0)
                return -EPERM;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        if (!filter)
                return -ENOMEM;
        int r = 0;
        for (size_t i = 0; i < sizeof calls / sizeof *calls && r == 0; i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
        if (r == 0)
                r = seccomp_load(filter);
        seccomp_release(filter);
        return r;
}

_Noreturn static void run_child(int socket, pid_t parent) {
        (void) prctl(PR_SET_NAME, "sekisho-hash");
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
        if (socket != 3 && dup3(socket, 3, O_CLOEXEC) < 0)
                _exit(1);
        if (close_range(4, ~0u, 0) < 0)
                _exit(1);
        for (int s = 1; s < NSIG; s++)
                (void) signal(s, SIG_DFL);
        sigset_t none;
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        uint8_t nothing[DIGEST_BYTES];
        digest_sha256(NULL, 0, nothing); /* before the sandbox, see digest.h */
        if (confine() < 0)
                _exit(2);
        for (;;) {
                int fd = receive(3);
                if (fd < 0)
                        _exit(0);
                struct answer a = hash_file(fd);
                (void) close(fd);
                if (send(3, &a, sizeof a, MSG_NOSIGNAL) != (ssize_t) sizeof a)
                        _exit(0);
        }
}

/* ---- the parent ---- */

/* Whoever waits for a child that hangs in the kernel hangs with it: they are left to init, and counted. */
static void retire(struct hasher *h) {
        h->answer = sd_event_source_disable_unref(h->answer);
        h->timeout = sd_event_source_disable_unref(h->timeout);
        if (h->pid > 0) {
                (void) kill(h->pid, SIGKILL);
                h->killed++;
        }
        close_p(&h->socket);
        h->socket = -1;
        h->pid = 0;
}

static void finish(struct hasher *h, enum transfer_hash hash, const struct answer *a) {
        struct hash_result result = { .hash = hash, .size = a ? a->size : -1 };
        if (a)
                memcpy(result.sha256, a->sha256, sizeof result.sha256);
        h->timeout = sd_event_source_disable_unref(h->timeout);
        h->busy = false;
        h->done(&result, h->userdata);
}

static int on_answer(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct hasher *h = userdata;
        struct answer a;
        (void) s;
        (void) revents;
        ssize_t n = recv(fd, &a, sizeof a, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n != (ssize_t) sizeof a || !h->busy || a.size < 0) {
                bool was_busy = h->busy;
                retire(h);
                if (was_busy)
                        finish(h, TRANSFER_HASH_UNREADABLE, NULL);
                return 0;
        }
        finish(h, a.error == 0 ? TRANSFER_HASH_DONE : TRANSFER_HASH_UNREADABLE, a.error == 0 ? &a : NULL);
        return 0;
}

static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata) {
        struct hasher *h = userdata;
        (void) s;
        (void) usec;
        retire(h);
        finish(h, TRANSFER_HASH_TOO_LONG, NULL);
        return 0;
}

static int spawn(struct hasher *h) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        pid_t parent = getpid();
        pid_t pid = fork();
        if (pid == 0)
                run_child(pair[1], parent);
        int error = errno;
        (void) close(pair[1]);
        if (pid < 0) {
                (void) close(pair[0]);
                return -error;
        }
        h->pid = pid;
        h->socket = pair[0];
        int r = sd_event_add_io(h->event, &h->answer, h->socket, EPOLLIN, on_answer, h);
        if (r < 0)
                retire(h);
        return r < 0 ? r : 0;
}

bool hasher_is_busy(const struct hasher *h) {
        return h->busy;
}

int hasher_begin(struct hasher *h, int fd, int64_t size) {
        if (h->busy)
                return -EBUSY;
        if (h->pid == 0 && h->killed >= KILLED_MAX)
                return -EAGAIN;
        int r = h->pid > 0 ? 0 : spawn(h);
        if (r < 0)
                return r;
        uint64_t limit = GRACE_USEC + (uint64_t) (size > 0 ? size : 0) * USEC_PER_BYTE;
        r = sd_event_add_time_relative(h->event, &h->timeout, CLOCK_MONOTONIC, limit, 0, on_timeout, h);
        if (r < 0)
                return r;

        char byte = 0;
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control = { .bytes = { 0 } };
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
        };
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
        if (sendmsg(h->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) {
                r = -errno;
                retire(h);
                return r;
        }
        h->busy = true;
        return 0;
}

int hasher_new(sd_event *event, void (*done)(const struct hash_result *result, void *userdata), void *userdata,
               struct hasher **ret) {
        struct hasher *h = calloc(1, sizeof *h);
        if (!h)
                return -ENOMEM;
        *h = (struct hasher){ .event = sd_event_ref(event), .done = done, .userdata = userdata, .socket = -1 };
        int r = spawn(h);
        if (r < 0) {
                (void) hasher_free(h);
                return r;
        }
        *ret = h;
        return 0;
}

struct hasher *hasher_free(struct hasher *h) {
        if (!h)
                return NULL;
        retire(h);
        (void) sd_event_unref(h->event);
        free(h);
        return NULL;
}
