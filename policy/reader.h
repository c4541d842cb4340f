/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strict YAML, one event at a time. The only file that knows libyaml, and quick.h, which is tried first. Private to the
 * policy library.
 *
 * What the language leaves out (anchors, aliases, tags, directives, more than one document, block scalars, values over
 * several lines) is reported here once, and the run goes on behind it. What cannot be gone on from (YAML that does not
 * parse, more than READER_DEPTH_MAX levels) ends the run. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "quick.h"
#include "report.h"
#include "token.h"

struct reader {
        struct report *report; /* borrowed */
        yaml_parser_t yaml;
        yaml_event_t event;
        unsigned depth;
        bool is_quick, gave_up; /* by quick.h; and that was not enough */
        struct quick quick;
};

/* bytes: checked by text_scan(), and kept by the caller until reader_stop(). Everything returns 0, or 1 when the run is
 * over (reported; or gave_up is set, and a run that is not quick has to say), or -ENOMEM; reader_stop() must be called
 * in any case. */
int reader_start(struct reader *r, struct report *report, const char *bytes, size_t size, bool quick);
int reader_next(struct reader *r, struct token *ret);
int reader_skip(struct reader *r, const struct token *t); /* reads to the end of what t began */
int reader_finish(struct reader *r);                      /* nothing may follow */
void reader_stop(struct reader *r);
