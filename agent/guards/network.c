/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/network.h"
#include "sys/packet.h"

#define CALL_AGAIN_USEC UINT64_C(500000)
#define GRACE_USEC      UINT64_C(20000000) /* sekisho-netd starts before us, or again */
#define ANSWER_MSEC     20000              /* ten thousand prefixes take a tenth of a second; less than our watchdog */

struct network_guard {
        struct guard base;
        struct guard_env env;
        int netd; /* -1: none */
        sd_event_source *messages, *again, *absent;
        char wanted[72]; /* SHA-256 of the policy in force; "": the built-in one */
        bool has_wanted, asked, unguarded;
        struct network_message state; /* the last that was told */
};

static void trouble(struct network_guard *g, const char *code, const char *detail) {
        g->env.trouble(&g->base, code, detail, g->env.userdata);
}

/* What netd may say; anything else is none of its business. */
static bool is_known(const char *code) {
        static const char *const codes[] = { "network-tampered", "network-events-lost", "network-state-not-kept",
                                             "interface-refused", "interface-not-held" };
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
                if (strcmp(codes[i], code) == 0)
                        return true;
        return false;
}

static void call_again(struct network_guard *g) {
        (void) sd_event_source_set_time_relative(g->again, CALL_AGAIN_USEC);
        (void) sd_event_source_set_enabled(g->again, SD_EVENT_ONESHOT);
        if (!g->env.root->is_machine) /* a fake machine has one only when its test starts one */
                return;
        (void) sd_event_source_set_time_relative(g->absent, GRACE_USEC);
        (void) sd_event_source_set_enabled(g->absent, SD_EVENT_ONESHOT);
}

static void hang_up(struct network_guard *g) {
        g->messages = sd_event_source_disable_unref(g->messages);
        close_p(&g->netd);
        g->netd = -1;
        g->asked = false;
        call_again(g);
}

static int ask(struct network_guard *g) {
        const struct network_message m = { .kind = NETWORK_RELOAD };
        if (send(g->netd, &m, sizeof m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t) sizeof m) {
                g->asked = true;
                return 0;
        }
        int error = errno;
        hang_up(g);
        return -error;
}

/* Under the built-in policy, which names no network, what held before goes on. */
static bool holds(const struct network_guard *g) {
        return g->netd >= 0 && (!*g->wanted || strcmp(g->state.sha256, g->wanted) == 0);
}

static void take(struct network_guard *g, const struct network_message *m) {
        switch (m->kind) {
        case NETWORK_TROUBLE:
                if (is_known(m->code))
                        trouble(g, m->code, m->detail);
                return;
        case NETWORK_LOADED:
                g->asked = false;
                if (m->error < 0)
                        trouble(g, "network-not-loaded", strerrordesc_np(-m->error));
                else
                        trouble(g, "network-loaded", "");
                break;
        case NETWORK_STATE:
        case NETWORK_TRIED:
                break;
        default:
                hang_up(g);
                return;
        }
        g->state = *m;
        /* It was away when the policy changed. */
        if (m->kind == NETWORK_STATE && g->has_wanted && !g->asked && !holds(g))
                (void) ask(g);
}

