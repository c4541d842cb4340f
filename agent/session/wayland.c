/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wayland.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wayland_protocol.h"
#include "wayland_state.h"

#define HOLDER_TRIES      8
#define HOLDER_PAUSE_USEC 1000

void wayland_send_away(struct wl_proxy *p, uint32_t opcode) {
        if (p)
                (void) wl_proxy_marshal_flags(p, opcode, NULL, wl_proxy_get_version(p), WL_MARSHAL_FLAG_DESTROY);
}

uint64_t wayland_now(const struct wayland *w) {
        uint64_t now = 0;
        (void) sd_event_now(w->event, CLOCK_MONOTONIC, &now);
        return now;
}

/* A program and those that it has read and write for it. */
bool wayland_one_zone(const char *a, const char *b, void *userdata) {
        const struct wayland *w = userdata;
        const char *zone = rules_zone(clip_rules(w->clip), a), *other = rules_zone(clip_rules(w->clip), b);
        return strcmp(a, b) == 0 || (zone && other && strcmp(zone, other) == 0);
}

void wayland_holder(struct wayland *w, ino_t inode, bool writing, char ret[PROGRAM_MAX]) {
        /* A program may be just handing the pipe on to one that reads for it: then neither was seen with it. */
        for (int tries = 0; tries < HOLDER_TRIES; tries++) {
                program_of_pipe(inode, writing, w->compositor, wayland_one_zone, w, ret);
                if (*ret || writing)
                        return;
                (void) usleep(HOLDER_PAUSE_USEC);
        }
}

/* ---- offers ---- */

static void on_offer_type(void *userdata, struct wl_proxy *offer, const char *type) {
        struct wayland *w = userdata;
        if (offer != w->offer)
                return;
        if (strcmp(type, OWN_TYPE) == 0)
                w->offer_is_ours = true;
        const struct target *t = target_find(type);
        if (t && t->form == FORM_AS_IS && !w->offer_names[t->format])
                w->offer_names[t->format] = t->name;
}

static const struct offer_events offer_events = { on_offer_type };

/* Its types follow, and then what it is for. */
static void on_data_offer(void *userdata, struct wl_proxy *device, struct wl_proxy *offer) {
        struct wayland *w = userdata;
        (void) device;
        wayland_send_away(w->offer, OFFER_DESTROY);
        w->offer = offer;
        w->offer_is_ours = false;
        memset(w->offer_names, 0, sizeof w->offer_names);
        (void) wl_proxy_add_listener(offer, (void (**)(void))(uintptr_t) &offer_events, w);
}

/* ---- our own source ---- */

static void on_send(void *userdata, struct wl_proxy *source, const char *type, int32_t fd) {
        struct wayland_selection *s = userdata;
        if (source == s->source)
                wayland_serve(s, type, fd);
        else
                close_p(&fd);
}

static void on_cancelled(void *userdata, struct wl_proxy *source) {
        struct wayland_selection *s = userdata;
        if (source == s->source)
                s->source = NULL;
        wayland_send_away(source, SOURCE_DESTROY);
}

static const struct source_events source_events = { on_send, on_cancelled };

static void set_selection(struct wayland_selection *s, struct wl_proxy *source) {
        struct wayland *w = s->w;
        (void) wl_proxy_marshal_flags(w->device,
                                      s->which == SELECTION_PRIMARY ? DEVICE_SET_PRIMARY : DEVICE_SET_SELECTION, NULL,
                                      wl_proxy_get_version(w->device), 0, source);
}

/* Everybody is shown the same: the names of what was copied. */
void wayland_own(struct wayland_selection *s, uint32_t formats) {
        struct wayland *w = s->w;
        struct wl_proxy *source = wl_proxy_marshal_flags(w->manager, MANAGER_CREATE_SOURCE, w->protocol->source,
                                                         wl_proxy_get_version(w->manager), 0, NULL);
        if (!source)
                return;
        (void) wl_proxy_add_listener(source, (void (**)(void))(uintptr_t) &source_events, s);
        (void) wl_proxy_marshal_flags(source, SOURCE_OFFER, NULL, wl_proxy_get_version(source), 0, OWN_TYPE);
        for (const struct target *t = targets; t->name; t++)
                if ((formats & 1u << t->format) && t->form == FORM_AS_IS)
                        (void) wl_proxy_marshal_flags(source, SOURCE_OFFER, NULL, wl_proxy_get_version(source), 0,
                                                      t->name);
        s->source = source; /* the one before is cancelled */
        set_selection(s, source);
}

/* ---- somebody copied ---- */

/* Everything is asked for at once. The selection is taken when that is there: a program that loses it has nothing to
 * write any more (GTK 3). */
