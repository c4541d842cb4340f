/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Translated messages. Private to the policy library; the program that links it binds the text domain. */
#pragma once

#include <libintl.h>

#define _(s)  dgettext("sekisho", s)
#define N_(s) s /* marked for translation where it stands, translated where it is shown */
