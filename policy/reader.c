/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader.h"

#include "i18n.h"
#include "text.h"

#include <errno.h>
#include <string.h>

static struct place place_of(const yaml_mark_t *m) {
        return (struct place){ (unsigned) m->line + 1, (unsigned) m->column + 1 };
}

/* libyaml's own words are English; what they say to an admin is mostly the position, and these are the usual causes. */
static int report_syntax(struct reader *r) {
        const yaml_parser_t *y = &r->yaml;
        if (y->error == YAML_MEMORY_ERROR)
                return -ENOMEM;
        struct place at = place_of(&y->problem_mark);
        const char *problem = y->problem ? y->problem : "?";
        if (y->error == YAML_READER_ERROR)
                return report_error(r->report, at, _("this is not readable as YAML (%s)"), problem);
        if (strstr(problem, "undefined alias") || strstr(problem, "undefined tag"))
                return report_error(r->report, at, _("anchors, aliases and tags are not allowed"));
        if (y->error == YAML_SCANNER_ERROR && y->buffer.pointer && *y->buffer.pointer == '\t')
                return report_error(r->report, at, _("a tab is used for indentation; use spaces"));
        return report_error(r->report, at,
                            _("this is not YAML (%s); check the indentation, and put text with \": \" or \" #\" in it, "
                              "or with a special character in front, in quotes"),
                            problem);
}

static int next_event(struct reader *r) {
        yaml_event_delete(&r->event);
        if (!yaml_parser_parse(&r->yaml, &r->event))
                return report_syntax(r);
        return 0;
}

/* The large buffer in it is not cleared. */
static void prepare(struct reader *r, struct report *report, bool quick) {
        r->report = report;
        r->depth = 0;
        r->is_quick = quick;
        r->gave_up = false;
        r->event = (yaml_event_t){ .type = YAML_NO_EVENT };
        r->yaml = (yaml_parser_t){ .error = YAML_NO_ERROR };
}

static int give_up(struct reader *r) {
        r->gave_up = true;
        return 1;
}

int reader_start(struct reader *r, struct report *report, const char *bytes, size_t size, bool quick) {
        prepare(r, report, quick);
        if (quick) {
                quick_start(&r->quick, bytes, size);
                return 0;
        }
        if (!yaml_parser_initialize(&r->yaml))
                return -ENOMEM;
        yaml_parser_set_encoding(&r->yaml, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r->yaml, (const unsigned char *) bytes, size);

        int error = next_event(r); /* start of the stream */
        if (error)
                return error;
        error = next_event(r);
        if (error)
                return error;
        struct place at = place_of(&r->event.start_mark);
        if (r->event.type != YAML_DOCUMENT_START_EVENT)
                return report_error(report, at, _("the document is empty"));
        if (r->event.data.document_start.version_directive ||
            r->event.data.document_start.tag_directives.start != r->event.data.document_start.tag_directives.end)
                report_error(report, at, _("directives (lines that begin with %%) are not allowed"));
        return 0;
}

static void check_properties(struct reader *r, struct token *t, const void *anchor, bool tagged) {
        if (anchor) {
                report_error(r->report, t->at, _("anchors and aliases (& and *) are not allowed; write the value out"));
                t->bad = true;
        }
        if (tagged) {
                report_error(r->report, t->at, _("tags (!) are not allowed; the key decides the type of its value"));
                t->bad = true;
        }
}

/* A lone "!" leaves no trace in the event but the position: it makes a plain scalar seem longer than its text. */
static bool has_lone_tag(const yaml_event_t *e) {
        if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
                return !e->data.scalar.quoted_implicit;
        return e->end_mark.column - e->start_mark.column !=
               text_count((const char *) e->data.scalar.value, e->data.scalar.length);
}

