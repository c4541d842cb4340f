/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is installed, and how new it is. */
#include <errno.h>
#include <string.h>

#include "era.h"
#include "inspect.h"
#include "packages.h"
#include "probe_files.h"

#define DAY          86400
#define BASELINE     "etc/sekisho/packages"
#define DPKG_STATUS  "var/lib/dpkg/status"
#define APT_LISTS    "var/lib/apt/lists"
#define NAMED_MAX    12u /* packages that are named one by one */
#define LISTS_DAYS   35
#define PATTERN_DAYS 7

/* ---- the baseline ---- */

struct baseline {
        json_t *names;
        struct finding *f;
        size_t listed, installed, foreign;
};

static int take_name(char *line, void *userdata) {
        struct baseline *b = userdata;
        line += strspn(line, " \t");
        line[strcspn(line, " \t#")] = 0;
        if (*line)
                (void) json_object_set_new(b->names, line, json_true());
        return 0;
}

static int compare_package(const struct package *p, void *userdata) {
        struct baseline *b = userdata;
        if (!p->installed)
                return 0;
        b->installed++;
        if (!json_object_get(b->names, p->name) && b->foreign++ < NAMED_MAX)
                say(b->f, FIT_NO, _("Not in the baseline: %s %s"), p->name, p->version);
        return 0;
}

void probe_packages(const struct inspection *n, struct finding *f) {
        CLEANUP(json_decrefp) json_t *names = json_object();
        struct baseline b = { .names = names, .f = f };
        int r = look_lines(n->root, BASELINE, take_name, &b);
        if (r < 0) {
                say(f, FIT_UNKNOWN,
                    _("There is no baseline, /%s. It is made on a terminal that was approved: dpkg-query -W -f "
                      "'${Package}\\n'"),
                    BASELINE);
                return;
        }
        r = packages_read(n->root, DPKG_STATUS, compare_package, &b);
        if (r < 0 || b.installed == 0)
                say(f, FIT_UNKNOWN, _("/%s cannot be read: %s"), DPKG_STATUS, strerror(r < 0 ? -r : ENODATA));
        if (b.foreign > NAMED_MAX)
                note(f, _("and %zu more"), b.foreign - NAMED_MAX);
        if (!f->said)
                say(f, FIT_YES,
                    _("Packages: %zu, all in the baseline of %zu. Software that is no package is not seen."),
                    b.installed, json_object_size(names));
}

/* ---- malware ---- */

static const struct {
        const char *process, *product; /* comm of the process that scans */
} scanners[] = {
        { "clamd", "ClamAV" },
        { "ds_agent", "Trend Micro Deep Security" },
        { "wdavdaemon", "Microsoft Defender" },
        { "falcon-sensor", "CrowdStrike Falcon" },
        { "oaeventd", "ESET Endpoint" },
        { "sophos-spl", "Sophos" },
        { "mfetpd", "Trellix" },
        { "fsicd", "WithSecure" },
};

static void look_at_patterns(const struct inspection *n, struct finding *f) {
        static const char *const files[] = { "var/lib/clamav/daily.cld", "var/lib/clamav/daily.cvd" };
        char text[ERA_MAX];
        int64_t newest = 0;
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
                int64_t changed = look_changed(n->root, files[i]);
                newest = changed > newest ? changed : newest;
        }
        if (newest == 0)
                say(f, FIT_NO, _("ClamAV runs without patterns."));
        else if (newest < n->now - (int64_t) PATTERN_DAYS * DAY)
                say(f, FIT_NO, _("The patterns are of %s, older than %d days"), iso_date(newest, text), PATTERN_DAYS);
        else
                say(f, FIT_YES, _("ClamAV runs; patterns of %s"), iso_date(newest, text));
}

