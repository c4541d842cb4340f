/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Content on its way in.
 *
 * With the server grabbed, so that nobody else's request gets in, it is looked who the owner is, he is asked for the
 * list of what he has and for all formats of it that may pass to anybody, and the selection is taken. He is not waited
 * for: each answer of his would be time in which another program may ask him. He hears of all this in this order: he
 * answers us, and only then finds that he has lost the selection. Whoever asks later asks us, and waits until
 * everything is here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pairs.h"
#include "x11_state.h"

static void stop_timeout(struct x11_selection *s) {
        if (s->timeout)
                (void) sd_event_source_set_enabled(s->timeout, SD_EVENT_OFF);
}

static void end_drain(struct x11 *x, struct x11_selection *s) {
        if (s->drain.parent != XCB_NONE)
                (void) xcb_destroy_window(x->c, s->drain.parent); /* and all in it */
        s->drain = (struct x11_inbox){ 0 };
}

void x11_fetch_sweep(struct x11 *x, uint64_t now) {
        for (int i = 0; i < SELECTION_MAX; i++)
                if (now - x->selections[i].drained > X11_IDLE_USEC)
                        end_drain(x, &x->selections[i]);
}

/* What is still on its way, and is not wanted, comes and is thrown away for a while: many programs wait for us. */
static void close_inbox(struct x11 *x, struct x11_selection *s) {
        if (s->inbox.parent == XCB_NONE)
                return;
        end_drain(x, s);
        s->drain = s->inbox;
        s->drained = x11_now(x);
        s->inbox = (struct x11_inbox){ 0 };
        for (int f = 0; f < FORMAT_MAX; f++)
                (void) xcb_delete_property(x->c, s->drain.windows[f], x->atoms[ATOM_INBOX]);
}

void x11_fetch_forget(struct x11 *x, struct x11_selection *s) {
        stop_timeout(s);
        close_inbox(x, s);
        for (int f = 0; f < FORMAT_MAX; f++) {
                s->in[f] = blob_unref(s->in[f]);
                s->fetch[f] = FETCH_NOT;
        }
        s->total = 0;
}

void x11_fetch_stop(struct x11 *x, struct x11_selection *s) {
        x11_fetch_forget(x, s);
        if (s->n_waiting > 0)
                x11_serve_waiting(x, s);
}

static bool is_over(const struct x11_selection *s) {
        for (int f = 0; f < FORMAT_MAX; f++)
                if (s->fetch[f] == FETCH_ASKED || s->fetch[f] == FETCH_PIECES)
                        return false;
        return true;
}

/* Those who wait are served by what is held now. */
static void finish(struct x11 *x, struct x11_selection *s) {
        (void) clip_complete(x->clip, s->which);
        x11_fetch_stop(x, s);
}

static void end_format(struct x11 *x, struct x11_selection *s, enum format f, bool good) {
        struct blob *b = s->in[f];
        s->in[f] = NULL;
        s->fetch[f] = FETCH_OVER;
        if (good)
                clip_put(x->clip, s->which, f, b);
        else
                (void) blob_unref(b);
        if (is_over(s))
                finish(x, s);
}

/* What did not come by now does not come any more. */
static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        struct x11_selection *s = userdata;
        (void) source;
        (void) usec;
        if (s->inbox.parent != XCB_NONE)
                finish(s->x, s);
        (void) xcb_flush(s->x->c);
        return 0;
}

static int start_timeout(struct x11_selection *s, uint64_t usec) {
        if (!s->timeout) {
                int r = sd_event_add_time_relative(s->x->event, &s->timeout, CLOCK_MONOTONIC, usec, 100, on_timeout, s);
                return r < 0 ? r : 0;
        }
        (void) sd_event_source_set_time_relative(s->timeout, usec);
        return sd_event_source_set_enabled(s->timeout, SD_EVENT_ONESHOT);
}

static xcb_window_t make_window(const struct x11 *x, xcb_window_t parent) {
        const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE;
        xcb_window_t w = xcb_generate_id(x->c);
        (void) xcb_create_window(x->c, XCB_COPY_FROM_PARENT, w, parent, -1, -1, 1, 1, 0, XCB_WINDOW_CLASS_INPUT_ONLY,
                                 XCB_COPY_FROM_PARENT, XCB_CW_EVENT_MASK, &mask);
        return w;
}

static void ask(struct x11 *x, struct x11_selection *s, int box, xcb_atom_t target) {
        s->inbox.windows[box] = make_window(x, s->inbox.parent);
        (void) xcb_convert_selection(x->c, s->inbox.windows[box], s->atom, target, x->atoms[ATOM_INBOX], s->owned);
}

