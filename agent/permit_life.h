/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a permit as text, ID.json. Private to permit_store.c. */
#pragma once

#include "permit_store.h"

#define PERMIT_LIFE_FILE_MAX 8192u

/* sha256: of the document that it belongs to. free(); NULL: no memory. */
char *permit_life_write(const char *sha256, const struct permit_life *life);

/* 0; 1: damaged, or of another document. */
int permit_life_read(const char *text, size_t size, const char *sha256, struct permit_life *ret);
