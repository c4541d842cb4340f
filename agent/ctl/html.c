/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "html.h"

#include <stdarg.h>
#include <string.h>

#include "screen.h"

/* Margins are for a hole punch on the left. Grey tones print on any office printer; every mark is a word too. */
static const char style[] =
        "@page{size:A4;margin:14mm 14mm 16mm 20mm}"
        "*{box-sizing:border-box}"
        "body{font-family:'Noto Sans CJK JP','Noto Sans JP','BIZ UDPGothic','Yu Gothic',Meiryo,IPAexGothic,sans-serif;"
        "font-size:9.5pt;line-height:1.5;color:#111;margin:0 auto;max-width:176mm;padding:4mm 0;"
        "-webkit-print-color-adjust:exact;print-color-adjust:exact}"
        "h1{font-size:16pt;line-height:1.3;margin:0 0 3mm;padding-bottom:1.5mm;border-bottom:.6mm solid #1b3a5b}"
        "h2{font-size:11.5pt;line-height:1.35;margin:6mm 0 2mm;padding-left:2.5mm;border-left:1.4mm solid #1b3a5b;"
        "break-after:avoid}"
        "h3{font-size:10pt;margin:3mm 0 1mm;break-after:avoid}"
        "p{margin:1mm 0 2mm}"
        "table{border-collapse:collapse;width:100%;margin:1mm 0 3mm}"
        "th,td{border:.25mm solid #8a8f96;padding:1mm 1.6mm;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
        "th{background:#e8edf3;font-weight:600}"
        "thead{display:table-header-group}"
        "tr{break-inside:avoid}"
        "td.n,th.n{text-align:right;white-space:nowrap}"
        "td.w,th.w{white-space:nowrap}"
        "table.pairs th{width:30mm}"
        "table.fixed{table-layout:fixed}"
        ".head{display:flex;gap:4mm;align-items:flex-start;justify-content:space-between}"
        ".head table{flex:1;margin:0 0 2mm}"
        ".fit{font-weight:700;white-space:nowrap;text-align:center}"
        ".yes{color:#0b5a2b}.no{color:#fff;background:#a3151c}.unknown{background:#ffe9a8}.none{color:#555}"
        ".small{font-size:8pt;color:#444}"
        ".bad{color:#a3151c;font-weight:700}"
        ".sums{display:flex;gap:3mm;margin:2mm 0 4mm}"
        ".sums div{flex:1;border:.4mm solid #8a8f96;border-radius:1mm;padding:1.5mm "
        "1mm;text-align:center;font-size:8.5pt}"
        ".sums b{display:block;font-size:17pt;line-height:1.25}"
        ".charts{display:grid;grid-template-columns:1fr 1fr;gap:3mm}"
        ".charts figure,figure{margin:0 0 2mm;break-inside:avoid}"
        "figcaption{font-weight:600;margin-bottom:.5mm}"
        "svg{width:100%;max-width:110mm;height:auto;display:block}"
        "svg text{font-family:inherit;fill:#111}"
        ".seals{display:flex;justify-content:flex-end;gap:0;margin:0 0 2mm .3mm;break-inside:avoid}"
        ".seals div{border:.3mm solid #333;width:26mm;height:27mm;text-align:center;margin-left:-.3mm}"
        ".seals div span{display:block;border-bottom:.3mm solid #333;font-size:8.5pt;padding:.5mm}"
        ".blank{height:9mm}"
        "table.sumtable td,table.sumtable th{padding:.5mm 1.6mm;font-size:8.5pt;font-weight:400}"
        "table.sumtable td{width:23mm}"
        "table.permits th:nth-child(1){width:25mm}table.permits th:nth-child(2),table.permits "
        "th:nth-child(3){width:24mm}"
        "table.permits th:nth-child(5){width:28mm}table.permits th:nth-child(6){width:26mm}"
        "table.remarks td{height:17mm}"
        "table.blanks td{height:13mm}"
        "table.blanks th{width:52mm}"
        "pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:1mm 0;font-family:monospace}"
        "body.close{font-size:8.5pt;line-height:1.35}"
        ".close h1{font-size:14pt;margin-bottom:2mm}"
        ".close h2{font-size:10pt;margin:2.5mm 0 1mm}"
        ".close th,.close td{padding:.5mm 1.3mm}"
        ".close table{margin:.5mm 0 1.5mm}"
        ".close .sums{margin:1mm 0 2mm}"
        ".close .sums div{padding:.8mm 1mm}"
        ".close .sums b{font-size:14pt}"
        ".close figure{margin:0}"
        ".close svg{max-height:27mm}"
        ".close .seals div{height:22mm}"
        ".close .charts{gap:1mm 3mm}"
        ".close table.sumtable td,.close table.sumtable th{padding:.3mm 1.2mm;font-size:7.5pt}"
        ".close table.remarks td{height:15mm}"
        "thead th{word-break:keep-all;overflow-wrap:break-word}"
        "table.many thead th{word-break:normal;min-width:calc(2.2em + 3.4mm)}"
        "table.many td:first-child{min-width:24mm}"
        "td.hash{width:66mm;font-size:7pt;color:#444}"
        "@media screen{body{padding:8mm 6mm}}"
        "@media print{body{max-width:none;padding:0}}";

