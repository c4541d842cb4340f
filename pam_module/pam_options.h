/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands behind pam_sekisho.so in /etc/pam.d. Private to the PAM module. */
#pragma once

#include <stdbool.h>

enum pam_language { LANGUAGE_AUTO, LANGUAGE_ENGLISH, LANGUAGE_JAPANESE };

struct pam_options {
        bool decoy;       /* the password was wrong: same conversation, always refused */
        bool concat;      /* the code is the end of the password: put it aside for the line behind */
        bool quiet;       /* no messages, only the prompt */
        const char *root; /* another root, for tests; "/" */
        enum pam_language language;
};

/* 0; 1: *ret_unknown is an option that does not exist, or not with this value. Borrowed from argv. */
int pam_options_parse(int argc, const char **argv, struct pam_options *ret, const char **ret_unknown);
