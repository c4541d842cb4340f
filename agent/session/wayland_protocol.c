/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wayland_protocol.h"

#define N(a) ((int) (sizeof(a) / sizeof *(a)))

static const struct wl_interface *nothing[2];

/* Both have these; the second argument names what the first of a "no" or "n" makes. */
static const struct wl_message source_requests[] = { { "offer", "s", nothing }, { "destroy", "", nothing } };
static const struct wl_message source_events[] = { { "send", "sh", nothing }, { "cancelled", "", nothing } };
static const struct wl_message offer_requests[] = { { "receive", "sh", nothing }, { "destroy", "", nothing } };
static const struct wl_message offer_events[] = { { "offer", "s", nothing } };

#define PROTOCOL(name, prefix, number)                                                                                 \
        static const struct wl_interface name##_source = { prefix "_source_v1", number,           N(source_requests),  \
                                                           source_requests,     N(source_events), source_events };     \
        static const struct wl_interface name##_offer = { prefix "_offer_v1", number,          N(offer_requests),      \
                                                          offer_requests,     N(offer_events), offer_events };         \
        static const struct wl_interface *name##_one_source[] = { &name##_source };                                    \
        static const struct wl_interface *name##_one_offer[] = { &name##_offer };                                      \
        static const struct wl_message name##_device_requests[] = { { "set_selection", "?o", name##_one_source },      \
                                                                    { "destroy", "", nothing },                        \
                                                                    { "set_primary_selection", "?o",                   \
                                                                      name##_one_source } };                           \
        static const struct wl_message name##_device_events[] = { { "data_offer", "n", name##_one_offer },             \
                                                                  { "selection", "?o", name##_one_offer },             \
                                                                  { "finished", "", nothing },                         \
                                                                  { "primary_selection", "?o", name##_one_offer } };   \
        static const struct wl_interface name##_device = { prefix "_device_v1",       number,                          \
                                                           N(name##_device_requests), name##_device_requests,          \
                                                           N(name##_device_events),   name##_device_events };          \
        static const struct wl_interface *name##_device_types[] = { &name##_device, &wl_seat_interface };              \
        static const struct wl_message name##_manager_requests[] = { { "create_data_source", "n", name##_one_source }, \
                                                                     { "get_data_device", "no", name##_device_types }, \
                                                                     { "destroy", "", nothing } };                     \
        static const struct wl_interface name##_manager = {                                                            \
                prefix "_manager_v1", number, N(name##_manager_requests), name##_manager_requests, 0, NULL             \
        };                                                                                                             \
        const struct data_control data_control_##name = { &name##_manager, &name##_device, &name##_source,             \
                                                          &name##_offer, number }

PROTOCOL(ext, "ext_data_control", 1);
PROTOCOL(wlr, "zwlr_data_control", 2);