/* Who has it now, and his program: not the one that we heard of, where another was faster than we. */
static xcb_window_t find_owner(const struct x11 *x, const struct x11_selection *s, char ret_program[PROGRAM_MAX]) {
        xcb_get_selection_owner_cookie_t cookie = xcb_get_selection_owner(x->c, s->atom);
        x11_program(x, s->owner, ret_program, NULL);
        xcb_get_selection_owner_reply_t *r = xcb_get_selection_owner_reply(x->c, cookie, NULL);
        xcb_window_t owner = r ? r->owner : XCB_NONE;
        free(r);
        if (owner != s->owner)
                x11_program(x, owner, ret_program, NULL);
        return owner;
}

/* formats: mask of those that are asked for, and first of all for the list of what he has. */
static void ask_and_own(struct x11 *x, struct x11_selection *s, uint32_t formats) {
        if (formats) {
                s->inbox.parent = make_window(x, x->root);
                ask(x, s, FORMAT_MAX, x->atoms[ATOM_TARGETS]);
        }
        for (int f = 0; f < FORMAT_MAX; f++) {
                s->fetch[f] = formats & 1u << f ? FETCH_ASKED : FETCH_NOT;
                if (formats & 1u << f)
                        ask(x, s, f, x->format_atoms[f]);
        }
        x11_own(x, s);
}

/* On XWayland the selection was ours already, or has gone to the compositor: what that has comes by another front, or
 * went there from here. True: there is nothing to fetch. */
static bool has_it(struct x11 *x, struct x11_selection *s) {
        if (x11_same_client(x, s->owner, s->window))
                return true;
        if (!x11_is_carrier(x, s, s->owner))
                return false;
        if (clip_has(x->clip, s->which))
                x11_own(x, s);
        return true;
}

/* What is told to the compositor next makes it take the selection, a grab or not: only once all this is done. */
static void wait_for_server(const struct x11 *x) {
        free(xcb_get_input_focus_reply(x->c, xcb_get_input_focus(x->c), NULL));
}

void x11_take(struct x11 *x, struct x11_selection *s) {
        char program[PROGRAM_MAX];
        (void) xcb_grab_server(x->c);
        s->owner = find_owner(x, s, program);
        uint32_t formats = clip_wanted(x->clip, program);
        bool is_here = s->owner != XCB_NONE && has_it(x, s);
        if (!is_here)
                x11_fetch_forget(x, s);
        if (s->owner != XCB_NONE && !is_here)
                ask_and_own(x, s, formats);
        (void) xcb_ungrab_server(x->c);
        (void) xcb_flush(x->c);
        if (x->is_xwayland)
                wait_for_server(x);
        if (is_here)
                return;
        if (s->owner == XCB_NONE) { /* he has gone meanwhile, and with him what he had */
                if (!s->theirs)
                        clip_clear(x->clip, s->which);
                return;
        }
        s->theirs = s->filling = false;
        clip_begin(x->clip, x, s->which, program, s->limits);
        if (!formats || start_timeout(s, X11_FETCH_USEC) < 0)
                finish(x, s);
}

/* Reads and deletes the property, adds it to what is there. *ret_pieces: it says that it comes piece by piece. The size
 * that is said is not asked for: what counts is what comes. 0: that was all there is in it; 1: it was empty; -errno. */
static int read_property(struct x11 *x, struct x11_selection *s, enum format f, bool *ret_pieces) {
        size_t cap = clip_room(s->limits[f], s->total, s->in[f]->size);
        uint32_t offset = 0, left = 1;
        bool any = false;
        *ret_pieces = false;
        while (left > 0) {
                xcb_get_property_reply_t *r =
                        xcb_get_property_reply(x->c,
                                               xcb_get_property(x->c, 1, s->inbox.windows[f], x->atoms[ATOM_INBOX],
                                                                XCB_GET_PROPERTY_TYPE_ANY, offset, 1u << 20),
                                               NULL);
                if (!r || r->type == XCB_NONE) {
                        free(r);
                        return -EIO;
                }
                size_t n = (size_t) xcb_get_property_value_length(r);
                left = r->bytes_after;
                int e = 0;
                if (r->type == x->atoms[ATOM_INCR])
                        *ret_pieces = true;
                else if (n > 0)
                        e = blob_append(s->in[f], xcb_get_property_value(r), n, cap);
                any = any || n > 0;
                explicit_bzero(xcb_get_property_value(r), n);
                free(r);
                if (e < 0) { /* what was read whole is deleted already, and the next piece may be there */
                        if (left > 0)
                                (void) xcb_delete_property(x->c, s->inbox.windows[f], x->atoms[ATOM_INBOX]);
                        return e;
                }
                offset += (uint32_t) (n / 4);
        }
        return any ? 0 : 1;
}

