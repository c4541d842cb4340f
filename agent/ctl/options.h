/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Positions of the options of each verb in invocation.values. Private to agent/ctl. */
#pragma once

#include "ctl.h"

enum { EXPLAIN_DEVICE, EXPLAIN_CONNECT, EXPLAIN_PASTE, EXPLAIN_LOGIN, EXPLAIN_NEXT_HOP, EXPLAIN_INTERFACE, EXPLAIN_AT };
enum { REPLAY_SINCE };
enum { DEVICES_RULE };
enum { TAIL_LINES, TAIL_FOLLOW };
enum { SHOW_SINCE, SHOW_SEQ, SHOW_LOG };
enum { LEARN_SINCE, LEARN_BLOCKED };
enum { INSTALL_FOR };
enum { HISTORY_SINCE };
enum { SIGN_KEY };
enum { VERIFY_TRUST };
enum {
        NEW_TICKET,
        NEW_APPLICANT,
        NEW_APPROVER,
        NEW_PURPOSE,
        NEW_DEVICE,
        NEW_USER,
        NEW_END,
        NEW_DURATION,
        NEW_WRITE,
        NEW_MAX_BYTES,
        NEW_PLAINTEXT,
        NEW_RETURN,
        NEW_PHONE,
        NEW_TERMINAL,
        NEW_FLEET,
        NEW_ID,
        NEW_OUTPUT
};
enum { LIST_OPEN, LIST_USED, LIST_OVERDUE };
enum { CLOSE_RETURNED, CLOSE_ERASED, CLOSE_BY };
enum { EXPORT_SINCE };
enum { SCAN_MIN_SCORE, SCAN_ONE_FILE_SYSTEM };
enum { ENROLL_CSV, ENROLL_REPLACE, ENROLL_TOKEN, ENROLL_DIGITS, ENROLL_PERIOD, ENROLL_ALGORITHM };
enum { LIST_MISSING };
enum { GRANT_REASON, GRANT_APPROVER, GRANT_TERMINAL, GRANT_FLEET, GRANT_VALID };
enum { LOGIN_ADMIN };
enum { INSPECT_FORMAT };