/* One message. 0: taken; -EAGAIN: none is there; other -errno: it is gone. */
static int receive(struct network_guard *g, struct network_message *ret) {
        struct network_message m;
        ssize_t n = recv(g->netd, &m, sizeof m, MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return -EAGAIN;
        if (n <= 0 || !network_message_is_valid(&m, (size_t) n)) {
                hang_up(g);
                return -EPIPE;
        }
        take(g, &m);
        *ret = m;
        return 0;
}

static int on_message(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct network_guard *g = userdata;
        struct network_message m;
        (void) s;
        (void) fd;
        (void) revents;
        (void) receive(g, &m);
        return 0;
}

static void call(struct network_guard *g) {
        CLEANUP(close_p) int fd = packet_connect(g->env.root, NETWORK_SOCKET);
        if (fd < 0 || sd_event_add_io(g->env.event, &g->messages, fd, EPOLLIN, on_message, g) < 0) {
                (void) sd_event_source_set_time_relative(g->again, CALL_AGAIN_USEC);
                (void) sd_event_source_set_enabled(g->again, SD_EVENT_ONESHOT);
                return;
        }
        g->netd = TAKE_FD(fd);
        (void) sd_event_source_set_enabled(g->absent, SD_EVENT_OFF);
        if (g->unguarded)
                trouble(g, "network-guarded", "");
        g->unguarded = false;
}

static int on_again(sd_event_source *s, uint64_t usec, void *userdata) {
        struct network_guard *g = userdata;
        (void) s;
        (void) usec;
        if (g->netd < 0)
                call(g);
        return 0;
}

static int on_absent(sd_event_source *s, uint64_t usec, void *userdata) {
        struct network_guard *g = userdata;
        (void) s;
        (void) usec;
        g->unguarded = true;
        trouble(g, "network-unguarded", "sekisho-netd does not answer");
        return 0;
}

static int64_t now_msec(void) {
        struct timespec ts;
        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Waits for the answer: whoever installs a policy is told whether it holds. */
static int wait_for_answer(struct network_guard *g, enum network_kind kind) {
        int64_t end = now_msec() + ANSWER_MSEC;
        while (g->netd >= 0) {
                struct pollfd p = { .fd = g->netd, .events = POLLIN };
                int64_t left = end - now_msec();
                struct network_message m;
                if (left <= 0 || poll(&p, 1, (int) left) == 0) {
                        hang_up(g);
                        return -ETIMEDOUT;
                }
                if (receive(g, &m) == 0 && m.kind == kind)
                        return m.error;
        }
        return -EPIPE;
}

static int network_adopt(struct guard *base, const char *sha256) {
        struct network_guard *g = (struct network_guard *) base;
        (void) snprintf(g->wanted, sizeof g->wanted, "%s", sha256);
        g->has_wanted = true;
        if (g->netd < 0)
                call(g);
        if (g->netd < 0 || holds(g)) /* without netd, what it holds stays; it is told when it is there */
                return 0;
        int r = ask(g);
        return r < 0 ? r : wait_for_answer(g, NETWORK_LOADED);
}

/* A file in memory that can no longer change. A descriptor or -errno. */
static int sealed(const char *text, size_t size) {
        CLEANUP(close_p) int fd = memfd_create("policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        int r = file_write_all(fd, text, size);
        if (r == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                r = -errno;
        return r < 0 ? r : TAKE_FD(fd);
}

static int network_dry_run(struct guard *base, const char *text, size_t size) {
        struct network_guard *g = (struct network_guard *) base;
        const struct network_message m = { .kind = NETWORK_DRY_RUN };
        if (g->netd < 0)
                call(g);
        if (g->netd < 0) /* it tries when it is there */
                return 0;
        CLEANUP(close_p) int fd = sealed(text, size);
        if (fd < 0)
                return fd;
        int r = packet_send_with(g->netd, &m, sizeof m, fd);
        if (r < 0) {
                hang_up(g);
                return r;
        }
        return wait_for_answer(g, NETWORK_TRIED);
}

static void network_summary(const struct guard *base, struct guard_summary *ret) {
        const struct network_guard *g = (const struct network_guard *) base;
        *ret = (struct guard_summary){ .holding = holds(g),
                                       .subjects = (int64_t) g->state.open + g->state.down,
                                       .open = g->state.open,
                                       .blocked = g->state.down };
}

static int network_apply(struct guard *base, const struct verdict *v) {
        (void) base;
        (void) v;
        return 1; /* it has no subjects */
}

static int network_resync(struct guard *base) {
        struct network_guard *g = (struct network_guard *) base;
        if (g->netd < 0)
                call(g);
        return 0;
}

static int network_instance(const struct guard *base, uint64_t handle, char ret[GUARD_INSTANCE_MAX]) {
        (void) base;
        (void) handle;
        (void) ret;
        return 1;
}

static void network_stop(struct guard *base) {
        struct network_guard *g = (struct network_guard *) base;
        if (!g)
                return;
        (void) sd_event_source_disable_unref(g->messages);
        (void) sd_event_source_disable_unref(g->again);
        (void) sd_event_source_disable_unref(g->absent);
        close_p(&g->netd);
        free(g);
}

static void stop_p(struct network_guard **g) {
        if (*g)
                network_stop(&(*g)->base);
}

static int network_start(const struct guard_env *env, struct guard **ret) {
        CLEANUP(stop_p) struct network_guard *g = calloc(1, sizeof *g);
        if (!g)
                return -ENOMEM;
        g->base.ops = &network_guard_ops;
        g->env = *env;
        g->netd = -1;
        int r = sd_event_add_time_relative(env->event, &g->again, CLOCK_MONOTONIC, CALL_AGAIN_USEC, 0, on_again, g);
        if (r >= 0)
                r = sd_event_add_time_relative(env->event, &g->absent, CLOCK_MONOTONIC, GRACE_USEC, 0, on_absent, g);
        if (r >= 0)
                r = sd_event_source_set_enabled(g->absent, env->root->is_machine ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        if (r < 0)
                return r;
        call(g);
        *ret = &TAKE_PTR(g)->base;
        return 0;
}

const struct guard_ops network_guard_ops = {
        .name = "network",
        .start = network_start,
        .apply = network_apply,
        .dry_run = network_dry_run,
        .adopt = network_adopt,
        .summary = network_summary,
        .resync = network_resync,
        .instance = network_instance,
        .stop = network_stop,
};
