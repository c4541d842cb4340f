/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "targets.h"

#include <string.h>

#include "base/characters.h"

static const struct {
        const char *name;
        enum flow_type type;
} formats[FORMAT_MAX] = {
        [FORMAT_TEXT] = { "UTF8_STRING", FLOW_TEXT },
        [FORMAT_LATIN1] = { "STRING", FLOW_TEXT },
        [FORMAT_HTML] = { "text/html", FLOW_HTML },
        [FORMAT_PNG] = { "image/png", FLOW_IMAGE },
        [FORMAT_JPEG] = { "image/jpeg", FLOW_IMAGE },
        [FORMAT_BMP] = { "image/bmp", FLOW_IMAGE },
        [FORMAT_SVG] = { "image/svg+xml", FLOW_IMAGE },
        [FORMAT_URIS] = { "text/uri-list", FLOW_FILES },
        [FORMAT_GNOME_FILES] = { "x-special/gnome-copied-files", FLOW_FILES },
        [FORMAT_KDE_CUT] = { "application/x-kde-cutselection", FLOW_FILES },
};

const struct target targets[] = {
        { "UTF8_STRING", FORMAT_TEXT, FORM_AS_IS, NULL },
        { "text/plain;charset=utf-8", FORMAT_TEXT, FORM_AS_IS, NULL },
        { "text/plain;charset=UTF-8", FORMAT_TEXT, FORM_AS_IS, NULL },
        { "text/plain", FORMAT_TEXT, FORM_AS_IS, NULL },
        { "TEXT", FORMAT_TEXT, FORM_AS_IS, "UTF8_STRING" },
        { "STRING", FORMAT_TEXT, FORM_LATIN1, NULL },
        { "COMPOUND_TEXT", FORMAT_TEXT, FORM_COMPOUND, NULL },
        { "text/html", FORMAT_HTML, FORM_AS_IS, NULL },
        { "image/png", FORMAT_PNG, FORM_AS_IS, NULL },
        { "image/jpeg", FORMAT_JPEG, FORM_AS_IS, NULL },
        { "image/bmp", FORMAT_BMP, FORM_AS_IS, NULL },
        { "image/svg+xml", FORMAT_SVG, FORM_AS_IS, NULL },
        { "text/uri-list", FORMAT_URIS, FORM_AS_IS, NULL },
        { "x-special/gnome-copied-files", FORMAT_GNOME_FILES, FORM_AS_IS, NULL },
        { "application/x-kde-cutselection", FORMAT_KDE_CUT, FORM_AS_IS, NULL },
        { NULL, FORMAT_INVALID, FORM_AS_IS, NULL },
};

size_t targets_count(void) {
        return sizeof targets / sizeof *targets - 1;
}

const struct target *target_find(const char *name) {
        for (const struct target *t = targets; t->name; t++)
                if (strcmp(t->name, name) == 0)
                        return t;
        return NULL;
}

const char *format_name(enum format f) {
        return formats[f].name;
}

enum flow_type format_type(enum format f) {
        return formats[f].type;
}

const char *target_first_of(enum flow_type type) {
        for (const struct target *t = targets; t->name; t++)
                if (format_type(t->format) == type)
                        return t->name;
        return NULL;
}

static int to_latin1(const struct blob *content, struct blob *out) {
        uint8_t chunk[512];
        size_t n = 0, at = 0;
        while (at < content->size) {
                uint32_t c = 0;
                size_t length = character_decode(content->bytes + at, content->size - at, &c);
                at += length > 0 ? length : 1;
                chunk[n++] = length == 0 || c > 0xff ? '?' : (uint8_t) c;
                if (n == sizeof chunk || at == content->size) {
                        if (blob_append(out, chunk, n, SIZE_MAX) < 0) {
                                explicit_bzero(chunk, sizeof chunk);
                                return -1;
                        }
                        n = 0;
                }
        }
        explicit_bzero(chunk, sizeof chunk);
        return 0;
}

/* Compound Text Encoding, "non-standard character sets", as the X.Org libraries write UTF-8. */
static int to_compound(const struct blob *content, struct blob *out) {
        return blob_append(out, "\033%G", 3, SIZE_MAX) < 0 ||
                               blob_append(out, content->bytes, content->size, SIZE_MAX) < 0 ||
                               blob_append(out, "\033%@", 3, SIZE_MAX) < 0
                       ? -1
                       : 0;
}

struct blob *target_convert(const struct blob *content, enum form form) {
        CLEANUP(blob_unrefp) struct blob *out = blob_new();
        if (!out || (form == FORM_LATIN1 ? to_latin1(content, out) : to_compound(content, out)) < 0)
                return NULL;
        return TAKE_PTR(out);
}

struct blob *target_from_latin1(const struct blob *content) {
        CLEANUP(blob_unrefp) struct blob *out = blob_new();
        if (!out)
                return NULL;
        for (size_t i = 0; i < content->size; i++) {
                uint8_t c = content->bytes[i];
                const uint8_t two[2] = { (uint8_t) (0xc0 | c >> 6), (uint8_t) (0x80 | (c & 0x3f)) };
                if ((c < 0x80 ? blob_append(out, &c, 1, SIZE_MAX) : blob_append(out, two, 2, SIZE_MAX)) < 0)
                        return NULL;
        }
        return TAKE_PTR(out);
}
