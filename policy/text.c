/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "text.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "i18n.h"

size_t text_decode(const unsigned char *s, size_t n, uint32_t *ret) {
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t length = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;
        if (length == 4 && (s[0] & 0xf8) != 0xf0)
                return 0;
        if (length > n)
                return 0;
        uint32_t c = length == 1 ? s[0] : s[0] & (0x7fu >> length);
        for (size_t i = 1; i < length; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        *ret = c;
        return length;
}

/* Unicode 15: general category Cc, the line separators, Bidi_Control, the byte order mark, the tag characters (which
 * are invisible) and noncharacters. */
bool text_is_forbidden(uint32_t c) {
        static const struct {
                uint32_t first, last;
        } ranges[] = {
                { 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x061c, 0x061c },   { 0x200e, 0x200f },
                { 0x2028, 0x202e }, { 0x2066, 0x2069 }, { 0xfeff, 0xfeff },   { 0xfdd0, 0xfdef },
                { 0xfffe, 0xffff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe007f },
        };
        for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
                if (c >= ranges[i].first && c <= ranges[i].last)
                        return true;
        return c > 0xffff && (c & 0xfffe) == 0xfffe;
}

bool text_has_forbidden(const char *s, size_t n, uint32_t *ret) {
        for (size_t i = 0; i < n;) {
                uint32_t c = 0;
                size_t length = text_decode((const unsigned char *) s + i, n - i, &c);
                if (length == 0 || text_is_forbidden(c)) {
                        *ret = c;
                        return true;
                }
                i += length;
        }
        return false;
}

size_t text_count(const char *s, size_t n) {
        size_t count = 0;
        for (size_t i = 0; i < n; i++)
                count += ((unsigned char) s[i] & 0xc0) != 0x80;
        return count;
}

static bool is_direction(uint32_t c) {
        return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void report_forbidden(struct report *r, struct place at, uint32_t c) {
        if (c == '\r')
                report_error(r, at, _("a carriage return without a line feed; end lines with LF or CR LF"));
        else if (c == 0xfeff)
                report_error(r, at, _("a byte order mark inside the document; remove it"));
        else if (is_direction(c))
                report_error(r, at,
                             _("the character U+%04X changes the direction of text and may hide what is "
                               "written; remove it"),
                             (unsigned) c);
        else
                report_error(r, at, _("the control character U+%04X is not allowed; remove it"), (unsigned) c);
}

static int report_not_utf8(struct report *r, struct place at, const unsigned char *s, size_t n) {
        if (n >= 2 && (memcmp(s, "\xff\xfe", 2) == 0 || memcmp(s, "\xfe\xff", 2) == 0))
                return report_error(r, at, _("the file is UTF-16; save it as UTF-8"));
        return report_error(r, at, _("this is not UTF-8; save the file as UTF-8 (not Shift_JIS or EUC-JP)"));
}

/* As many characters and lines as before, so that later positions stay right; '?' would change their number. */
static void mask(char *s, size_t length) {
        static const char *const same_length[] = { "", "?", "¿", "\xef\xbf\xbd", "\xf0\x9f\xbf\xbb" };
        memcpy(s, same_length[length], length);
}

static int mask_copy(char **copy, const char *bytes, size_t size, size_t at, size_t length) {
        if (!*copy) {
                *copy = malloc(size);
                if (!*copy)
                        return -ENOMEM;
                memcpy(*copy, bytes, size);
        }
        mask(*copy + at, length);
        return 0;
}

/* How many of the next eight bytes are printable ASCII before the first that is not: eight at once. */
static size_t n_plain(const unsigned char *s) {
        const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
        uint64_t w;
        memcpy(&w, s, sizeof w);
        w = le64toh(w);
        /* Below a space borrows into the high bit; DEL carries into it. Either spoils only what stands behind. */
        w = (w | (w - ones * 0x20) | (w + ones)) & high;
        return w ? (size_t) __builtin_ctzll(w) / 8 : sizeof w;
}

int text_scan(struct report *r, const char *bytes, size_t size, const char **ret, char **ret_owned) {
        const unsigned char *s = (const unsigned char *) bytes;
        struct place at = { 1, 1 };
        char *copy = NULL;

        for (size_t i = 0; i < size;) {
                if (size - i >= 8) {
                        size_t n = n_plain(s + i);
                        at.column += (unsigned) n;
                        i += n;
                        if (n == 8)
                                continue;
                }
                uint32_t c = s[i];
                size_t length = 1;
                if (c == '\n') {
                        at.line++;
                        at.column = 1;
                        i++;
                        continue;
                }
                if (c >= 0x80) {
                        length = text_decode(s + i, size - i, &c);
                        if (length == 0) {
                                free(copy);
                                return report_not_utf8(r, at, s + i, size - i);
                        }
                }
                bool fine = c == '\t' || (c == '\r' && i + 1 < size && s[i + 1] == '\n') || !text_is_forbidden(c);
                if (!fine) {
                        report_forbidden(r, at, c);
                        if (mask_copy(&copy, bytes, size, i, length) < 0)
                                return -ENOMEM;
                }
                at.column++;
                i += length;
        }
        *ret = copy ? copy : bytes;
        *ret_owned = copy;
        return 0;
}
