/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every fuzzer has: its entry, and the word for what must hold whatever it is given. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                                     \
        do {                                                                                                           \
                if (!(x)) {                                                                                            \
                        (void) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                 \
                        abort();                                                                                       \
                }                                                                                                      \
        } while (0)
