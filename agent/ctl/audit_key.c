/* SPDX-License-Identifier: GPL-2.0-or-later */
/* audit key: the public keys that a verifier of this terminal's record starts from. */
#include <fcntl.h>
#include <string.h>

#include <sekisho/document.h>
#include <sekisho/sshsig.h>

#include "record.h"
#include "screen.h"

#define KEY_MAX 4096u

struct shown {
        size_t n;
        json_t *list; /* with --json */
};

static enum outcome show(const struct invocation *i, const char *path, struct shown *s) {
        CLEANUP(close_p) int fd = root_openat(&i->root, path, O_PATH | O_DIRECTORY, 0);
        CLEANUP(document_clear) struct document d = { 0 };
        if (fd == -ENOENT)
                return OUTCOME_YES;
        if (fd < 0)
                return record_complain(fd);
        int r = document_read(fd, AUDIT_KEY_FILE, KEY_MAX, &d);
        if (r == DOCUMENT_NOT_FOUND)
                return OUTCOME_YES;
        struct ssh_key key;
        size_t n = r == 0 ? strcspn(d.bytes, "\n") : 0;
        if (r < 0)
                return record_complain(r);
        if (r > 0 || ssh_key_parse(d.bytes, n, &key) != 0) {
                complain(_("/%s/%s is damaged."), path, AUDIT_KEY_FILE);
                return OUTCOME_BAD;
        }
        char fingerprint[SSHSIG_FINGERPRINT_MAX];
        ssh_key_fingerprint(&key, fingerprint);
        s->n++;
        if (s->list) {
                (void) json_array_append_new(s->list, json_pack("{s:s, s:s%, s:s}", "directory", path, "key", d.bytes,
                                                                n, "fingerprint", fingerprint));
                return OUTCOME_YES;
        }
        CLEANUP(free_p) char *line = screen_text_n(d.bytes, n);
        printf("# %s\n%s\n", fingerprint, line ? line : "");
        return OUTCOME_YES;
}

enum outcome run_audit_key(const struct invocation *i) {
        struct shown s = { .list = i->json ? json_array() : NULL };
        enum outcome outcome = show(i, AUDIT_DIRECTORY, &s);
        if (outcome == OUTCOME_YES)
                outcome = show(i, AUDIT_OTP_DIRECTORY, &s);
        if (outcome == OUTCOME_YES && s.n == 0) {
                complain(_("The record has no anchors yet."));
                outcome = OUTCOME_NO;
        }
        if (s.list && outcome == OUTCOME_YES)
                return screen_json(s.list);
        json_decref(s.list);
        return outcome;
}