void wayland_take(struct wayland_selection *s, struct wl_proxy *offer, const char *const names[FORMAT_MAX]) {
        struct wayland *w = s->w;
        uint32_t formats = 0;
        wayland_fetch_stop(s);
        for (int f = 0; f < FORMAT_MAX; f++) {
                int fd = names[f] ? wayland_fetch_pipe(s, (enum format) f) : -1;
                if (fd < 0)
                        continue;
                (void) wl_proxy_marshal_flags(offer, OFFER_RECEIVE, NULL, wl_proxy_get_version(offer), 0, names[f], fd);
                s->sent[f] = fd; /* ours until the request is out */
                formats |= 1u << f;
        }
        (void) wl_display_flush(w->display);
        for (int f = 0; f < FORMAT_MAX; f++) {
                close_p(&s->sent[f]);
                s->sent[f] = -1;
        }
        wayland_fetch_begin(s, formats);
}

static void on_selected(struct wayland_selection *s, struct wl_proxy *offer) {
        struct wayland *w = s->w;
        bool known = offer && offer == w->offer;
        bool is_marked = s == &w->primary;
        if (is_marked)
                wayland_mark_forget(w);
        /* Nobody has it any more; while it is ours, we hear of that first. What is on its way will be, though whoever
         * copied it has gone. */
        if (!offer && !s->source && !s->filling && !s->fetching) {
                wayland_fetch_stop(s);
                clip_clear(w->clip, s->which);
        }
        if (known && !w->offer_is_ours && w->ready && !rules_leave_alone(clip_rules(w->clip)) &&
            !(is_marked && wayland_mark_leave(w)))
                wayland_take(s, w->offer, w->offer_names);
        if (known && w->offer_is_ours && s->source)
                clip_show(w->clip, w, s->which);
        if (known) {
                wayland_send_away(w->offer, OFFER_DESTROY);
                w->offer = NULL;
        }
}

static void on_selection(void *userdata, struct wl_proxy *device, struct wl_proxy *offer) {
        struct wayland *w = userdata;
        (void) device;
        on_selected(&w->clipboard, offer);
}

static void on_primary(void *userdata, struct wl_proxy *device, struct wl_proxy *offer) {
        struct wayland *w = userdata;
        (void) device;
        on_selected(&w->primary, offer);
}

static void on_finished(void *userdata, struct wl_proxy *device) {
        struct wayland *w = userdata;
        (void) device;
        w->finished = true;
}

static const struct device_events device_events = { on_data_offer, on_selection, on_finished, on_primary };

/* ---- the loop ---- */

static int lost(struct wayland *w) {
        return sd_event_exit(w->event, 1);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct wayland *w = userdata;
        (void) source;
        (void) fd;
        (void) events;
        return wl_display_dispatch(w->display) < 0 ? lost(w) : 0;
}

static int on_prepare(sd_event_source *source, void *userdata) {
        struct wayland *w = userdata;
        (void) source;
        if (wl_display_dispatch_pending(w->display) < 0)
                return lost(w);
        if (wl_display_flush(w->display) < 0 && errno != EAGAIN)
                return lost(w);
        return 0;
}

static struct wayland_selection *selection_of(struct wayland *w, enum selection which) {
        return which == SELECTION_PRIMARY ? &w->primary : which == SELECTION_CLIPBOARD ? &w->clipboard : NULL;
}

static void on_begun(enum selection which, void *userdata) {
        struct wayland_selection *s = selection_of(userdata, which);
        if (!s)
                return;
        if (which == SELECTION_PRIMARY)
                wayland_mark_forget(s->w);
        s->theirs = s->filling = true;
        wayland_fetch_stop(s);
}

static void on_completed(enum selection which, void *userdata) {
        struct wayland *w = userdata;
        struct wayland_selection *s = selection_of(w, which);
        if (!s)
                return;
        s->filling = false;
        wayland_own(s, clip_formats(w->clip, which));
        wayland_serve_waiting(s);
}

static void on_cleared(enum selection which, void *userdata) {
        struct wayland_selection *s = selection_of(userdata, which);
        if (!s)
                return;
        s->theirs = s->filling = false;
        if (!s->source || s->fetching)
                return;
        wayland_send_away(s->source, SOURCE_DESTROY); /* with it, the selection goes */
        s->source = NULL;
}

static void on_ruled(void *userdata) {
        struct wayland *w = userdata;
        bool alone = rules_leave_alone(clip_rules(w->clip)), known = w->ready && !w->left_alone;
        w->ready = true;
        w->left_alone = alone;
        if (alone)
                wayland_mark_forget(w);
        else
                wayland_mark_take(w); /* by other rules its program may be of another zone */
        /* What was copied while nobody looked is not known to us: it is shut. */
        if (alone || known)
                return;
        set_selection(&w->clipboard, NULL);
        set_selection(&w->primary, NULL);
}

/* ---- setting up ---- */

