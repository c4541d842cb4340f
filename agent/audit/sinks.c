/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/sinks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libaudit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "audit/kinds.h"
#include "base/cleanup.h"

#define JOURNAL_SOCKET "run/systemd/journal/socket"
#define SLOW_USEC      UINT64_C(200000)  /* an audit send that takes longer is as bad as one that fails */
#define PAUSE_LEAST    UINT64_C(1000000) /* before the audit socket is tried again; doubles */
#define PAUSE_MOST     UINT64_C(60000000)

struct sinks {
        const struct root *root;
        const struct time_source *time;
        const struct sink_ops *ops;
        uint32_t mask;
        uint64_t failures;
        int audit_fd;
        uint64_t audit_not_before, audit_pause;
};

/* ---- the system's ways out ---- */

/* The native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) and not sd_journal_sendv(3): that one blocks when journald
 * hangs, and drops the record without an error when there is none. */
static int system_journal_send(const struct root *root, const void *bytes, size_t size) {
        CLEANUP(close_p) int target = root_openat(root, JOURNAL_SOCKET, O_PATH | O_NOFOLLOW, 0);
        if (target < 0)
                return target;
        CLEANUP(close_p) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;

        struct sockaddr_un address = { .sun_family = AF_UNIX };
        (void) snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", target);
        ssize_t n = sendto(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *) &address,
                           sizeof address);
        return n < 0 ? -errno : 0;
}

static int system_audit_open(void) {
        set_aumessage_mode(MSG_QUIET, DBG_NO); /* libaudit would write to stderr */
        int fd = audit_open();
        if (fd < 0)
                return errno > 0 ? -errno : -EIO;
        (void) fcntl(fd, F_SETFL, O_NONBLOCK);
        return fd;
}

static int system_audit_send(int fd, int type, const char *message, int result) {
        int r = audit_log_user_message(fd, type, message, NULL, NULL, NULL, result);
        return r > 0 ? r : errno > 0 ? -errno : -EIO;
}

const struct sink_ops sink_ops_system = { system_journal_send, system_audit_open, system_audit_send };

/* ---- what is said ---- */

static const json_t *at(const json_t *object, const char *path) {
        char copy[64], *rest = NULL;
        (void) snprintf(copy, sizeof copy, "%s", path);
        for (char *key = strtok_r(copy, ".", &rest); key; key = strtok_r(NULL, ".", &rest))
                object = json_object_get(object, key);
        return object;
}

