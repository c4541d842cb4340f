/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "audit/audit.h"
#include "audit/lines.h"
#include "fleet_print.h"
#include "options.h"
#include "screen.h"
#include "when.h"

#define BAD_SHOWN 10u

struct reading {
        struct fleet fleet;
        uint64_t total, done; /* bytes */
        uint64_t files, left_aside;
        uint64_t shown;
};

static void complain_line(struct reading *r, const char *name, uint64_t line) {
        if (r->shown++ < BAD_SHOWN)
                complain(_("%s, line %llu: no record of a terminal."), name, (unsigned long long) line);
}

static int read_lines(int fd, const char *name, struct reading *r) {
        CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
        uint64_t number = 0, told = 0;
        int e = lines_init(&lines, fd);
        while (e == 0) {
                struct line line = { 0 };
                int end = lines_next(&lines, &line);
                if (end == LINE_NONE || end < 0) {
                        e = end;
                        break;
                }
                number++;
                /* An incomplete last line is one that is just being written. */
                if (end == LINE_COMPLETE)
                        e = fleet_line(&r->fleet, line.text, line.size);
                else if (end == LINE_TOO_LONG)
                        e = lines_skip(&lines);
                r->fleet.bad += end == LINE_TOO_LONG;
                if (e == FLEET_LINE_BAD || end == LINE_TOO_LONG)
                        complain_line(r, name, number);
                e = e < 0 ? e : 0;
                if (lines.offset - told >= 1u << 24) {
                        told = lines.offset;
                        screen_progress(_("records"), r->done + told, r->total);
                }
        }
        r->done += lines.offset;
        return e;
}

static enum outcome read_one(int fd, const char *name, struct reading *r) {
        int e = read_lines(fd, name, r);
        if (e == 0)
                return OUTCOME_YES;
        screen_progress_end();
        if (e == -E2BIG)
                complain(_("%s: more than %u terminals; a report takes no more."), name, FLEET_TERMINALS_MAX);
        else
                complain(_("%s cannot be read: %s."), name, strerror(-e));
        return OUTCOME_BAD;
}

/* A directory of a collector holds other files too; an export the last lines of what was deleted. */
static bool is_record(const FTSENT *entry) {
        return entry->fts_info == FTS_F && strstr(entry->fts_name, ".jsonl") != NULL &&
               strcmp(entry->fts_name, AUDIT_CLOSED_FILE) != 0;
}

static int by_name(const FTSENT **a, const FTSENT **b) {
        return strcmp((*a)->fts_name, (*b)->fts_name);
}

static enum outcome read_entry(const FTSENT *entry, struct reading *r) {
        struct stat st;
        CLEANUP(close_p) int fd = open(entry->fts_accpath, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
                r->files++;
                return read_one(fd, entry->fts_path, r);
        }
        int error = fd < 0 ? errno : EINVAL;
        complain("%s: %s", entry->fts_path, strerror(error));
        return error == EACCES ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
}

/* In two walks, so that the bar knows its end and no list is kept. Links are not followed. */
static enum outcome walk(char *path, bool measure, struct reading *r) {
        char *roots[] = { path, NULL };
        FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, by_name);
        if (!fts) {
                complain("%s: %s", path, strerror(errno));
                return OUTCOME_BAD;
        }
        enum outcome outcome = OUTCOME_YES;
        for (FTSENT *entry; outcome == OUTCOME_YES && (errno = 0, entry = fts_read(fts));) {
                bool given = entry->fts_level == FTS_ROOTLEVEL && entry->fts_info == FTS_F;
                if (entry->fts_info == FTS_NS || entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR) {
                        complain("%s: %s", entry->fts_path, strerror(entry->fts_errno));
                        outcome = entry->fts_errno == EACCES ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
                } else if (!given && !is_record(entry)) {
                        r->left_aside += measure && entry->fts_info != FTS_D && entry->fts_info != FTS_DP;
                } else if (measure) {
                        r->total += (uint64_t) entry->fts_statp->st_size;
                } else {
                        outcome = read_entry(entry, r);
                }
        }
        if (outcome == OUTCOME_YES && errno != 0) { /* of the walk itself: memory, a folder that went */
                complain("%s: %s", path, strerror(errno));
                outcome = OUTCOME_BAD;
        }
        (void) fts_close(fts);
        return outcome;
}

static enum outcome read_all(const struct invocation *i, struct reading *r) {
        enum outcome outcome = OUTCOME_YES;
        for (int measure = 1; measure >= 0; measure--)
                for (int k = 0; k < i->n_arguments && outcome == OUTCOME_YES; k++) {
                        bool is_input = strcmp(i->arguments[k], "-") == 0;
                        if (!is_input)
                                outcome = walk(i->arguments[k], measure, r);
                        else if (!measure)
                                outcome = read_one(STDIN_FILENO, "-", r);
                }
        screen_progress_end();
        if (outcome == OUTCOME_YES && r->shown > BAD_SHOWN)
                complain(_("and %llu other lines."), (unsigned long long) (r->shown - BAD_SHOWN));
        if (outcome == OUTCOME_YES && r->left_aside > 0)
                complain(_("Files that are not named *.jsonl and were left aside: %llu."),
                         (unsigned long long) r->left_aside);
        return outcome;
}

static const struct format {
        const char *name;
        enum outcome (*print)(const struct fleet_view *v);
} formats[] = {
        { "table", fleet_print_table },
        { "csv", fleet_print_csv },
        { "json", fleet_print_json },
        { "html", fleet_print_html },
};

static const struct format *find_format(const struct invocation *i) {
        const char *name = i->values[FLEET_FORMAT] ? i->values[FLEET_FORMAT] : i->json ? "json" : "table";
        for (size_t k = 0; k < sizeof formats / sizeof *formats; k++)
                if (strcmp(formats[k].name, name) == 0)
                        return &formats[k];
        complain(_("'%s' is no format; there are table, csv, json and html."), name);
        return NULL;
}

enum outcome run_fleet_report(const struct invocation *i) {
        int64_t now = (int64_t) time(NULL), stale;
        const char *since = i->values[FLEET_STALE] ? i->values[FLEET_STALE] : "7d";
        const struct format *format = find_format(i);
        if (!format)
                return OUTCOME_BAD;
        if (!when_since(since, now, &stale)) {
                complain(_("'%s' is not understood; expected: 90s, 15min, 1h, 30d, or 2026-11-23T09:00:00+09:00."),
                         since);
                return OUTCOME_BAD;
        }
        struct reading r = { 0 };
        fleet_init(&r.fleet, now);
        enum outcome outcome = read_all(i, &r);
        if (outcome == OUTCOME_YES && fleet_finish(&r.fleet) < 0) {
                complain("%s", strerror(ENOMEM));
                outcome = OUTCOME_BAD;
        }
        if (outcome == OUTCOME_YES) {
                struct fleet_view v;
                fleet_view_init(&v, &r.fleet, stale);
                outcome = format->print(&v);
                if (outcome == OUTCOME_YES && (r.fleet.n == 0 || fleet_view_falls_short(&v)))
                        outcome = OUTCOME_NO;
        }
        fleet_clear(&r.fleet);
        return outcome;
}
