/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where notices are shown: a desktop's notification daemon, or terminals. Private to agent/notices. */
#pragma once

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "notice.h"

/* ---- notify.c: org.freedesktop.Notifications, Desktop Notifications Specification 1.2 ---- */

struct notify;
struct notify_events {
        void (*ready)(void *userdata); /* a daemon is there; style may have changed */
        void (*dismissed)(unsigned slot, void *userdata);
        void (*lost)(unsigned slot, void *userdata); /* what notify_show() took, and nobody showed */
        void *userdata;
};
/* On the user's bus, of the environment. A bus or a daemon that is not there is waited for. 0 or -ENOMEM. events:
 * borrowed. */
int notify_new(sd_event *event, const struct notify_events *events, struct notify **ret);
struct notify *notify_free(struct notify *n); /* NULL allowed */
bool notify_is_ready(const struct notify *n, bool *ret_markup);
int notify_show(struct notify *n, const struct notice *notice); /* 0 or -errno: lost */

/* ---- console.c: a line on terminals ---- */

enum console_kind {
        CONSOLE_VT,      /* the kernel's own, which has no kanji */
        CONSOLE_EMULATED /* whatever is at the other end of ssh, or a terminal program */
};
/* To the terminals of the user's text sessions of that kind, as logind names them; only: to this one alone. Those that
 * refuse messages (mesg n) get none. The number of terminals. */
unsigned console_show(enum console_kind kind, const char *only, const struct notice *notice);
bool console_is_vt(const char *path);
