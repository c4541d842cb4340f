/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets that go past every rule of ours: AF_XDP hands its frames to the driver beneath all hooks; others have
 * networks of their own, and their module may be loaded already. Where the kernel has BPF-LSM, a program in it refuses
 * to make them.
 *
 * Owned by agent/network; netd.c says when. Program and switch are pinned, so that they stay without us, as rules do.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"

struct families {
        uint64_t *refused; /* the program's: bit N refuses family N. NULL: it is not there */
};

/* Takes up the program that is there, or loads it, refusing nothing yet. Needs CAP_BPF and CAP_PERFMON. 0; 1: this
 * kernel has no BPF-LSM, or root is not the machine's; -errno. *f is usable whatever came out. */
int families_open(const struct root *root, struct families *f);
void families_refuse(const struct families *f, bool refuse);
/* Lets go of the switch; what is pinned stays. */
void families_close(struct families *f);
/* Takes the program away. 0 or -errno; 0 when there is none. */
int families_remove(const struct root *root);

/* True where the kernel asks BPF programs about sockets. */
bool families_can_be_refused(const struct root *root);
