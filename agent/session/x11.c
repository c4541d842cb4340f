/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "x11.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <xcb/res.h>
#include <xcb/xcb.h>
#include <xcb/xcbext.h>
#include <xcb/xfixes.h>
#include <xcb/xinput.h>

#include "display.h"
#include "x11_state.h"

#define SWEEP_USEC UINT64_C(1000000)

static const char *const atom_names[ATOM_MAX] = {
        [ATOM_CLIPBOARD] = "CLIPBOARD",
        [ATOM_XDND] = "XdndSelection",
        [ATOM_TARGETS] = "TARGETS",
        [ATOM_TIMESTAMP] = "TIMESTAMP",
        [ATOM_MULTIPLE] = "MULTIPLE",
        [ATOM_ATOM_PAIR] = "ATOM_PAIR",
        [ATOM_INCR] = "INCR",
        [ATOM_INBOX] = "SEKISHO_INBOX",
        [ATOM_ACTIVE_WINDOW] = "_NET_ACTIVE_WINDOW",
        [ATOM_WM] = "WM_S0",
};

uint64_t x11_now(const struct x11 *x) {
        uint64_t now = 0;
        (void) sd_event_now(x->event, CLOCK_MONOTONIC, &now);
        return now;
}

/* The server took the pid from the socket when the program connected. One that has forked since and gone on in the
 * child is not found: it is in no zone. */
static pid_t pid_of(const struct x11 *x, xcb_res_query_client_ids_cookie_t cookie) {
        xcb_res_query_client_ids_reply_t *reply = xcb_res_query_client_ids_reply(x->c, cookie, NULL);
        pid_t pid = 0;
        xcb_res_client_id_value_iterator_t i = { 0 };
        if (reply)
                i = xcb_res_query_client_ids_ids_iterator(reply);
        for (; reply && i.rem > 0; xcb_res_client_id_value_next(&i))
                if ((i.data->spec.mask & XCB_RES_CLIENT_ID_MASK_LOCAL_CLIENT_PID) &&
                    xcb_res_client_id_value_value_length(i.data) == 1)
                        pid = (pid_t) xcb_res_client_id_value_value(i.data)[0];
        free(reply);
        return pid;
}

void x11_program(const struct x11 *x, xcb_window_t window, char ret[PROGRAM_MAX], bool *ret_focused) {
        const xcb_res_client_id_spec_t spec = { window, XCB_RES_CLIENT_ID_MASK_LOCAL_CLIENT_PID };
        xcb_res_query_client_ids_cookie_t ids = xcb_res_query_client_ids(x->c, 1, &spec);
        xcb_get_input_focus_cookie_t cookie = { 0 };
        if (ret_focused)
                cookie = xcb_get_input_focus(x->c);
        program_of(pid_of(x, ids), ret);
        if (!ret_focused)
                return;
        xcb_get_input_focus_reply_t *focus = xcb_get_input_focus_reply(x->c, cookie, NULL);
        *ret_focused = focus && x11_same_client(x, focus->focus, window);
        free(focus);
}

bool x11_is_carried(const struct x11 *x, const struct x11_selection *s) {
        return x->is_xwayland && (s->which == SELECTION_CLIPBOARD || s->which == SELECTION_PRIMARY);
}

/* It is the window manager, as ICCCM 4.3 has it. A program that pretends to be it is given nothing, and its content is
 * not taken: it gains nothing. */
bool x11_is_carrier(const struct x11 *x, const struct x11_selection *s, xcb_window_t window) {
        if (!x11_is_carried(x, s))
                return false;
        xcb_get_selection_owner_reply_t *r =
                xcb_get_selection_owner_reply(x->c, xcb_get_selection_owner(x->c, x->atoms[ATOM_WM]), NULL);
        bool is = r && r->owner != XCB_NONE && x11_same_client(x, r->owner, window);
        free(r);
        return is;
}

void x11_own(struct x11 *x, struct x11_selection *s) {
        (void) xcb_set_selection_owner(x->c, s->window, s->atom, XCB_CURRENT_TIME);
}

static struct x11_selection *selection_of(struct x11 *x, xcb_atom_t atom) {
        for (int i = 0; i < SELECTION_MAX; i++)
                if (x->selections[i].atom == atom)
                        return &x->selections[i];
        return NULL;
}

/* ---- events ---- */

/* Only noted here: of a storm of owners the last one counts. */
static void on_owner(struct x11 *x, const xcb_xfixes_selection_notify_event_t *e) {
        struct x11_selection *s = selection_of(x, e->selection);
        if (!s)
                return;
        s->ours = e->owner == s->window;
        s->owned = e->selection_timestamp;
        if (s->ours) {
                s->news = s->waits = false;
                return;
        }
        s->owner = e->owner;
        s->news = e->owner != XCB_NONE;
        s->waits = false;
        if (e->owner == XCB_NONE && !s->theirs) {
                x11_fetch_stop(x, s);
                clip_clear(x->clip, s->which);
        }
}