static void took(struct x11 *x, struct x11_selection *s, enum format f, int r) {
        if (r == -EFBIG)
                clip_put_too_large(x->clip, s->which, f, s->limits[f]);
        if (r < 0)
                end_format(x, s, f, false);
        else
                (void) start_timeout(s, X11_FETCH_USEC);
}

static int box_of(const struct x11_inbox *inbox, xcb_window_t window) {
        for (int i = 0; inbox->parent != XCB_NONE && i <= FORMAT_MAX; i++)
                if (inbox->windows[i] == window)
                        return i;
        return -1;
}

/* *ret: the format, or FORMAT_MAX for the list of targets. NULL: it is none of ours. */
static struct x11_selection *selection_of_box(struct x11 *x, xcb_window_t window, int *ret) {
        for (int i = 0; i < SELECTION_MAX; i++) {
                *ret = box_of(&x->selections[i].inbox, window);
                if (*ret >= 0)
                        return &x->selections[i];
        }
        return NULL;
}

/* What he does not list he does not have, whatever he answers: some answer anything with the same. One that has no list
 * is taken by his answers. */
static void on_targets(struct x11 *x, struct x11_selection *s, xcb_atom_t property) {
        xcb_get_property_reply_t *r =
                xcb_get_property_reply(x->c,
                                       xcb_get_property(x->c, 1, s->inbox.windows[FORMAT_MAX], property,
                                                        XCB_GET_PROPERTY_TYPE_ANY, 0, ATOMS_MAX),
                                       NULL);
        uint32_t listed = ~0u;
        if (r && property != XCB_NONE)
                listed = atoms_listed(xcb_get_property_value(r), (size_t) xcb_get_property_value_length(r), r->format,
                                      x->format_atoms, FORMAT_MAX);
        free(r);
        for (int f = 0; f < FORMAT_MAX && s->inbox.parent != XCB_NONE; f++)
                if (s->fetch[f] != FETCH_NOT && !(listed & 1u << f)) {
                        clip_put(x->clip, s->which, (enum format) f, NULL);
                        end_format(x, s, (enum format) f, false);
                }
}

void x11_on_notify(struct x11 *x, const xcb_selection_notify_event_t *e) {
        int box = -1;
        struct x11_selection *s = selection_of_box(x, e->requestor, &box);
        if (s && box == FORMAT_MAX) {
                on_targets(x, s, e->property);
                return;
        }
        if (!s || s->fetch[box] != FETCH_ASKED)
                return;
        enum format f = (enum format) box;
        s->in[f] = e->property == x->atoms[ATOM_INBOX] ? blob_new() : NULL;
        if (!s->in[f]) { /* he has no such thing */
                end_format(x, s, f, false);
                return;
        }
        bool pieces = false;
        int r = read_property(x, s, f, &pieces);
        if (r >= 0 && pieces) {
                s->fetch[f] = FETCH_PIECES;
                (void) start_timeout(s, X11_FETCH_USEC);
        } else if (r >= 0) {
                s->total += s->in[f]->size;
                end_format(x, s, f, true);
        } else
                took(x, s, f, r);
}

static void on_piece(struct x11 *x, struct x11_selection *s, enum format f) {
        bool again = false;
        size_t before = s->in[f]->size;
        int r = read_property(x, s, f, &again);
        s->total += s->in[f]->size - before;
        if (r == -EIO)
                return; /* it was read along with the one before */
        if (r == 1 && !again)
                end_format(x, s, f, true);
        else
                took(x, s, f, again ? -EBADMSG : r);
}

bool x11_fetch_on_property(struct x11 *x, const xcb_property_notify_event_t *e) {
        bool is_new = e->state == XCB_PROPERTY_NEW_VALUE;
        for (int i = 0; i < SELECTION_MAX; i++)
                if (box_of(&x->selections[i].drain, e->window) >= 0) {
                        if (is_new)
                                (void) xcb_delete_property(x->c, e->window, e->atom);
                        return true;
                }
        int box = -1;
        struct x11_selection *s = selection_of_box(x, e->window, &box);
        if (!s)
                return false;
        if (is_new && e->atom == x->atoms[ATOM_INBOX] && box < FORMAT_MAX && s->fetch[box] == FETCH_PIECES)
                on_piece(x, s, (enum format) box);
        else if (is_new && box < FORMAT_MAX && s->fetch[box] == FETCH_OVER)
                (void) xcb_delete_property(x->c, e->window, e->atom); /* not wanted, and still coming */
        return true;
}
