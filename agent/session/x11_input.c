/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the person is. What is marked (PRIMARY) is pasted with the middle button, which we hear of before the program
 * below the pointer does (a passive grab whose event is replayed), or by keys, for which the focus has to be there
 * first. Keys are never held up. */
#include <stdlib.h>
#include <xcb/xinput.h>

#include "x11_state.h"

#define DEPTH_MAX     32
#define MIDDLE_BUTTON 2

static void select_keys(struct x11 *x, bool on) {
        const struct {
                xcb_input_event_mask_t head;
                uint32_t mask;
        } wanted = { { XCB_INPUT_DEVICE_ALL_MASTER, 1 },
                     on ? XCB_INPUT_XI_EVENT_MASK_RAW_BUTTON_PRESS | XCB_INPUT_XI_EVENT_MASK_RAW_KEY_PRESS : 0 };
        if (x->has_xinput)
                (void) xcb_input_xi_select_events(x->c, x->root, 1, &wanted.head);
}

void x11_input_watch(struct x11 *x, bool on) {
        if (x->watching_input == on)
                return;
        x->watching_input = on;
        select_keys(x, on);
        if (on)
                (void) xcb_grab_button(x->c, 0, x->root, XCB_EVENT_MASK_BUTTON_PRESS, XCB_GRAB_MODE_SYNC,
                                       XCB_GRAB_MODE_ASYNC, XCB_NONE, XCB_NONE, MIDDLE_BUTTON, XCB_MOD_MASK_ANY);
        else
                (void) xcb_ungrab_button(x->c, MIDDLE_BUTTON, x->root, XCB_MOD_MASK_ANY);
}

/* Down from the root to the window that gets what the pointer does. */
static xcb_window_t window_below_pointer(const struct x11 *x) {
        xcb_window_t w = x->root;
        for (int depth = 0; depth < DEPTH_MAX; depth++) {
                xcb_query_pointer_reply_t *r = xcb_query_pointer_reply(x->c, xcb_query_pointer(x->c, w), NULL);
                xcb_window_t child = r ? r->child : XCB_NONE;
                free(r);
                if (child == XCB_NONE)
                        break;
                w = child;
        }
        return w;
}

/* The root is no program that pastes; no focus (0), or wherever the pointer is (1), says nothing. */
static bool is_other(const struct x11 *x, xcb_window_t window, xcb_window_t owner) {
        return window > 1 && window != x->root && !x11_same_client(x, window, owner);
}

bool x11_input_points_elsewhere(const struct x11 *x, xcb_window_t owner) {
        return is_other(x, window_below_pointer(x), owner);
}

bool x11_input_focuses_elsewhere(const struct x11 *x, xcb_window_t owner) {
        xcb_get_input_focus_reply_t *r = xcb_get_input_focus_reply(x->c, xcb_get_input_focus(x->c), NULL);
        xcb_window_t focus = r ? r->focus : XCB_NONE;
        free(r);
        return focus == XCB_INPUT_FOCUS_POINTER_ROOT ? x11_input_points_elsewhere(x, owner) : is_other(x, focus, owner);
}

void x11_input_replay(struct x11 *x, xcb_timestamp_t time) {
        (void) xcb_allow_events(x->c, XCB_ALLOW_REPLAY_POINTER, time);
}