/* Scalars as text; false when there is nothing to say. Strings of a record hold no control characters. */
static bool scalar(const json_t *v, char *buffer, size_t size, const char **ret) {
        if (json_is_string(v)) {
                *ret = json_string_value(v);
                return true;
        }
        if (json_is_boolean(v)) {
                *ret = json_is_true(v) ? "yes" : "no";
                return true;
        }
        if (!json_is_integer(v))
                return false;
        (void) snprintf(buffer, size, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        *ret = buffer;
        return true;
}

struct field {
        const char *name, *path;
};

static const struct field journal_fields[] = {
        { "MESSAGE", "message" },
        { "SEKISHO_KIND", "metadata.event_code" },
        { "SEKISHO_LOG", "unmapped.sekisho.log" },
        { "SEKISHO_SEQ", "unmapped.sekisho.seq" },
        { "SEKISHO_PREV", "unmapped.sekisho.prev" },
        { "SEKISHO_RULE", "unmapped.sekisho.rule" },
        { "SEKISHO_REASON", "unmapped.sekisho.reason" },
        { "SEKISHO_EXPLICIT", "unmapped.sekisho.explicit" },
        { "SEKISHO_POLICY_SERIAL", "unmapped.sekisho.policy_serial" },
        { "SEKISHO_ACTION", "unmapped.sekisho.action" },
        { "SEKISHO_ENFORCE", "unmapped.sekisho.enforce" },
        { "SEKISHO_EFFECT", "unmapped.sekisho.effect" },
        { "SEKISHO_BUS", "unmapped.sekisho.facts.bus" },
        { "SEKISHO_VENDOR", "unmapped.sekisho.facts.vendor" },
        { "SEKISHO_PRODUCT", "unmapped.sekisho.facts.product" },
        { "SEKISHO_SERIAL", "unmapped.sekisho.facts.serial" },
        { "SEKISHO_NAME", "unmapped.sekisho.facts.name" },
        { "SEKISHO_PORT", "unmapped.sekisho.facts.port" },
        { "SEKISHO_DESCRIPTORS", "unmapped.sekisho.facts.descriptors" },
        { "SEKISHO_DOCUMENT", "unmapped.sekisho.document.what" },
        { "SEKISHO_DOCUMENT_SERIAL", "unmapped.sekisho.document.serial" },
        { "SEKISHO_DOCUMENT_SHA256", "unmapped.sekisho.document.sha256" },
        { "SEKISHO_OUTCOME", "unmapped.sekisho.document.outcome" },
        { "SEKISHO_UID", "unmapped.sekisho.document.uid" },
        { "SEKISHO_PERMIT", "unmapped.sekisho.permit.id" },
        { "SEKISHO_TICKET", "unmapped.sekisho.permit.ticket" },
        { "SEKISHO_OUTCOME", "unmapped.sekisho.permit.outcome" },
        { "SEKISHO_UID", "unmapped.sekisho.permit.uid" },
        { "SEKISHO_SEGMENT", "unmapped.sekisho.segment" },
        { "SEKISHO_KEY", "unmapped.sekisho.key" },
        { "SEKISHO_ANCHOR_SEQ", "unmapped.sekisho.anchor.seq" },
        { "SEKISHO_ANCHOR_HEAD", "unmapped.sekisho.anchor.head" },
        { "SEKISHO_ANCHOR_TIME", "unmapped.sekisho.anchor.time" },
        { "SEKISHO_ANCHOR_MACHINE", "unmapped.sekisho.anchor.machine" },
        { "SEKISHO_SEGMENT", "unmapped.sekisho.anchor.segment" },
        { "SEKISHO_KEY", "unmapped.sekisho.anchor.key" },
        { "SEKISHO_NEXT_KEY", "unmapped.sekisho.anchor.next" },
        { "SEKISHO_SIGNATURE", "unmapped.sekisho.anchor.signature" },
        { "SEKISHO_CODE", "unmapped.sekisho.agent.code" },
        { "SEKISHO_DETAIL", "unmapped.sekisho.detail" },
        { "SEKISHO_USER", "unmapped.sekisho.login.user" },
        { "SEKISHO_PHASE", "unmapped.sekisho.login.phase" },
        { "SEKISHO_SERVICE", "unmapped.sekisho.login.service" },
        { "SEKISHO_TTY", "unmapped.sekisho.login.tty" },
        { "SEKISHO_RHOST", "unmapped.sekisho.login.rhost" },
        { "SEKISHO_FACTOR", "unmapped.sekisho.login.factor" },
        { "SEKISHO_ESCORT", "unmapped.sekisho.login.escort" },
        { "SEKISHO_BY", "unmapped.sekisho.login.by" },
        /* Not the path: names of files are for the readers of the record only. */
        { "SEKISHO_FROM", "unmapped.sekisho.paste.from" },
        { "SEKISHO_TO", "unmapped.sekisho.paste.to" },
        { "SEKISHO_FROM_PROGRAM", "unmapped.sekisho.paste.from_program" },
        { "SEKISHO_TO_PROGRAM", "unmapped.sekisho.paste.to_program" },
        { "SEKISHO_SELECTION", "unmapped.sekisho.paste.selection" },
        { "SEKISHO_BYTES", "unmapped.sekisho.paste.bytes" },
        { "SEKISHO_COUNT", "unmapped.sekisho.paste.count" },
        { "SEKISHO_UID", "unmapped.sekisho.paste.uid" },
        { "SEKISHO_SESSION", "unmapped.sekisho.paste.session" },
        { "SEKISHO_UID", "unmapped.sekisho.transfer.uid" },
        { "SEKISHO_SESSION", "unmapped.sekisho.transfer.session" },
        { "SEKISHO_PROGRAM", "unmapped.sekisho.transfer.program" },
        { "SEKISHO_COMMAND", "unmapped.sekisho.transfer.command" },
        { "SEKISHO_SIZE", "unmapped.sekisho.transfer.size" },
        { "SEKISHO_SHA256", "unmapped.sekisho.transfer.sha256" },
        { "SEKISHO_DIRECTION", "unmapped.sekisho.network.direction" },
        { "SEKISHO_PROTOCOL", "unmapped.sekisho.network.protocol" },
        { "SEKISHO_PEER", "unmapped.sekisho.network.peer" },
        { "SEKISHO_PEER_PORT", "unmapped.sekisho.network.port" },
        { "SEKISHO_PEER_MAC", "unmapped.sekisho.network.mac" },
        { "SEKISHO_INTERFACE", "unmapped.sekisho.network.interface" },
        { "SEKISHO_LAYER", "unmapped.sekisho.network.layer" },
        { "SEKISHO_COUNT", "unmapped.sekisho.network.count" },
        { "SEKISHO_UID", "unmapped.sekisho.network.uid" },
        { "SEKISHO_SESSION", "unmapped.sekisho.network.session" },
        { "SEKISHO_PROGRAM", "unmapped.sekisho.network.program" },
        { "SEKISHO_COMMAND", "unmapped.sekisho.network.command" },
};

/* Fields of an audit message. untrusted: what a device or a person chose; encoded as auditd's readers expect it. */
static const struct audit_field {
        const char *name, *path;
        bool untrusted;
} audit_fields[] = {
        { "op", "metadata.event_code", false },
        { "bus", "unmapped.sekisho.facts.bus", false },
        { "vendor", "unmapped.sekisho.facts.vendor", false },
        { "product", "unmapped.sekisho.facts.product", false },
        { "port", "unmapped.sekisho.facts.port", true },
        { "serial", "unmapped.sekisho.facts.serial", true },
        { "name", "unmapped.sekisho.facts.name", true },
        { "action", "unmapped.sekisho.action", false },
        { "enforce", "unmapped.sekisho.enforce", false },
        { "effect", "unmapped.sekisho.effect", true },
        { "rule", "unmapped.sekisho.rule", true },
        { "reason", "unmapped.sekisho.reason", false },
        { "document", "unmapped.sekisho.document.what", true },
        { "document-serial", "unmapped.sekisho.document.serial", false },
        { "permit", "unmapped.sekisho.permit.id", true },
        { "ticket", "unmapped.sekisho.permit.ticket", true },
        { "code", "unmapped.sekisho.agent.code", true },
        { "acct", "unmapped.sekisho.login.user", true },
        { "phase", "unmapped.sekisho.login.phase", false },
        { "service", "unmapped.sekisho.login.service", true },
        { "terminal", "unmapped.sekisho.login.tty", true },
        { "addr", "unmapped.sekisho.login.rhost", true },
        { "factor", "unmapped.sekisho.login.factor", false },
        { "escort", "unmapped.sekisho.login.escort", true },
        { "uid", "unmapped.sekisho.transfer.uid", false },
        { "exe", "unmapped.sekisho.transfer.program", true },
        { "size", "unmapped.sekisho.transfer.size", false },
        { "sha256", "unmapped.sekisho.transfer.sha256", false },
        { "direction", "unmapped.sekisho.network.direction", false },
        { "proto", "unmapped.sekisho.network.protocol", true },
        { "addr", "unmapped.sekisho.network.peer", false },
        { "dport", "unmapped.sekisho.network.port", false },
        { "count", "unmapped.sekisho.network.count", false },
        { "uid", "unmapped.sekisho.network.uid", false },
        { "exe", "unmapped.sekisho.network.program", true },
        { "log", "unmapped.sekisho.log", false },
        { "seq", "unmapped.sekisho.seq", false },
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Which program keeps the log: the verifier has one of its own. */
static const char *writer_of(const json_t *event) {
        const char *log = json_string_value(at(event, "unmapped.sekisho.log"));
        return log && strcmp(log, "otp") == 0 ? "sekisho-otpd" : "sekishod";
}

static int journal_text(const json_t *event, const struct kind_info *kind, const char *head, char **ret,
                        size_t *ret_size) {
        CLEANUP(free_p) char *text = NULL;
        size_t size = 0;
        CLEANUP(fclose_p) FILE *f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;

        (void) fprintf(f, "MESSAGE_ID=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nSEKISHO_HEAD=%s\n", kind->message_id,
                       kind->priority, writer_of(event), head);
        for (size_t i = 0; i < COUNT(journal_fields); i++) {
                char number[32];
                const char *value = NULL;
                if (scalar(at(event, journal_fields[i].path), number, sizeof number, &value) && !strchr(value, '\n'))
                        (void) fprintf(f, "%s=%s\n", journal_fields[i].name, value);
        }
        int failed = fclose(TAKE_PTR(f));
        if (failed)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

static int audit_text(const json_t *event, char **ret) {
        CLEANUP(free_p) char *text = NULL;
        size_t size = 0;
        CLEANUP(fclose_p) FILE *f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;

        for (size_t i = 0; i < COUNT(audit_fields); i++) {
                const struct audit_field *field = &audit_fields[i];
                char number[32];
                const char *value = NULL;
                if (!scalar(at(event, field->path), number, sizeof number, &value))
                        continue;
                CLEANUP(free_p)
                char *encoded =
                        field->untrusted ? audit_encode_nv_string(field->name, value, (unsigned) strlen(value)) : NULL;
                if (field->untrusted && !encoded)
                        return -ENOMEM;
                (void) fprintf(f, "%s%s%s%s", i > 0 ? " " : "", encoded ? encoded : field->name, encoded ? "" : "=",
                               encoded ? "" : value);
        }
        int failed = fclose(TAKE_PTR(f));
        if (failed)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}

/* ---- sending ---- */

static int to_journal(struct sinks *s, const json_t *event, const struct kind_info *kind, const char *head) {
        CLEANUP(free_p) char *text = NULL;
        size_t size = 0;
        int r = journal_text(event, kind, head, &text, &size);
        return r < 0 ? r : s->ops->journal_send(s->root, text, size);
}

static int audit_ready(struct sinks *s) {
        if (s->audit_fd >= 0)
                return 0;
        if (time_boot_usec(s->time) < s->audit_not_before)
                return -EAGAIN;
        int fd = s->ops->audit_open();
        if (fd < 0)
                return fd;
        s->audit_fd = fd;
        return 0;
}

static void audit_rest(struct sinks *s) {
        close_p(&s->audit_fd);
        s->audit_fd = -1;
        s->audit_pause = s->audit_pause == 0 ? PAUSE_LEAST : s->audit_pause * 2;
        if (s->audit_pause > PAUSE_MOST)
                s->audit_pause = PAUSE_MOST;
        s->audit_not_before = time_boot_usec(s->time) + s->audit_pause;
}

/* The kernel makes a sender wait when its audit backlog is full (kernel/audit.c, audit_receive), whatever the flags of
 * the socket: a send that was slow is the last one for a while. */
static int to_audit(struct sinks *s, const json_t *event, const struct kind_info *kind) {
        if (!s->root->is_machine)
                return 0; /* a fake machine has no kernel of its own; this one's trail is not for its records */

        CLEANUP(free_p) char *text = NULL;
        int r = audit_text(event, &text);
        if (r < 0)
                return r;
        r = audit_ready(s);
        if (r == -EAGAIN)
                return r;

        uint64_t began = time_boot_usec(s->time);
        if (r == 0)
                r = s->ops->audit_send(s->audit_fd, kind->audit_type, text, kind->result);
        if (r < 0 || time_boot_usec(s->time) - began > SLOW_USEC)
                audit_rest(s);
        else
                s->audit_pause = 0;
        return r < 0 ? r : 0;
}

void sinks_send(struct sinks *s, const json_t *event, const char *head) {
        enum audit_kind k = audit_kind_from_name(json_string_value(at(event, "metadata.event_code")));
        if (k == KIND_INVALID)
                k = KIND_AGENT_TROUBLE; /* an unknown kind must not be a way past the sinks */

        const struct kind_info *kind = &audit_kinds[k];
        if ((s->mask & 1u << SINK_JOURNAL) && to_journal(s, event, kind, head) < 0)
                s->failures++;
        if ((s->mask & 1u << SINK_AUDIT) && to_audit(s, event, kind) < 0)
                s->failures++;
}

int sinks_new(const struct root *root, const struct time_source *time, struct sinks **ret) {
        struct sinks *s = malloc(sizeof *s);
        if (!s)
                return -ENOMEM;
        *s = (struct sinks){ .root = root, .time = time, .ops = &sink_ops_system, .audit_fd = -1 };
        *ret = s;
        return 0;
}

struct sinks *sinks_free(struct sinks *s) {
        if (s)
                close_p(&s->audit_fd);
        free(s);
        return NULL;
}

void sinks_set_mask(struct sinks *s, uint32_t mask) {
        s->mask = mask;
}

void sinks_set_ops(struct sinks *s, const struct sink_ops *ops) {
        s->ops = ops;
}

uint64_t sinks_failures(const struct sinks *s) {
        return s->failures;
}
