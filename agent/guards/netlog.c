/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "watcher.h"

struct netlog_guard {
        struct guard base;
        struct guard_env env;
        struct watcher watcher;
};

static int take(struct guard *base, const void *bytes, size_t size, uint64_t *ret_id) {
        const struct guard_env *env = &((struct netlog_guard *) base)->env;
        struct blocked b;
        int r = blocked_decode(bytes, size, &b);
        if (r < 0)
                return r;
        *ret_id = b.id;
        if (b.kind != BLOCKED_WATCHING)
                return env->blocked(base, &b, env->userdata);
        env->trouble(base, "netlog-watched", "", env->userdata);
        return 0;
}

static const struct watcher_kind WATCHER = { BLOCKED_SOCKET, "netlog-unwatched", take };

static int netlog_apply(struct guard *base, const struct verdict *v) {
        (void) base;
        (void) v;
        return 1; /* it has no subjects */
}

static int netlog_resync(struct guard *base) {
        (void) base;
        return 0;
}

static int netlog_instance(const struct guard *base, uint64_t handle, char ret[GUARD_INSTANCE_MAX]) {
        (void) base;
        (void) handle;
        (void) ret;
        return 1;
}

static void netlog_stop(struct guard *base) {
        struct netlog_guard *g = (struct netlog_guard *) base;
        if (!g)
                return;
        watcher_stop(&g->watcher);
        free(g);
}

static int netlog_start(const struct guard_env *env, struct guard **ret) {
        CLEANUP(free_p) struct netlog_guard *g = calloc(1, sizeof *g);
        if (!g)
                return -ENOMEM;
        g->base.ops = &netlog_guard_ops;
        g->env = *env;
        int r = watcher_start(&g->watcher, &g->base, &g->env, &WATCHER);
        if (r < 0)
                return r;
        *ret = &TAKE_PTR(g)->base;
        return 0;
}

const struct guard_ops netlog_guard_ops = {
        .name = "netlog",
        .start = netlog_start,
        .apply = netlog_apply,
        .resync = netlog_resync,
        .instance = netlog_instance,
        .stop = netlog_stop,
};
