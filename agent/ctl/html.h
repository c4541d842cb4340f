/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reports for people: one self-contained HTML file that prints on A4, without script and without anything fetched.
 * Private to agent/ctl.
 *
 * Text of devices, files and records is hostile: it reaches a page through html_text() and its kin only. */
#pragma once

#include <stdint.h>
#include <stdio.h>

/* From the doctype to the heading. title: translated. */
void html_begin(FILE *f, const char *title);
/* The same, set closely, for what has to fit on one page. */
void html_begin_close(FILE *f, const char *title);
void html_end(FILE *f);

/* Escaped, and made printable as on a screen. A newline in text becomes a new line. */
void html_text(FILE *f, const char *text);
void html_textf(FILE *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* <tag class="class">text</tag>. class NULL: none. */
void html_element(FILE *f, const char *tag, const char *class, const char *text);
void html_elementf(FILE *f, const char *tag, const char *class, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* <h2>; a section that begins does not stand alone at the foot of a page. */
void html_section(FILE *f, const char *title);

/* <table class="class"> and its head; html_table_end() closes it. n heads, translated. */
void html_table_begin(FILE *f, const char *class, const char *const *heads, size_t n);
void html_table_end(FILE *f);

/* Two columns: what, and its value. */
void html_pair(FILE *f, const char *what, const char *value);

/* A box for a seal or a signature, with what it is for. */
void html_seal(FILE *f, const char *what);

/* ---- charts: inline SVG, readable without colour ---- */

struct chart_bar {
        const char *label;
        uint64_t value;
};
/* Bars to the right, one for each; nothing is left out. */
void chart_bars(FILE *f, const char *title, const struct chart_bar *bars, size_t n);
/* One upright bar for each day. first: its local midnight, in seconds. */
void chart_days(FILE *f, const char *title, int64_t first, const uint32_t *days, size_t n);
