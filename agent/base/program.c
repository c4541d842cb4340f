/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "program.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

enum { OPTION_FIRST = 256, OPTION_VERSION = 'v', OPTION_HELP = 'h' };

int program_options(int argc, char **argv, const char *name, const char *usage, const struct program_option *options) {
        struct option list[PROGRAM_OPTIONS_MAX + 3] = { { "version", no_argument, NULL, OPTION_VERSION },
                                                        { "help", no_argument, NULL, OPTION_HELP } };
        for (int i = 0; i < PROGRAM_OPTIONS_MAX && options[i].name; i++)
                list[i + 2] = (struct option){ .name = options[i].name,
                                               .has_arg = options[i].text ? required_argument : no_argument,
                                               .val = OPTION_FIRST + i };

        int c;
        while ((c = getopt_long(argc, argv, "h", list, NULL)) != -1)
                if (c == OPTION_VERSION) {
                        (void) printf("%s %s\n", name, SEKISHO_VERSION);
                        return 1;
                } else if (c == OPTION_HELP) {
                        (void) fputs(usage, stdout);
                        return 1;
                } else if (c < OPTION_FIRST) {
                        (void) fputs(usage, stderr);
                        return -EINVAL;
                } else if (options[c - OPTION_FIRST].text)
                        *options[c - OPTION_FIRST].text = optarg;
                else
                        *options[c - OPTION_FIRST].flag = true;
        if (optind < argc) {
                (void) fputs(usage, stderr);
                return -EINVAL;
        }
        return 0;
}