static void begin(FILE *f, const char *title, const char *class) {
        /* translators: the language of the page, as HTML names it: "en", "ja" */
        fprintf(f, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n", _("en"));
        fputs("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
              "'unsafe-inline'\">\n"
              "<meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"generator\" content=\"Sekisho ",
              f);
        fputs(SEKISHO_VERSION "\">\n", f);
        html_element(f, "title", NULL, title);
        fprintf(f, "\n<style>%s</style>\n</head>\n<body class=\"%s\">\n", style, class);
        html_element(f, "h1", NULL, title);
        fputc('\n', f);
}

void html_begin(FILE *f, const char *title) {
        begin(f, title, "open");
}

void html_begin_close(FILE *f, const char *title) {
        begin(f, title, "close");
}

void html_end(FILE *f) {
        fputs("</body>\n</html>\n", f);
}

static void put_escaped(FILE *f, const char *s) {
        for (; *s; s++)
                switch (*s) {
                case '&':
                        fputs("&amp;", f);
                        break;
                case '<':
                        fputs("&lt;", f);
                        break;
                case '>':
                        fputs("&gt;", f);
                        break;
                case '"':
                        fputs("&quot;", f);
                        break;
                case '\'':
                        fputs("&#39;", f);
                        break;
                default:
                        fputc(*s, f);
                }
}

void html_text(FILE *f, const char *text) {
        for (const char *line = text ? text : ""; *line;) {
                size_t n = strcspn(line, "\n");
                CLEANUP(free_p) char *printable = screen_text_n(line, n);
                if (printable)
                        put_escaped(f, printable);
                line += n;
                if (*line == '\n') {
                        fputs("<br>", f);
                        line++;
                }
        }
}

__attribute__((format(printf, 2, 0))) static void vtext(FILE *f, const char *format, va_list arguments) {
        CLEANUP(free_p) char *text = NULL;
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        html_text(f, text);
}

void html_textf(FILE *f, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        vtext(f, format, arguments);
        va_end(arguments);
}

static void open_tag(FILE *f, const char *tag, const char *class) {
        if (class)
                fprintf(f, "<%s class=\"%s\">", tag, class);
        else
                fprintf(f, "<%s>", tag);
}

void html_element(FILE *f, const char *tag, const char *class, const char *text) {
        open_tag(f, tag, class);
        html_text(f, text);
        fprintf(f, "</%s>", tag);
}

void html_elementf(FILE *f, const char *tag, const char *class, const char *format, ...) {
        va_list arguments;
        open_tag(f, tag, class);
        va_start(arguments, format);
        vtext(f, format, arguments);
        va_end(arguments);
        fprintf(f, "</%s>", tag);
}

void html_section(FILE *f, const char *title) {
        html_element(f, "h2", NULL, title);
        fputc('\n', f);
}

void html_table_begin(FILE *f, const char *class, const char *const *heads, size_t n) {
        open_tag(f, "table", class);
        if (n > 0) {
                fputs("<thead><tr>", f);
                for (size_t i = 0; i < n; i++)
                        html_element(f, "th", NULL, heads[i]);
                fputs("</tr></thead>\n", f);
        }
        fputs("<tbody>\n", f);
}

void html_table_end(FILE *f) {
        fputs("</tbody></table>\n", f);
}

void html_pair(FILE *f, const char *what, const char *value) {
        fputs("<tr>", f);
        html_element(f, "th", NULL, what);
        html_element(f, "td", NULL, value);
        fputs("</tr>\n", f);
}

void html_seal(FILE *f, const char *what) {
        fputs("<div>", f);
        html_element(f, "span", NULL, what);
        fputs("</div>", f);
}
