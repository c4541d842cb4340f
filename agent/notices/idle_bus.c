/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sources: org.gnome.Mutter.IdleMonitor as GNOME ships it; GetActive() of the screen savers of MATE, Cinnamon and Xfce,
 * none of which sets logind's LockedHint. Asked rarely, and nothing is started by asking. */
#include <errno.h>
#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "idle.h"

#define ANSWER_USEC UINT64_C(500000)

static void bus_p(sd_bus **bus) {
        (void) sd_bus_flush_close_unref(*bus);
}

static void message_p(sd_bus_message **m) {
        (void) sd_bus_message_unref(*m);
}

static int ask(sd_bus *bus, const char *name, const char *path, const char *interface, const char *method,
               sd_bus_message **ret) {
        CLEANUP(message_p) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(bus, &m, name, path, interface, method);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, 0);
        return r < 0 ? r : sd_bus_call(bus, m, ANSWER_USEC, NULL, ret);
}

int idle_bus_read(uint64_t *ret_msec) {
        CLEANUP(bus_p) sd_bus *bus = NULL;
        CLEANUP(message_p) sd_bus_message *reply = NULL;
        int r = sd_bus_open_user(&bus);
        if (r >= 0)
                r = ask(bus, "org.gnome.Mutter.IdleMonitor", "/org/gnome/Mutter/IdleMonitor/Core",
                        "org.gnome.Mutter.IdleMonitor", "GetIdletime", &reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "t", ret_msec);
        return r < 0 ? r : 0;
}

bool idle_bus_locked(void) {
        static const struct {
                const char *name, *path;
        } savers[] = { { "org.mate.ScreenSaver", "/org/mate/ScreenSaver" },
                       { "org.cinnamon.ScreenSaver", "/org/cinnamon/ScreenSaver" },
                       { "org.xfce.ScreenSaver", "/org/xfce/ScreenSaver" } };
        CLEANUP(bus_p) sd_bus *bus = NULL;
        int active = 0;
        if (sd_bus_open_user(&bus) < 0)
                return false;
        for (size_t i = 0; i < sizeof savers / sizeof *savers && !active; i++) {
                CLEANUP(message_p) sd_bus_message *reply = NULL;
                if (ask(bus, savers[i].name, savers[i].path, savers[i].name, "GetActive", &reply) < 0 ||
                    sd_bus_message_read(reply, "b", &active) < 0)
                        active = 0;
        }
        return active;
}
