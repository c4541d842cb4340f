/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Receipts of whoever collects the record, and what may be deleted since they came.
 *
 * Owned by agent.c and its helpers. Below the root, in var/lib/sekisho/record: receipt.yaml and receipt.yaml.sig, the
 * newest one that was accepted for the agent's log, receipt-otp.yaml and its signatures for that of the verifier. The
 * signatures are asked about again before anything is deleted. The verifier, whose log the agent does not read, finds
 * the number and the hash in AUDIT_OTP_RECEIPT, compares them itself, and deletes by itself.
 */
#pragma once

#include "agent.h"

enum receipt_refusal {
        RECEIPT_OK = 0,
        RECEIPT_PROBLEMS = 1,
        RECEIPT_SIGNATURES, /* they do not suffice, or there is nobody whose would */
        RECEIPT_FLEET,
        RECEIPT_TARGET,
        RECEIPT_LOG, /* of a log that no terminal has */
        RECEIPT_IN_FUTURE,
        RECEIPT_HEAD, /* the agent's record has no such line */
        RECEIPT_OLD,  /* one that says as much was accepted */
        RECEIPT_NOT_STORED,
        RECEIPT_REFUSAL_MAX,
};
const char *receipt_refusal_name(int refusal); /* as in org.sekisho.Agent: "problems" */

/* 0; a positive enum receipt_refusal; -ENOMEM. What became of it is in the record. */
int agent_install_receipt(struct agent *a, const struct submission *s, struct problems *problems,
                          struct trust_check *ret);
/* Now and then: deletes what may go. */
void agent_retain_record(struct agent *a);
