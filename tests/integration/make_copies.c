/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the journal and the kernel's audit trail are told of the records on standard input, one a line: both to standard
 * output, as they would be sent. For the search of everything that is produced. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/sinks.h"
#include "base/cleanup.h"

static int put_journal(const struct root *root, const void *bytes, size_t size) {
        (void) root;
        return fwrite(bytes, 1, size, stdout) == size ? 0 : -1;
}

static int open_audit(void) {
        return dup(STDOUT_FILENO);
}

static int put_audit(int fd, int type, const char *message, int result) {
        (void) fd;
        return printf("audit type=%d res=%d %s\n", type, result, message);
}

int main(void) {
        static const struct sink_ops ops = { put_journal, open_audit, put_audit };
        const struct root root = { .fd = -1, .is_machine = true };
        const struct time_source time = { 0 };
        struct sinks *s = NULL;
        CLEANUP(free_p) char *line = NULL;
        size_t room = 0, told = 0;
        if (sinks_new(&root, &time, &s) < 0)
                return 1;
        sinks_set_ops(s, &ops);
        sinks_set_mask(s, 1u << SINK_JOURNAL | 1u << SINK_AUDIT);
        while (getline(&line, &room, stdin) > 0) {
                json_t *event = json_loads(line, 0, NULL);
                if (!event)
                        return 1;
                sinks_send(s, event, "00");
                json_decref(event);
                told++;
        }
        uint64_t failures = sinks_failures(s);
        sinks_free(s);
        return told == 0 || failures > 0 || fflush(stdout) != 0;
}
