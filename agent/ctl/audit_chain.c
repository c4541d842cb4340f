/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit_chain.h"

#include <string.h>

#include "audit/chain.h"

void audit_chain_begin(struct audit_chain *c, const char *key, bool from_start) {
        *c = (struct audit_chain){ .after_list = false };
        (void) snprintf(c->expect.key, sizeof c->expect.key, "%s", key);
        if (from_start)
                memcpy(c->expect.prev, chain_zeros, sizeof c->expect.prev);
}

/* A segment that is still there although it stands in the list: the agent stopped between the two, and deletes it when
 * it goes on. It must follow on what was before it, and end with the line that was kept. */
static int verify_segment(struct audit_chain *c, const struct audit_file *f, int fd,
                          void (*progress)(uint64_t bytes, void *userdata), void *userdata, struct audit_verdict *ret) {
        const struct audit_expectation kept = c->expect;
        bool doubled = c->after_list && *f->log && f->first_seq > 0 && f->first_seq <= kept.last_seq;
        if (doubled)
                c->expect = c->before;
        int r = audit_verify_next(fd, &c->expect, progress, userdata, ret);
        if (r < 0 || !doubled || ret->fault != AUDIT_OK)
                return r;
        if (ret->last_seq != kept.last_seq || strcmp(ret->head, kept.prev) != 0) {
                ret->fault = AUDIT_PREV_DIFFERS;
                ret->line = ret->records;
                ret->offset = ret->bytes;
        }
        return 0;
}

int audit_chain_file(struct audit_chain *c, const struct audit_file *f, int fd,
                     void (*progress)(uint64_t bytes, void *userdata), void *userdata, struct audit_verdict *ret) {
        int r = f->is_list ? audit_verify_closed(fd, &c->expect, &c->before, ret)
                           : verify_segment(c, f, fd, progress, userdata, ret);
        c->after_list = r == 0 && f->is_list && ret->fault == AUDIT_OK && ret->records > 0;
        return r;
}
