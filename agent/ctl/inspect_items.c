/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The items. Clauses are those of the city's basic policy of information security (大村市情報セキュリティ基本方針), as
 * revised on 2026-03-19. An item is added by a line here and a probe. */
#include "inspect.h"

#define ONE_OF_THREE "6(3)ア" /* no way to other domains, nothing taken out of the terminal, several factors */
#define TECHNICAL    "6(6)"
#define OPERATION    "6(7)"
#define OUTSIDERS    "6(8)"
#define PHYSICAL     "6(4)"
#define PEOPLE       "6(5)"
#define ASSETS       "6(2)"
#define REVIEW       "6(9), 7"

const struct item items[] = {
        { "guard-active", N_("The guard runs and holds what the policy says"), ONE_OF_THREE, PART_MEDIA, probe_guard },
        { "kernel-agrees", N_("What the kernel has opened is what was decided"), ONE_OF_THREE, PART_MEDIA,
          probe_kernel },
        { "doors-at-boot", N_("Ports and buses are shut from power-on, before anybody logs in"), ONE_OF_THREE,
          PART_MEDIA, probe_doors },
        { "devices-denied", N_("Devices that are not listed were all kept out"), ONE_OF_THREE, PART_MEDIA,
          probe_denied },
        { "standing-rules", N_("No rule opens media without an end, or unencrypted for writing"), ONE_OF_THREE,
          PART_MEDIA, probe_rules },
        { "exceptions", N_("Every exception that is open is within its time"), ONE_OF_THREE, PART_MEDIA,
          probe_exceptions },
        { "media-returned", N_("Media that were lent are back in time"), ASSETS, PART_MEDIA, probe_returned },
        { "copies-permitted", N_("Nothing was copied to media without a permit"), ONE_OF_THREE, PART_MEDIA,
          probe_copies },
        { "bulk", N_("Nothing was copied in bulk or outside office hours"), OPERATION, PART_MEDIA, probe_bulk },

        { "second-factor", N_("The second factor is switched on and demanded"), ONE_OF_THREE, PART_LOGIN,
          probe_second_factor },
        { "login-paths", N_("Every way to log in demands two factors"), ONE_OF_THREE, PART_LOGIN, probe_logins },
        { "enrolled", N_("Every account that can log in has a second factor"), ONE_OF_THREE, PART_LOGIN,
          probe_enrolled },
        { "shared", N_("No account and no secret is shared"), TECHNICAL, PART_LOGIN, probe_shared },
        { "sleeping", N_("No account sleeps unused"), TECHNICAL, PART_LOGIN, probe_sleeping },
        { "emergency", N_("Emergency ways in were not used, or were followed up"), TECHNICAL, PART_LOGIN,
          probe_emergency },
        { "lock-outs", N_("Nobody is locked out after wrong codes"), TECHNICAL, PART_LOGIN, probe_lockouts },
        { "escort", N_("Vendors logged in with an escort only"), OUTSIDERS, PART_LOGIN, probe_escort },
        { "out-of-hours", N_("Nobody logged in outside office hours"), OPERATION, PART_LOGIN, probe_out_of_hours },

        { "network-rules", N_("The network rules that are loaded are what the policy says"), ONE_OF_THREE, PART_NETWORK,
          probe_rules_loaded },
        { "interfaces", N_("Interfaces that are not listed, and radios, are off"), ONE_OF_THREE, PART_NETWORK,
          probe_interfaces },
        { "next-hops", N_("Next hops have the MAC addresses that the policy lists"), ONE_OF_THREE, PART_NETWORK,
          probe_next_hops },
        { "paths", N_("Nothing went along paths that are not listed"), ONE_OF_THREE, PART_NETWORK, probe_paths },

        { "clipboard", N_("The clipboard is held between zones"), ONE_OF_THREE, PART_SCREEN, probe_clipboard },
        { "screen-lock", N_("Screens lock when nobody is there"), TECHNICAL, PART_SCREEN, probe_screen_lock },
        { "remote-desktop", N_("Remote desktops carry no clipboard and no drives"), ONE_OF_THREE, PART_SCREEN,
          probe_remote_desktop },

        { "chain", N_("The record is whole and unaltered"), OPERATION, PART_RECORD, probe_chain },
        { "copy-elsewhere", N_("A copy of the record is kept elsewhere"), OPERATION, PART_RECORD, probe_elsewhere },
        { "retention", N_("Records are kept as long as the policy says, and there is room"), OPERATION, PART_RECORD,
          probe_retention },
        { "clock", N_("The clock is right"), OPERATION, PART_RECORD, probe_clock },
        { "stops", N_("The agent was not stopped while the terminal ran"), OPERATION, PART_RECORD, probe_stops },
        { "policy", N_("The policy in force is the one that was signed and accepted"), TECHNICAL, PART_RECORD,
          probe_policy },

        { "packages", N_("Only software of the baseline is installed"), TECHNICAL, PART_MACHINE, probe_packages },
        { "malware", N_("A malware scanner runs and its patterns are new"), TECHNICAL, PART_MACHINE, probe_scanner },
        { "updates", N_("Updates are installed"), TECHNICAL, PART_MACHINE, probe_updates },
        { "disk-encryption", N_("The disks are encrypted"), PHYSICAL, PART_MACHINE, probe_disk },
        { "secure-boot", N_("Only signed systems start"), PHYSICAL, PART_MACHINE, probe_boot },

        { "p-firmware", N_("The firmware has a password, and starts from the inner disk only"), PHYSICAL, PART_MAX,
          NULL },
        { "p-theft", N_("The terminal is secured against theft"), PHYSICAL, PART_MAX, NULL },
        { "p-paper", N_("Prints and notes are not left lying; nobody photographs screens"), PEOPLE, PART_MAX, NULL },
        { "p-media", N_("Media that came back were looked at: erased, and locked away"), ASSETS, PART_MAX, NULL },
        { "p-tickets", N_("Each exception has its application with an approver's seal"), OPERATION, PART_MAX, NULL },
        { "p-accounts", N_("The accounts agree with the list of staff"), TECHNICAL, PART_MAX, NULL },
        { "p-training", N_("Staff were trained this year"), PEOPLE, PART_MAX, NULL },
        { "p-contract", N_("The contract with the vendor names its duties of security"), OUTSIDERS, PART_MAX, NULL },
        { "p-emergency", N_("Everybody knows whom to call in an emergency"), OPERATION, PART_MAX, NULL },
        { "p-review", N_("What the last inspection found was put right"), REVIEW, PART_MAX, NULL },
        { 0 },
};

const char *part_text(enum part p) {
        static const char *const texts[PART_MAX] = {
                [PART_MEDIA] = N_("Taking data out"),    [PART_LOGIN] = N_("Logging in"),
                [PART_NETWORK] = N_("Network"),          [PART_SCREEN] = N_("Screen and clipboard"),
                [PART_RECORD] = N_("Record and policy"), [PART_MACHINE] = N_("The terminal itself"),
        };
        return (unsigned) p < PART_MAX ? _(texts[p]) : "";
}

static const struct {
        const char *name, *text;
} fits[FIT_MAX] = {
        [FIT_NO] = { "no", N_("unfit") },
        [FIT_UNKNOWN] = { "unknown", N_("cannot tell") },
        [FIT_YES] = { "yes", N_("fit") },
        [FIT_NONE] = { "none", N_("does not apply") },
};

const char *fit_name(enum fit f) {
        return (unsigned) f < FIT_MAX ? fits[f].name : "";
}

const char *fit_text(enum fit f) {
        return (unsigned) f < FIT_MAX ? _(fits[f].text) : "";
}
