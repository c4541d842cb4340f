/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fields.h"

#include <endian.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "audit/text.h"

#define DEPTH_MAX 16
#define KEYS_MAX  64

struct span {
        const unsigned char *p;
        size_t n;
        bool escaped;
};

struct scan {
        const unsigned char *p, *end;
        struct fields *fields;
        unsigned depth;
        bool is_parsers_own; /* written by the parser: its \u escapes and exponents are right */
};

static bool scan_value(struct scan *s, int path);

static bool eat(struct scan *s, unsigned char c) {
        if (s->p >= s->end || *s->p != c)
                return false;
        s->p++;
        return true;
}

/* ---- strings ---- */

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Of eight bytes, the lowest first: the top bit of the first that is a control, a quote, a backslash, or part of a
 * longer character; bits above it mean nothing, since a borrow may have passed there. */
static uint64_t special(uint64_t w) {
        uint64_t quote = w ^ EACH_BYTE(0x22), backslash = w ^ EACH_BYTE(0x5c);
        uint64_t below = (w - EACH_BYTE(0x20)) | (quote - EACH_BYTE(1)) | (backslash - EACH_BYTE(1)) | w;
        return below & EACH_BYTE(0x80);
}

static const unsigned char *skip_plain(const unsigned char *p, const unsigned char *end) {
        while (end - p >= 8) {
                uint64_t w;
                memcpy(&w, p, sizeof w);
                w = special(le64toh(w));
                if (w)
                        return p + (unsigned) __builtin_ctzll(w) / 8;
                p += 8;
        }
        while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
                p++;
        return p;
}

static bool scan_escape(struct scan *s) {
        if (s->end - s->p < 2)
                return false;
        if (s->p[1] == 'u' && s->is_parsers_own && s->end - s->p >= 6) {
                s->p += 6;
                return true;
        }
        if (!s->p[1] || !strchr("\"\\/bfnrt", s->p[1]))
                return false;
        s->p += 2;
        return true;
}

static bool scan_string(struct scan *s, struct span *ret) {
        if (!eat(s, '"'))
                return false;
        struct span text = { .p = s->p };
        for (;;) {
                s->p = skip_plain(s->p, s->end);
                if (s->p >= s->end)
                        return false;
                if (*s->p == '"')
                        break;
                if (*s->p == '\\') {
                        text.escaped = true;
                        if (!scan_escape(s))
                                return false;
                        continue;
                }
                uint32_t c = 0;
                size_t n = text_utf8(s->p, (size_t) (s->end - s->p), &c);
                if (n < 2) /* not UTF-8, or a control */
                        return false;
                s->p += n;
        }
        text.n = (size_t) (s->p - text.p);
        s->p++;
        *ret = text;
        return true;
}

/* ---- numbers and words ---- */

static size_t scan_digits(struct scan *s) {
        const unsigned char *first = s->p;
        while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
                s->p++;
        return (size_t) (s->p - first);
}

/* At most 18 digits: fits, and needs no look at the value. */
static bool scan_number(struct scan *s, enum field_type *ret) {
        (void) eat(s, '-');
        const unsigned char *first = s->p;
        size_t digits = scan_digits(s);
        if (digits < 1 || digits > 18 || (digits > 1 && *first == '0'))
                return false;
        *ret = FIELD_INTEGER;
        if (eat(s, '.')) {
                *ret = FIELD_OTHER;
                digits = scan_digits(s);
                if (digits < 1 || digits > 18)
                        return false;
        }
        if (s->p < s->end && (*s->p | 0x20) == 'e') {
                if (!s->is_parsers_own)
                        return false;
                *ret = FIELD_OTHER;
                s->p++;
                if (!eat(s, '+'))
                        (void) eat(s, '-');
                return scan_digits(s) > 0;
        }
        return true;
}

static bool scan_word(struct scan *s, const char *word) {
        size_t n = strlen(word);
        if ((size_t) (s->end - s->p) < n || memcmp(s->p, word, n) != 0)
                return false;
        s->p += n;
        return true;
}

/* ---- objects and arrays ---- */

/* Of the children of path the one that the key names; -2: none is wanted. */
static int find_child(const struct fields *f, int path, const struct span *key) {
        for (int c = path >= -1 ? f->first[path + 1] : -1; c >= 0; c = f->next[c])
                if (f->sizes[c] == key->n && memcmp(f->paths[c].key, key->p, key->n) == 0)
                        return c;
        return -2;
}

/* seen: a bit for each key so far, by its size and ends. Most keys find theirs unset, and need no comparison. */
static bool is_duplicate(const struct span *keys, size_t n, const struct span *key, uint64_t *seen) {
        unsigned first = key->p[0], last = key->p[key->n ? key->n - 1 : 0];
        uint64_t bit = UINT64_C(1) << ((key->n * 5 + first * 3 + last * 7) % 64);
        bool is_new = !(*seen & bit);
        *seen |= bit;
        for (size_t i = 0; !is_new && i < n; i++)
                if (keys[i].n == key->n && memcmp(keys[i].p, key->p, key->n) == 0)
                        return true;
        return false;
}

