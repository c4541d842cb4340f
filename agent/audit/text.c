/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct span {
        uint32_t first, last;
};

/* Characters that hide or reorder what stands around them: a device's name must not look like another one's. */
static const struct span hidden[] = {
        { 0x0000, 0x001f },   /* C0 */
        { 0x007f, 0x009f },   /* DEL, C1 */
        { 0x00ad, 0x00ad },   /* soft hyphen */
        { 0x034f, 0x034f },   /* combining grapheme joiner */
        { 0x061c, 0x061c },   /* Arabic letter mark */
        { 0x115f, 0x1160 },   /* Hangul fillers */
        { 0x17b4, 0x17b5 },   /* Khmer inherent vowels */
        { 0x180b, 0x180f },   /* Mongolian selectors */
        { 0x200b, 0x200f },   /* zero width, left-to-right and right-to-left marks */
        { 0x2028, 0x202e },   /* separators, bidirectional embeddings */
        { 0x2060, 0x206f },   /* word joiner, isolates, deprecated formatting */
        { 0x3164, 0x3164 },   /* Hangul filler */
        { 0xd800, 0xdfff },   /* never valid; here for completeness of the table */
        { 0xfe00, 0xfe0f },   /* variation selectors */
        { 0xfeff, 0xfeff },   /* byte order mark */
        { 0xffa0, 0xffa0 },   /* half-width Hangul filler */
        { 0xfff0, 0xfffb },   /* interlinear annotation */
        { 0xfffe, 0xffff },   /* not characters */
        { 0xe0000, 0xe0fff }, /* tags, variation selectors */
};

static bool is_hidden(uint32_t c) {
        if (c >= 0x20 && c < 0x7f)
                return false; /* most of all text: no span has any of it */
        for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
                if (c >= hidden[i].first && c <= hidden[i].last)
                        return true;
        return false;
}

size_t text_utf8(const unsigned char *p, size_t n, uint32_t *ret) {
        if (n == 0)
                return 0;
        if (p[0] < 0x80) {
                *ret = p[0];
                return 1;
        }

        size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
        if (p[0] < 0xc2 || p[0] > 0xf4 || length > n)
                return 0;

        uint32_t c = p[0] & (0x7fu >> length);
        for (size_t i = 1; i < length; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3fu);
        }
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;

        *ret = c;
        return length;
}

static char *put_bytes(char *out, const unsigned char *p, size_t n) {
        static const char digits[] = "0123456789abcdef";
        for (size_t i = 0; i < n; i++) {
                *out++ = '\\';
                *out++ = 'x';
                *out++ = digits[p[i] >> 4];
                *out++ = digits[p[i] & 0xf];
        }
        return out;
}

int text_escape(const char *s, char **ret) {
        size_t size = strlen(s);
        char *escaped = malloc(size * 4 + 1); /* `\xNN` for each byte at worst */
        if (!escaped)
                return -ENOMEM;

        const unsigned char *p = (const unsigned char *) s, *end = p + size;
        char *out = escaped;
        while (p < end) {
                uint32_t c = 0;
                size_t n = text_utf8(p, (size_t) (end - p), &c);
                if (n == 0) {
                        out = put_bytes(out, p, 1);
                        n = 1;
                } else if (is_hidden(c)) {
                        out = put_bytes(out, p, n);
                } else {
                        if (c == '\\')
                                *out++ = '\\';
                        memcpy(out, p, n);
                        out += n;
                }
                p += n;
        }
        *out = '\0';
        *ret = escaped;
        return 0;
}

json_t *text_json(const char *s) {
        if (!s)
                return json_null();

        CLEANUP(free_p) char *escaped = NULL;
        return text_escape(s, &escaped) < 0 ? NULL : json_string_nocheck(escaped); /* it is UTF-8 now */
}
