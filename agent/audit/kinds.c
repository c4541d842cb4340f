/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/kinds.h"

#include <libaudit.h>
#include <string.h>
#include <syslog.h>

#define DEVICE AUDIT_USER_DEVICE
#define CONFIG AUDIT_USYS_CONFIG
#define AUTH   AUDIT_USER_AUTH
#define NET    AUDIT_TRUSTED_APP

const struct kind_info audit_kinds[KIND_MAX] = {
        [KIND_DEVICE_ALLOWED] = { "device-allowed", "d9d5cbf11b88441c8d6b2c6617053c06", LOG_INFO, 1, DEVICE, 1 },
        [KIND_DEVICE_REFUSED] = { "device-refused", "03a48399f56e436a9d3026ea57e6df1e", LOG_WARNING, 3, DEVICE, 0 },
        [KIND_DEVICE_OBSERVED] = { "device-observed", "8aca27aff3e5496a91900f804ee76407", LOG_NOTICE, 2, DEVICE, 1 },
        [KIND_DEVICE_EFFECT] = { "device-effect", "a33a62f0c914411aa501eccf45535a7e", LOG_INFO, 1, DEVICE, 1 },
        [KIND_DEVICE_EFFECT_WRONG] = { "device-effect-wrong", "1b5e6544b27e48cd8a263e6ea8415752", LOG_ERR, 4, DEVICE,
                                       0 },
        [KIND_DEVICE_GONE] = { "device-gone", "0adcc44d4a454e41aac785c71944d098", LOG_INFO, 1, DEVICE, 1 },
        [KIND_DOCUMENT_INSTALLED] = { "document-installed", "2b09d1dc5d3142e6b8b6763f6d343247", LOG_NOTICE, 2, CONFIG,
                                      1 },
        [KIND_DOCUMENT_REFUSED] = { "document-refused", "f6ef304a0b8b42cf869fedca06e35716", LOG_WARNING, 3, CONFIG, 0 },
        [KIND_DOCUMENT_RESTORED] = { "document-restored", "e72e394213744cffb31c671947829206", LOG_WARNING, 3, CONFIG,
                                     1 },
        [KIND_AGENT_START] = { "agent-start", "ec2164116d7e43cd9eb94832144df555", LOG_NOTICE, 1, CONFIG, 1 },
        [KIND_AGENT_STOP] = { "agent-stop", "330802c8322845c28ccac15803814c8d", LOG_NOTICE, 2, CONFIG, 1 },
        [KIND_AGENT_TROUBLE] = { "agent-trouble", "65f10243cb964a4ebca764531a792ecd", LOG_ERR, 4, CONFIG, 0 },
        [KIND_MEDIUM] = { "medium", "ff818433bf3c4b49bfd6bb67dd30ab82", LOG_NOTICE, 2, DEVICE, 1 },
        [KIND_LOGIN_ACCEPTED] = { "login-accepted", "0f984d200ea14e66bc3e37ffbfe7d642", LOG_INFO, 1, AUTH, 1 },
        [KIND_LOGIN_REFUSED] = { "login-refused", "bc7bbd3273d24920a42f784eca74c2b4", LOG_WARNING, 3, AUTH, 0 },
        [KIND_LOGIN_EXEMPT] = { "login-exempt", "4651457d815c41adad9e152fe7cbc49b", LOG_INFO, 1, AUTH, 1 },
        [KIND_LOGIN_BREAK_GLASS] = { "login-break-glass", "15f3342bedc24fc9bb922367ef3df0a2", LOG_ALERT, 4, AUTH, 1 },
        [KIND_LOGIN_OBSERVED] = { "login-observed", "ec8e4ac1cf3045e4b4b3573e02ad53fa", LOG_NOTICE, 2, AUTH, 1 },
        [KIND_LOGIN_SESSION] = { "login-session", "1032432b9b0040dd803a3797930b7d45", LOG_INFO, 1, AUTH, 1 },
        [KIND_FACTOR_ENROLLED] = { "factor-enrolled", "d3196df76a42420a8db617fea3f2984c", LOG_NOTICE, 2, CONFIG, 1 },
        [KIND_FACTOR_REMOVED] = { "factor-removed", "3eee15c088e743abb28d867c2e5f6be9", LOG_WARNING, 3, CONFIG, 1 },
        [KIND_FACTOR_UNLOCKED] = { "factor-unlocked", "06f9465f43d048f7b0cb0163f10f90b3", LOG_NOTICE, 2, CONFIG, 1 },
        [KIND_FACTOR_LOCKED] = { "factor-locked", "f5895b183dca45c892e8be3920c4552d", LOG_WARNING, 3, AUTH, 0 },
        [KIND_LOGIN_TROUBLE] = { "login-trouble", "535d42f0339c4283bf7be11207b193fe", LOG_ERR, 4, AUTH, 0 },
        [KIND_FILE_WRITTEN] = { "file-written", "8b5e66cac6f54313abf7615db61309b2", LOG_INFO, 2, DEVICE, 1 },
        [KIND_FILE_CREATED] = { "file-created", "a93fccfd37bd4750831683684764d4ef", LOG_INFO, 2, DEVICE, 1 },
        [KIND_FILE_RENAMED] = { "file-renamed", "fc2935ce7ad140f7b49bd6316336c542", LOG_INFO, 2, DEVICE, 1 },
        [KIND_FILE_DELETED] = { "file-deleted", "2a87d4f0eff44f1aa0aaec4983a03e7d", LOG_INFO, 2, DEVICE, 1 },
        [KIND_PERMIT_INSTALLED] = { "permit-installed", "c90cdca7f81744d2b8d0f7923256d3ad", LOG_NOTICE, 2, CONFIG, 1 },
        [KIND_PERMIT_ACTIVATED] = { "permit-activated", "96e34a03289d425599b6d0c63993decd", LOG_NOTICE, 2, CONFIG, 1 },
        [KIND_PERMIT_USED] = { "permit-used", "e913b19fa1c44daa9e1aaad02b5ce526", LOG_NOTICE, 2, CONFIG, 1 },
        [KIND_PERMIT_ENDED] = { "permit-ended", "ca896d5c23b74e669c391e9e9cc75bcf", LOG_NOTICE, 2, CONFIG, 1 },
        [KIND_PERMIT_CLOSED] = { "permit-closed", "5fab93dbb4d9475693a8a37cac29a0c0", LOG_NOTICE, 2, CONFIG, 1 },
        [KIND_PERMIT_REFUSED] = { "permit-refused", "ecd444c1258c42959c5e10fcd25bfa8f", LOG_WARNING, 3, CONFIG, 0 },
        [KIND_NETWORK_BLOCKED] = { "network-blocked", "981fc491d53542a49d96c980fcc6a2a7", LOG_WARNING, 3, NET, 0 },
        [KIND_NETWORK_OBSERVED] = { "network-observed", "48a48c6fc9134c0091834afbb306d9d5", LOG_NOTICE, 2, NET, 1 },
        [KIND_NETWORK_STORM] = { "network-storm", "83c2053520ed4bc8bceec29b1d06a988", LOG_ERR, 4, NET, 0 },
        [KIND_RECORD_OPENED] = { "record-opened", "da8841c9393b447ab98c0ffa990e75ca", LOG_NOTICE, 1, CONFIG, 1 },
        [KIND_RECORD_ANCHOR] = { "record-anchor", "86837e4801c64b7b8956cff055a1c849", LOG_INFO, 1, CONFIG, 1 },
        [KIND_RECORD_EXPORTED] = { "record-exported", "535119aa99904ddea09210c5e35cd24e", LOG_NOTICE, 2, CONFIG, 1 },
        [KIND_RECORD_DELETED] = { "record-deleted", "667138b9bb924d36b0b0f4308f46e3e0", LOG_NOTICE, 2, CONFIG, 1 },
        [KIND_PASTE_REFUSED] = { "paste-refused", "f0f27c2510f24896b2383b3318ca1937", LOG_WARNING, 3, NET, 0 },
        [KIND_PASTE_OBSERVED] = { "paste-observed", "a8be0a0ba7254537a4b30ec088705aa1", LOG_NOTICE, 2, NET, 1 },
        [KIND_PASTE_STORM] = { "paste-storm", "1ea10e0e75f94dee822a90b7c2376281", LOG_ERR, 4, NET, 0 },
};

enum audit_kind audit_kind_from_name(const char *name) {
        for (int i = 0; name && i < KIND_MAX; i++)
                if (strcmp(audit_kinds[i].name, name) == 0)
                        return (enum audit_kind) i;
        return KIND_INVALID;
}
