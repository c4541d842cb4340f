/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of a daemon or a helper: long options, each at most once of use, and nothing else.
 *
 * Owned by base; for main() alone.
 */
#pragma once

#include <stdbool.h>

#define PROGRAM_OPTIONS_MAX 16

struct program_option {
        const char *name;  /* without the hyphens; NULL ends the list */
        const char **text; /* takes an argument, which is left here (borrowed from argv); or NULL: */
        bool *flag;        /* set when it is there */
};

/* Beside the options there are --version and --help (-h). usage: translated, with its newline. 0: go on; 1: done, exit
 * with 0; -EINVAL: bad usage, which was said on stderr. */
int program_options(int argc, char **argv, const char *name, const char *usage, const struct program_option *options);
