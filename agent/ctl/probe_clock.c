/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clock, and whether the agent ran whenever the terminal did. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <utmp.h>

#include "era.h"
#include "findings.h"
#include "inspect.h"
#include "probe_files.h"
#include "talk.h"

#define DAY         86400
#define OFF_MAX     120 /* seconds that the clock of the hardware may differ */
#define BOOTS_MAX   512u
#define RESTART_MAX 120 /* seconds that a restart of the agent takes at most */
#define SLACK       60  /* a start of the machine is noted before its clock is set */

/* ---- the clock ---- */

/* The hardware's clock as seconds since the epoch; it may run in local time. False: there is none. */
static bool hardware_clock(const struct inspection *n, int64_t *ret) {
        char value[PROBE_LINE];
        if (look_line(n->root, "sys/class/rtc/rtc0/since_epoch", value) < 0)
                return false;
        *ret = strtoll(value, NULL, 10);
        return *ret > 0;
}

static int find_local(char *line, void *userdata) {
        bool *local = userdata;
        *local = *local || strcmp(line, "LOCAL") == 0;
        return 0;
}

static void compare_hardware(const struct inspection *n, struct finding *f) {
        int64_t clock;
        bool local = false;
        if (!hardware_clock(n, &clock)) {
                note(f, _("There is no hardware clock."));
                return;
        }
        (void) look_lines(n->root, "etc/adjtime", find_local, &local);
        time_t now = (time_t) n->now;
        struct tm t;
        if (local && localtime_r(&now, &t))
                clock -= t.tm_gmtoff;
        int64_t off = n->now - clock;
        if (off > OFF_MAX || off < -OFF_MAX)
                say(f, FIT_NO, _("It differs from the hardware clock by %lld seconds"), (long long) off);
        else
                note(f, _("Difference from the hardware clock: %lld seconds"), (long long) off);
}

/* Whether a time server has set it of late. */
static bool is_synchronised(const struct inspection *n) {
        int64_t changed = look_changed(n->root, "run/systemd/timesync/synchronized");
        struct timex t = { .modes = 0 };
        if (changed > n->now - DAY)
                return true;
        return n->root->is_machine && adjtimex(&t) >= 0 && !(t.status & STA_UNSYNC);
}

void probe_clock(const struct inspection *n, struct finding *f) {
        char value[PROBE_LINE], text[ERA_MAX];
        int64_t floor =
                look_line(n->root, "var/lib/sekisho/policy/time-floor", value) == 0 ? strtoll(value, NULL, 10) : 0;
        if (floor > n->now)
                say(f, FIT_NO, _("It is behind a time that has already passed: %s"), iso_moment(floor, text));
        compare_hardware(n, f);
        if (f->said)
                return;
        if (is_synchronised(n))
                say(f, FIT_YES, _("A time server sets it."));
        else
                say(f, FIT_UNKNOWN, _("No time server sets it. This report was made at %s: compare that with a clock."),
                    iso_moment(n->now, text));
}

/* ---- stops ---- */

struct boots {
        int64_t list[BOOTS_MAX];
        size_t n;
};

/* 0 or -errno. */
static int read_boots(const struct inspection *n, struct boots *ret) {
        int fd = root_openat(n->root, "var/log/wtmp", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        CLEANUP(fclose_p) FILE *f = fd < 0 ? NULL : fdopen(fd, "re");
        struct utmp u;
        if (!f) {
                close_p(&fd);
                return fd < 0 ? fd : -errno;
        }
        while (fread(&u, sizeof u, 1, f) == 1) {
                int64_t when = (int64_t) (uint32_t) u.ut_tv.tv_sec;
                if (u.ut_type != BOOT_TIME || when < n->tally.from - DAY)
                        continue;
                if (ret->n == BOOTS_MAX) {
                        memmove(ret->list, ret->list + 1, (BOOTS_MAX - 1) * sizeof *ret->list);
                        ret->n--;
                }
                ret->list[ret->n++] = when;
        }
        return ferror(f) ? -EIO : 0;
}

static bool booted_between(const struct boots *b, int64_t from, int64_t to) {
        for (size_t i = 0; i < b->n; i++)
                if (b->list[i] >= from && b->list[i] <= to + SLACK)
                        return true;
        return false;
}

struct stops {
        unsigned restarts, power;
};

static void look_at_run(const struct tally_run *before, const struct tally_run *r, const struct boots *b,
                        struct finding *f, struct stops *s) {
        char from[ERA_MAX], to[ERA_MAX];
        if (!r->start || booted_between(b, before->time, r->time)) {
                s->power += r->start && before->start;
                return;
        }
        if (before->start)
                say(f, FIT_NO, _("It ended without a word before %s, while the terminal ran on"),
                    iso_moment(r->time, to));
        else if (r->time - before->time > RESTART_MAX)
                say(f, FIT_NO, _("Stopped from %s to %s while the terminal ran on"), iso_moment(before->time, from),
                    iso_moment(r->time, to));
        else
                s->restarts++;
}

void probe_stops(const struct inspection *n, struct finding *f) {
        const struct tally *t = &n->tally;
        struct boots boots = { .n = 0 };
        struct stops s = { 0 };
        if (!n->has_record) {
                say(f, FIT_UNKNOWN, _("The record cannot be read."));
                return;
        }
        if (!n->status)
                say(f, FIT_NO, _("The agent does not answer."));
        int r = read_boots(n, &boots);
        if (r < 0)
                say(f, FIT_UNKNOWN, _("When the terminal was started cannot be read (/var/log/wtmp): %s"),
                    strerror(-r));
        for (size_t i = 1; r == 0 && i < t->n_runs; i++)
                look_at_run(&t->runs[i - 1], &t->runs[i], &boots, f, &s);
        if (!f->said && t->more_runs > 0)
                say(f, FIT_UNKNOWN, _("The agent started and stopped too often to look at each time."));
        if (!f->said)
                say(f, FIT_YES, _("Not once in the last %d days, but for shutting down and short restarts: %u"),
                    INSPECT_DAYS, s.restarts);
        if (t->more_runs > 0)
                note(f, _("Older starts and stops that were not looked at: %llu"), (unsigned long long) t->more_runs);
        if (s.power > 0)
                note(f, _("Starts of the terminal without a shutdown before (power cut?): %u"), s.power);
}
