/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether devices are held: by the agent's word, and by the kernel's own. */
#include <string.h>

#include "findings.h"
#include "inspect.h"
#include "probe_files.h"
#include "talk.h"

#define USB_DEVICES "sys/bus/usb/devices"

/* ---- the guard ---- */

/* What other items tell of. */
static bool is_told_elsewhere(const char *code) {
        static const char *const others[] = { "policy-",           "trust-",      "permit-",  "network-",
                                              "interface-",        "clock-",      "record-",  "sink-",
                                              "transfer-",         "netlog-",     "inbox-",   "ports-open",
                                              "buses-open",        "break-glass", "verifier", "login-off",
                                              "keyboards-fallback" };
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
                if (strncmp(code, others[i], strlen(others[i])) == 0)
                        return true;
        return false;
}

static void look_at_attention(const json_t *status, struct finding *f) {
        size_t n;
        json_t *finding;
        json_array_foreach(json_object_get(status, "attention"), n, finding) {
                const char *code = talk_string(finding, "code"), *sentence = findings_sentence(code);
                if (strcmp(talk_string(finding, "severity"), "short") == 0 && !is_told_elsewhere(code))
                        say(f, FIT_NO, "%s", sentence ? sentence : code);
        }
}

void probe_guard(const struct inspection *n, struct finding *f) {
        if (!n->status) {
                say(f, FIT_NO, _("The agent does not answer."));
                return;
        }
        /* Whoever holds the socket answers; in the service's control group only the system puts a process. */
        int r = look_service(n->root, "sekishod.service");
        if (r < 0)
                say(f, FIT_UNKNOWN, _("The processes cannot be seen: %s"), strerror(-r));
        else if (r == 0)
                say(f, FIT_UNKNOWN, _("Something answers as the agent, but the service sekishod does not run."));
        if (!talk_bool(n->status, "enforcing"))
                say(f, FIT_NO, _("Devices are observed only, not held back."));
        size_t k;
        json_t *guard;
        json_array_foreach(json_object_get(n->status, "guards"), k, guard) {
                bool holding = talk_bool(guard, "holding");
                say(f, holding ? FIT_YES : FIT_NO,
                    holding ? _("Guard %s holds: seen %lld, open %lld, blocked %lld")
                            : _("Guard %s does NOT hold: seen %lld, open %lld, blocked %lld"),
                    talk_string(guard, "name"), talk_integer(guard, "subjects"), talk_integer(guard, "open"),
                    talk_integer(guard, "blocked"));
        }
        look_at_attention(n->status, f);
}

/* ---- the kernel's own word ---- */

struct comparison {
        const struct inspection *n;
        struct finding *f;
        unsigned compared;
};

static const json_t *device_at(const struct inspection *n, const char *port) {
        size_t k;
        json_t *d;
        json_array_foreach(json_object_get(n->devices, "devices"), k,
                           d) if (strcmp(talk_string(d, "port"), port) == 0 && !*talk_string(d, "node")) return d;
        return NULL;
}

static int compare_device(const char *name, void *userdata) {
        struct comparison *c = userdata;
        char path[PROBE_LINE], value[PROBE_LINE];
        /* Interfaces have a colon; a controller is part of the machine. */
        if (strchr(name, ':') || strncmp(name, "usb", 3) == 0)
                return 0;
        (void) snprintf(path, sizeof path, USB_DEVICES "/%.200s/authorized", name);
        if (look_line(c->n->root, path, value) < 0)
                return 0; /* just unplugged */
        c->compared++;
        bool open = strcmp(value, "0") != 0;
        const json_t *d = device_at(c->n, name);
        if (!d && open)
                say(c->f, FIT_NO, _("Port %s: open, and the agent does not know of it"), name);
        else if (d && open && strcmp(talk_string(d, "action"), "block") == 0)
                say(c->f, FIT_NO, _("Port %s: %s is open although it is to be blocked"), name, talk_string(d, "name"));
        return 0;
}

/* What is to be read only is so to the kernel. */
static void compare_disks(struct comparison *c) {
        size_t k;
        json_t *d;
        json_array_foreach(json_object_get(c->n->devices, "devices"), k, d) {
                const char *node = talk_string(d, "node");
                char path[PROBE_LINE], value[PROBE_LINE];
                if (!*node || strchr(node, '/') || strcmp(talk_string(d, "action"), "read-only") != 0)
                        continue;
                (void) snprintf(path, sizeof path, "sys/class/block/%.64s/ro", node);
                int r = look_line(c->n->root, path, value);
                c->compared += r == 0;
                if (r < 0 && r != -ENOENT)
                        say(c->f, FIT_UNKNOWN, _("%s cannot be read: %s"), path, strerror(-r));
                else if (r == 0 && strcmp(value, "1") != 0)
                        say(c->f, FIT_NO, _("Disk %s can be written, although it is to be read only"), node);
        }
}

