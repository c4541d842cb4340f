/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Radios off (rfkill), and the modules of networks that no rule can speak of kept out of the kernel.
 *
 * Owned by agent/network; netd.c says when.
 */
#pragma once

#include <stdbool.h>

#include "base/file.h"

struct radios {
        int fd; /* /dev/rfkill; -1: there is none */
};

void radios_open(struct radios *r, const struct root *root);
void radios_close(struct radios *r);
int radios_fd(const struct radios *r); /* or -1 */

/* Turns off all radios, but for Wi-Fi and mobile networks where wireless is set. Of which kinds one was off already is
 * written down below root the first time. 0 or -errno. */
int radios_block(const struct radios *r, const struct root *root, bool wireless);
/* Wi-Fi and mobile networks on again, as far as they were on before radios_block(). 0 or -errno. */
int radios_let_wireless(const struct radios *r, const struct root *root);
/* All kinds on again that were on before radios_block(); nothing where it was not called. 0 or -errno. */
int radios_release(const struct radios *r, const struct root *root);
/* Reads what was announced. True when somebody turned on what is to be off. */
bool radios_process(const struct radios *r, bool wireless);

/* Writes or removes run/modprobe.d/sekisho-network.conf. wireless: but for what Wi-Fi needs. 0 or -errno. */
int modules_keep_out(const struct root *root, bool wireless);
int modules_let_in(const struct root *root);
