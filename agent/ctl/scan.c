/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sekishoctl scan: where My Numbers stand in files, never which. */
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "scan_files.h"
#include "screen.h"

#define LINES_OF_A_FILE 20u

struct scan {
        bool json, failed;
        unsigned min_score;
        uint64_t total, done; /* bytes; total 0: not known */
        uint64_t files, files_found, numbers;
        enum outcome outcome;
};

static bool read_score(const char *text, unsigned *ret) {
        size_t n = strlen(text);
        if (n == 0 || n > 3 || strspn(text, "0123456789") != n)
                return false;
        *ret = (unsigned) strtoul(text, NULL, 10);
        return *ret <= 100;
}

/* ---- what there is to do, for the progress bar ---- */

static void add_size(const char *path, int fd, uint64_t size, void *userdata) {
        (void) path, (void) fd;
        ((struct scan *) userdata)->total += size;
}

static void ignore_failure(const char *path, int error, void *userdata) {
        (void) path, (void) error, (void) userdata;
}

static void hear(uint64_t bytes, void *userdata) {
        struct scan *s = userdata;
        s->done += bytes;
        if (s->total > 0)
                screen_progress(_("scanning"), s->done, s->total);
}

/* ---- answers ---- */

static json_t *match_to_json(const struct mynumber_match *m) {
        return json_pack("{s:I, s:I, s:s, s:s, s:i}", "offset", (json_int_t) m->offset, "length",
                         (json_int_t) m->length, "encoding", mynumber_encoding_name(m->encoding), "form",
                         mynumber_form_name(m->form), "score", (int) m->score);
}

/* JSON has no bytes that are not UTF-8: they are escaped as on the screen. */
static json_t *path_to_json(const char *path) {
        json_t *exact = json_string(path);
        if (exact)
                return exact;
        CLEANUP(free_p) char *text = screen_text(path);
        return json_string(text ? text : "");
}

static void put_json(struct scan *s, json_t *object) {
        enum outcome outcome = screen_json_line(object);
        if (outcome != OUTCOME_YES)
                s->outcome = outcome;
}

static void put_file_json(struct scan *s, const char *path, const struct scan_result *r) {
        json_t *matches = json_array();
        for (size_t n = 0; n < r->n; n++)
                (void) json_array_append_new(matches, match_to_json(&r->matches[n]));
        put_json(s, json_pack("{s:o, s:I, s:o}", "path", path_to_json(path), "count", (json_int_t) r->count, "matches",
                              matches));
}

static void put_file(const char *path, const struct scan_result *r) {
        CLEANUP(free_p) char *printable = screen_text(path);
        for (size_t n = 0; n < r->n && n < LINES_OF_A_FILE; n++) {
                const struct mynumber_match *m = &r->matches[n];
                printf(_("%s: byte %llu, %s, %s, score %u"), printable ? printable : "", (unsigned long long) m->offset,
                       mynumber_encoding_name(m->encoding), mynumber_form_name(m->form), (unsigned) m->score);
                putchar('\n');
        }
        if (r->count > LINES_OF_A_FILE) {
                unsigned long long more = r->count - LINES_OF_A_FILE;
                printf(_("%s: and %llu more"), printable ? printable : "", more);
                putchar('\n');
        }
}

static void fail(const char *path, int error, void *userdata) {
        struct scan *s = userdata;
        screen_progress_end();
        s->failed = true;
        if (s->json)
                put_json(s, json_pack("{s:o, s:s}", "path", path_to_json(path), "error", strerrordesc_np(error)));
        complain(_("%s cannot be read: %s."), path, strerror(error));
}

static void look_at(const char *path, int fd, uint64_t size, void *userdata) {
        struct scan *s = userdata;
        struct scan_result r = { 0 };
        (void) size;
        int e = scan_fd(fd, s->min_score, hear, s, &r);
        if (e < 0) {
                fail(path, -e, s);
                return;
        }
        s->files++;
        s->numbers += r.count;
        s->files_found += r.count > 0;
        if (r.count > 0)
                screen_progress_end();
        if (s->json)
                put_file_json(s, path, &r);
        else
                put_file(path, &r);
        scan_result_clear(&r);
}

enum outcome run_scan(const struct invocation *i) {
        struct scan s = { .json = i->json, .min_score = MYNUMBER_LIKELY };
        const char *score = i->values[SCAN_MIN_SCORE];
        if (score && !read_score(score, &s.min_score)) {
                complain(_("'%s' is not a score from 0 to 100."), score);
                return OUTCOME_BAD;
        }
        const bool one = i->values[SCAN_ONE_FILE_SYSTEM] != NULL;
        const struct scan_visitor count = { add_size, ignore_failure, &s, one }, scan = { look_at, fail, &s, one };
        for (int n = 0; n < i->n_arguments && isatty(STDERR_FILENO); n++)
                scan_walk(i->arguments[n], &count);
        for (int n = 0; n < i->n_arguments; n++)
                scan_walk(i->arguments[n], &scan);
        screen_progress_end();

        if (!s.json) {
                printf(_("%llu files, %llu with what may be a My Number, %llu places"), (unsigned long long) s.files,
                       (unsigned long long) s.files_found, (unsigned long long) s.numbers);
                putchar('\n');
        }
        if (s.outcome != OUTCOME_YES)
                return s.outcome;
        if (s.numbers > 0)
                return OUTCOME_NO;
        return s.failed ? OUTCOME_BAD : OUTCOME_YES;
}
