/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ini.h"

#include <string.h>

#include "text.h"

bool ini_next(char **text, unsigned *number, char **ret_key, char **ret_value) {
        for (char *line; (line = text_line(text));) {
                ++*number;
                line = text_trim(line);
                char *equals = strchr(line, '=');
                if (*line == '\0' || *line == '#' || *line == ';' || *line == '[' || !equals)
                        continue;
                *equals = '\0';
                *ret_key = text_trim(line);
                *ret_value = text_trim(equals + 1);
                return true;
        }
        return false;
}
