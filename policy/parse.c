/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walks a document along its key table. What is wrong is reported and skipped, so that one run finds everything. */
#include "parser.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "values.h"

#define ROW_SIZE_MAX 256

static int parse_mapping(struct parser *p, const struct mapping *m, const struct token *start, void *object,
                         bool *ret_good);

static void parser_init(struct parser *p, struct arena *arena, struct problems *problems, bool quick) {
        *p = (struct parser){
                .report = { .problems = problems },
                .arena = arena,
                .row = NO_ROW,
                .errors_before = problems->n_errors,
                .quick = quick,
        };
}

bool parser_has_errors(const struct parser *p) {
        return p->report.problems->n_errors > p->errors_before;
}

/* Frees what the run needed and puts the problems in order. r: of parse_document(). Returns 0 (accepted), 1 (refused,
 * see the problems) or -ENOMEM. */
static int parser_end(struct parser *p, int r) {
        intern_clear(&p->strings);
        intern_clear(&p->blocks);
        for (unsigned i = 0; i < SCOPE_MAX; i++) {
                intern_clear(&p->unique[i]);
                tuple_map_clear(&p->shadows[i]);
        }
        buffer_clear(&p->device_shadows);
        buffer_clear(&p->rows);
        buffer_clear(&p->items);
        buffer_clear(&p->zones);
        buffer_clear(&p->untils);
        problems_sort(p->report.problems);
        if (p->report.no_memory)
                return -ENOMEM; /* what is wrong could not be told in full, so nothing is said about the document */
        return r == 0 && parser_has_errors(p) ? 1 : r;
}

const char *parser_string(struct parser *p, const char *s, size_t length) {
        struct intern_entry *e;
        return intern_add(&p->strings, p->arena, s, length, true, &e) < 0 ? NULL : e->bytes;
}

const void *parser_block(struct parser *p, const void *bytes, size_t size) {
        struct intern_entry *e;
        return intern_add(&p->blocks, p->arena, bytes, size, false, &e) < 0 ? NULL : e->bytes;
}

int report_expected(struct parser *p, const struct token *t, const char *expected) {
        if (report_is_full(&p->report))
                return report_error(&p->report, t->at, "%s", "");
        if (t->kind == TOKEN_MAP)
                return report_error(&p->report, t->at, _("keys and values stand here; expected %s"), expected);
        if (t->kind == TOKEN_LIST)
                return report_error(&p->report, t->at, _("a list stands here; expected %s"), expected);
        if (t->length == 0)
                return report_error(&p->report, t->at, _("the value is missing; expected %s"), expected);
        char quoted[QUOTE_MAX];
        return report_error(&p->report, t->at, _("\"%s\" is not valid here; expected %s"),
                            report_quote(quoted, t->text, t->length), expected);
}

/* *ret_good: whether the field was written. */
static int parse_scalar(struct parser *p, const struct key *k, const struct token *t, void *field, bool *ret_good) {
        if (t->kind != TOKEN_SCALAR) {
                report_expected(p, t, _(k->value->expected));
                return reader_skip(&p->reader, t);
        }
        if (t->bad)
                return 0;
        int r = k->value->parse(p, t, k, field);
        if (r < 0)
                return r;
        *ret_good = r == 0;
        return 0;
}

/* Only the first members are compared: a second one is a slip of the pen in a list that people write. */
static void warn_if_double(struct parser *p, const struct key *k, const struct token *t, const void *element,
                           size_t n) {
        size_t size = k->value->size;
        for (size_t i = 0; i < n && i < 64; i++) {
                if (memcmp(p->items.bytes + i * size, element, size) == 0) {
                        char quoted[QUOTE_MAX];
                        report_warning(&p->report, t->at, _("\"%s\" stands in this list twice"),
                                       report_quote(quoted, t->text, t->length));
                        return;
                }
        }
}

static int parse_member(struct parser *p, const struct key *k, const struct token *t, bool *good) {
        alignas(max_align_t) char element[32] = { 0 };
        bool ok = false;
        int r = parse_scalar(p, k, t, element, &ok);
        if (r)
                return r;
        if (!ok) {
                *good = false;
                return 0;
        }
        size_t size = k->shape == SHAPE_MASK ? k->width : k->value->size;
        if (k->shape == SHAPE_LIST)
                warn_if_double(p, k, t, element, p->items.used / size);
        return buffer_append(&p->items, element, size);
}

