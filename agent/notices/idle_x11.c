/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sources: MIT-SCREEN-SAVER, X11 Screen Saver Extension 1.1; the property _SCREENSAVER_STATUS of xscreensaver(1), whose
 * first word is the atom LOCK while the screen is locked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/screensaver.h>
#include <xcb/xcb.h>

#include "base/cleanup.h"
#include "idle.h"

struct idle_x11 {
        xcb_connection_t *connection;
        xcb_window_t root;
        xcb_atom_t status, lock;
};

DEFINE_FREEP(struct idle_x11, idle_x11_free)

struct idle_x11 *idle_x11_free(struct idle_x11 *x) {
        if (!x)
                return NULL;
        xcb_disconnect(x->connection);
        free(x);
        return NULL;
}

static xcb_atom_t atom_of(xcb_connection_t *c, const char *name) {
        xcb_intern_atom_reply_t *reply =
                xcb_intern_atom_reply(c, xcb_intern_atom(c, 0, (uint16_t) strlen(name), name), NULL);
        xcb_atom_t atom = reply ? reply->atom : (xcb_atom_t) XCB_ATOM_NONE;
        free(reply);
        return atom;
}

int idle_x11_new(struct idle_x11 **ret) {
        int number = 0;
        CLEANUP(idle_x11_freep) struct idle_x11 *x = calloc(1, sizeof *x);
        if (!x)
                return -ENOMEM;
        x->connection = xcb_connect(NULL, &number); /* never NULL */
        if (xcb_connection_has_error(x->connection))
                return -ENOSYS;
        const xcb_query_extension_reply_t *extension = xcb_get_extension_data(x->connection, &xcb_screensaver_id);
        xcb_screen_iterator_t screens = xcb_setup_roots_iterator(xcb_get_setup(x->connection));
        for (; screens.rem > 1 && number > 0; number--)
                xcb_screen_next(&screens);
        if (!extension || !extension->present || screens.rem < 1)
                return -ENOSYS;
        x->root = screens.data->root;
        x->status = atom_of(x->connection, "_SCREENSAVER_STATUS");
        x->lock = atom_of(x->connection, "LOCK");
        *ret = TAKE_PTR(x);
        return 0;
}

static bool xscreensaver_locks(const struct idle_x11 *x) {
        xcb_get_property_reply_t *reply = xcb_get_property_reply(
                x->connection, xcb_get_property(x->connection, 0, x->root, x->status, XCB_GET_PROPERTY_TYPE_ANY, 0, 1),
                NULL);
        bool locks = reply && reply->format == 32 && xcb_get_property_value_length(reply) >= 4 && x->lock != 0 &&
                     *(const uint32_t *) xcb_get_property_value(reply) == x->lock;
        free(reply);
        return locks;
}

int idle_x11_read(struct idle_x11 *x, uint64_t *ret_msec, bool *ret_locked) {
        xcb_screensaver_query_info_reply_t *reply = xcb_screensaver_query_info_reply(
                x->connection, xcb_screensaver_query_info(x->connection, x->root), NULL);
        if (!reply)
                return -EIO;
        *ret_msec = reply->ms_since_user_input;
        free(reply);
        *ret_locked = xscreensaver_locks(x);
        return 0;
}
