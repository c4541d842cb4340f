/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What content is called: the kinds that are fetched and held, and the names under which they are handed out. Pure:
 * tables. Owned by agent/session.
 *
 * Names: ICCCM 2.6.2 (STRING, TEXT, COMPOUND_TEXT), UTF8_STRING, and MIME types, which Wayland has only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <sekisho/policy.h>

#include "blob.h"

enum format {
        FORMAT_TEXT,   /* UTF-8 */
        FORMAT_LATIN1, /* what an old program has instead; becomes FORMAT_TEXT once it is here */
        FORMAT_HTML,
        FORMAT_PNG,
        FORMAT_JPEG,
        FORMAT_BMP,
        FORMAT_SVG,
        FORMAT_URIS,
        FORMAT_GNOME_FILES,
        FORMAT_KDE_CUT,
        FORMAT_MAX,
        FORMAT_INVALID = -22,
};

/* As what a name wants the bytes. */
enum form {
        FORM_AS_IS,
        FORM_LATIN1,   /* what has no place there becomes '?' */
        FORM_COMPOUND, /* COMPOUND_TEXT, with UTF-8 in it */
};

struct target {
        const char *name;
        enum format format;
        enum form form;
        const char *type; /* of the property that is handed out; NULL: the name itself */
};

extern const struct target targets[]; /* in the order in which they are offered; up to .name == NULL */
size_t targets_count(void);
/* NULL: unknown. */
const struct target *target_find(const char *name);

const char *format_name(enum format f); /* under which it is fetched */
enum flow_type format_type(enum format f);

/* The target of this type that a program asks for first: what is shown to one that may have nothing, so that its asking
 * is seen. */
const char *target_first_of(enum flow_type type);

/* content in another form. New blob; NULL: no memory. */
struct blob *target_convert(const struct blob *content, enum form form);
/* ISO 8859-1 to UTF-8. New blob; NULL: no memory. */
struct blob *target_from_latin1(const struct blob *content);