static int parse_members(struct parser *p, const struct key *k, const struct token *t, bool *good) {
        if (t->kind == TOKEN_SCALAR)
                return parse_member(p, k, t, good);
        for (uint32_t i = 0;; i++) {
                struct token member = { .kind = TOKEN_END };
                report_enter(&p->report, NULL, i);
                int r = reader_next(&p->reader, &member);
                if (!r && member.kind != TOKEN_END)
                        r = parse_member(p, k, &member, good);
                report_leave(&p->report);
                if (r || member.kind == TOKEN_END)
                        return r;
        }
}

static int store_members(struct parser *p, const struct key *k, void *field) {
        if (k->shape == SHAPE_MASK) {
                uint64_t mask = 0;
                for (size_t i = 0; i < p->items.used; i += k->width)
                        mask |= UINT64_C(1) << load_number(p->items.bytes + i, k);
                store_number(field, k, mask);
                return 0;
        }
        struct list list = { .n = (uint32_t) (p->items.used / k->value->size) };
        if (list.n > 0) {
                list.rows = parser_block(p, p->items.bytes, p->items.used);
                if (!list.rows)
                        return -ENOMEM;
        }
        memcpy(field, &list, LIST_BYTES);
        return 0;
}

static int parse_list(struct parser *p, const struct key *k, const struct token *t, void *field, bool *ret_good) {
        if (t->kind != TOKEN_LIST && !(t->kind == TOKEN_SCALAR && (k->flags & KEY_SINGLE_OK) && t->length > 0)) {
                if (!t->bad)
                        report_expected(p, t, _("a list: [A, B], or a line \"- A\" for each member"));
                return reader_skip(&p->reader, t);
        }
        if (t->bad)
                return 0;

        bool good = true;
        p->items.used = 0;
        struct place at = t->at;
        int r = parse_members(p, k, t, &good);
        if (r)
                return r;
        if (good && p->items.used == 0 && (k->flags & KEY_NONEMPTY)) {
                report_error(&p->report, at, _("the list is empty; give at least one member"));
                good = false;
        }
        if (!good)
                return 0;
        *ret_good = true;
        return store_members(p, k, field);
}

static int parse_row(struct parser *p, const struct key *k, uint32_t i, const struct token *t) {
        alignas(max_align_t) char row[ROW_SIZE_MAX];
        bool good = false;
        int r;
        memset(row, 0, k->mapping->size);
        p->row = i;
        report_enter(&p->report, NULL, i);
        if (t->kind == TOKEN_MAP) {
                r = parse_mapping(p, k->mapping, t, row, &good);
        } else {
                if (!t->bad)
                        report_expected(p, t, _("keys and values: {key: value}, or a line \"key: value\" for each"));
                r = reader_skip(&p->reader, t);
        }
        report_leave(&p->report);
        p->row = NO_ROW;
        if (r)
                return r;
        /* Also when it has errors: later references count rows. */
        return buffer_append(&p->rows, row, k->mapping->size);
}

static int parse_rows(struct parser *p, const struct key *k, const struct token *t, void *field, bool *ret_good) {
        if (t->kind != TOKEN_LIST) {
                if (!t->bad)
                        report_expected(p, t, _("a list: [A, B], or a line \"- A\" for each member"));
                return reader_skip(&p->reader, t);
        }

        p->rows.used = 0;
        struct list list = { 0 };
        for (;; list.n++) {
                struct token row;
                int r = reader_next(&p->reader, &row);
                if (r)
                        return r;
                if (row.kind == TOKEN_END)
                        break;
                r = parse_row(p, k, list.n, &row);
                if (r)
                        return r;
        }
        if (list.n > 0) {
                char *rows = realloc(p->rows.bytes, p->rows.used); /* there may be megabytes of them: not copied */
                p->rows.bytes = rows ? rows : p->rows.bytes;
                if (arena_adopt(p->arena, p->rows.bytes) < 0)
                        return -ENOMEM;
                list.rows = p->rows.bytes;
        }
        p->rows = (struct buffer){ .bytes = NULL };
        memcpy(field, &list, LIST_BYTES);
        *ret_good = true;
        return 0;
}

