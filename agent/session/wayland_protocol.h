/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The data-control protocols, as far as they are used. ext-data-control-v1 and version 2 of
 * wlr-data-control-unstable-v1 have the same requests and events in the same order under other names; the numbers below
 * are those of both. Debian 12 has neither in its wayland-protocols. Private to wayland*.c. */
#pragma once

#include <wayland-client.h>

struct data_control {
        const struct wl_interface *manager, *device, *source, *offer;
        uint32_t version;
};

extern const struct data_control data_control_ext, data_control_wlr;

enum { MANAGER_CREATE_SOURCE, MANAGER_GET_DEVICE, MANAGER_DESTROY };
enum { DEVICE_SET_SELECTION, DEVICE_DESTROY, DEVICE_SET_PRIMARY };
enum { SOURCE_OFFER, SOURCE_DESTROY };
enum { OFFER_RECEIVE, OFFER_DESTROY };

/* In the order of the protocol. offer may be NULL. */
struct device_events {
        void (*data_offer)(void *userdata, struct wl_proxy *device, struct wl_proxy *offer);
        void (*selection)(void *userdata, struct wl_proxy *device, struct wl_proxy *offer);
        void (*finished)(void *userdata, struct wl_proxy *device);
        void (*primary_selection)(void *userdata, struct wl_proxy *device, struct wl_proxy *offer);
};
struct source_events {
        void (*send)(void *userdata, struct wl_proxy *source, const char *type, int32_t fd);
        void (*cancelled)(void *userdata, struct wl_proxy *source);
};
struct offer_events {
        void (*offer)(void *userdata, struct wl_proxy *offer, const char *type);
};
