/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's Varlink interface by name, for its server (agent.c) and its clients (ctl, session, the PAM module).
 * The interface itself is org.sekisho.Agent.varlink; ipc_agent_description holds that file's bytes. */
#pragma once

#define AGENT_SOCKET_DIRECTORY "run/sekisho"
#define AGENT_SOCKET           "run/sekisho/agent.sock" /* below the root */
#define AGENT_AUDITOR_GROUP    "sekisho-audit"

#define AGENT_INTERFACE_NAME   "org.sekisho.Agent"

/* Names inside the interface, for the server's table. */
#define AGENT_GET_STATUS      "GetStatus"
#define AGENT_LIST_DEVICES    "ListDevices"
#define AGENT_WATCH           "Watch"
#define AGENT_GET_POLICY      "GetPolicy"
#define AGENT_INSTALL_POLICY  "InstallPolicy"
#define AGENT_CONFIRM_POLICY  "ConfirmPolicy"
#define AGENT_GET_TRUST       "GetTrust"
#define AGENT_INSTALL_TRUST   "InstallTrust"
#define AGENT_LIST_PERMITS    "ListPermits"
#define AGENT_INSTALL_PERMIT  "InstallPermit"
#define AGENT_ACTIVATE_PERMIT "ActivatePermit"
#define AGENT_CLOSE_PERMIT    "ClosePermit"
#define AGENT_JOIN_SESSION    "JoinSession"
#define AGENT_SESSION_ALIVE   "SessionAlive"
#define AGENT_REPORT_PASTE    "ReportPaste"
#define AGENT_WATCH_OWN       "WatchOwn"
#define AGENT_REPORT_IDLE     "ReportIdle"
#define AGENT_INSTALL_RECEIPT "InstallReceipt"
#define AGENT_SIGN_EXPORT     "SignExport"

/* Full names, for ipc_client_call() and for errors. */
#define AGENT_METHOD(name)          AGENT_INTERFACE_NAME "." name
#define AGENT_ERROR_POLICY_REFUSED  AGENT_INTERFACE_NAME ".PolicyRefused"
#define AGENT_ERROR_TRUST_REFUSED   AGENT_INTERFACE_NAME ".TrustRefused"
#define AGENT_ERROR_PERMIT_REFUSED  AGENT_INTERFACE_NAME ".PermitRefused"
#define AGENT_ERROR_RECEIPT_REFUSED AGENT_INTERFACE_NAME ".ReceiptRefused"
#define AGENT_ERROR_NO_KEY          AGENT_INTERFACE_NAME ".NoKey"

extern const char ipc_agent_description[]; /* NUL-terminated Varlink IDL */