static int parse_map(struct parser *p, const struct key *k, const struct token *t, void *object, bool *ret_good) {
        if (t->kind != TOKEN_MAP) {
                if (!t->bad)
                        report_expected(p, t, _("keys and values: {key: value}, or a line \"key: value\" for each"));
                return reader_skip(&p->reader, t);
        }
        return parse_mapping(p, k->mapping, t, object, ret_good);
}

static int parse_value(struct parser *p, const struct key *k, const struct token *t, void *object, bool *ret_good) {
        switch ((enum shape) k->shape) {
        case SHAPE_SCALAR:
                return parse_scalar(p, k, t, field_of(object, k), ret_good);
        case SHAPE_LIST:
        case SHAPE_MASK:
                return parse_list(p, k, t, field_of(object, k), ret_good);
        case SHAPE_MAP:
                return parse_map(p, k, t, object, ret_good);
        case SHAPE_ROWS:
                return parse_rows(p, k, t, field_of(object, k), ret_good);
        }
        return -EINVAL;
}

/* The key under whose mapping a misplaced key belongs, or NULL. */
static const struct key *find_below(const struct mapping *m, const char *name, size_t length) {
        for (unsigned i = 0; i < m->n; i++)
                if (m->keys[i].mapping && mapping_find(m->keys[i].mapping, name, length))
                        return &m->keys[i];
        return NULL;
}

static void report_unknown(struct parser *p, const struct mapping *m, const struct token *t) {
        char quoted[QUOTE_MAX];
        if (report_is_full(&p->report)) {
                report_error(&p->report, t->at, "%s", "");
                return;
        }
        report_enter(&p->report, report_quote(quoted, t->text, t->length), 0);
        const char *near = suggest_key(m, t->text, t->length);
        const struct key *parent = find_below(m, t->text, t->length);
        if (t->length == 2 && memcmp(t->text, "<<", 2) == 0) {
                report_error(&p->report, t->at, _("merge keys (<<) are not allowed; write the keys out"));
        } else if (parent) {
                report_error(&p->report, t->at, _("unknown key \"%s\"; it belongs under \"%s\""), quoted, parent->name);
        } else if (near) {
                report_error(&p->report, t->at, _("unknown key \"%s\"; did you mean \"%s\"?"), quoted, near);
        } else {
                char known[256] = "";
                for (unsigned i = 0, used = 0; i < m->n && used < sizeof known - 32; i++)
                        used += (unsigned) snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                                                    m->keys[i].name);
                report_error(&p->report, t->at, _("unknown key \"%s\"; known here: %s"), quoted, known);
        }
        report_leave(&p->report);
}

/* Mostly the next of the table: people keep to its order. */
static const struct key *find_key(const struct mapping *m, const struct token *t, struct seen *seen) {
        for (unsigned i = seen->next; i < m->n; i++) {
                if (name_is(m->keys[i].name, t->text, t->length)) {
                        seen->next = i + 1;
                        return &m->keys[i];
                }
        }
        return mapping_find(m, t->text, t->length);
}

/* The key that a token names, if it may stand here; else reported, and NULL. */
static const struct key *accept_key(struct parser *p, const struct mapping *m, const struct token *t,
                                    struct seen *seen) {
        if (t->kind != TOKEN_SCALAR) {
                report_error(&p->report, t->at, _("a key must be a word"));
                return NULL;
        }
        if (t->bad)
                return NULL;
        const struct key *k = find_key(m, t, seen);
        if (!k) {
                report_unknown(p, m, t);
                return NULL;
        }
        unsigned i = (unsigned) (k - m->keys);
        if (IS_GIVEN(seen, i)) {
                report_enter(&p->report, k->name, 0);
                report_error(&p->report, t->at, _("the key \"%s\" is given twice; the first is in line %u"), k->name,
                             seen->places[i].line);
                report_leave(&p->report);
                return NULL;
        }
        if (m->first_key && i != 0 && seen->given == 0 && !seen->wrong_start) {
                report_error(&p->report, t->at, _("the first key of the file must be \"%s: 1\""), m->keys[0].name);
                seen->wrong_start = true;
        }
        seen->given |= 1u << i;
        seen->places[i] = t->at;
        return k;
}

