/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "characters.h"

#include <string.h>

/* Characters that would not show, or would show somewhere else. Source: Unicode 15, general categories Cc, Cf, Zl, Zp
 * and the variation selectors; private use and noncharacters have no agreed shape. */
static const struct {
        uint32_t first, last;
} unfit[] = {
        { 0x0000, 0x001f },   { 0x007f, 0x009f },    { 0x00ad, 0x00ad },   { 0x034f, 0x034f },   { 0x0600, 0x0605 },
        { 0x061c, 0x061c },   { 0x06dd, 0x06dd },    { 0x070f, 0x070f },   { 0x115f, 0x1160 },   { 0x17b4, 0x17b5 },
        { 0x180b, 0x180f },   { 0x200b, 0x200f },    { 0x2028, 0x202e },   { 0x2060, 0x206f },   { 0x3164, 0x3164 },
        { 0xd800, 0xf8ff },   { 0xfdd0, 0xfdef },    { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },
        { 0xfff0, 0xfffb },   { 0xfffe, 0xffff },    { 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
        { 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff },
};

bool character_is_unfit(uint32_t c) {
        for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++)
                if (c >= unfit[i].first && c <= unfit[i].last)
                        return true;
        return false;
}

size_t character_decode(const unsigned char *p, size_t n, uint32_t *ret) {
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
        if (length == 0 || length > n)
                return 0;
        uint32_t c = length == 1 ? p[0] : p[0] & (0xffu >> (length + 1));
        for (size_t i = 1; i < length; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3fu);
        }
        if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        *ret = c;
        return length;
}

void characters_copy(char *ret, size_t size, const char *text) {
        size_t n = strnlen(text, size);
        if (n == size)
                for (n--; n > 0 && ((unsigned char) text[n] & 0xc0) == 0x80;)
                        n--;
        memcpy(ret, text, n);
        ret[n] = '\0';
}