void probe_kernel(const struct inspection *n, struct finding *f) {
        struct comparison c = { .n = n, .f = f };
        if (!n->devices) {
                say(f, FIT_UNKNOWN, _("The agent does not answer, so that nobody says what was decided."));
                return;
        }
        int r = look_names(n->root, USB_DEVICES, compare_device, &c);
        if (r == -ENOENT)
                note(f, _("There is no USB in this machine."));
        else if (r < 0)
                say(f, FIT_UNKNOWN, _("%s cannot be read: %s"), "/" USB_DEVICES, strerror(-r));
        compare_disks(&c);
        if (!f->said && c.compared == 0)
                say(f, FIT_NONE, _("There is nothing to compare."));
        if (!f->said)
                say(f, FIT_YES, _("Compared with the kernel: %u; all agree"), c.compared);
}

/* ---- from power-on ---- */

struct doors {
        const struct inspection *n;
        struct finding *f;
        unsigned shut;
};

static void look_zero(struct doors *d, const char *path) {
        char value[PROBE_LINE];
        int r = look_line(d->n->root, path, value);
        if (r == -ENOENT || r == -ENOTDIR)
                return;
        if (r < 0)
                say(d->f, FIT_UNKNOWN, _("%s cannot be read: %s"), path, strerror(-r));
        else if (strcmp(value, "0") != 0)
                say(d->f, FIT_NO, _("/%s is %s, not 0: what is plugged in gets its driver unasked"), path, value);
        else
                d->shut++;
}

static int look_controller(const char *name, void *userdata) {
        char path[PROBE_LINE];
        if (strncmp(name, "usb", 3) != 0)
                return 0;
        (void) snprintf(path, sizeof path, USB_DEVICES "/%.200s/authorized_default", name);
        look_zero(userdata, path);
        return 0;
}

void probe_doors(const struct inspection *n, struct finding *f) {
        static const char *const switches[] = { "sys/module/usbcore/parameters/authorized_default",
                                                "sys/bus/scsi/drivers_autoprobe", "sys/bus/mmc/drivers_autoprobe",
                                                "sys/bus/sdio/drivers_autoprobe" };
        static const char *const files[] = { "usr/lib/modprobe.d/sekisho.conf",
                                             "usr/lib/udev/rules.d/59-sekisho-doors.rules",
                                             "usr/lib/udev/rules.d/60-sekisho-floor.rules" };
        struct doors d = { .n = n, .f = f };
        for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
                look_zero(&d, switches[i]);
        int r = look_names(n->root, USB_DEVICES, look_controller, &d);
        if (r < 0 && r != -ENOENT)
                say(f, FIT_UNKNOWN, _("%s cannot be read: %s"), "/" USB_DEVICES, strerror(-r));
        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
                if (!look_there(n->root, files[i]))
                        say(f, FIT_NO, _("/%s is missing: the next start would not be guarded"), files[i]);
        if (!f->said && d.shut == 0)
                say(f, FIT_UNKNOWN, _("The kernel shows none of its switches."));
        else if (!f->said)
                say(f, FIT_YES,
                    _("Switches of ports and buses that are shut: %u; what holds them at the next start is there"),
                    d.shut);
}

/* ---- what was refused ---- */

void probe_denied(const struct inspection *n, struct finding *f) {
        const struct tally *t = &n->tally;
        if (!n->has_record) {
                say(f, FIT_UNKNOWN, _("The record cannot be read."));
                return;
        }
        if (t->n_observed > 0)
                say(f, FIT_NO, _("Let through because devices were only observed: %llu"),
                    (unsigned long long) t->n_observed);
        if (t->n_effect_wrong > 0)
                say(f, FIT_NO, _("Not in the state that was decided when it was read back: %llu"),
                    (unsigned long long) t->n_effect_wrong);
        if (!f->said)
                say(f, FIT_YES, _("Kept out in the last %d days: %llu"), INSPECT_DAYS,
                    (unsigned long long) t->n_denied);
        for (int c = 0; c < CLASS_MAX; c++)
                if (t->denied[c] > 0)
                        note(f, _("%s: %llu"), class_text((enum device_class) c), (unsigned long long) t->denied[c]);
}