static int parse_entry(struct parser *p, const struct mapping *m, const struct token *name, void *object,
                       struct seen *seen) {
        struct token t;
        const struct key *k = accept_key(p, m, name, seen);
        if (!k) {
                int r = reader_skip(&p->reader, name);
                if (!r)
                        r = reader_next(&p->reader, &t);
                return r ? r : reader_skip(&p->reader, &t);
        }

        bool good = false;
        report_enter(&p->report, k->name, 0);
        int r = reader_next(&p->reader, &t);
        if (!r)
                r = parse_value(p, k, &t, object, &good);
        report_leave(&p->report);
        if (r)
                return r;
        if (good) {
                seen->good |= 1u << (k - m->keys);
                if (k->present)
                        *((bool *) object + k->present) = true;
        }
        /* Of another version nothing is known, not even what an unknown key means. */
        return m->first_key && k == m->keys && !good ? 1 : 0;
}

static void check_key(struct parser *p, const struct mapping *m, unsigned i, const struct seen *seen) {
        const struct key *k = &m->keys[i];
        if (IS_GIVEN(seen, i)) {
                const struct key *other = k->needs ? mapping_find(m, k->needs, strlen(k->needs)) : NULL;
                if (other && !IS_GIVEN(seen, other - m->keys))
                        report_error(&p->report, seen->places[i], _("\"%s\" needs \"%s\" beside it"), k->name,
                                     k->needs);
        } else if ((k->flags & KEY_REQUIRED) && !(i == 0 && seen->wrong_start)) {
                report_error(&p->report, seen->start, _("the key \"%s\" is missing"), k->name);
        } else if (k->flags & KEY_WARN_GONE) {
                report_warning(&p->report, (struct place){ 0, 0 },
                               _("there is no section \"%s\"; its strictest values hold"), k->name);
        }
}

static void check_presence(struct parser *p, const struct mapping *m, const struct seen *seen) {
        for (unsigned i = 0; i < m->n; i++) {
                if (IS_GIVEN(seen, i) ? !m->keys[i].needs : !(m->keys[i].flags & (KEY_REQUIRED | KEY_WARN_GONE)))
                        continue; /* as nearly always */
                report_enter(&p->report, m->keys[i].name, 0);
                check_key(p, m, i, seen);
                report_leave(&p->report);
        }
}

/* Of the places only those that its keys have. */
static void seen_init(struct seen *seen, const struct mapping *m, struct place start) {
        seen->given = seen->good = 0;
        seen->next = 0;
        seen->wrong_start = false;
        seen->keys = m->keys;
        seen->start = start;
        memset(seen->places, 0, m->n * sizeof *seen->places);
}

/* *ret_good: every value in it was read; whether they fit together is another question. */
static int parse_mapping(struct parser *p, const struct mapping *m, const struct token *start, void *object,
                         bool *ret_good) {
        struct seen seen;
        seen_init(&seen, m, start->at);
        size_t errors = p->report.problems->n_errors;
        for (;;) {
                struct token name;
                int r = reader_next(&p->reader, &name);
                if (r)
                        return r;
                if (name.kind == TOKEN_END)
                        break;
                r = parse_entry(p, m, &name, object, &seen);
                if (r)
                        return r;
        }
        *ret_good = p->report.problems->n_errors == errors;
        check_presence(p, m, &seen);
        if (m->has_line) {
                uint32_t line = IS_GIVEN(&seen, 0) ? seen.places[0].line : seen.start.line;
                memcpy((char *) object + m->line_offset, &line, sizeof line);
        }
        int r = parse_defaults(p, m, object, seen.given);
        return r == 0 && m->check ? m->check(p, object, &seen) : r;
}

/* Members are read by the same function that reads them from the file; the table's own text is always valid. */
static int default_list(struct parser *p, const struct key *k, void *object) {
        bool good = true;
        p->items.used = 0;
        for (const char *s = k->fallback; *s;) {
                struct token t = { .kind = TOKEN_SCALAR, .text = s, .length = strcspn(s, " ") };
                int r = parse_member(p, k, &t, &good);
                if (r)
                        return r;
                s += t.length + (s[t.length] == ' ');
        }
        return store_members(p, k, field_of(object, k));
}

