/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may use a medium: the words of a mark ("yamada group:joho") against the users of this machine. Private to
 * sekisho-media. */
#pragma once

#include <stdbool.h>

#include "base/file.h"

/* True when user is one of them, or a member of a group that is. Names that nobody has let nobody in. */
bool media_users_contain(const struct root *root, const char *users, const char *user);

/* An access control list in words (acl(5)) that lets root and them in, and nobody else; writing only if so. *ret:
 * free(). 0 or -ENOMEM. */
int media_users_acl(const struct root *root, const char *users, bool writing, char **ret);
