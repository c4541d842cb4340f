/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strict YAML, one event at a time. The only file that knows libyaml. Private to the policy library.
 *
 * What the language leaves out (anchors, aliases, tags, directives, more than one document, block scalars, values over
 * several lines) is reported here once, and the run goes on behind it. What cannot be gone on from (YAML that does not
 * parse, more than READER_DEPTH_MAX levels) ends the run. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

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

struct reader {
        struct report *report; /* borrowed */
        yaml_parser_t yaml;
        yaml_event_t event;
        unsigned depth;
};

/* bytes: checked by text_scan(), and kept by the caller until reader_stop(). Everything returns 0, or 1 when the run is
 * over (reported), or -ENOMEM; reader_stop() must be called in any case. */
int reader_start(struct reader *r, struct report *report, const char *bytes, size_t size);
int reader_next(struct reader *r, struct token *ret);
int reader_skip(struct reader *r, const struct token *t); /* reads to the end of what t began */
int reader_finish(struct reader *r);                      /* nothing may follow */
void reader_stop(struct reader *r);
