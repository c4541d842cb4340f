/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "refusals.h"

#include <stddef.h>
#include <string.h>

#include "talk.h"

static const struct {
        const char *what; /* NULL: any kind of document */
        const char *reason;
        enum outcome outcome;
        const char *text;
} refusals[] = {
        { "policy", "serial", OUTCOME_NO, N_("Its serial number is not above the one that was accepted before.") },
        { "policy", "not-applied", OUTCOME_NO, N_("It could not be applied; the policy before it holds.") },
        { "policy", "not-stored", OUTCOME_NO, N_("It could not be stored; the policy before it holds.") },
        { "policy", "signature-required", OUTCOME_NO, N_("This terminal accepts signed policies only.") },
        { "policy", "no-trial", OUTCOME_NO, N_("No policy is on trial.") },
        { "policy", "nothing-before", OUTCOME_NO,
          N_("It cannot be tried: there is no policy that could come back. Install it without --for.") },
        { "policy", "trial-time", OUTCOME_BAD, N_("A trial lasts at least a minute and at most a day.") },
        { "trust", "version", OUTCOME_NO, N_("It is not the version after the one in force.") },
        { "trust", "signatures", OUTCOME_NO,
          N_("Those who hold the role \"trust\" now have not all signed it, or a version between is missing.") },
        { "trust", "own-signatures", OUTCOME_NO,
          N_("Those to whom it gives the role \"trust\" have not all signed it.") },
        { "trust", "not-stored", OUTCOME_NO, N_("It could not be stored; what was in force before holds.") },
        { "permit", "known", OUTCOME_NO, N_("A permit with this id was taken before; each is used once.") },
        { "permit", "not-stored", OUTCOME_NO, N_("It could not be stored.") },
        { "receipt", "log", OUTCOME_NO, N_("It is of a log that no terminal has; there are 'agent' and 'otp'.") },
        { "receipt", "no-such-record", OUTCOME_NO,
          N_("The record has no such line: the receipt is of another terminal, or the record was changed.") },
        { "receipt", "known", OUTCOME_NO, N_("A receipt that says as much was accepted before.") },
        { "receipt", "not-stored", OUTCOME_NO, N_("It could not be stored.") },
        { NULL, "disk-full", OUTCOME_NO,
          N_("The disk is full, and it would open what is shut. Make room first, then install it again.") },
        { NULL, "problems", OUTCOME_BAD, N_("The agent found mistakes in it.") },
        { NULL, "target", OUTCOME_NO, N_("It is not meant for this terminal.") },
        { NULL, "expired", OUTCOME_NO, N_("It has expired.") },
        { NULL, "issued-in-future", OUTCOME_NO, N_("It was issued in the future; is the clock right?") },
        { NULL, "signatures", OUTCOME_NO, N_("Its signatures do not suffice.") },
        { NULL, "fleet", OUTCOME_NO, N_("It is of another fleet.") },
        { NULL, "no-trust", OUTCOME_NO,
          N_("No trust document is installed on this terminal, so no signature can be checked. Install it first: "
             "sekishoctl trust init") },
        { NULL, "no-signature", OUTCOME_NO,
          N_("There is no signature beside it. Send FILE and FILE.sig, both, with exactly these names.") },
        { NULL, "no-document", OUTCOME_NO,
          N_("Only the signature came, without the file that it belongs to. Send FILE and FILE.sig, both.") },
        { NULL, "unknown-kind", OUTCOME_NO,
          N_("It is not a document of Sekisho, or it did not arrive whole. Its first key must be \"sekisho\", "
             "\"sekisho-trust\", \"sekisho-permit\", \"sekisho-grant\" or \"sekisho-receipt\".") },
        { NULL, "is-link", OUTCOME_NO, N_("It is a symbolic link. Copy the file itself.") },
        { NULL, "not-regular", OUTCOME_NO, N_("It is a folder or a special file, not a file.") },
        { NULL, "too-large", OUTCOME_NO,
          N_("It is too large: 4 MiB for a document, 64 KiB for its signatures, at most.") },
        { NULL, "unreadable", OUTCOME_NO,
          N_("The agent may not read it. Copy it with mode 0644 (chmod 644 FILE FILE.sig).") },
        { NULL, "changing", OUTCOME_NO, N_("It kept changing while it was read. Copy it once more.") },
        { "grant", "verifier-unreachable", OUTCOME_NO,
          N_("The verifier of second factors (sekisho-otpd) does not answer.") },
};

const char *refusal_text(const char *what, const char *reason, enum outcome *ret) {
        for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
                if (strcmp(refusals[i].reason, reason) != 0 ||
                    (refusals[i].what && strcmp(refusals[i].what, what) != 0))
                        continue;
                *ret = refusals[i].outcome;
                return _(refusals[i].text);
        }
        *ret = OUTCOME_NO;
        return NULL;
}

void refusal_complain_signatures(const json_t *details) {
        complain(_("Signed by %lld holders; %lld are needed."), talk_integer(details, "counted"),
                 talk_integer(details, "needed"));
        complain(_("What each signature is worth, and who has not signed yet: sekishoctl verify FILE"));
}
