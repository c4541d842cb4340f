/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "findings.h"

#include <string.h>

#include "screen.h"
#include "talk.h"

static const struct {
        const char *code, *sentence;
} sentences[] = {
        { "no-valid-policy", N_("No valid policy: everything is shut but keyboards. Install a policy.") },
        { "policy-last-good",
          N_("The policy file is damaged; the last good copy is in force. Install the policy again.") },
        { "policy-file-changed",
          N_("The policy file was changed without being installed; the accepted one is in force.") },
        { "policy-state-damaged", N_("It cannot be told which policy was accepted last. Install the policy again.") },
        { "image-restored",
          N_("An older disk image was put back: exceptions are suspended until a policy with a greater serial, "
             "or the next trust document, is installed.") },
        { "tpm-counter-lost",
          N_("The counter in the TPM is gone or behind: the TPM was cleared or exchanged. It counts anew from "
             "the next policy or trust document on.") },
        { "tpm-counter-unreadable", N_("The TPM does not answer: an older disk image would not be noticed.") },
        { "tpm-counter-unset", N_("The counter in the TPM counts from the next policy or trust document on.") },
        { "trust-damaged",
          N_("A trust document on this terminal is damaged. What was in force before it holds; install it again.") },
        { "policy-expired",
          N_("The policy has expired; rules that allow exceptions are suspended. Install a new one.") },
        { "policy-not-applied", N_("A new policy could not be applied; the one before it is in force.") },
        { "policy-on-trial", N_("A policy is on trial; the one before it comes back at the time given, unless: "
                                "sekishoctl policy confirm") },
        { "inbox-unusable",
          N_("Signed documents in /var/lib/sekisho/inbox are not taken: others may write there, or it cannot be "
             "watched.") },
        { "clock-suspect", N_("The clock is behind a time that has already passed. Set the clock.") },
        { "record-failing", N_("The record cannot be written (disk full?). Nothing new is opened until it can.") },
        { "record-torn",
          N_("The last line of the record was incomplete after a crash; it was mended and kept aside.") },
        { "record-damaged",
          N_("The record was damaged; the old file was kept aside and a new one begun. Look into it.") },
        { "record-unsigned", N_("The record has no anchors: its key cannot be used. Look into it.") },
        { "record-key-lost",
          N_("The key that signs the record was gone; another one was made. Look into it, and copy the new one.") },
        { "disk-full",
          N_("The disk is full. Records go into the reserve; permits, and policies that open more, are refused. Make "
             "room.") },
        { "no-reserve", N_("There is no room for the record's reserve.") },
        { "sink-failing", N_("A collector does not take records; they are in the file all the same.") },
        { "buses-open-by-default",
          N_("A bus gives new devices their drivers by itself, although it was told not to.") },
        { "ports-open-by-default", N_("A USB controller opens new devices by default, although it was told not to.") },
        { "guard-failed", N_("A guard could not start or cannot look at its devices.") },
        { "no-events", N_("The kernel's device events cannot be received; devices are looked at now and then only.") },
        { "events-lost", N_("Some device events were lost; everything was looked at again.") },
        { "facts-unreadable", N_("A device could not be read; it stays shut.") },
        { "second-reader-failed", N_("A device could be read in one of two ways only; that reading decided.") },
        { "worker-stuck", N_("The kernel does not answer for a device; it stays as it is.") },
        { "worker-died", N_("A helper process ended and was replaced.") },
        { "workers-exhausted", N_("Too many devices do not answer; new ones stay shut. Restart the terminal.") },
        { "effect-differs", N_("A device is not in the state that was decided.") },
        { "drift", N_("Another program changed the state of a device; it was set right.") },
        { "rule-not-held", N_("A rule opens under a condition that cannot be held for this device; it stays shut.") },
        { "keyboard-waits",
          N_("A keyboard was connected while a screen was open and could not be locked. It works once "
             "the screen is locked, nobody is logged in, or no other keyboard is left.") },
        { "keyboards-fallback",
          N_("The terminal was started with the keyboards that were connected, whatever the policy lists.") },
        { "transfer-unwatched",
          N_("What is written to permitted media is not recorded at the moment (is sekisho-transferd running?).") },
        { "transfers-lost",
          N_("Something that was written to a medium could not be recorded; the gap is in the record.") },
        { "permit-overdue",
          N_("A medium has not come back in time. Confirm its return with: sekishoctl permit close") },
        { "permits-damaged", N_("A permit on this terminal is damaged, and opens nothing. Ask for a new one.") },
        { "permit-not-stored", N_("What became of a permit could not be written (disk full?).") },
        { "network-unguarded",
          N_("The network guard does not answer (is sekisho-netd running?). The rules that it loaded last stay.") },
        { "network-not-loaded", N_("Network rules could not be loaded; those before them are in force.") },
        { "network-tampered", N_("Another program changed the network rules; they were set right.") },
        { "network-events-lost", N_("Some network events were lost; everything was looked at again.") },
        { "network-state-not-kept",
          N_("It could not be kept that the network is to be closed when the terminal starts (disk full?).") },
        { "interface-refused", N_("A network interface that is not listed was turned off.") },
        { "interface-not-held", N_("A network interface could not be turned off or guarded.") },
        { "netlog-unwatched",
          N_("What the network rules hold back is not recorded at the moment (is sekisho-netlogd running?).") },
        { "session-unguarded", N_("A graphical session has no guard of its clipboard (is sekisho-session running?).") },
        { "screen-stays-open",
          N_("A screen did not lock, though nobody is there. Is a screen locker installed and switched on?") },
        { "no-memory", N_("Memory ran out; what could not be judged stays shut.") },
        { "break-glass", N_("Somebody logged in by the way for emergencies. Ask who, and why.") },
        { "verifier-down", N_("The verifier of second factors does not answer; whoever needs a code cannot log in.") },
        { "login-off",
          N_("The policy demands a second factor, and nothing asks for it: sekishoctl login enable switches it on.") },
        { "damaged", N_("The second factors cannot be read; whoever needs a code cannot log in.") },
        { "record", N_("Logins cannot be recorded (disk full?).") },
        { "policy", N_("The verifier of second factors does not find the policy that was accepted.") },
        { "observe-mode", N_("Observe mode: everything is recorded, nothing is blocked.") },
};

const char *findings_sentence(const char *code) {
        for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
                if (strcmp(sentences[i].code, code) == 0)
                        return _(sentences[i].sentence);
        return NULL;
}

static bool is_short(const json_t *finding) {
        return strcmp(talk_string(finding, "severity"), "short") == 0;
}

void findings_print(const json_t *findings) {
        size_t n;
        json_t *finding;
        if (json_array_size(findings) == 0)
                printf("  %s\n", _("nothing"));
        json_array_foreach(findings, n, finding) {
                const char *code = talk_string(finding, "code"), *detail = talk_string(finding, "detail");
                const char *sentence = findings_sentence(code);
                fputs(is_short(finding) ? "  ! " : "  - ", stdout);
                screen_put(is_short(finding) ? TONE_BAD : TONE_NOTE, sentence ? sentence : code);
                if (*detail) {
                        fputs(" (", stdout);
                        screen_put(TONE_PLAIN, detail);
                        fputs(")", stdout);
                }
                putchar('\n');
        }
}

bool findings_fall_short(const json_t *findings) {
        size_t n;
        json_t *finding;
        json_array_foreach(findings, n, finding) if (is_short(finding)) return true;
        return false;
}
