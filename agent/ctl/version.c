/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <jansson.h>
#include <stdio.h>

#include "ctl.h"
#include "screen.h"

enum outcome run_version(const struct invocation *i) {
        if (i->json)
                return screen_json(json_pack("{s:s}", "version", SEKISHO_VERSION));
        printf("sekishoctl %s\n", SEKISHO_VERSION);
        return OUTCOME_YES;
}
