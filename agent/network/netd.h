/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sekisho-netd, but for its command line: keeps the kernel's rules and interfaces as the accepted policy says.
 *
 * Owned by agent/network. One thread.
 */
#pragma once

#include <systemd/sd-event.h>

#include <sekisho/policy.h>

#include "base/file.h"
#include "base/network.h"
#include "changes.h"
#include "families.h"
#include "kernel.h"
#include "links.h"
#include "neighbours.h"
#include "radios.h"

/* What is to hold. */
enum stance {
        STANCE_NONE,    /* nothing was ever accepted: the machine is left alone */
        STANCE_CLOSED,  /* doors shut: something was accepted and must be enforced, but which rules is not known */
        STANCE_OBSERVE, /* rules log, nothing is refused */
        STANCE_ENFORCE,
};

struct netd_policy {
        struct policy *policy; /* NULL: none that could be believed. Owned by whoever asked */
        bool nothing_accepted; /* none ever was */
        uint64_t serial;
        char sha256[65];
};

struct netd_env {
        sd_event *event;
        const struct root *root;
        const struct families *families;
        /* Finds the policy in force. 0 or -errno. */
        int (*find_policy)(void *userdata, struct netd_policy *ret);
        void *userdata;
        /* Untranslated code and detail, for the record. */
        void (*trouble)(const char *code, const char *detail, void *userdata);
        void (*changed)(void *userdata); /* what netd_state() says */
};

struct netd {
        struct netd_env env;
        struct kernel_rules rules;
        struct links links;
        struct neighbours neighbours;
        struct radios radios;
        struct radios_held {
                bool held, wireless; /* off, but for those of Wi-Fi */
        } radios_held;
        struct mnl_socket *changes;
        sd_event_source *link_events, *change_events, *look, *neighbour_events, *pin, *radio_events;
        struct change suspect;    /* who changed rules last, besides us */
        uint32_t verified_number; /* of the last change that was looked at */
        enum stance stance;
        struct policy *policy; /* of STANCE_OBSERVE, STANCE_ENFORCE. Owned */
        uint64_t serial;
        char sha256[65];
};

/* kept: the socket of an earlier life, or -1. Closes first if something was enforced when the machine was on last, then
 * looks at the policy. 0 or -errno. */
int netd_start(struct netd *n, const struct netd_env *env, int kept);
/* Loads the policy in force. 0; -errno: what held before holds. */
int netd_reload(struct netd *n);
/* Whether the rules of p could be loaded; changes nothing. 0 or -errno. */
int netd_try(struct netd *n, const struct policy *p);
/* Looks at everything again. */
void netd_resync(struct netd *n);
/* When rules cannot be had although something is to be enforced: every interface down. */
void netd_shut_all(const struct netd_env *env);
/* Fills what holds. */
void netd_state(const struct netd *n, struct network_message *ret);
void netd_stop(struct netd *n);

/* For when nobody is there to keep our socket: a copy of the rules that nobody owns, so that it stays; nothing where
 * nothing is refused, or one is there already. 0 or -errno. */
int netd_leave(const struct netd_env *env);
/* Takes all rules away that can be taken away, and gives back what was turned off. 0 or -errno. */
int netd_remove(const struct root *root);

const char *stance_name(enum stance s); /* "enforce" */
