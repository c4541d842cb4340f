/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kinds of record, as one table: name (metadata.event_code), journal MESSAGE_ID and priority, severity, audit type.
 * Private to agent/audit. The MESSAGE_IDs are an interface: packaging/catalog and people's filters hold them; never
 * change one, only append. */
#pragma once

enum audit_kind {
        KIND_DEVICE_ALLOWED,
        KIND_DEVICE_REFUSED,
        KIND_DEVICE_OBSERVED, /* would have been refused in enforce mode */
        KIND_DEVICE_EFFECT,   /* read back and found as decided */
        KIND_DEVICE_EFFECT_WRONG,
        KIND_DEVICE_GONE,
        KIND_DOCUMENT_INSTALLED,
        KIND_DOCUMENT_REFUSED,
        KIND_DOCUMENT_RESTORED,
        KIND_AGENT_START,
        KIND_AGENT_STOP,
        KIND_AGENT_TROUBLE,
        KIND_MEDIUM, /* a medium that is shut was opened for the agent alone, or shut again */
        KIND_LOGIN_ACCEPTED,
        KIND_LOGIN_REFUSED,
        KIND_LOGIN_EXEMPT,
        KIND_LOGIN_BREAK_GLASS,
        KIND_LOGIN_OBSERVED,
        KIND_LOGIN_SESSION,
        KIND_FACTOR_ENROLLED,
        KIND_FACTOR_REMOVED,
        KIND_FACTOR_UNLOCKED,
        KIND_FACTOR_LOCKED,
        KIND_LOGIN_TROUBLE,
        KIND_FILE_WRITTEN, /* on a medium, as the next three */
        KIND_FILE_CREATED,
        KIND_FILE_RENAMED,
        KIND_FILE_DELETED,
        KIND_PERMIT_INSTALLED,
        KIND_PERMIT_ACTIVATED,
        KIND_PERMIT_USED,
        KIND_PERMIT_ENDED,
        KIND_PERMIT_CLOSED,
        KIND_PERMIT_REFUSED,
        KIND_NETWORK_BLOCKED,
        KIND_NETWORK_OBSERVED, /* would have been blocked in enforce mode */
        KIND_NETWORK_STORM,    /* many different ones, counted together */
        KIND_RECORD_OPENED,    /* a segment begins, or a key */
        KIND_RECORD_ANCHOR,
        KIND_RECORD_EXPORTED,
        KIND_RECORD_DELETED, /* a segment that a collector has */
        KIND_PASTE_REFUSED,
        KIND_PASTE_OBSERVED, /* would have been refused in enforce mode */
        KIND_PASTE_STORM,    /* many, counted together */
        KIND_MAX,
        KIND_INVALID = -22,
};

struct kind_info {
        const char *name;
        const char *message_id; /* 32 hex digits */
        int priority;           /* syslog(3) */
        int severity;           /* OCSF severity_id: 1 informational, 2 low, 3 medium, 4 high */
        int audit_type;         /* of linux/audit.h and libaudit.h */
        int result;             /* for libaudit: 1 success, 0 failure */
};

extern const struct kind_info audit_kinds[KIND_MAX];

enum audit_kind audit_kind_from_name(const char *name); /* NULL allowed; KIND_INVALID if unknown */
