/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debian packages, as dpkg's status file and apt's lists tell of them. Private to agent/ctl. */
#pragma once

#include <stdbool.h>

#include "base/file.h"

struct package {
        const char *name, *version; /* "" where not said */
        bool installed;             /* in a status file: "install ok installed"; in a list: false */
};

/* Calls each for every paragraph that names a package, until it returns non-zero. 0 or -errno. Format: deb-control(5).
 */
int packages_read(const struct root *root, const char *path, int (*each)(const struct package *p, void *userdata),
                  void *userdata);

/* Order of versions, deb-version(7): less than, equal to, greater than 0. */
int package_version_compare(const char *a, const char *b);
