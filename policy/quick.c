/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "quick.h"

#include <stdint.h>
#include <string.h>

enum { SHORT = 16 }; /* bytes */
enum {
        WORD = 1,  /* of a key */
        FIRST = 2, /* at the beginning of a plain value */
        PLAIN = 4, /* within one */
};
#define LETTER         (WORD | FIRST | PLAIN)
#define HIGH           (FIRST | PLAIN) /* a part of a character beyond ASCII */

#define TWO(c, kind)   [(c)] = (kind), [(c) + 1] = (kind)
#define EIGHT(c, kind) TWO(c, kind), TWO((c) + 2, kind), TWO((c) + 4, kind), TWO((c) + 6, kind)
#define MANY(c, kind)  EIGHT(c, kind), EIGHT((c) + 8, kind), EIGHT((c) + 16, kind), EIGHT((c) + 24, kind) /* 32 */
static const uint8_t kinds[0x100] = {
        EIGHT('a', LETTER),    EIGHT('i', LETTER), EIGHT('q', LETTER),    TWO('y', LETTER),      EIGHT('A', LETTER),
        EIGHT('I', LETTER),    EIGHT('Q', LETTER), TWO('Y', LETTER),      EIGHT('0', LETTER),    TWO('8', LETTER),
        MANY(0x80, HIGH),      MANY(0xa0, HIGH),   MANY(0xc0, HIGH),      MANY(0xe0, HIGH),      ['_'] = LETTER,
        ['-'] = WORD | PLAIN,  ['@'] = PLAIN,      ['/'] = FIRST | PLAIN, ['.'] = FIRST | PLAIN, ['+'] = FIRST | PLAIN,
        ['('] = FIRST | PLAIN, [')'] = PLAIN,      ['='] = PLAIN,         [';'] = PLAIN,         ['~'] = PLAIN,
        [' '] = PLAIN,
};

static bool is(char c, unsigned kind) {
        return kinds[(unsigned char) c] & kind;
}

/* Behind the characters of that kind. */
static const char *skip(const char *s, const char *end, unsigned kind) {
        while (s < end && is(*s, kind))
                s++;
        return s;
}

static char here(const struct quick *q) {
        if (q->at >= q->end) /* the last line may lack its end */
                return '\n';
        return *q->at;
}

/* Bytes, but for those that continue a character. Mostly there are none: whole words of ASCII, each looked at once. */
static unsigned column_here(struct quick *q) {
        const uint64_t high = UINT64_C(0x8080808080808080);
        uint64_t word;
        q->column += (unsigned) (q->at - q->counted);
        q->counted = q->at;
        while (q->looked_at < q->at) {
                if (q->end - q->looked_at >= (ptrdiff_t) sizeof word) {
                        memcpy(&word, q->looked_at, sizeof word);
                        if (!(word & high)) {
                                q->looked_at += sizeof word;
                                continue;
                        }
                }
                q->column -= ((unsigned char) *q->looked_at++ & 0xc0) == 0x80;
        }
        return q->column;
}

/* Each member by itself: a structure that is put together and then copied, as it would be here, has the processor wait
 * for its small parts before it can read the large ones. */
static void begin_token(struct token *t, enum token_kind kind, unsigned line, unsigned column) {
        t->kind = kind;
        t->at.line = line;
        t->at.column = column;
        t->text = "";
        t->length = 0;
        t->bad = false;
}

static void token_here(struct quick *q, enum token_kind kind, struct token *ret) {
        begin_token(ret, kind, q->line, column_here(q) + 1);
}

void quick_start(struct quick *q, const char *bytes, size_t size) {
        q->at = q->counted = q->looked_at = bytes;
        q->end = bytes + size;
        q->line = 1;
        q->column = 0;
        q->depth = 0;
        q->at_content = false;
        q->wants_value = true;
}

/* ---- blanks, comments, lines ---- */

static void skip_blanks(struct quick *q) {
        const char *s = q->at;
        while (s < q->end && *s == ' ')
                s++;
        q->at = s;
}

/* Over the end of this line, and lines without content, to the first character of the next one that has some, or to the
 * end of the document. False: something else stands here. */
