/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reports of a record that anybody may have written: the sums of its lines, as a page and as JSON. Whatever the lines
 * hold, the page has the elements that it has, and none of theirs. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/html.h"
#include "ctl/summary.h"
#include "ctl/tally.h"
#include "fuzz.h"

/* Every "<" begins a tag of ours. */
static void check_tags(const char *page) {
        static const char *const tags[] = { "!DOCTYPE", "html",       "head", "meta", "title", "style", "body",
                                            "h1",       "h2",         "div",  "b>",   "b ",    "table", "thead",
                                            "tbody",    "tr",         "th",   "td",   "p ",    "p>",    "br>",
                                            "figure",   "figcaption", "svg",  "rect", "line",  "text" };
        for (const char *p = page; (p = strchr(p, '<')); p++) {
                const char *name = p + 1 + (p[1] == '/');
                size_t i = 0;
                while (i < sizeof tags / sizeof *tags && strncmp(name, tags[i], strlen(tags[i])) != 0)
                        i++;
                if (i == sizeof tags / sizeof *tags)
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct tally t;
        char *page = NULL;
        size_t length;
        if (tally_begin(&t, 1793458800, 1796050800) < 0)
                return 0;
        for (size_t start = 0; start < size;) {
                const uint8_t *newline = memchr(data + start, '\n', size - start);
                size_t n = newline ? (size_t) (newline - data) - start : size - start;
                json_t *event = json_loadb((const char *) data + start, n, JSON_REJECT_DUPLICATES, NULL);
                tally_hear(&t, json_is_object(event) ? event : NULL);
                json_decref(event);
                start += n + 1;
        }
        tally_end(&t);
        FILE *f = open_memstream(&page, &length);
        if (f) {
                html_begin(f, "report");
                summary_figures(f, &t);
                summary_permits(f, &t, 20);
                summary_table(f, &t);
                chart_days(f, "days", t.from_day, t.network_by_day, t.n_days);
                html_end(f);
                if (fclose(f) == 0)
                        check_tags(page);
        }
        free(page);
        json_decref(summary_json(&t));
        tally_clear(&t);
        return 0;
}
