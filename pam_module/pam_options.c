/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pam_options.h"

#include <string.h>

static const struct {
        const char *word;
        enum pam_language language;
} languages[] = { { "lang=auto", LANGUAGE_AUTO }, { "lang=en", LANGUAGE_ENGLISH }, { "lang=ja", LANGUAGE_JAPANESE } };

static bool set_language(const char *word, struct pam_options *o) {
        for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
                if (strcmp(word, languages[i].word) == 0) {
                        o->language = languages[i].language;
                        return true;
                }
        return false;
}

static bool set(const char *word, struct pam_options *o) {
        if (strcmp(word, "decoy") == 0)
                o->decoy = true;
        else if (strcmp(word, "concat") == 0)
                o->concat = true;
        else if (strcmp(word, "quiet") == 0)
                o->quiet = true;
        else if (strncmp(word, "root=/", 6) == 0)
                o->root = word + 5;
        else
                return set_language(word, o);
        return true;
}

int pam_options_parse(int argc, const char **argv, struct pam_options *ret, const char **ret_unknown) {
        struct pam_options o = { .root = "/" };
        for (int i = 0; i < argc; i++)
                if (!set(argv[i], &o)) {
                        *ret_unknown = argv[i];
                        return 1;
                }
        *ret = o;
        return 0;
}
