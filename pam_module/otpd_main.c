/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libintl.h>
#include <liboath/oath.h>
#include <locale.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "base/program.h"
#include "ipc/otp_interface.h"
#include "otpd.h"

#define _(text)    dgettext("sekisho", text)

#define CLOCK_FILE "run/sekisho-otp.clock"

struct options {
        const char *root;
        bool foreground;
};

/* As program_options(). */
static int parse_options(int argc, char **argv, struct options *ret) {
        *ret = (struct options){ .root = "/" };
        const struct program_option options[] = {
                { "root", &ret->root, NULL },
                { "foreground", NULL, &ret->foreground },
                { NULL, NULL, NULL },
        };
        return program_options(argc, argv, "sekisho-otpd",
                               _("Usage: sekisho-otpd [--root DIR] [--foreground] [--version]\n"
                                 "The verifier of second factors. See sekisho-otpd(8).\n"),
                               options);
}

/* ---- the clock of a fake machine: "WALL BOOT_USEC" in a file, "-" for the real one. Not reached on a real one. ----
 */

static bool fake_clock(const struct otpd *o, unsigned field, int64_t *ret) {
        char line[80], words[2][32] = { "-", "-" };
        CLEANUP(close_p) int run = root_openat(&o->root, "run", O_PATH | O_DIRECTORY, 0);
        if (run < 0 || file_read_line_at(run, strrchr(CLOCK_FILE, '/') + 1, line, sizeof line - 1) <= 0)
                return false;
        if (sscanf(line, "%31s %31s", words[0], words[1]) < 1)
                return false;
        char *end = NULL;
        long long value = strtoll(words[field], &end, 10);
        if (end == words[field] || *end)
                return false;
        *ret = value;
        return true;
}

static int64_t fake_wall(void *userdata) {
        int64_t value;
        struct timespec ts;
        if (fake_clock(userdata, 0, &value))
                return value;
        return clock_gettime(CLOCK_REALTIME, &ts) < 0 ? 0 : (int64_t) ts.tv_sec;
}

static uint64_t fake_boot(void *userdata) {
        int64_t value;
        struct timespec ts;
        if (fake_clock(userdata, 1, &value))
                return (uint64_t) value;
        (void) clock_gettime(CLOCK_BOOTTIME, &ts);
        return (uint64_t) ts.tv_sec * UINT64_C(1000000) + (uint64_t) ts.tv_nsec / 1000;
}

/* ---- start ---- */

static void read_identity(struct otpd *o) {
        CLEANUP(close_p) int etc = root_openat(&o->root, "etc", O_PATH | O_DIRECTORY, 0);
        if (etc < 0 || file_read_line_at(etc, "machine-id", o->machine_id, sizeof o->machine_id - 1) < 0)
                o->machine_id[0] = '\0';
        if (etc < 0 || file_read_line_at(etc, "hostname", o->hostname, sizeof o->hostname - 1) <= 0)
                if (gethostname(o->hostname, sizeof o->hostname - 1) < 0)
                        o->hostname[0] = '\0';
        o->identity = (struct audit_terminal){ o->machine_id, o->hostname, SEKISHO_VERSION };

        char boot[64];
        CLEANUP(close_p) int random = root_openat(&o->root, "proc/sys/kernel/random", O_PATH | O_DIRECTORY, 0);
        ssize_t n = random < 0 ? -1 : file_read_line_at(random, "boot_id", boot, sizeof boot - 1);
        (void) crypto_generichash(o->boot_id, sizeof o->boot_id, (const uint8_t *) boot, n > 0 ? (size_t) n : 0, NULL,
                                  0);
}

/* Handed over by systemd; in the foreground, made here. */
static int listening_socket(const struct otpd *o, const struct options *options) {
        if (sd_listen_fds(1) == 1)
                return SD_LISTEN_FDS_START;
        if (!options->foreground)
                return -ENOTCONN;
        (void) umask(022);
        int r = root_mkdirs(&o->root, "run/sekisho", 0755);
        return r < 0 ? r : ipc_listen_at(&o->root, OTP_SOCKET, 0666);
}

static int start(struct otpd *o, const struct options *options) {
        if (sodium_init() < 0 || oath_init() != OATH_OK) {
                log_error(_("The cryptographic libraries do not work."));
                return -EIO;
        }
        int r = root_open(options->root, &o->root);
        if (r < 0) {
                log_error(_("Cannot open the root %s: %s"), options->root, strerror(-r));
                return r;
        }
        if (!o->root.is_machine) {
                o->time.wall = fake_wall;
                o->time.boot = fake_boot;
                o->time.userdata = o;
        }
        /* No secret in a core file, and none through a debugger of the same user. */
        (void) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        int fd = listening_socket(o, options);
        if (fd < 0) {
                log_error(_("No socket to listen on: %s"), strerror(-fd));
                return fd;
        }
        read_identity(o);
        (void) umask(077);
        active_refresh(o);
        otpd_open_record(o);
        o->vault_error = vault_open(&o->root, o->machine_id, &o->vault);
        if (o->vault_error < 0) { /* it goes on: who is exempt must still get in, and all others are refused */
                log_error(_("The second factors in /%s cannot be used: %s"), VAULT_DIRECTORY,
                          strerror(-o->vault_error));
                otpd_trouble(o, "", strerrordesc_np(-o->vault_error));
        }
        clock_open(o);
        r = sd_event_new(&o->event);
        if (r >= 0)
                r = sd_event_add_time_relative(o->event, &o->tick, CLOCK_BOOTTIME, OTPD_TICK_USEC, OTPD_TICK_USEC / 8,
                                               otpd_tick_record, o);
        return r < 0 ? r : otpd_serve(o, fd);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        (void) info, (void) userdata;
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int run(struct otpd *o) {
        static const int numbers[] = { SIGTERM, SIGINT };
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
                sigset_t set;
                (void) sigemptyset(&set);
                (void) sigaddset(&set, numbers[i]);
                (void) sigprocmask(SIG_BLOCK, &set, NULL);
                int r = sd_event_add_signal(o->event, NULL, numbers[i], on_signal, NULL);
                if (r < 0)
                        return r;
        }
        (void) sd_event_set_watchdog(o->event, true);
        (void) sd_notify(0, "READY=1");
        log_notice(_("Sekisho's verifier %s is running."), SEKISHO_VERSION);
        return sd_event_loop(o->event);
}

static void stop(struct otpd *o) {
        o->server = ipc_server_free(o->server);
        sd_event_source_disable_unref(o->flush);
        sd_event_source_disable_unref(o->tick);
        o->log = audit_log_free(o->log);
        close_p(&o->floor_fd);
        if (o->vault_error == 0)
                vault_close(&o->vault);
        active_clear(&o->active);
        (void) sd_event_unref(o->event);
        root_close(&o->root);
}

int main(int argc, char **argv) {
        (void) setlocale(LC_ALL, "");
        (void) bindtextdomain("sekisho", SEKISHO_LOCALEDIR);

        struct options options;
        int r = parse_options(argc, argv, &options);
        if (r != 0)
                return r < 0 ? 2 : 0;
        (void) signal(SIGPIPE, SIG_IGN);

        struct otpd otpd = { .root = { .fd = -1 }, .floor_fd = -1, .vault_error = -ENOENT };
        r = start(&otpd, &options);
        if (r == 0)
                r = run(&otpd);
        stop(&otpd);
        return r < 0 ? 1 : 0;
}