static bool next_content(struct quick *q, bool at_start) {
        for (;; at_start = true) {
                const char *from = q->at;
                skip_blanks(q);
                if (q->at == q->end)
                        return true;
                if (*q->at == '#' && (at_start || q->at > from)) {
                        const char *newline = memchr(q->at, '\n', (size_t) (q->end - q->at));
                        q->at = newline ? newline : q->end;
                        if (memchr(from, '\t', (size_t) (q->at - from)) || memchr(from, '\r', (size_t) (q->at - from)))
                                return false;
                        continue;
                }
                if (*q->at != '\n')
                        return at_start;
                q->at++;
                q->line++;
                q->column = 0;
                q->counted = q->at;
                if (q->looked_at < q->at)
                        q->looked_at = q->at;
        }
}

static bool at_end(const struct quick *q) {
        return q->at == q->end;
}

/* ---- levels ---- */

static bool enter(struct quick *q, enum quick_kind kind, struct token *ret) {
        if (q->depth == QUICK_DEPTH_MAX)
                return false;
        bool is_map = kind == QUICK_BLOCK_MAP || kind == QUICK_FLOW_MAP;
        token_here(q, is_map ? TOKEN_MAP : TOKEN_LIST, ret);
        q->levels[q->depth].kind = kind;
        q->levels[q->depth].column = q->column;
        q->levels[q->depth].filled = false;
        q->depth++;
        q->at_content = true;
        q->wants_value = false;
        return true;
}

static bool is_flow(const struct quick *q) {
        return q->depth > 0 && q->levels[q->depth - 1].kind >= QUICK_FLOW_MAP;
}

/* Nobody asks where an end stands. */
static bool leave(struct quick *q, struct token *ret) {
        begin_token(ret, TOKEN_END, q->line, 1);
        q->depth--;
        q->wants_value = false;
        return true;
}

/* ---- scalars ---- */

static bool give_text(struct quick *q, const char *from, size_t length, struct token *t) {
        if (length >= sizeof q->text)
                return false;
        if (length <= SHORT && (size_t) (q->end - from) >= SHORT)
                memcpy(q->text, from, SHORT); /* most are: no call, and what is too much is cut off */
        else
                memcpy(q->text, from, length);
        q->text[length] = '\0';
        t->text = q->text;
        t->length = length;
        q->at_content = q->wants_value = false;
        return true;
}

static bool read_quoted(struct quick *q, struct token *ret) {
        token_here(q, TOKEN_SCALAR, ret);
        const char quote = *q->at, *from = q->at + 1, *to = from;
        for (; to < q->end && *to != quote; to++)
                if (*to == '\\' || (unsigned char) *to < ' ')
                        return false;
        if (to == q->end)
                return false;
        size_t length = (size_t) (to - from);
        q->at = to + 1;
        return here(q) != '\'' && here(q) != '"' && here(q) != ':' && give_text(q, from, length, ret);
}

/* A colon within a word is text only when text follows it; in a flow a comma ends it. */
static bool read_plain(struct quick *q, struct token *ret) {
        if (!is(here(q), FIRST))
                return false;
        token_here(q, TOKEN_SCALAR, ret);
        const char *from = q->at;
        for (;; q->at++) {
                q->at = skip(q->at, q->end, PLAIN);
                char c = here(q);
                if (c == ',' && !is_flow(q))
                        continue;
                if (c != ':')
                        break;
                if (q->at + 1 >= q->end || q->at[1] == ' ' || !is(q->at[1], PLAIN))
                        return false;
        }
        char c = here(q);
        bool ends = is_flow(q) ? c == ',' || c == ']' || c == '}' : c == '\n' || (c == '#' && q->at[-1] == ' ');
        if (!ends)
                return false;
        const char *to = q->at;
        while (to[-1] == ' ')
                to--;
        q->at = to; /* a comment wants its blank before it */
        return give_text(q, from, (size_t) (to - from), ret);
}

/* The end of the word if it is a key: a word, a colon, and a blank or the end of the line. NULL: it is none. */
static const char *end_of_key(const struct quick *q) {
        const char *p = skip(q->at, q->end, WORD);
        if (p == q->at || *q->at == '-')
                return NULL;
        return p < q->end && *p == ':' && (p + 1 == q->end || p[1] == ' ' || p[1] == '\n') ? p : NULL;
}

