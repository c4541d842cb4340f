/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define REPLACEMENT "\xEF\xBF\xBD"

/* Length of the valid UTF-8 sequence at s (RFC 3629: no overlong form, no surrogate, at most U+10FFFF), or 0. */
static size_t sequence(const unsigned char *s) {
        if (s[0] < 0x80)
                return 1;
        size_t n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
        if (s[0] < 0xC2 || s[0] > 0xF4)
                return 0;
        for (size_t i = 1; i < n; i++)
                if ((s[i] & 0xC0) != 0x80)
                        return 0; /* also the NUL at the end */
        if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF0 && s[1] < 0x90) ||
            (s[0] == 0xF4 && s[1] > 0x8F))
                return 0;
        return n;
}

json_t *json_text(const char *s) {
        /* Each byte becomes three at most. */
        CLEANUP(free_p) char *clean = calloc(strlen(s) + 1, strlen(REPLACEMENT));
        if (!clean)
                return NULL;
        char *to = clean;
        for (const unsigned char *p = (const unsigned char *) s; *p;) {
                size_t n = sequence(p);
                if (n == 0 || *p < 0x20 || *p == 0x7F) {
                        memcpy(to, REPLACEMENT, strlen(REPLACEMENT));
                        to += strlen(REPLACEMENT);
                        p++;
                } else {
                        memcpy(to, p, n);
                        to += n;
                        p += n;
                }
        }
        return json_string(clean);
}

json_t *json_text_or_null(const char *s) {
        return s ? json_text(s) : json_null();
}
