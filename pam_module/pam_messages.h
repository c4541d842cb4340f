/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the PAM module says, in both languages. Private to the PAM module.
 *
 * Not through gettext: the language goes by the screen, not by the locale of the host process, which is "C" in sshd,
 * login and most greeters, is not ours to change, and comes from an environment that the module does not believe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum message {
        MESSAGE_PROMPT,
        MESSAGE_ESCORT_NAME,
        MESSAGE_ESCORT_CODE,
        MESSAGE_REFUSED,       /* contact */
        MESSAGE_OUTSIDE_HOURS, /* contact */
        MESSAGE_BLOCKED,       /* contact */
        MESSAGE_GUARD,         /* contact */
        MESSAGE_KEY_ONLY,      /* contact */
        MESSAGE_UNAVAILABLE,
        MESSAGE_PHONE, /* nonce, contact */
        MESSAGE_ENROL,
        MESSAGE_REENROL, /* contact */
        MESSAGE_MAX,
};

/* The sentence, with the strings that stand above in the place of its %s, in that order, cut where ret is full. first
 * and second: "" where there is none. */
void message_fill(enum message m, bool japanese, const char *first, const char *second, char *ret, size_t size);
/* Of a reason that the verifier gave. */
enum message message_of(const char *reason);

/* Whether the screen can show Japanese: not the bare console, whose font has no kanji. Any may be NULL. */
bool pam_shows_japanese(const char *service, const char *tty, const char *display);