static bool scan_object(struct scan *s, int path) {
        struct span keys[KEYS_MAX];
        uint64_t seen = 0;
        size_t n = 0;
        if (!eat(s, '{'))
                return false;
        if (eat(s, '}'))
                return true;
        do {
                /* Two spellings of one key would defeat the comparison: an escape in a key is the parser's business. */
                struct span key;
                if (n == KEYS_MAX || !scan_string(s, &key) || (key.escaped && !s->is_parsers_own) ||
                    is_duplicate(keys, n, &key, &seen))
                        return false;
                keys[n++] = key;
                if (!eat(s, ':') || !scan_value(s, find_child(s->fields, path, &key)))
                        return false;
        } while (eat(s, ','));
        return eat(s, '}');
}

static bool scan_array(struct scan *s) {
        if (!eat(s, '['))
                return false;
        if (eat(s, ']'))
                return true;
        do {
                if (!scan_value(s, -2))
                        return false;
        } while (eat(s, ','));
        return eat(s, ']');
}

/* One value whose kind its first byte tells. */
static bool scan_kind(struct scan *s, int path, struct field *ret) {
        struct span text;
        switch (*s->p) {
        case '{':
                ret->type = FIELD_OBJECT;
                return scan_object(s, path);
        case '[':
                ret->type = FIELD_OTHER;
                return scan_array(s);
        case '"':
                ret->type = FIELD_STRING;
                if (!scan_string(s, &text))
                        return false;
                ret->escaped = text.escaped;
                return true;
        case 't':
                ret->type = FIELD_TRUE;
                return scan_word(s, "true");
        case 'f':
                ret->type = FIELD_FALSE;
                return scan_word(s, "false");
        case 'n':
                ret->type = FIELD_OTHER;
                return scan_word(s, "null");
        default:
                return scan_number(s, &ret->type);
        }
}

/* Recursion is bounded by DEPTH_MAX. path: what is wanted of it; -2: nothing. */
static bool scan_value(struct scan *s, int path) {
        if (s->p >= s->end || s->depth == DEPTH_MAX)
                return false;
        struct field value = { .text = (const char *) s->p };
        s->depth++;
        bool ok = scan_kind(s, path, &value);
        s->depth--;
        if (!ok || path < 0)
                return ok;
        value.size = (size_t) ((const char *) s->p - value.text);
        if (value.type == FIELD_STRING) {
                value.text++;
                value.size -= 2;
        }
        s->fields->values[path] = value;
        return true;
}

bool fields_scan(struct fields *f, const char *line, size_t size, bool is_parsers_own) {
        const unsigned char *p = (const unsigned char *) line;
        struct scan s = { .p = p, .end = p + size, .fields = f, .is_parsers_own = is_parsers_own };
        memset(f->values, 0, f->n * sizeof f->values[0]);
        return size > 0 && *line == '{' && scan_value(&s, -1) && s.p == s.end;
}

/* ---- for readers ---- */

void fields_init(struct fields *f, const struct field_path *paths, unsigned n) {
        memset(f, 0, sizeof *f);
        f->paths = paths;
        f->n = n;
        for (unsigned i = 0; i <= n; i++)
                f->first[i] = -1;
        for (unsigned i = 0; i < n; i++) {
                f->sizes[i] = strlen(paths[i].key);
                f->next[i] = f->first[paths[i].parent + 1];
                f->first[paths[i].parent + 1] = (int) i;
        }
}

void fields_clear(struct fields *f) {
        free(f->copy);
        f->copy = NULL;
}

bool fields_read(struct fields *f, const char *line, size_t size) {
        if (fields_scan(f, line, size, false))
                return true;
        fields_clear(f);
        json_t *event = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
        f->copy = json_is_object(event) ? json_dumps(event, JSON_COMPACT) : NULL;
        json_decref(event);
        return f->copy && fields_scan(f, f->copy, strlen(f->copy), true);
}

bool field_is(const struct field *f, const char *text) {
        return f->type == FIELD_STRING && f->size == strlen(text) && memcmp(f->text, text, f->size) == 0;
}

bool field_integer(const struct field *f, int64_t *ret) {
        if (f->type != FIELD_INTEGER)
                return false;
        const char *p = f->text, *end = f->text + f->size;
        bool negative = *p == '-';
        int64_t n = 0;
        for (p += negative; p < end; p++)
                n = n * 10 + (*p - '0');
        *ret = negative ? -n : n;
        return true;
}

bool field_text(const struct field *f, char *buffer, size_t size) {
        if (f->type != FIELD_STRING || size == 0)
                return false;
        if (!f->escaped) {
                if (f->size >= size)
                        return false;
                memcpy(buffer, f->text, f->size);
                buffer[f->size] = '\0';
                return true;
        }
        json_t *string = json_loadb(f->text - 1, f->size + 2, JSON_DECODE_ANY, NULL);
        size_t n = json_string_length(string);
        bool ok = string && n < size && strlen(json_string_value(string)) == n;
        if (ok)
                memcpy(buffer, json_string_value(string), n + 1);
        json_decref(string);
        return ok;
}
