/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads, several times as fast as libyaml, what policies are made of nearly always. Private to the policy library;
 * reader.c alone calls it.
 *
 * It knows a part of YAML in which nothing can be read in two ways: block maps and lists by indentation, flow maps and
 * lists that end on their line, plain words of harmless characters, quoted text without escapes, comments. At the first
 * thing beyond that, right or wrong, it gives up, and the whole document is read anew by libyaml, which also finds the
 * words for what is wrong. So it never refuses, never guesses, and must say what libyaml would: the fuzzer compares the
 * two on every input. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "report.h"
#include "token.h"

#define QUICK_DEPTH_MAX READER_DEPTH_MAX
#define QUICK_TEXT_MAX  2048 /* bytes of a value; more than any is allowed */

enum quick_kind { QUICK_BLOCK_MAP, QUICK_BLOCK_LIST, QUICK_FLOW_MAP, QUICK_FLOW_LIST };

struct quick {
        const char *at, *end;
        const char *counted;   /* up to here column is counted, in characters; from 0, as indentation is */
        const char *looked_at; /* up to here it is known what continues a character: before counted all that does is
                                * counted, behind it nothing does */
        unsigned line, column;
        struct {
                enum quick_kind kind;
                unsigned column; /* of its keys or dashes */
                bool filled;     /* flow: it has a member already */
        } levels[QUICK_DEPTH_MAX];
        unsigned depth;
        bool at_content;  /* nothing of what stands here was read yet */
        bool wants_value; /* behind a key or a dash, or at the beginning; else a key, a dash or an end comes */
        char text[QUICK_TEXT_MAX];
};

/* bytes: UTF-8 that text_scan() found nothing wrong with; kept by the caller. Nothing to free. */
void quick_start(struct quick *q, const char *bytes, size_t size);
bool quick_next(struct quick *q, struct token *ret); /* false: it gives up */
bool quick_finish(const struct quick *q);            /* after the last end: nothing follows. false: it gives up */
