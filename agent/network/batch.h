/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One transaction of nf_tables: all of it comes true at once, or nothing does. And the socket that it goes through, by
 * which the kernel knows whose tables ours are (NFT_TABLE_F_OWNER): only that socket may change them, and they go when
 * it is closed for good.
 *
 * Owned by agent/network.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <stdint.h>

#include "ruleset.h"

/* A new socket, or one that was kept while we were away (fd is taken over, also on failure). 0 or -errno. */
int nft_socket_new(struct mnl_socket **ret);
int nft_socket_adopt(int fd, struct mnl_socket **ret);
void nft_socket_p(struct mnl_socket **s);

struct batch {
        uint8_t *bytes;
        size_t used, allocated;
        uint32_t sequence, messages;
        int error;
};

void batch_begin(struct batch *b);
void batch_clear(struct batch *b);

/* command: NFT_MSG_NEWTABLE or NFT_MSG_DELTABLE; NFT_MSG_DESTROYTABLE is not in Linux 6.1. */
void batch_table(struct batch *b, uint16_t command, uint32_t family, const char *name, uint32_t flags);
/* Adds all that is in rs, in the order that the kernel needs. */
void batch_add(struct batch *b, const struct ruleset *rs);
void batch_add_rules(struct batch *b, const struct ruleset *rs);
/* Removes what is in a generation: its rules first, then the maps that lead to chains, then the chains. */
void batch_remove(struct batch *b, const struct ruleset *rs);
/* Adds or removes the elements that set holds; an empty set removes all that the kernel's has. */
void batch_elements(struct batch *b, uint16_t command, struct nftnl_set *set);
void batch_chain(struct batch *b, uint16_t command, struct nftnl_chain *chain);
/* All rules of the chain. */
void batch_flush_chain(struct batch *b, uint32_t family, const char *table, const char *chain);

/* Asks the kernel whether it would take it, and empties it: all is checked as if it were to come true, then thrown
 * away. 0 or -errno of the first message that was refused. */
int batch_try(struct batch *b, struct mnl_socket *s);
/* Sends it as one transaction, and empties it. 0: done; -errno of the first message that was refused: nothing changed.
 * *ret_failed (may be NULL): the number of that message, from 1. */
int batch_send(struct batch *b, struct mnl_socket *s, uint32_t *ret_failed);
