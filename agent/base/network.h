/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent's network guard and sekisho-netd say to each other.
 *
 * Owned by base: plain data, for agent/guards and agent/network. One message is one packet of a SOCK_SEQPACKET socket
 * between two processes of one machine and one build: a structure of fixed size, whose texts are checked to end. The
 * agent calls; it can say two things only: "look at the policy again", which sekisho-netd reads itself, so that whoever
 * took the agent over could not widen the rules; and "could this one be loaded?", which changes nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NETWORK_SOCKET "run/sekisho/network.sock"

enum network_kind {
        NETWORK_RELOAD,  /* agent: load the policy in force. Answered by NETWORK_LOADED */
        NETWORK_STATE,   /* netd: what holds; when the agent has called, and whenever that changes */
        NETWORK_LOADED,  /* netd: the answer; error: 0 or -errno: then what held before holds. Besides as NETWORK_STATE
                          */
        NETWORK_TROUBLE, /* netd: code and detail */
        NETWORK_DRY_RUN, /* agent: with the text of a policy in a sealed memfd. Answered by NETWORK_TRIED */
        NETWORK_TRIED,   /* netd: the answer; error: 0 or why the kernel would not take its rules. Nothing changed */
        NETWORK_KIND_MAX,
};

struct network_message {
        uint32_t kind; /* enum network_kind */
        int32_t error;
        uint64_t serial;  /* of the policy that was loaded; 0: none */
        char sha256[72];  /* likewise */
        char stance[16];  /* "none", "closed", "observe", "enforce" */
        uint32_t open;    /* interfaces that are listed and there */
        uint32_t down;    /* that are kept down */
        char code[48];    /* NETWORK_TROUBLE */
        char detail[200]; /* likewise; untranslated */
};

/* What arrived in m with n bytes is such a message. */
static inline bool network_message_is_valid(const struct network_message *m, size_t n) {
        return n == sizeof *m && m->kind < NETWORK_KIND_MAX && memchr(m->sha256, 0, sizeof m->sha256) &&
               memchr(m->stance, 0, sizeof m->stance) && memchr(m->code, 0, sizeof m->code) &&
               memchr(m->detail, 0, sizeof m->detail);
}
