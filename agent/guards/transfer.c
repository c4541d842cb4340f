/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "watcher.h"

struct transfer_guard {
        struct guard base;
        struct guard_env env;
        struct watcher watcher;
};

static bool is_known(const char *code) {
        return strcmp(code, "transfers-lost") == 0 || strcmp(code, "transfer-unwatched") == 0;
}

static int take(struct guard *base, const void *bytes, size_t size, uint64_t *ret_id) {
        const struct guard_env *env = &((struct transfer_guard *) base)->env;
        struct transfer t;
        int r = transfer_decode(bytes, size, &t);
        if (r < 0)
                return r;
        *ret_id = t.id;
        switch (t.kind) {
        case TRANSFER_WATCHING:
                env->trouble(base, "transfer-watched", "", env->userdata);
                return 0;
        case TRANSFER_TROUBLE:
                if (!is_known(t.code))
                        return -EBADMSG;
                env->trouble(base, t.code, t.detail, env->userdata);
                return 0;
        default:
                return env->transferred(base, &t, env->userdata);
        }
}

static const struct watcher_kind WATCHER = { TRANSFER_SOCKET, "transfer-unwatched", take };

static int transfer_apply(struct guard *base, const struct verdict *v) {
        (void) base;
        (void) v;
        return 1; /* it has no subjects */
}

static int transfer_resync(struct guard *base) {
        (void) base;
        return 0;
}

static int transfer_instance(const struct guard *base, uint64_t handle, char ret[GUARD_INSTANCE_MAX]) {
        (void) base;
        (void) handle;
        (void) ret;
        return 1;
}

static void transfer_stop(struct guard *base) {
        struct transfer_guard *g = (struct transfer_guard *) base;
        if (!g)
                return;
        watcher_stop(&g->watcher);
        free(g);
}

static int transfer_start(const struct guard_env *env, struct guard **ret) {
        CLEANUP(free_p) struct transfer_guard *g = calloc(1, sizeof *g);
        if (!g)
                return -ENOMEM;
        g->base.ops = &transfer_guard_ops;
        g->env = *env;
        int r = watcher_start(&g->watcher, &g->base, &g->env, &WATCHER);
        if (r < 0)
                return r;
        *ret = &TAKE_PTR(g)->base;
        return 0;
}

const struct guard_ops transfer_guard_ops = {
        .name = "transfer",
        .start = transfer_start,
        .apply = transfer_apply,
        .resync = transfer_resync,
        .instance = transfer_instance,
        .stop = transfer_stop,
};