static bool is_cut_buffer(xcb_atom_t a) {
        return a >= XCB_ATOM_CUT_BUFFER0 && a <= XCB_ATOM_CUT_BUFFER7;
}

/* They have neither owner nor reader: nobody can say between which zones they go. */
static void empty_cut_buffer(struct x11 *x, xcb_atom_t atom) {
        if (x->ready && rules_enforce(clip_rules(x->clip)))
                (void) xcb_delete_property(x->c, x->root, atom);
}

/* press: the middle button was pressed. */
static void look_at_primary(struct x11 *x, bool press) {
        struct x11_selection *s = &x->selections[SELECTION_PRIMARY];
        if (s->waits &&
            ((press && x11_input_points_elsewhere(x, s->owner)) || x11_input_focuses_elsewhere(x, s->owner))) {
                s->waits = false;
                x11_take(x, s);
        }
        x11_input_watch(x, s->waits);
}

static void on_button(struct x11 *x, const xcb_button_press_event_t *e) {
        look_at_primary(x, true);
        x11_input_replay(x, e->time);
}

static void on_property(struct x11 *x, const xcb_property_notify_event_t *e) {
        if (e->window == x->root) {
                if (e->state == XCB_PROPERTY_NEW_VALUE && is_cut_buffer(e->atom))
                        empty_cut_buffer(x, e->atom);
                else if (e->atom == x->atoms[ATOM_ACTIVE_WINDOW])
                        look_at_primary(x, false);
        } else if (!x11_fetch_on_property(x, e))
                x11_serve_on_property(x, e);
}

static void on_event(struct x11 *x, const xcb_generic_event_t *e) {
        uint8_t type = e->response_type & 0x7f;
        if (type == x->xfixes_event + XCB_XFIXES_SELECTION_NOTIFY)
                on_owner(x, (const void *) e);
        else if (type == XCB_SELECTION_REQUEST)
                x11_on_request(x, (const void *) e);
        else if (type == XCB_SELECTION_NOTIFY)
                x11_on_notify(x, (const void *) e);
        else if (type == XCB_PROPERTY_NOTIFY)
                on_property(x, (const void *) e);
        else if (type == XCB_DESTROY_NOTIFY)
                x11_serve_on_destroyed(x, ((const xcb_destroy_notify_event_t *) e)->window);
        else if (type == XCB_GE_GENERIC && ((const xcb_ge_generic_event_t *) e)->extension == x->xinput_opcode)
                look_at_primary(x, false);
        else if (type == XCB_BUTTON_PRESS)
                on_button(x, (const void *) e);
        /* What is left are errors: a window went before we had answered. */
}

static void look_at_news(struct x11 *x) {
        for (int i = 0; x->ready && i < SELECTION_MAX; i++) {
                struct x11_selection *s = &x->selections[i];
                if (!s->news || rules_leave_alone(clip_rules(x->clip)))
                        continue;
                s->news = false;
                /* The compositor does not wait. */
                if (s->which == SELECTION_PRIMARY && !x->is_xwayland) {
                        s->waits = true;
                        look_at_primary(x, false);
                } else
                        x11_take(x, s);
        }
}

static int drain(struct x11 *x) {
        for (xcb_generic_event_t *e; (e = xcb_poll_for_event(x->c));) {
                on_event(x, e);
                free(e);
        }
        look_at_news(x);
        (void) xcb_flush(x->c);
        return xcb_connection_has_error(x->c) ? sd_event_exit(x->event, 1) : 0;
}

static int on_io(sd_event_source *s, int fd, uint32_t events, void *userdata) {
        (void) s;
        (void) fd;
        (void) events;
        return drain(userdata);
}

/* While we wait for an answer, events are read along with it: before the loop sleeps, they are looked at. */
static int on_prepare(sd_event_source *s, void *userdata) {
        (void) s;
        return drain(userdata);
}