void probe_scanner(const struct inspection *n, struct finding *f) {
        for (size_t i = 0; i < sizeof scanners / sizeof *scanners; i++) {
                int r = look_process(n->root, scanners[i].process);
                if (r < 0) {
                        say(f, FIT_UNKNOWN, _("The processes cannot be seen: %s"), strerror(-r));
                        return;
                }
                if (r > 0 && i == 0)
                        look_at_patterns(n, f);
                else if (r > 0)
                        say(f, FIT_UNKNOWN, _("%s runs; look at its own console for how new its patterns are"),
                            scanners[i].product);
        }
        if (!f->said)
                say(f, FIT_NO, _("No malware scanner runs of those that are known here."));
}

/* ---- updates ---- */

struct updates {
        const struct inspection *n;
        struct finding *f;
        json_t *installed, *pending; /* name -> version */
        int64_t lists;               /* of the newest of them */
        size_t read, packed;
};

static int keep_installed(const struct package *p, void *userdata) {
        struct updates *u = userdata;
        if (p->installed)
                (void) json_object_set_new(u->installed, p->name, json_string(p->version));
        return 0;
}

static int compare_version(const struct package *p, void *userdata) {
        struct updates *u = userdata;
        const char *have = json_string_value(json_object_get(u->installed, p->name));
        if (!have || package_version_compare(p->version, have) <= 0)
                return 0;
        const char *best = json_string_value(json_object_get(u->pending, p->name));
        if (!best || package_version_compare(p->version, best) > 0)
                (void) json_object_set_new(u->pending, p->name, json_string(p->version));
        return 0;
}

static bool ends(const char *text, const char *with) {
        size_t n = strlen(text), m = strlen(with);
        return n >= m && strcmp(text + n - m, with) == 0;
}

static int look_list(const char *name, void *userdata) {
        struct updates *u = userdata;
        char path[PROBE_LINE];
        (void) snprintf(path, sizeof path, APT_LISTS "/%.400s", name);
        if (ends(name, "Release")) {
                int64_t changed = look_changed(u->n->root, path);
                u->lists = changed > u->lists ? changed : u->lists;
        } else if (ends(name, "_Packages")) {
                u->read += packages_read(u->n->root, path, compare_version, u) == 0;
        } else if (strstr(name, "_Packages.")) {
                u->packed++;
        }
        return 0;
}

static void name_pending(const struct updates *u) {
        const char *name;
        json_t *version;
        size_t k = 0;
        json_object_foreach(u->pending, name, version) {
                if (k++ == NAMED_MAX)
                        break;
                say(u->f, FIT_NO, _("%s: %s waits, %s is installed"), name, json_string_value(version),
                    json_string_value(json_object_get(u->installed, name)));
        }
        if (json_object_size(u->pending) > NAMED_MAX)
                note(u->f, _("and %zu more"), json_object_size(u->pending) - NAMED_MAX);
}

void probe_updates(const struct inspection *n, struct finding *f) {
        CLEANUP(json_decrefp) json_t *installed = json_object(), *pending = json_object();
        struct updates u = { .n = n, .f = f, .installed = installed, .pending = pending };
        char text[ERA_MAX];
        int r = packages_read(n->root, DPKG_STATUS, keep_installed, &u);
        if (r < 0 || json_object_size(installed) == 0) {
                say(f, FIT_UNKNOWN, _("/%s cannot be read: %s"), DPKG_STATUS, strerror(r < 0 ? -r : ENODATA));
                return;
        }
        (void) look_names(n->root, APT_LISTS, look_list, &u);
        if (look_there(n->root, "run/reboot-required"))
                say(f, FIT_NO, _("The terminal has to be restarted for updates to take effect."));
        name_pending(&u);
        if (u.read == 0)
                say(f, FIT_UNKNOWN,
                    u.packed > 0 ? _("The lists of packages are compressed and cannot be read.")
                                 : _("There are no lists of packages: apt-get update brings them."));
        else if (u.lists < n->now - (int64_t) LISTS_DAYS * DAY)
                say(f, FIT_UNKNOWN, _("The lists of packages are of %s: what came since is not known"),
                    iso_date(u.lists, text));
        if (!f->said)
                say(f, FIT_YES, _("Nothing waits, by lists of %s"), iso_date(u.lists, text));
}
