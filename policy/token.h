/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a document is made of, for those who read it. Private to the policy library. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "report.h"

#define READER_DEPTH_MAX 8

enum token_kind { TOKEN_SCALAR, TOKEN_MAP, TOKEN_LIST, TOKEN_END /* of a map or list */ };

struct token {
        enum token_kind kind;
        struct place at;
        const char *text; /* of a scalar: NUL-terminated UTF-8; valid until the next reader_next() */
        size_t length;
        bool bad; /* something about it was reported: its value must not be used */
};
