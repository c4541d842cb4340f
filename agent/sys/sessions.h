/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is logged in, as logind says: a mirror of its sessions, and what can be asked of one of them. Owned by agent/sys;
 * used by the agent, which sees to it that screens are locked and helpers run, and tells people what concerns them.
 *
 * Source: org.freedesktop.login1(5). Everything is asynchronous; a bus that is not there yet is tried again, and until
 * then nobody is logged in. Asking for a lock is no lock: LockedHint says when it is one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/file.h"

#define SESSIONS_MAX 64u /* further ones are not seen, which sessions_all_seen() says */

struct session_info {
        char id[32]; /* logind's, "c2" */
        char path[128];
        char seat[64]; /* "": none, it came over the network */
        char type[16]; /* "tty", "x11", "wayland" */
        char tty[32];  /* "tty2"; may be empty */
        uid_t uid;
        pid_t leader;
        bool user;      /* of a person; not a greeter, a lock screen or a job */
        bool graphical; /* x11, wayland or mir */
        bool active, closing, remote;
        bool locked; /* LockedHint */
        bool idle;   /* IdleHint: a desktop sets it when it likes; of a text session it is logind's own measure */
        uint64_t idle_since; /* microseconds of CLOCK_MONOTONIC; of a text session the last key. 0: not known */
};

struct sessions;

/* changed: something did; never called from inside a call. 0 or -ENOMEM. */
int sessions_new(sd_event *event, const struct root *root, void (*changed)(void *userdata), void *userdata,
                 struct sessions **ret);
struct sessions *sessions_free(struct sessions *s); /* NULL allowed */

size_t sessions_count(const struct sessions *s);                             /* NULL allowed: 0 */
const struct session_info *sessions_get(const struct sessions *s, size_t i); /* valid until the next event */
const struct session_info *sessions_find(const struct sessions *s, const char *id);
bool sessions_all_seen(const struct sessions *s);       /* logind was reached, and none was left out */
bool session_is_a_screen(const struct session_info *i); /* a person's, not over, and on a seat or graphical */

/* Asks logind for the properties that it does not announce (idle times of text sessions). changed() follows. */
void sessions_refresh(struct sessions *s);

/* Only asks: what comes of it shows in the mirror. 0; -ENOTCONN: logind is not there; -errno. */
int sessions_lock(struct sessions *s, const char *id);
int sessions_end(struct sessions *s, const char *id); /* everything that runs in it is killed */
