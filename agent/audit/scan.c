/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chain_scan(): one pass over a line in the writer's own form (compact, shallow, no \u escapes, no fractions).
 *
 * Verification reads gigabytes; building a tree for each line is an order of magnitude slower than hashing it. Whatever
 * this scanner does not know makes it unsure, never wrong: it accepts a subset of JSON, and the fuzzer holds it against
 * the parser. */
#include <string.h>

#include "audit/chain.h"
#include "audit/text.h"

#define DEPTH_MAX 12
#define KEYS_MAX  32

enum place { PLACE_TOP, PLACE_UNMAPPED, PLACE_SEKISHO, PLACE_ELSEWHERE };

enum { FOUND_LOG = 1, FOUND_SEQ = 2, FOUND_PREV = 4, FOUND_ALL = 7 };

struct span {
        const unsigned char *p;
        size_t n;
        bool escaped;
};

struct scan {
        const unsigned char *p, *end;
        struct chain chain;
        unsigned found, depth;
};

static bool scan_value(struct scan *s, enum place place);

static bool eat(struct scan *s, unsigned char c) {
        if (s->p >= s->end || *s->p != c)
                return false;
        s->p++;
        return true;
}

static bool peek(const struct scan *s, unsigned char c) {
        return s->p < s->end && *s->p == c;
}

/* Neither quote, backslash, control, nor part of a longer character. */
static bool is_plain(unsigned char c) {
        return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static bool scan_string(struct scan *s, struct span *ret) {
        if (!eat(s, '"'))
                return false;

        struct span text = { .p = s->p };
        for (;;) {
                while (s->p < s->end && is_plain(*s->p))
                        s->p++;
                if (s->p >= s->end)
                        return false;
                if (*s->p == '"')
                        break;
                if (*s->p == '\\') {
                        if (s->end - s->p < 2 || !s->p[1] || !strchr("\"\\/bfnrt", s->p[1]))
                                return false;
                        text.escaped = true;
                        s->p += 2;
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

/* At most 15 digits: fits 2^53 and needs no overflow check. */
static bool scan_integer(struct scan *s, bool *ret_negative, uint64_t *ret) {
        bool negative = eat(s, '-');
        const unsigned char *first = s->p;
        uint64_t n = 0;
        while (s->p < s->end && *s->p >= '0' && *s->p <= '9' && s->p - first < 16)
                n = n * 10 + (uint64_t) (*s->p++ - '0');

        ptrdiff_t digits = s->p - first;
        if (digits < 1 || digits > 15 || (digits > 1 && *first == '0'))
                return false;
        if (peek(s, '.') || peek(s, 'e') || peek(s, 'E'))
                return false;
        *ret_negative = negative;
        *ret = n;
        return true;
}

static bool scan_word(struct scan *s, const char *word) {
        size_t n = strlen(word);
        if ((size_t) (s->end - s->p) < n || memcmp(s->p, word, n) != 0)
                return false;
        s->p += n;
        return true;
}

static bool is(const struct span *key, const char *name) {
        return key->n == strlen(name) && memcmp(key->p, name, key->n) == 0;
}

static bool take_log(struct scan *s) {
        struct span v;
        if (!scan_string(s, &v) || v.escaped || v.n > CHAIN_LOG_MAX)
                return false;
        memcpy(s->chain.log, v.p, v.n);
        s->chain.log[v.n] = '\0';
        s->found |= FOUND_LOG;
        return chain_log_valid(s->chain.log, v.n);
}

static bool take_prev(struct scan *s) {
        struct span v;
        if (!scan_string(s, &v) || v.n != CHAIN_HEX)
                return false;
        memcpy(s->chain.prev, v.p, CHAIN_HEX);
        s->chain.prev[CHAIN_HEX] = '\0';
        s->found |= FOUND_PREV;
        return strspn(s->chain.prev, "0123456789abcdef") == CHAIN_HEX;
}

static bool take_seq(struct scan *s) {
        bool negative;
        if (!scan_integer(s, &negative, &s->chain.seq) || negative || s->chain.seq == 0)
                return false;
        s->found |= FOUND_SEQ;
        return true;
}

static bool scan_member(struct scan *s, enum place place, const struct span *key) {
        if (place == PLACE_TOP && is(key, "unmapped"))
                return scan_value(s, PLACE_UNMAPPED);
        if (place == PLACE_UNMAPPED && is(key, "sekisho"))
                return scan_value(s, PLACE_SEKISHO);
        if (place == PLACE_SEKISHO) {
                if (is(key, "log"))
                        return take_log(s);
                if (is(key, "seq"))
                        return take_seq(s);
                if (is(key, "prev"))
                        return take_prev(s);
                if (is(key, "anchor"))
                        s->chain.has_anchor = true;
        }
        return scan_value(s, PLACE_ELSEWHERE);
}

static bool is_duplicate(const struct span *keys, size_t n, const struct span *key) {
        for (size_t i = 0; i < n; i++)
                if (keys[i].n == key->n && memcmp(keys[i].p, key->p, key->n) == 0)
                        return true;
        return false;
}

static bool scan_object(struct scan *s, enum place place) {
        struct span keys[KEYS_MAX];
        size_t n = 0;
        if (!eat(s, '{'))
                return false;
        if (eat(s, '}'))
                return true;
        do {
                /* Two spellings of one key would defeat the comparison: an escape in a key is the parser's business. */
                struct span key;
                if (n == KEYS_MAX || !scan_string(s, &key) || key.escaped || is_duplicate(keys, n, &key))
                        return false;
                keys[n++] = key;
                if (!eat(s, ':') || !scan_member(s, place, &key))
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
                if (!scan_value(s, PLACE_ELSEWHERE))
                        return false;
        } while (eat(s, ','));
        return eat(s, ']');
}

/* Recursion is bounded by DEPTH_MAX. */
static bool scan_value(struct scan *s, enum place place) {
        struct span text;
        uint64_t n;
        bool ok, negative;
        if (s->p >= s->end || s->depth == DEPTH_MAX)
                return false;

        s->depth++;
        switch (*s->p) {
        case '{':
                ok = scan_object(s, place);
                break;
        case '[':
                ok = scan_array(s);
                break;
        case '"':
                ok = scan_string(s, &text);
                break;
        case 't':
                ok = scan_word(s, "true");
                break;
        case 'f':
                ok = scan_word(s, "false");
                break;
        case 'n':
                ok = scan_word(s, "null");
                break;
        default:
                ok = scan_integer(s, &negative, &n);
        }
        s->depth--;
        return ok;
}

bool chain_scan(const char *line, size_t size, struct chain *ret) {
        const unsigned char *p = (const unsigned char *) line;
        struct scan s = { .p = p, .end = p + size };
        if (!peek(&s, '{') || !scan_value(&s, PLACE_TOP) || s.p != s.end || s.found != FOUND_ALL)
                return false;
        *ret = s.chain;
        return true;
}
