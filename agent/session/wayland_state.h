/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files about Wayland share. Private to wayland*.c. */
#pragma once

#include <stdint.h>
#include <wayland-client.h>

#include "focus.h"
#include "program.h"
#include "wayland.h"

#define OWN_TYPE           "application/x-sekisho" /* by which we know our own selection */
#define WAYLAND_SERVED_MAX 64u
#define WAYLAND_LOOK_USEC  UINT64_C(2000)    /* between two looks for who holds a pipe */
#define WAYLAND_FIND_USEC  UINT64_C(1000000) /* after that nobody is looked for any more */
#define WAYLAND_TAKE_USEC  UINT64_C(100000)  /* then the selection is taken, whatever is there */
#define WAYLAND_FETCH_USEC UINT64_C(5000000) /* without a byte: given up */
#define WAYLAND_TYPE_MAX   128u

/* One format on its way in. fd: where it is read; -1: it is not on its way. */
struct wayland_in {
        int fd;
        ino_t inode;
        size_t filler; /* bytes of ours that stand before his */
        struct blob *data;
        sd_event_source *io;
        struct wayland_selection *s;
};

/* One paste on its way out. */
struct wayland_out {
        int fd;
        struct blob *data;
        size_t done;
        sd_event_source *io;
        struct wayland *w;
        uint64_t moved; /* monotonic */
        bool used;
};

struct wayland_selection {
        struct wayland *w;
        enum selection which;
        struct wl_proxy *source; /* ours, or NULL */
        int sent[FORMAT_MAX];
        struct wayland_in in[FORMAT_MAX];
        size_t limits[FORMAT_MAX];
        size_t total;         /* bytes that have come of this copy */
        bool fetching, found; /* who copied */
        bool taken;           /* not his any more */
        uint32_t formats;     /* that were asked for */
        uint64_t asked;       /* monotonic */
        bool theirs, filling; /* what is held another front has brought; it is still on its way */
        uint64_t since;       /* monotonic */
        sd_event_source *timer;
        struct {
                char type[WAYLAND_TYPE_MAX];
                int fd;
        } waiting[WAYLAND_SERVED_MAX]; /* pastes that came before the content */
        size_t n_waiting;
};

/* What is marked, while it is left with its program; offer: NULL: nothing is. */
struct wayland_mark {
        struct wl_proxy *offer;
        const char *names[FORMAT_MAX]; /* as offer_names below */
        int format;                    /* by whose pipe its program is found */
        bool found;
        char program[PROGRAM_MAX];
        uint64_t since; /* monotonic */
        sd_event_source *timer;
};

struct wayland {
        sd_event *event;
        struct clip *clip;
        sd_event_source *io;
        struct wl_display *display;
        struct wl_registry *registry;
        struct wl_seat *seat;
        const struct data_control *protocol;
        struct wl_proxy *manager, *device;
        pid_t compositor[2]; /* 0-terminated */
        bool ready, finished;
        bool left_alone; /* by the rules so far */

        struct wl_proxy *offer; /* that is being introduced */
        bool offer_is_ours;
        const char *offer_names[FORMAT_MAX]; /* under which it has each format; NULL: it has not */

        struct wayland_selection clipboard, primary;
        struct focus *focus; /* NULL: the compositor does not tell */
        struct wayland_mark mark;
        struct wayland_out served[WAYLAND_SERVED_MAX];
};

uint64_t wayland_now(const struct wayland *w); /* monotonic */
/* Who holds an end of a pipe: one program, or several of one zone. */
void wayland_holder(struct wayland *w, ino_t inode, bool writing, char ret[PROGRAM_MAX]);

/* As program_of_pipe() wants it; userdata: struct wayland. */
bool wayland_one_zone(const char *a, const char *b, void *userdata);
void wayland_send_away(struct wl_proxy *p, uint32_t opcode); /* NULL allowed */
/* offer, names: what somebody has copied, and under which name it has each format; borrowed. */
void wayland_take(struct wayland_selection *s, struct wl_proxy *offer, const char *const names[FORMAT_MAX]);

void wayland_own(struct wayland_selection *s, uint32_t formats);

/* ---- wayland_mark.c ---- */

/* Leaves the offer that is being introduced with its program, if that may be: true. */
bool wayland_mark_leave(struct wayland *w);
void wayland_mark_look(struct wayland *w); /* the focus has moved: is it taken now? */
void wayland_mark_take(struct wayland *w);
void wayland_mark_forget(struct wayland *w); /* it is not marked any more */

/* ---- wayland_fetch.c ---- */

/* The end that the source is to write to; the caller closes it. -errno. */
int wayland_fetch_pipe(struct wayland_selection *s, enum format f);
/* formats: that were asked for. */
void wayland_fetch_begin(struct wayland_selection *s, uint32_t formats);
void wayland_fetch_stop(struct wayland_selection *s);

/* ---- wayland_serve.c ---- */

/* fd: taken over. */
void wayland_serve(struct wayland_selection *s, const char *type, int fd);
void wayland_serve_waiting(struct wayland_selection *s);
void wayland_serve_stop(struct wayland *w);
