/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's calls: one at a time, the newest. What happens while nobody has called is kept and told then.
 *
 * Owned by agent/network; main.c joins it to netd.c.
 */
#pragma once

#include <systemd/sd-event.h>

#include "base/file.h"
#include "base/network.h"

struct channel;

struct channel_env {
        sd_event *event;
        const struct root *root;
        /* Loads the policy in force: 0 or -errno. */
        int (*reload)(void *userdata);
        /* Whether the policy whose text is in fd (borrowed, hostile) could be loaded: 0 or -errno. */
        int (*try_policy)(int fd, void *userdata);
        /* Fills stance, serial and the like. */
        void (*state)(void *userdata, struct network_message *ret);
        void *userdata;
};

/* 0 or -errno. */
int channel_new(const struct channel_env *env, struct channel **ret);
struct channel *channel_free(struct channel *c);
void channel_trouble(struct channel *c, const char *code, const char *detail);
/* Tells what holds now, unless that is what was told last. */
void channel_state(struct channel *c);