static int on_sweep(sd_event_source *s, uint64_t usec, void *userdata) {
        struct x11 *x = userdata;
        (void) usec; /* when it was due: what has come since then has not waited */
        x11_fetch_sweep(x, x11_now(x));
        x11_serve_sweep(x, x11_now(x));
        int r = sd_event_source_set_time_relative(s, SWEEP_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* ---- what the clipboard says ---- */

static void on_cleared(enum selection which, void *userdata) {
        struct x11 *x = userdata;
        struct x11_selection *s = &x->selections[which];
        s->theirs = s->filling = false;
        x11_fetch_stop(x, s);
        /* The compositor would take it for a word to empty the Wayland clipboard, where something new may be by then.
         */
        if (s->ours && !x11_is_carried(x, s))
                (void) xcb_set_selection_owner(x->c, XCB_NONE, s->atom, s->owned);
        (void) xcb_flush(x->c);
}

/* Not from a program that has just copied: we shall hear of it. */
static void claim(struct x11 *x, struct x11_selection *s) {
        (void) xcb_grab_server(x->c);
        xcb_get_selection_owner_reply_t *r =
                xcb_get_selection_owner_reply(x->c, xcb_get_selection_owner(x->c, s->atom), NULL);
        if (r && (r->owner == XCB_NONE || x11_same_client(x, r->owner, s->window) || x11_is_carrier(x, s, r->owner)))
                x11_own(x, s);
        free(r);
        (void) xcb_ungrab_server(x->c);
        (void) xcb_flush(x->c);
}

static void on_begun(enum selection which, void *userdata) {
        struct x11 *x = userdata;
        struct x11_selection *s = &x->selections[which];
        x11_fetch_forget(x, s);
        s->theirs = s->filling = true;
        claim(x, s); /* the compositor would not before there is an X program in front */
}

static void on_completed(enum selection which, void *userdata) {
        struct x11 *x = userdata;
        struct x11_selection *s = &x->selections[which];
        s->filling = false;
        x11_serve_waiting(x, s);
        (void) xcb_flush(x->c);
}

/* The compositor owns the X selection now, or will when it next sends something: it does not until an X event comes
 * (wlroots 0.15), and would take it then from a program that has just copied. So it is given one: it is ours once more.
 */
static void on_shown(enum selection which, void *userdata) {
        struct x11 *x = userdata;
        if (x11_is_carried(x, &x->selections[which]))
                claim(x, &x->selections[which]);
}

static void on_ruled(void *userdata) {
        struct x11 *x = userdata;
        if (!x->ready)
                for (xcb_atom_t a = XCB_ATOM_CUT_BUFFER0; a <= XCB_ATOM_CUT_BUFFER7; a++)
                        empty_cut_buffer(x, a);
        x->ready = true;
        for (int i = 0; i < SELECTION_MAX; i++)
                x->selections[i].news = !x->selections[i].ours && x->selections[i].owner != XCB_NONE;
        look_at_news(x);
        (void) xcb_flush(x->c);
}

/* ---- setting up ---- */

static xcb_atom_t intern(const struct x11 *x, const char *name) {
        xcb_intern_atom_reply_t *r =
                xcb_intern_atom_reply(x->c, xcb_intern_atom(x->c, 0, (uint16_t) strlen(name), name), NULL);
        xcb_atom_t atom = r ? r->atom : XCB_NONE;
        free(r);
        return atom;
}

static void intern_all(struct x11 *x) {
        for (int i = 0; i < ATOM_MAX; i++)
                x->atoms[i] = intern(x, atom_names[i]);
        for (size_t i = 0; i < targets_count(); i++)
                x->target_atoms[i] = intern(x, targets[i].name);
        for (int f = 0; f < FORMAT_MAX; f++)
                x->format_atoms[f] = intern(x, format_name((enum format) f));
}

static int find_extensions(struct x11 *x) {
        const xcb_query_extension_reply_t *xfixes = xcb_get_extension_data(x->c, &xcb_xfixes_id),
                                          *res = xcb_get_extension_data(x->c, &xcb_res_id),
                                          *input = xcb_get_extension_data(x->c, &xcb_input_id);
        if (!xfixes || !xfixes->present || !res || !res->present)
                return -ENOSYS;
        x->xfixes_event = xfixes->first_event;
        free(xcb_xfixes_query_version_reply(x->c, xcb_xfixes_query_version(x->c, 5, 0), NULL));
        xcb_res_query_version_reply_t *v = xcb_res_query_version_reply(x->c, xcb_res_query_version(x->c, 1, 2), NULL);
        bool good = v && (v->server_major > 1 || (v->server_major == 1 && v->server_minor >= 2));
        free(v);
        if (input && input->present) {
                xcb_input_xi_query_version_reply_t *i =
                        xcb_input_xi_query_version_reply(x->c, xcb_input_xi_query_version(x->c, 2, 2), NULL);
                x->has_xinput = i && i->major_version >= 2;
                x->xinput_opcode = input->major_opcode;
                free(i);
        }
        return good ? 0 : -ENOSYS;
}

static xcb_window_t make_window(const struct x11 *x) {
        xcb_window_t w = xcb_generate_id(x->c);
        (void) xcb_create_window(x->c, XCB_COPY_FROM_PARENT, w, x->root, -1, -1, 1, 1, 0, XCB_WINDOW_CLASS_INPUT_ONLY,
                                 XCB_COPY_FROM_PARENT, 0, NULL);
        return w;
}

static void find_owner(struct x11 *x, struct x11_selection *s) {
        xcb_get_selection_owner_reply_t *r =
                xcb_get_selection_owner_reply(x->c, xcb_get_selection_owner(x->c, s->atom), NULL);
        s->owner = r ? r->owner : XCB_NONE;
        free(r);
}

static void watch_selections(struct x11 *x) {
        const xcb_atom_t atoms[SELECTION_MAX] = { x->atoms[ATOM_CLIPBOARD], XCB_ATOM_PRIMARY, XCB_ATOM_SECONDARY,
                                                  x->atoms[ATOM_XDND] };
        for (int i = 0; i < SELECTION_MAX; i++) {
                struct x11_selection *s = &x->selections[i];
                s->x = x;
                s->which = (enum selection) i;
                s->atom = atoms[i];
                s->window = make_window(x);
                (void) xcb_xfixes_select_selection_input(
                        x->c, s->window, s->atom,
                        XCB_XFIXES_SELECTION_EVENT_MASK_SET_SELECTION_OWNER |
                                XCB_XFIXES_SELECTION_EVENT_MASK_SELECTION_WINDOW_DESTROY |
                                XCB_XFIXES_SELECTION_EVENT_MASK_SELECTION_CLIENT_CLOSE);
                find_owner(x, s);
        }
        const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE;
        (void) xcb_change_window_attributes(x->c, x->root, XCB_CW_EVENT_MASK, &mask);
}

static int connect_display(struct x11 *x, const char *display) {
        int number = 0;
        x->c = xcb_connect(display, &number);
        if (xcb_connection_has_error(x->c))
                return display_is_there(display ? display : getenv("DISPLAY")) ? -ENXIO : -ECONNREFUSED;
        const xcb_setup_t *setup = xcb_get_setup(x->c);
        xcb_screen_iterator_t i = xcb_setup_roots_iterator(setup);
        for (; i.rem > 1 && number > 0; number--)
                xcb_screen_next(&i);
        x->root = i.data->root;
        x->id_mask = setup->resource_id_mask;
        size_t most = (size_t) xcb_get_maximum_request_length(x->c) * 4 - 64;
        x->chunk = most < X11_CHUNK ? most : X11_CHUNK;
        int r = find_extensions(x);
        if (r < 0)
                return r;
        intern_all(x);
        watch_selections(x);
        return xcb_connection_has_error(x->c) ? -ENXIO : 0;
}

int x11_new(sd_event *event, const char *display, bool is_xwayland, struct clip *clip, struct x11 **ret) {
        struct x11 *x = calloc(1, sizeof *x);
        if (!x)
                return -ENOMEM;
        x->event = event;
        x->clip = clip;
        x->is_xwayland = is_xwayland;
        int r = connect_display(x, display);
        if (r >= 0)
                r = sd_event_add_io(event, &x->io, xcb_get_file_descriptor(x->c), EPOLLIN, on_io, x);
        if (r >= 0)
                /* Before Wayland's: the compositor tells there of what X programs copied, once it has heard of it here.
                 */
                r = sd_event_source_set_priority(x->io, SD_EVENT_PRIORITY_IMPORTANT - 1);
        if (r >= 0)
                r = sd_event_source_set_prepare(x->io, on_prepare);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &x->sweep, CLOCK_MONOTONIC, SWEEP_USEC, 100000, on_sweep, x);
        if (r < 0) {
                (void) x11_free(x);
                return r;
        }
        const struct clip_events events = { .cleared = on_cleared,
                                            .begun = on_begun,
                                            .completed = on_completed,
                                            .shown = on_shown,
                                            .ruled = on_ruled,
                                            .userdata = x };
        clip_listen(clip, &events);
        *ret = x;
        return 0;
}

bool x11_holds(const struct x11 *x) {
        return !xcb_connection_has_error(x->c);
}

struct x11 *x11_free(struct x11 *x) {
        if (!x)
                return NULL;
        (void) sd_event_source_disable_unref(x->io);
        (void) sd_event_source_disable_unref(x->sweep);
        for (int i = 0; i < SELECTION_MAX; i++) {
                x->selections[i].n_waiting = 0;
                if (x->selections[i].x)
                        x11_fetch_stop(x, &x->selections[i]);
                (void) sd_event_source_disable_unref(x->selections[i].timeout);
        }
        for (size_t i = 0; i < x->n_transfers; i++)
                (void) blob_unref(x->transfers[i].data);
        if (x->c)
                xcb_disconnect(x->c);
        free(x);
        return NULL;
}
