/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Charts of html.h. Units are those of the view box; the page scales them to its width. */
#include <inttypes.h>
#include <time.h>

#include "ctl.h"
#include "html.h"

#define WIDTH      400u
#define ROW        20u
#define LABEL      160u /* left of the bars */
#define VALUE      46u  /* right of them */
#define DAY_HEIGHT 84u
#define DAY_TOP    14u
#define DAY_BOTTOM 18u

static void begin(FILE *f, const char *title, unsigned height) {
        fputs("<figure>", f);
        html_element(f, "figcaption", NULL, title);
        fprintf(f, "<svg viewBox=\"0 0 %u %u\" role=\"img\">", WIDTH, height);
        html_element(f, "title", NULL, title);
}

static void end(FILE *f) {
        fputs("</svg></figure>\n", f);
}

static void text(FILE *f, double x, double y, const char *anchor, const char *what) {
        fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"12\" text-anchor=\"%s\">", x, y, anchor);
        html_text(f, what);
        fputs("</text>", f);
}

static void number(FILE *f, double x, double y, const char *anchor, uint64_t n) {
        char digits[24];
        (void) snprintf(digits, sizeof digits, "%" PRIu64, n);
        text(f, x, y, anchor, digits);
}

static void bar(FILE *f, double x, double y, double width, double height) {
        fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#2f5d8a\"/>", x, y, width,
                height);
}

static void line(FILE *f, double x1, double y1, double x2, double y2) {
        fprintf(f, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#8a8f96\" stroke-width=\".6\"/>", x1,
                y1, x2, y2);
}

void chart_bars(FILE *f, const char *title, const struct chart_bar *bars, size_t n) {
        uint64_t most = 1;
        for (size_t i = 0; i < n; i++)
                most = bars[i].value > most ? bars[i].value : most;
        begin(f, title, (unsigned) n * ROW + 4);
        line(f, LABEL, 1, LABEL, (double) n * ROW + 3);
        for (size_t i = 0; i < n; i++) {
                double y = 3 + (double) i * ROW;
                double length = (double) bars[i].value / (double) most * (WIDTH - LABEL - VALUE);
                text(f, LABEL - 5, y + 12, "end", bars[i].label);
                bar(f, LABEL, y + 1, length, ROW - 6);
                number(f, LABEL + length + 4, y + 12, "start", bars[i].value);
        }
        end(f);
}

static bool is_marked(const struct tm *day, size_t n) {
        /* The 30th would stand too close to the first. */
        return n > 62 ? day->tm_mday == 1 : day->tm_mday == 1 || (day->tm_mday % 5 == 0 && day->tm_mday < 30);
}

void chart_days(FILE *f, const char *title, int64_t first, const uint32_t *days, size_t n) {
        uint32_t most = 1;
        const double base = DAY_TOP + DAY_HEIGHT, left = 30, width = (WIDTH - left - 4) / (double) (n > 0 ? n : 1);
        for (size_t i = 0; i < n; i++)
                most = days[i] > most ? days[i] : most;
        begin(f, title, DAY_TOP + DAY_HEIGHT + DAY_BOTTOM);
        line(f, left, base, WIDTH - 2, base);
        line(f, left, DAY_TOP, WIDTH - 2, DAY_TOP);
        number(f, left - 4, DAY_TOP + 4, "end", most);
        number(f, left - 4, base + 3, "end", 0);
        for (size_t i = 0; i < n; i++) {
                time_t noon = (time_t) first + (time_t) i * 86400 + 43200;
                struct tm day;
                double x = left + (double) i * width, height = (double) days[i] / most * DAY_HEIGHT;
                if (days[i] > 0)
                        bar(f, x + width * .12, base - height, width * .76, height);
                if (localtime_r(&noon, &day) && is_marked(&day, n) && (n <= 62 || day.tm_mon % 2 == 0)) {
                        char label[16];
                        (void) snprintf(label, sizeof label, "%d/%d", day.tm_mon + 1, day.tm_mday);
                        text(f, x + width / 2, base + 14, "middle", label);
                }
        }
        end(f);
}
