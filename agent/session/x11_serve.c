/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Content on its way out: each request is judged for the program behind the window that asks. */
#include <stdlib.h>
#include <string.h>

#include "pairs.h"
#include "x11_state.h"

/* Who asks, and for what. */
struct asking {
        struct x11_selection *s;
        xcb_window_t requestor;
        char program[PROGRAM_MAX];
        bool is_focused;
};

static struct x11_selection *selection_of(struct x11 *x, const xcb_selection_request_event_t *e) {
        for (int i = 0; i < SELECTION_MAX; i++)
                if (x->selections[i].atom == e->selection && x->selections[i].window == e->owner)
                        return &x->selections[i];
        return NULL;
}

static void answer(struct x11 *x, const xcb_selection_request_event_t *e, xcb_atom_t property) {
        const union {
                xcb_selection_notify_event_t event;
                char bytes[32]; /* every event has */
        } n = { .event = { .response_type = XCB_SELECTION_NOTIFY,
                           .time = e->time,
                           .requestor = e->requestor,
                           .selection = e->selection,
                           .target = e->target,
                           .property = property } };
        (void) xcb_send_event(x->c, 0, e->requestor, XCB_EVENT_MASK_NO_EVENT, n.bytes);
}

/* ---- piece by piece ---- */

static void watch_requestor(struct x11 *x, xcb_window_t window, bool on) {
        const uint32_t mask = on ? XCB_EVENT_MASK_PROPERTY_CHANGE | XCB_EVENT_MASK_STRUCTURE_NOTIFY : 0;
        for (size_t i = 0; !on && i < x->n_transfers; i++)
                if (x->transfers[i].requestor == window)
                        return; /* another one goes on */
        (void) xcb_change_window_attributes(x->c, window, XCB_CW_EVENT_MASK, &mask);
}

static void end_transfer(struct x11 *x, size_t i) {
        xcb_window_t window = x->transfers[i].requestor;
        (void) blob_unref(x->transfers[i].data);
        x->transfers[i] = x->transfers[--x->n_transfers];
        watch_requestor(x, window, false);
}

static bool begin_transfer(struct x11 *x, xcb_window_t requestor, xcb_atom_t property, xcb_atom_t type,
                           struct blob *data) {
        for (size_t i = x->n_transfers; i-- > 0;)
                if (x->transfers[i].requestor == requestor && x->transfers[i].property == property)
                        end_transfer(x, i); /* it asks again into the same place */
        if (x->n_transfers == X11_TRANSFERS_MAX)
                return false;
        x->transfers[x->n_transfers++] = (struct x11_transfer){
                .requestor = requestor, .property = property, .type = type, .data = blob_ref(data), .moved = x11_now(x)
        };
        watch_requestor(x, requestor, true);
        const uint32_t size = (uint32_t) data->size;
        (void) xcb_change_property(x->c, XCB_PROP_MODE_REPLACE, requestor, property, x->atoms[ATOM_INCR], 32, 1, &size);
        return true;
}

void x11_serve_on_property(struct x11 *x, const xcb_property_notify_event_t *e) {
        if (e->state != XCB_PROPERTY_DELETE)
                return;
        for (size_t i = 0; i < x->n_transfers; i++) {
                struct x11_transfer *t = &x->transfers[i];
                if (t->requestor != e->window || t->property != e->atom)
                        continue;
                size_t left = t->data->size - t->done, n = left < x->chunk ? left : x->chunk;
                (void) xcb_change_property(x->c, XCB_PROP_MODE_REPLACE, t->requestor, t->property, t->type, 8,
                                           (uint32_t) n, n > 0 ? t->data->bytes + t->done : NULL);
                t->done += n;
                t->moved = x11_now(x);
                if (n == 0)
                        end_transfer(x, i);
                return;
        }
}

void x11_serve_on_destroyed(struct x11 *x, xcb_window_t window) {
        for (size_t i = x->n_transfers; i-- > 0;)
                if (x->transfers[i].requestor == window)
                        end_transfer(x, i);
}

/* ---- one target ---- */

static xcb_atom_t target_atom(const struct x11 *x, const char *name) {
        const struct target *t = name ? target_find(name) : NULL;
        return t ? x->target_atoms[t - targets] : XCB_NONE;
}

/* What it may have; where that is nothing, what is there is shown by its first name, so that a person who pastes is
 * told why nothing comes. */
static size_t list_targets(const struct x11 *x, const struct asking *a, xcb_atom_t *list) {
        size_t n = 0;
        list[n++] = x->atoms[ATOM_TARGETS];
        list[n++] = x->atoms[ATOM_TIMESTAMP];
        list[n++] = x->atoms[ATOM_MULTIPLE];
        uint32_t formats = clip_offer(x->clip, a->s->which, a->program);
        for (size_t i = 0; i < targets_count(); i++)
                if (formats & 1u << targets[i].format)
                        list[n++] = x->target_atoms[i];
        uint32_t types = formats ? 0 : clip_denied_types(x->clip, a->s->which);
        for (int t = 0; t < FLOW_TYPE_MAX; t++) {
                xcb_atom_t atom = types & 1u << t ? target_atom(x, target_first_of((enum flow_type) t)) : XCB_NONE;
                if (atom != XCB_NONE)
                        list[n++] = atom;
        }
        return n;
}

