/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files about X share. Private to x11*.c. */
#pragma once

#include <stdint.h>
#include <xcb/xcb.h>

#include "x11.h"

#define X11_CHUNK         ((size_t) 1 << 20) /* of one property; more goes piece by piece (INCR) */
#define X11_WAITING_MAX   64u                /* requests that wait for content that is on its way */
#define X11_TRANSFERS_MAX 64u                /* that go out piece by piece */
#define X11_IDLE_USEC     UINT64_C(10000000) /* without a step: given up */
#define X11_FETCH_USEC    UINT64_C(5000000)

enum x11_atom {
        ATOM_CLIPBOARD,
        ATOM_XDND,
        ATOM_TARGETS,
        ATOM_TIMESTAMP,
        ATOM_MULTIPLE,
        ATOM_ATOM_PAIR,
        ATOM_INCR,
        ATOM_INBOX,
        ATOM_ACTIVE_WINDOW,
        ATOM_WM,
        ATOM_MAX,
};

struct x11_request {
        xcb_selection_request_event_t event;
        uint64_t since; /* monotonic */
};

/* One format on its way in. */
enum fetch_state { FETCH_NOT, FETCH_ASKED, FETCH_PIECES, FETCH_OVER };

/* A window for each format, and one for the list of targets: programs tell transfers apart by the window alone. */
struct x11_inbox {
        xcb_window_t parent; /* 0: there is none */
        xcb_window_t windows[FORMAT_MAX + 1];
};

struct x11_selection {
        enum selection which;
        xcb_atom_t atom;
        xcb_window_t window;   /* ours, that owns it */
        xcb_window_t owner;    /* the last other's */
        xcb_timestamp_t owned; /* by owner, since; then by us */
        bool ours;
        bool news;            /* owner took it, and that was not looked at yet */
        bool waits;           /* PRIMARY: it stays with its owner for now */
        bool theirs, filling; /* what is held another front has brought; it is still on its way */

        /* On its way in. */
        struct x11_inbox inbox;
        struct x11_inbox drain; /* where what is not wanted any more still comes to */
        uint64_t drained;       /* monotonic: since */
        enum fetch_state fetch[FORMAT_MAX];
        struct blob *in[FORMAT_MAX];
        size_t limits[FORMAT_MAX];
        size_t total;
        sd_event_source *timeout;

        struct x11_request waiting[X11_WAITING_MAX];
        size_t n_waiting;
        struct x11 *x;
};

/* One property on its way out. */
struct x11_transfer {
        xcb_window_t requestor;
        xcb_atom_t property, type;
        struct blob *data;
        size_t done;
        uint64_t moved; /* monotonic: of the last step */
};

struct x11 {
        sd_event *event;
        struct clip *clip;
        xcb_connection_t *c;
        sd_event_source *io, *sweep;
        xcb_window_t root;
        uint32_t id_mask; /* of a resource id: what is not the client's */
        size_t chunk;
        uint8_t xfixes_event; /* number of the first */
        uint8_t xinput_opcode;
        bool has_xinput, watching_input;
        bool ready; /* rules came, or their absence is certain */
        bool is_xwayland;
        xcb_atom_t atoms[ATOM_MAX], target_atoms[32], format_atoms[FORMAT_MAX];
        struct x11_selection selections[SELECTION_MAX];
        struct x11_transfer transfers[X11_TRANSFERS_MAX];
        size_t n_transfers;
};

static inline bool x11_same_client(const struct x11 *x, xcb_window_t a, xcb_window_t b) {
        return (a & ~x->id_mask) == (b & ~x->id_mask);
}

uint64_t x11_now(const struct x11 *x); /* monotonic */
void x11_own(struct x11 *x, struct x11_selection *s);
/* The compositor carries what this selection has between X and Wayland, or would. */
bool x11_is_carried(const struct x11 *x, const struct x11_selection *s);
/* The window is the compositor's, and the selection is carried. */
bool x11_is_carrier(const struct x11 *x, const struct x11_selection *s, xcb_window_t window);
/* The program behind a window. *ret_focused (may be NULL): it has the input focus. */
void x11_program(const struct x11 *x, xcb_window_t window, char ret[PROGRAM_MAX], bool *ret_focused);

/* ---- x11_fetch.c ---- */

/* Fetches what the selection's owner has, and takes it from him. */
void x11_take(struct x11 *x, struct x11_selection *s);
void x11_on_notify(struct x11 *x, const xcb_selection_notify_event_t *e);
/* True: it was about one of our windows. */
bool x11_fetch_on_property(struct x11 *x, const xcb_property_notify_event_t *e);
void x11_fetch_stop(struct x11 *x, struct x11_selection *s);
void x11_fetch_forget(struct x11 *x, struct x11_selection *s); /* those who wait go on waiting */
void x11_fetch_sweep(struct x11 *x, uint64_t now);

/* ---- x11_serve.c ---- */

void x11_on_request(struct x11 *x, const xcb_selection_request_event_t *e);
/* Content is here: those who wait are served. */
void x11_serve_waiting(struct x11 *x, struct x11_selection *s);
void x11_serve_on_property(struct x11 *x, const xcb_property_notify_event_t *e);
void x11_serve_on_destroyed(struct x11 *x, xcb_window_t window);
void x11_serve_sweep(struct x11 *x, uint64_t now);

/* ---- x11_input.c ---- */

/* PRIMARY waits: the middle button and the focus are watched until it need not any more. */
void x11_input_watch(struct x11 *x, bool on);
/* The pointer, or the focus, is at another program than owner's. */
bool x11_input_points_elsewhere(const struct x11 *x, xcb_window_t owner);
bool x11_input_focuses_elsewhere(const struct x11 *x, xcb_window_t owner);
/* The middle button was held up; now it goes where it goes. */
void x11_input_replay(struct x11 *x, xcb_timestamp_t time);
