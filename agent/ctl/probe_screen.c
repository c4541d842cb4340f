/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Screens and clipboards. */
#include <string.h>

#include "inspect.h"
#include "probe_files.h"
#include "talk.h"

void probe_clipboard(const struct inspection *n, struct finding *f) {
        size_t k;
        json_t *guard;
        if (!n->policy) {
                say(f, FIT_UNKNOWN, _("The policy in force cannot be read."));
                return;
        }
        if (n->policy->clipboard.mode == MODE_OBSERVE)
                say(f, FIT_NO, _("The policy only observes the clipboard."));
        json_array_foreach(json_object_get(n->status, "guards"), k, guard) {
                if (strcmp(talk_string(guard, "name"), "session") != 0)
                        continue;
                bool holding = talk_bool(guard, "holding");
                say(f, holding ? FIT_YES : FIT_NO,
                    holding ? _("The guard of sessions holds.") : _("The guard of sessions does NOT hold."));
        }
        if (!f->said || f->fit == FIT_NO)
                say(f, FIT_NO, _("Nothing holds the clipboard."));
}

void probe_screen_lock(const struct inspection *n, struct finding *f) {
        if (!n->policy) {
                say(f, FIT_UNKNOWN, _("The policy in force cannot be read."));
                return;
        }
        if (n->policy->login.screen_lock == 0)
                say(f, FIT_NO, _("The policy sets no time after which screens lock."));
        else
                say(f, FIT_UNKNOWN, _("The policy demands it after %u minutes; nothing tells whether desktops do it."),
                    (n->policy->login.screen_lock + 59) / 60);
}

void probe_remote_desktop(const struct inspection *n, struct finding *f) {
        static const char *const programs[] = { "usr/sbin/xrdp",    "usr/bin/spice-vdagent", "usr/bin/remmina",
                                                "usr/bin/xfreerdp", "usr/bin/wlfreerdp",     "usr/bin/x11vnc",
                                                "usr/bin/vncviewer" };
        for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
                if (look_there(n->root, programs[i]))
                        say(f, FIT_UNKNOWN, _("/%s is installed, and its settings are not known"), programs[i]);
        if (!f->said)
                say(f, FIT_NONE, _("None is installed."));
}
