/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal itself, for what the person in front of it is to see and nobody else later: not stdout, which may be a
 * file. What was shown is wiped when it closes, also when a signal ends the program. Private to agent/ctl. */
#pragma once

#include "ctl.h"

struct private_screen;

/* OUTCOME_YES, or OUTCOME_BAD after a complaint: there is no terminal. One at a time. *ret: private_screen_free(). */
enum outcome private_screen_open(struct private_screen **ret);
struct private_screen *private_screen_free(struct private_screen *s);
DEFINE_FREEP(struct private_screen, private_screen_free)

/* An empty screen, over what was there before, until it closes; again: empty once more. */
void private_screen_cover(struct private_screen *s);

/* A line; text is printed as it is. */
void private_screen_line(struct private_screen *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* text as a QR code, black on white, two rows of squares to a line. lines: how many more the screen must hold below it.
 * false: the screen is not covered, too small, or cannot draw it. */
bool private_screen_picture(struct private_screen *s, const char *text, unsigned lines);

/* One line of input into buffer, without its end. echo: whether what is typed shows. 0; 1: cancelled (interrupt key,
 * end of input, nothing typed for five minutes, or a line that does not fit). */
int private_screen_ask(struct private_screen *s, const char *question, bool echo, char *buffer, size_t size);
