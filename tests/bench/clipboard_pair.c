/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For bench_clipboard: a program that copies, and one that pastes, each as fast as it goes.
 *
 * "copy COUNT BYTES" takes CLIPBOARD COUNT times, one line on stdout after each; it serves until it has lost the
 * selection, and takes it the next time after one line on stdin.
 *
 * "paste MICROSECONDS" waits so long after each line on stdin, asks, and says "got BYTES USEC"; USEC from asking to
 * having it all.
 *
 * "race" says "armed" after each line on stdin, asks as soon as it hears of an owner, as the guard does, and says the
 * same. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xcb/xcb.h>
#include <xcb/xfixes.h>

#define PIECE (1u << 20)

static xcb_connection_t *c;
static xcb_window_t window;
static xcb_atom_t clipboard, utf8, incr, place, targets;

static xcb_atom_t intern(const char *name) {
        xcb_intern_atom_reply_t *r =
                xcb_intern_atom_reply(c, xcb_intern_atom(c, 0, (uint16_t) strlen(name), name), NULL);
        xcb_atom_t a = r ? r->atom : XCB_NONE;
        free(r);
        return a;
}

static long long now_usec(void) {
        struct timespec ts;
        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static void notify(const xcb_selection_request_event_t *e, xcb_atom_t property) {
        char bytes[32] = { 0 };
        const xcb_selection_notify_event_t n = { .response_type = XCB_SELECTION_NOTIFY,
                                                 .time = e->time,
                                                 .requestor = e->requestor,
                                                 .selection = e->selection,
                                                 .target = e->target,
                                                 .property = property };
        memcpy(bytes, &n, sizeof n);
        (void) xcb_send_event(c, 0, e->requestor, 0, bytes);
}

static void answer(const xcb_selection_request_event_t *e, const char *data, size_t size) {
        const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE, said = (uint32_t) size;
        if (e->target == targets) {
                const xcb_atom_t list[] = { targets, utf8 };
                (void) xcb_change_property(c, 0, e->requestor, e->property, XCB_ATOM_ATOM, 32, 2, list);
        } else if (e->target != utf8) {
                notify(e, XCB_NONE);
                return;
        } else if (size <= PIECE)
                (void) xcb_change_property(c, 0, e->requestor, e->property, utf8, 8, said, data);
        else {
                (void) xcb_change_window_attributes(c, e->requestor, XCB_CW_EVENT_MASK, &mask);
                (void) xcb_change_property(c, 0, e->requestor, e->property, incr, 32, 1, &said);
        }
        notify(e, e->property);
}

/* One transfer at a time is enough here. *done: bytes that went out. */
static void next_piece(const xcb_property_notify_event_t *e, const char *data, size_t size, size_t *done) {
        size_t n = size - *done < PIECE ? size - *done : PIECE;
        (void) xcb_change_property(c, 0, e->window, e->atom, utf8, 8, (uint32_t) n, data + *done);
        *done = n == 0 ? 0 : *done + n;
}

static void copy_once(const char *data, size_t size) {
        size_t done = 0;
        bool lost = false, sending = false;
        (void) xcb_set_selection_owner(c, window, clipboard, XCB_CURRENT_TIME);
        free(xcb_get_input_focus_reply(c, xcb_get_input_focus(c), NULL)); /* it is so by now */
        (void) printf("copied\n");
        (void) fflush(stdout);
        while (!lost || sending) {
                xcb_generic_event_t *e = xcb_wait_for_event(c);
                if (!e)
                        exit(1);
                const uint8_t type = e->response_type & 0x7f;
                if (type == XCB_SELECTION_CLEAR)
                        lost = true;
                else if (type == XCB_SELECTION_REQUEST) {
                        answer((const void *) e, data, size);
                        sending = sending ||
                                  (((const xcb_selection_request_event_t *) e)->target == utf8 && size > PIECE);
                } else if (type == XCB_PROPERTY_NOTIFY &&
                           ((const xcb_property_notify_event_t *) e)->state == XCB_PROPERTY_DELETE && sending) {
                        next_piece((const void *) e, data, size, &done);
                        sending = done != 0;
                }
                (void) xcb_flush(c);
                free(e);
        }
}

static size_t take(bool *ret_pieces) {
        xcb_get_property_reply_t *r = xcb_get_property_reply(
                c, xcb_get_property(c, 1, window, place, XCB_GET_PROPERTY_TYPE_ANY, 0, 1u << 24), NULL);
        size_t n = r ? (size_t) xcb_get_property_value_length(r) : 0;
        *ret_pieces = r && r->type == incr;
        free(r);
        return n;
}

static size_t take_pieces(void) {
        size_t total = 0;
        for (;;) {
                xcb_generic_event_t *e = xcb_wait_for_event(c);
                if (!e)
                        exit(1);
                const xcb_property_notify_event_t *p = (const void *) e;
                bool is_piece = (e->response_type & 0x7f) == XCB_PROPERTY_NOTIFY && p->atom == place &&
                                p->state == XCB_PROPERTY_NEW_VALUE;
                free(e);
                if (!is_piece)
                        continue;
                bool again;
                size_t n = take(&again);
                if (n == 0)
                        return total;
                total += n;
        }
}

static void paste_once(void) {
        long long start = now_usec();
        (void) xcb_convert_selection(c, window, clipboard, utf8, place, XCB_CURRENT_TIME);
        (void) xcb_flush(c);
        for (;;) {
                xcb_generic_event_t *e = xcb_wait_for_event(c);
                if (!e)
                        exit(1);
                bool is_answer = (e->response_type & 0x7f) == XCB_SELECTION_NOTIFY;
                bool given = is_answer && ((const xcb_selection_notify_event_t *) e)->property != XCB_NONE;
                free(e);
                if (!is_answer)
                        continue;
                bool pieces = false;
                size_t n = given ? take(&pieces) : 0;
                if (pieces)
                        n = take_pieces();
                (void) printf("got %zu %lld\n", n, now_usec() - start);
                (void) fflush(stdout);
                return;
        }
}

static void watch_owner(void) {
        free(xcb_xfixes_query_version_reply(c, xcb_xfixes_query_version(c, 5, 0), NULL));
        (void) xcb_xfixes_select_selection_input(c, window, clipboard,
                                                 XCB_XFIXES_SELECTION_EVENT_MASK_SET_SELECTION_OWNER);
        free(xcb_get_input_focus_reply(c, xcb_get_input_focus(c), NULL));
}

/* What came before is of earlier owners. */
static void wait_for_owner(void) {
        const uint8_t wanted = xcb_get_extension_data(c, &xcb_xfixes_id)->first_event;
        uint8_t type = 0;
        for (xcb_generic_event_t *e; (e = xcb_poll_for_event(c));)
                free(e);
        (void) printf("armed\n");
        (void) fflush(stdout);
        while (type != wanted) {
                xcb_generic_event_t *e = xcb_wait_for_event(c);
                if (!e)
                        exit(1);
                type = e->response_type & 0x7f;
                free(e);
        }
}

int main(int argc, char **argv) {
        const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE;
        char line[64];
        c = xcb_connect(NULL, NULL);
        if (argc < 2 || xcb_connection_has_error(c))
                return 1;
        window = xcb_generate_id(c);
        (void) xcb_create_window(c, 0, window, xcb_setup_roots_iterator(xcb_get_setup(c)).data->root, 0, 0, 1, 1, 0,
                                 XCB_WINDOW_CLASS_INPUT_ONLY, 0, XCB_CW_EVENT_MASK, &mask);
        clipboard = intern("CLIPBOARD"), utf8 = intern("UTF8_STRING"), incr = intern("INCR");
        place = intern("PLACE"), targets = intern("TARGETS");
        if (strcmp(argv[1], "copy") == 0) {
                size_t size = strtoul(argv[3], NULL, 10);
                char *data = malloc(size + 1);
                if (!data)
                        return 1;
                memset(data, 'x', size);
                for (long n = strtol(argv[2], NULL, 10); n > 0; n--) {
                        copy_once(data, size);
                        if (n > 1 && !fgets(line, sizeof line, stdin))
                                break;
                }
                free(data);
        } else if (strcmp(argv[1], "race") == 0) {
                watch_owner();
                while (fgets(line, sizeof line, stdin)) {
                        wait_for_owner();
                        paste_once();
                }
        } else
                while (fgets(line, sizeof line, stdin)) {
                        (void) usleep((useconds_t) strtoul(argv[2], NULL, 10));
                        paste_once();
                }
        /* What was sent is there before we go. */
        free(xcb_get_input_focus_reply(c, xcb_get_input_focus(c), NULL));
        xcb_disconnect(c);
        return 0;
}
