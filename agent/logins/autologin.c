/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logins that nobody makes: display managers and gettys that are told to let somebody in by themselves. They use a PAM
 * service of their own, or none ("login -f"). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ini.h"
#include "report.h"

static const struct {
        const char *pattern, *key;
        const char *value; /* NULL: any but none; "--x": wherever the value has it */
} switches[] = {
        { "/usr/share/lightdm/lightdm.conf.d/*.conf", "autologin-user", NULL },
        { "/etc/lightdm/lightdm.conf.d/*.conf", "autologin-user", NULL },
        { "/etc/lightdm/lightdm.conf", "autologin-user", NULL },
        { "/etc/lightdm/lightdm.conf.d/*.conf", "autologin-guest", "true" },
        { "/etc/lightdm/lightdm.conf", "autologin-guest", "true" },
        { "/etc/gdm3/daemon.conf", "AutomaticLoginEnable", "true" },
        { "/etc/gdm3/daemon.conf", "TimedLoginEnable", "true" },
        { "/etc/gdm3/custom.conf", "AutomaticLoginEnable", "true" },
        { "/etc/gdm3/custom.conf", "TimedLoginEnable", "true" },
        { "/usr/lib/sddm/sddm.conf.d/*.conf", "User", NULL },
        { "/etc/sddm.conf.d/*.conf", "User", NULL },
        { "/etc/sddm.conf", "User", NULL },
        { "/etc/systemd/system/getty@.service", "ExecStart", "--autologin" },
        { "/etc/systemd/system/getty@.service.d/*.conf", "ExecStart", "--autologin" },
        { "/etc/systemd/system/getty@tty1.service.d/*.conf", "ExecStart", "--autologin" },
        { "/etc/systemd/system/console-getty.service.d/*.conf", "ExecStart", "--autologin" },
        { "/etc/systemd/system/serial-getty@.service.d/*.conf", "ExecStart", "--autologin" },
        { "/etc/systemd/system/serial-getty@ttyS0.service.d/*.conf", "ExecStart", "--autologin" },
};

bool autologin_service(const char *service) {
        size_t n = strlen(service);
        return n > 10 && strcmp(service + n - 10, "-autologin") == 0;
}

bool program_service(const char *service) {
        static const char *const names[] = { "lightdm-greeter", "gdm-launch-environment", "sddm-greeter",
                                             "greetd-greeter" };
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (strcmp(names[i], service) == 0)
                        return true;
        return false;
}

static bool is_on(const char *wanted, const char *value) {
        if (!wanted)
                return *value != '\0';
        return wanted[0] == '-' ? strstr(value, wanted) != NULL
                                : strcasecmp(value, wanted) == 0 || strcmp(value, "1") == 0;
}

static int check_file(struct report_builder *b, size_t which, const char *path) {
        char *text = NULL, *key, *value;
        unsigned number = 0;
        int r = b->files->read(b->files->userdata, path, &b->pool->pool, &text);
        if (r == 2) {
                struct login_entry *e = report_entry(b, LOGIN_BY_ITSELF, switches[which].key, path);
                if (e)
                        report_trouble(e, "unreadable");
                return e ? 0 : -ENOMEM;
        }
        while (r == 0 && ini_next(&text, &number, &key, &value)) {
                if (strcasecmp(key, switches[which].key) != 0 || !is_on(switches[which].value, value))
                        continue;
                struct login_entry *e = report_entry(b, LOGIN_BY_ITSELF, key, path);
                const char *what = pool_format(&b->pool->pool, "%s=%s", key, value);
                if (!e || !what)
                        return -ENOMEM;
                struct login_way w = { .verdict = LOGIN_NONE };
                report_place(&w, e->file, number, what);
                r = report_way(e, &w);
        }
        return r < 0 ? r : 0;
}

int autologin_check(struct report_builder *b) {
        int r = 0;
        for (size_t i = 0; i < sizeof switches / sizeof *switches && r == 0; i++) {
                char **paths = NULL;
                size_t n = 0;
                r = b->files->list(b->files->userdata, switches[i].pattern, &b->pool->pool, &paths, &n);
                for (size_t k = 0; k < n && r == 0; k++)
                        r = check_file(b, i, paths[k]);
                free(paths);
        }
        return r;
}
