/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What our rules are called in the kernel: for sekisho-netd, which loads them, for whoever reads what they log, and for
 * whoever compares what is loaded with what the policy says.
 *
 * Owned by agent/network. How a packet goes (N is the number of the generation, new at each load):
 *
 *   table inet sekisho    chains output, input, forward stand for as long as the guard lives:
 *                           loopback -> accept
 *                           meta nfproto vmap @output (@input, @forward)       the door: empty = closed
 *                           counter name "closed"; drop
 *                         each door leads to chains of the generation: output4.N ... -> accept, or refuse-output.N
 *   table arp sekisho     chain output: only out of interfaces that are listed
 *   table netdev sekisho  one chain "egress-IFINDEX" for each listed interface: ether type vmap @egress, then drop;
 *                         egress4.N ... tie the next hop's MAC, address, protocol and port together
 *
 * A load makes a whole new generation, turns the doors' elements over to it and removes the old one, in one batch: a
 * packet sees the old doors or the new ones. The standing chains end in drop by themselves, not by their chain policy,
 * which the kernel applies too late.
 */
#pragma once

#define NETWORK_TABLE "sekisho" /* in the families inet, arp and netdev; owned by sekisho-netd's socket */
#define NETWORK_TABLE_LEFT                                                                                             \
        "sekisho-left" /* the same, owned by nobody: what stays behind when sekisho-netd is stopped */

#define NETWORK_SET_INTERFACES "interfaces" /* ifindex of the listed interfaces that are there */

/* What refuses logs first, without a limit of its own:
 *   log group NETWORK_LOG_GROUP snaplen NETWORK_LOG_BYTES prefix "sekisho LAYER DIRECTION OUTCOME"
 *     LAYER      inet (has user and socket) | arp | egress (frames as they leave: a wrong next hop, raw frames)
 *     DIRECTION  out | in | forward
 *     OUTCOME    block | observe
 * In observe mode a TCP connection is logged by its first packet, and anything else once in NETWORK_OBSERVE_SECONDS for
 * each address, protocol and port. The same counters (nft objects) hold the totals: "refused-out", "refused-in",
 * "refused-forward" in inet, "refused-out" in arp and netdev; "closed" counts what came while no generation stood. */
#define NETWORK_LOG_GROUP       730
#define NETWORK_LOG_BYTES       128
#define NETWORK_LOG_PREFIX      "sekisho "
#define NETWORK_OBSERVE_SECONDS 10

/* Run the guard alone: `sekisho-netd --root DIR [--policy FILE]` inside `ip netns exec NS`, as root. With --policy it
 * takes that file as it is, else what DIR's store holds as accepted. It says READY=1 (sd_notify) or "sekisho-netd:
 * ready" on stderr when the rules stand; SIGHUP loads again; SIGTERM leaves an unowned copy (NETWORK_TABLE_LEFT);
 * SIGKILL without a descriptor store takes the rules along (NOTIFY_SOCKET with FDSTORE=1 keeps them). `sekisho-netd
 * --print FILE` prints what a policy compiles to, one object a line; `sekisho-netd --check FILE` compares that with
 * what is loaded in this network namespace: exit 0 the same, 1 differs (each difference a line), 2 usage. */