static bool give(struct x11 *x, const struct asking *a, const struct target *t, xcb_atom_t target,
                 xcb_atom_t property) {
        CLEANUP(blob_unrefp) struct blob *data = clip_take(x->clip, a->s->which, t->format, a->program, a->is_focused);
        if (data && t->form != FORM_AS_IS) {
                struct blob *converted = target_convert(data, t->form);
                (void) blob_unref(data);
                data = converted;
        }
        if (!data)
                return false;
        xcb_atom_t type = t->type ? target_atom(x, t->type) : target;
        if (data->size > x->chunk)
                return begin_transfer(x, a->requestor, property, type, data);
        (void) xcb_change_property(x->c, XCB_PROP_MODE_REPLACE, a->requestor, property, type, 8, (uint32_t) data->size,
                                   data->bytes);
        return true;
}

static bool convert(struct x11 *x, const struct asking *a, xcb_atom_t target, xcb_atom_t property) {
        if (property == XCB_NONE)
                return false;
        if (target == x->atoms[ATOM_TIMESTAMP]) {
                (void) xcb_change_property(x->c, XCB_PROP_MODE_REPLACE, a->requestor, property, XCB_ATOM_INTEGER, 32, 1,
                                           &a->s->owned);
                return true;
        }
        if (target == x->atoms[ATOM_TARGETS]) {
                xcb_atom_t list[3 + 32 + FLOW_TYPE_MAX];
                size_t n = list_targets(x, a, list);
                (void) xcb_change_property(x->c, XCB_PROP_MODE_REPLACE, a->requestor, property, XCB_ATOM_ATOM, 32,
                                           (uint32_t) n, list);
                return true;
        }
        for (size_t i = 0; i < targets_count(); i++)
                if (x->target_atoms[i] == target)
                        return give(x, a, &targets[i], target, property);
        return false;
}

/* The list of what is wanted lies in the requestor's property; what it does not get is struck out there. */
static bool convert_many(struct x11 *x, const struct asking *a, xcb_atom_t property) {
        if (property == XCB_NONE)
                return false;
        xcb_get_property_reply_t *r = xcb_get_property_reply(
                x->c,
                xcb_get_property(x->c, 0, a->requestor, property, XCB_GET_PROPERTY_TYPE_ANY, 0, PAIRS_MAX * 2 + 1),
                NULL);
        struct pairs pairs;
        bool good = r && r->bytes_after == 0 &&
                    pairs_read(xcb_get_property_value(r), (size_t) xcb_get_property_value_length(r), r->format,
                               &pairs) == 0;
        free(r);
        if (!good)
                return false;
        for (size_t i = 0; i < pairs.n; i++)
                if (pairs.list[i].target == x->atoms[ATOM_MULTIPLE] || pairs.list[i].property == property ||
                    !convert(x, a, pairs.list[i].target, pairs.list[i].property))
                        pairs.list[i].property = XCB_NONE;
        (void) xcb_change_property(x->c, XCB_PROP_MODE_REPLACE, a->requestor, property, x->atoms[ATOM_ATOM_PAIR], 32,
                                   (uint32_t) (pairs.n * 2), pairs.list);
        return true;
}

static void serve(struct x11 *x, struct x11_selection *s, const xcb_selection_request_event_t *e) {
        struct asking a = { .s = s, .requestor = e->requestor };
        x11_program(x, e->requestor, a.program, &a.is_focused);
        /* An old program leaves the place to us. */
        xcb_atom_t property = e->property != XCB_NONE ? e->property : e->target;
        bool good = e->target == x->atoms[ATOM_MULTIPLE] ? convert_many(x, &a, e->property)
                                                         : convert(x, &a, e->target, property);
        answer(x, e, good ? property : XCB_NONE);
}

/* ---- requests ---- */

/* Anybody may name any window. What we watch at the root and at our own would end with a transfer there. What the
 * compositor wants is not for itself, and what it passes on comes from elsewhere. */
static bool is_no_program(const struct x11 *x, const struct x11_selection *s, xcb_window_t requestor) {
        return requestor == x->root || x11_same_client(x, requestor, s->window) || x11_is_carrier(x, s, requestor);
}

void x11_on_request(struct x11 *x, const xcb_selection_request_event_t *e) {
        struct x11_selection *s = selection_of(x, e);
        bool is_empty = s && x11_is_carried(x, s) && !clip_has(x->clip, s->which);
        if (!s || !s->ours || is_empty || is_no_program(x, s, e->requestor))
                answer(x, e, XCB_NONE);
        else if ((s->inbox.parent == XCB_NONE && !s->filling) || e->target == x->atoms[ATOM_TIMESTAMP])
                serve(x, s, e);
        else if (s->n_waiting < X11_WAITING_MAX)
                s->waiting[s->n_waiting++] = (struct x11_request){ *e, x11_now(x) };
        else
                answer(x, e, XCB_NONE);
}

void x11_serve_waiting(struct x11 *x, struct x11_selection *s) {
        size_t n = s->n_waiting;
        s->n_waiting = 0;
        for (size_t i = 0; i < n; i++)
                serve(x, s, &s->waiting[i].event);
}

/* Those that do not go on taking what they asked for. */
void x11_serve_sweep(struct x11 *x, uint64_t now) {
        for (size_t i = x->n_transfers; i-- > 0;)
                if (now - x->transfers[i].moved > X11_IDLE_USEC)
                        end_transfer(x, i);
        (void) xcb_flush(x->c);
}