static void on_global(void *userdata, struct wl_registry *registry, uint32_t name, const char *interface,
                      uint32_t version) {
        struct wayland *w = userdata;
        static const struct data_control *const protocols[] = { &data_control_ext, &data_control_wlr };
        if (strcmp(interface, wl_seat_interface.name) == 0 && !w->seat)
                w->seat = wl_registry_bind(registry, name, &wl_seat_interface, 1);
        for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
                if (!w->manager && strcmp(interface, protocols[i]->manager->name) == 0 &&
                    version >= protocols[i]->version) {
                        w->protocol = protocols[i];
                        w->manager = wl_registry_bind(registry, name, w->protocol->manager, w->protocol->version);
                }
}

static void on_global_remove(void *userdata, struct wl_registry *registry, uint32_t name) {
        (void) userdata;
        (void) registry;
        (void) name;
}

static const struct wl_registry_listener registry_events = { on_global, on_global_remove };

static struct ucred peer_of(int fd) {
        struct ucred peer = { 0 };
        socklen_t size = sizeof peer;
        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? (struct ucred){ 0 } : peer;
}

static void on_focus(void *userdata) {
        wayland_mark_look(userdata);
}

static int connect_compositor(struct wayland *w) {
        w->display = wl_display_connect(NULL);
        if (!w->display)
                return -ENXIO;
        const struct ucred compositor = peer_of(wl_display_get_fd(w->display));
        w->compositor[0] = compositor.pid;
        (void) focus_new(w->event, &compositor, on_focus, w,
                         &w->focus); /* without it what is marked is taken at once */
        w->registry = wl_display_get_registry(w->display);
        (void) wl_registry_add_listener(w->registry, &registry_events, w);
        if (wl_display_roundtrip(w->display) < 0)
                return -ENXIO;
        if (!w->manager || !w->seat)
                return -ENOSYS;
        w->device = wl_proxy_marshal_flags(w->manager, MANAGER_GET_DEVICE, w->protocol->device,
                                           wl_proxy_get_version(w->manager), 0, NULL, w->seat);
        if (!w->device)
                return -ENOMEM;
        (void) wl_proxy_add_listener(w->device, (void (**)(void))(uintptr_t) &device_events, w);
        return wl_display_roundtrip(w->display) < 0 ? -ENXIO : 0;
}

static void init_selection(struct wayland *w, struct wayland_selection *s, enum selection which) {
        s->w = w;
        s->which = which;
        for (int f = 0; f < FORMAT_MAX; f++)
                s->sent[f] = s->in[f].fd = -1;
}

int wayland_new(sd_event *event, struct clip *clip, struct wayland **ret) {
        struct wayland *w = calloc(1, sizeof *w);
        if (!w)
                return -ENOMEM;
        w->event = event;
        w->clip = clip;
        init_selection(w, &w->clipboard, SELECTION_CLIPBOARD);
        init_selection(w, &w->primary, SELECTION_PRIMARY);
        int r = connect_compositor(w);
        if (r >= 0)
                r = sd_event_add_io(event, &w->io, wl_display_get_fd(w->display), EPOLLIN, on_io, w);
        if (r >= 0)
                r = sd_event_source_set_priority(w->io, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                r = sd_event_source_set_prepare(w->io, on_prepare);
        if (r < 0) {
                (void) wayland_free(w);
                return r;
        }
        const struct clip_events events = {
                .cleared = on_cleared, .begun = on_begun, .completed = on_completed, .ruled = on_ruled, .userdata = w
        };
        clip_listen(clip, &events);
        *ret = w;
        return 0;
}

bool wayland_holds(const struct wayland *w) {
        return !w->finished && wl_display_get_error(w->display) == 0;
}

static void free_proxies(struct wayland *w) {
        struct wl_proxy *const all[] = {
                w->offer,  w->mark.offer, w->clipboard.source,         w->primary.source,
                w->device, w->manager,    (struct wl_proxy *) w->seat, (struct wl_proxy *) w->registry
        };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                if (all[i])
                        wl_proxy_destroy(all[i]);
}

struct wayland *wayland_free(struct wayland *w) {
        if (!w)
                return NULL;
        w->clipboard.filling = w->primary.filling = false; /* by what is no more */
        wayland_fetch_stop(&w->clipboard);
        wayland_fetch_stop(&w->primary);
        (void) sd_event_source_disable_unref(w->clipboard.timer);
        (void) sd_event_source_disable_unref(w->primary.timer);
        (void) sd_event_source_disable_unref(w->mark.timer);
        (void) focus_free(w->focus);
        wayland_serve_stop(w);
        (void) sd_event_source_disable_unref(w->io);
        free_proxies(w);
        if (w->display)
                wl_display_disconnect(w->display);
        free(w);
        return NULL;
}