static void check_scalar(struct reader *r, struct token *t) {
        const yaml_event_t *e = &r->event;
        t->text = (const char *) e->data.scalar.value;
        t->length = e->data.scalar.length;

        yaml_scalar_style_t style = e->data.scalar.style;
        bool one_line = e->start_mark.line == e->end_mark.line;
        bool block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
        check_properties(r, t, e->data.scalar.anchor,
                         e->data.scalar.tag || (one_line && !block && !e->data.scalar.anchor && has_lone_tag(e)));
        if (block || !one_line) {
                report_error(r->report, t->at, _("a value must stand on one line (no block text with | or >)"));
                t->bad = true;
                return;
        }
        /* A document may hold tabs between its words, a value may not; escapes can make what text_scan() never saw. */
        uint32_t c = '\t';
        bool forbidden = style == YAML_PLAIN_SCALAR_STYLE ? memchr(t->text, '\t', t->length) != NULL
                                                          : text_has_forbidden(t->text, t->length, &c);
        if (!t->bad && forbidden) {
                report_error(r->report, t->at, _("the value contains the character U+%04X, which is not allowed"),
                             (unsigned) c);
                t->bad = true;
        }
}

static int enter(struct reader *r, const struct token *t) {
        if (++r->depth > READER_DEPTH_MAX)
                return report_error(r->report, t->at, _("more than %d levels deep; reading ends here"),
                                    READER_DEPTH_MAX);
        return 0;
}

static int next_quick(struct reader *r, struct token *ret) {
        if (!quick_next(&r->quick, ret))
                return give_up(r);
        r->depth = r->quick.depth;
        return 0;
}

static int next_by_libyaml(struct reader *r, struct token *ret) {
        int error = next_event(r);
        if (error)
                return error;

        const yaml_event_t *e = &r->event;
        struct token t = { .at = place_of(&e->start_mark), .text = "" };
        switch (e->type) {
        case YAML_SCALAR_EVENT:
                t.kind = TOKEN_SCALAR;
                check_scalar(r, &t);
                break;
        case YAML_ALIAS_EVENT:
                t.kind = TOKEN_SCALAR;
                check_properties(r, &t, e->data.alias.anchor, false);
                break;
        case YAML_MAPPING_START_EVENT:
                t.kind = TOKEN_MAP;
                check_properties(r, &t, e->data.mapping_start.anchor, e->data.mapping_start.tag);
                t.bad = false; /* its keys can be read all the same */
                error = enter(r, &t);
                break;
        case YAML_SEQUENCE_START_EVENT:
                t.kind = TOKEN_LIST;
                check_properties(r, &t, e->data.sequence_start.anchor, e->data.sequence_start.tag);
                t.bad = false;
                error = enter(r, &t);
                break;
        default: /* the end of a mapping or sequence: nothing else is inside a document */
                t.kind = TOKEN_END;
                r->depth--;
                break;
        }
        if (error)
                return error;
        *ret = t;
        return 0;
}

int reader_next(struct reader *r, struct token *ret) {
        return r->is_quick ? next_quick(r, ret) : next_by_libyaml(r, ret);
}

int reader_skip(struct reader *r, const struct token *t) {
        if (t->kind != TOKEN_MAP && t->kind != TOKEN_LIST)
                return 0;
        unsigned outside = r->depth - 1;
        while (r->depth > outside) {
                struct token inner;
                int error = reader_next(r, &inner);
                if (error)
                        return error;
        }
        return 0;
}

int reader_finish(struct reader *r) {
        if (r->is_quick)
                return quick_finish(&r->quick) ? 0 : give_up(r);
        int error = next_event(r); /* end of the document */
        if (!error)
                error = next_event(r);
        if (error)
                return error;
        if (r->event.type != YAML_STREAM_END_EVENT)
                return report_error(r->report, place_of(&r->event.start_mark),
                                    _("a second document begins here; a file holds only one"));
        return 0;
}

void reader_stop(struct reader *r) {
        if (r->is_quick)
                return;
        yaml_event_delete(&r->event);
        yaml_parser_delete(&r->yaml);
}
