/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Screens and clipboards. */
#include <stdlib.h>
#include <string.h>

#include "inspect.h"
#include "lockers/lockers.h"
#include "probe_files.h"
#include "remote/remote.h"
#include "talk.h"

#define SESSIONS  "run/systemd/sessions"
#define HELPER    "sekisho-session"
#define BEGINNING 60 /* seconds in which a session's helper may still be on its way */

/* ---- graphical sessions, as logind has them, and who guards each ---- */

struct graphical {
        const struct inspection *n;
        struct finding *f;
        long uid; /* of the session that is being looked at */
        int64_t began;
        bool graphical, person, closing;
        unsigned guarded;
};

static int take_session_line(char *line, void *userdata) {
        struct graphical *g = userdata;
        const char *name = strsep(&line, "="), *value = line ? line : "";
        if (strcmp(name, "UID") == 0)
                g->uid = strtol(value, NULL, 10);
        else if (strcmp(name, "REALTIME") == 0)
                g->began = strtoll(value, NULL, 10) / 1000000;
        else if (strcmp(name, "TYPE") == 0)
                g->graphical = strcmp(value, "x11") == 0 || strcmp(value, "wayland") == 0 || strcmp(value, "mir") == 0;
        else if (strcmp(name, "CLASS") == 0)
                g->person = strncmp(value, "user", 4) == 0;
        else if (strcmp(name, "STATE") == 0)
                g->closing = strcmp(value, "closing") == 0;
        return 0;
}

static int look_at_session(const char *name, void *userdata) {
        struct graphical *g = userdata;
        char path[PROBE_LINE];
        g->uid = -1;
        g->began = 0;
        g->graphical = g->person = g->closing = false;
        (void) snprintf(path, sizeof path, SESSIONS "/%.64s", name);
        if (look_lines(g->n->root, path, take_session_line, g) < 0 || !g->graphical || !g->person || g->closing ||
            g->uid < 0 || g->began > g->n->now - BEGINNING)
                return 0;
        int r = look_own_process(g->n->root, HELPER, (uid_t) g->uid);
        if (r < 0)
                say(g->f, FIT_UNKNOWN, _("The processes cannot be seen: %s"), strerror(-r));
        else if (r == 0)
                say(g->f, FIT_NO, _("Session %s of uid %ld is graphical, and no helper guards its clipboard"), name,
                    g->uid);
        g->guarded += r > 0;
        return 0;
}

static void look_at_sessions(const struct inspection *n, struct finding *f) {
        struct graphical g = { .n = n, .f = f };
        int r = look_names(n->root, SESSIONS, look_at_session, &g);
        if (r < 0)
                say(f, FIT_UNKNOWN, _("%s cannot be read: %s"), "/" SESSIONS, strerror(-r));
        else
                note(f, _("Graphical sessions with a helper: %u"), g.guarded);
}

void probe_clipboard(const struct inspection *n, struct finding *f) {
        size_t k;
        json_t *guard;
        bool found = false;
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
                found = true;
                say(f, holding ? FIT_YES : FIT_NO,
                    holding ? _("The guard of sessions holds.") : _("The guard of sessions does NOT hold."));
        }
        if (!found)
                say(f, FIT_NO, _("Nothing holds the clipboard."));
        look_at_sessions(n, f);
        if (n->has_record && n->tally.pastes_observed > 0)
                say(f, FIT_NO, _("Let through because pastes were only observed: %llu"),
                    (unsigned long long) n->tally.pastes_observed);
        else if (n->has_record)
                note(f, _("Refused in the last %d days, pastes: %llu"), INSPECT_DAYS,
                     (unsigned long long) n->tally.pastes_refused);
}

static void note_lockers(const struct locker_report *r, struct finding *f) {
        for (size_t i = 0; i < r->n; i++) {
                enum locker_time t = r->list[i].time;
                note(f,
                     t == LOCKER_IN_TIME ? _("%s: by itself in time")
                     : t == LOCKER_LATER ? _("%s: by itself later than the policy")
                     : t == LOCKER_OFF   ? _("%s: never by itself")
                                         : _("%s: by itself when its user says"),
                     r->list[i].program);
        }
}

void probe_screen_lock(const struct inspection *n, struct finding *f) {
        struct locker_report r;
        if (!n->policy) {
                say(f, FIT_UNKNOWN, _("The policy in force cannot be read."));
                return;
        }
        if (n->policy->login.screen_lock == 0) {
                say(f, FIT_NO, _("The policy sets no time after which screens lock."));
                return;
        }
        note(f, _("The policy demands it after %u minutes."), (n->policy->login.screen_lock + 59) / 60);
        lockers_check(n->root, n->policy->login.screen_lock, &r);
        note_lockers(&r, f);
        if (n->policy->login.mode == MODE_OBSERVE)
                say(f, FIT_NO, _("The policy only observes logins."));
        if (!lockers_suffice(&r))
                say(f, FIT_NO, _("No locker is installed that locks when logind asks and says so."));
        if (inspection_attention(n, "screen-stays-open"))
                say(f, FIT_NO, _("A session stayed open although it was to be locked."));
        else if (!n->status)
                say(f, FIT_UNKNOWN, _("The agent, which locks when nobody did, cannot be asked."));
        else if (!f->said)
                say(f, FIT_YES, _("The agent locks what nobody locked, and no session stayed open."));
}

void probe_remote_desktop(const struct inspection *n, struct finding *f) {
        static const enum fit fits[REMOTE_VERDICT_MAX] = { [REMOTE_SHUT] = FIT_YES,
                                                           [REMOTE_PERMITTED] = FIT_YES,
                                                           [REMOTE_UNKNOWN] = FIT_UNKNOWN,
                                                           [REMOTE_OPEN] = FIT_NO };
        struct remote_report r;
        remote_check(n->root, n->policy, &r);
        for (size_t i = 0; i < r.n; i++) {
                const struct remote_finding *found = &r.list[i];
                const char *what = found->channel == REMOTE_CLIPBOARD ? _("clipboard") : _("folders and drives");
                say(f, fits[found->verdict],
                    found->verdict == REMOTE_OPEN        ? _("%s: %s are shared (%s %s)")
                    : found->verdict == REMOTE_UNKNOWN   ? _("%s: %s: cannot be told (%s %s)")
                    : found->verdict == REMOTE_PERMITTED ? _("%s: %s: as the policy's zones say (%s %s)")
                                                         : _("%s: %s: shut (%s %s)"),
                    found->program, what, found->file, found->setting);
        }
        if (!f->said)
                say(f, FIT_NONE, _("None is installed of those that are known here."));
}