/* The first of its names, which is what stands in an object before it is filled. */
static bool is_zero(const struct key *k) {
        return k->shape == SHAPE_SCALAR && k->fallback && k->names && strcmp(k->fallback, k->names->list[0]) == 0;
}

int parse_defaults(struct parser *p, const struct mapping *m, void *object, uint32_t given) {
        for (unsigned i = 0; i < m->n; i++) {
                const struct key *k = &m->keys[i];
                int r = 0;
                if ((given >> i) & 1u || is_zero(k))
                        continue;
                if (k->shape == SHAPE_MAP) {
                        r = parse_defaults(p, k->mapping, object, 0);
                } else if (k->fallback && k->shape == SHAPE_SCALAR) {
                        struct token t = { .kind = TOKEN_SCALAR, .text = k->fallback, .length = strlen(k->fallback) };
                        r = k->value->parse(p, &t, k, field_of(object, k));
                } else if (k->fallback) {
                        r = default_list(p, k, object);
                }
                if (r)
                        return r < 0 ? r : -EINVAL;
        }
        return 0;
}

static int parse_root(struct parser *p, const struct mapping *m, void *object) {
        struct token t;
        int r = reader_next(&p->reader, &t);
        if (r)
                return r;
        if (t.kind != TOKEN_MAP)
                return t.bad ? 1
                             : report_expected(p, &t,
                                               _("keys and values: {key: value}, or a line \"key: value\" for each"));
        bool good;
        r = parse_mapping(p, m, &t, object, &good);
        return r ? r : reader_finish(&p->reader);
}

int parse_document(struct parser *p, const char *bytes, size_t size, const struct mapping *m, void *object) {
        static const char mark[] = "\xef\xbb\xbf";
        if (size >= 3 && memcmp(bytes, mark, 3) == 0) {
                /* Editors on Windows put it there; it says only that this is UTF-8, which is so anyway. */
                bytes += 3;
                size -= 3;
        }

        const char *clean;
        char *owned = NULL;
        int r = text_scan(&p->report, bytes, size, &clean, &owned);
        if (r)
                return r;
        if (p->quick && owned) { /* something was masked, and reported */
                free(owned);
                return 1;
        }
        r = reader_start(&p->reader, &p->report, clean, size, p->quick);
        if (!r)
                r = parse_root(p, m, object);
        reader_stop(&p->reader);
        free(owned);
        return r;
}

static void problems_p(struct problems *p) {
        problems_clear(p);
}

static int add_problems(struct problems *problems, const struct problems *found) {
        int r = 0;
        for (size_t i = 0; r == 0 && i < found->n; i++) {
                const struct problem *f = &found->list[i];
                r = problems_add(problems, f->severity, f->line, f->column, f->path, "%s", f->message);
        }
        problems_sort(problems);
        return r;
}

/* What is wrong is told by a run that is not quick. */
static int run(const char *bytes, size_t size, bool quick, size_t object_size, struct problems *problems,
               parse_reader read, void **ret) {
        struct problems found __attribute__((cleanup(problems_p))) = { 0 };
        struct parser p;
        struct arena *arena = arena_new();
        void *object = arena ? arena_alloc(arena, 1, object_size) : NULL;
        parser_init(&p, arena, quick ? &found : problems, quick);
        int r = parser_end(&p, object ? read(&p, bytes, size, object) : -ENOMEM);
        if (r == 0)
                r = add_problems(problems, &found);
        if (r != 0) {
                (void) arena_free(arena);
                return r;
        }
        *ret = object;
        return 0;
}

int parse_whole(const char *bytes, size_t size, const struct parse_limits *limits, size_t object_size,
                struct problems *problems, parse_reader read, void **ret) {
        if (size > limits->cap) {
                (void) problems_add(problems, SEVERITY_ERROR, 0, 0, "", _("the file is larger than %zu MiB"),
                                    limits->cap >> 20);
                return 1;
        }
        if (limits->way != PARSE_BY_LIBYAML) {
                int r = run(bytes, size, true, object_size, problems, read, ret);
                if (r <= 0 || limits->way == PARSE_QUICKLY)
                        return r;
        }
        return run(bytes, size, false, object_size, problems, read, ret);
}