static bool read_key(struct quick *q, struct token *ret) {
        const char *end = end_of_key(q), *from = q->at;
        if (!end)
                return false;
        token_here(q, TOKEN_SCALAR, ret);
        q->at = end + 1;
        if (!give_text(q, from, (size_t) (end - from), ret))
                return false;
        q->wants_value = true;
        return true;
}

/* ---- values ---- */

static bool is_dash(const struct quick *q) {
        return here(q) == '-' && q->at + 1 < q->end && q->at[1] == ' ';
}

/* On the lines below a key: a list may stand as far to the left as the key itself. */
static bool read_block_below(struct quick *q, struct token *ret) {
        if (!next_content(q, false) || at_end(q))
                return false;
        unsigned key = q->levels[q->depth - 1].column, column = column_here(q);
        if (is_dash(q) && column >= key)
                return enter(q, QUICK_BLOCK_LIST, ret);
        return column > key && end_of_key(q) && enter(q, QUICK_BLOCK_MAP, ret);
}

static bool read_value(struct quick *q, struct token *ret) {
        if (q->depth == 0) {
                if (!next_content(q, true) || at_end(q) || column_here(q) != 0 || !end_of_key(q))
                        return false;
                return enter(q, QUICK_BLOCK_MAP, ret);
        }
        const char *from = q->at;
        skip_blanks(q);
        enum quick_kind kind = q->levels[q->depth - 1].kind;
        char c = here(q);
        if (c == '{' || c == '[') {
                if (!enter(q, c == '{' ? QUICK_FLOW_MAP : QUICK_FLOW_LIST, ret))
                        return false;
                q->at++;
                return true;
        }
        if (c == '"' || c == '\'')
                return read_quoted(q, ret);
        q->at = c == '#' || c == '\n' ? from : q->at; /* a comment wants its blank before it */
        if (c == '\n' || c == '#')
                return kind == QUICK_BLOCK_MAP && read_block_below(q, ret);
        if (kind == QUICK_BLOCK_LIST && end_of_key(q))
                return enter(q, QUICK_BLOCK_MAP, ret);
        return read_plain(q, ret);
}

/* ---- what comes next in a map or list ---- */

static bool read_flow_entry(struct quick *q, struct token *ret) {
        bool is_map = q->levels[q->depth - 1].kind == QUICK_FLOW_MAP;
        skip_blanks(q);
        if (here(q) == (is_map ? '}' : ']')) {
                q->at++;
                q->at_content = false;
                return leave(q, ret);
        }
        if (q->levels[q->depth - 1].filled) {
                if (here(q) != ',')
                        return false;
                q->at++;
                skip_blanks(q);
                if (here(q) == (is_map ? '}' : ']'))
                        return false;
        }
        q->levels[q->depth - 1].filled = true;
        return is_map ? read_key(q, ret) : read_value(q, ret);
}

/* What stands further to the left ends it. */
static bool read_block_entry(struct quick *q, struct token *ret) {
        if (!q->at_content && !next_content(q, false))
                return false;
        q->at_content = true;
        enum quick_kind kind = q->levels[q->depth - 1].kind;
        unsigned own = q->levels[q->depth - 1].column, column = column_here(q);
        if (at_end(q) || column < own)
                return leave(q, ret);
        if (column > own)
                return false;
        if (kind == QUICK_BLOCK_MAP)
                return read_key(q, ret);
        if (is_dash(q)) {
                q->at++;
                return read_value(q, ret);
        }
        /* a list as far to the left as its key, and now the next key */
        return q->levels[q->depth - 2].kind == QUICK_BLOCK_MAP && q->levels[q->depth - 2].column == own &&
               leave(q, ret);
}

bool quick_next(struct quick *q, struct token *ret) {
        if (q->wants_value)
                return read_value(q, ret);
        return is_flow(q) ? read_flow_entry(q, ret) : read_block_entry(q, ret);
}

bool quick_finish(const struct quick *q) {
        return q->depth == 0 && at_end(q);
}
