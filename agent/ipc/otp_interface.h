/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verifier's Varlink interface by name, for its server and its clients (pam_module, ctl). The interface itself is
 * pam_module/org.sekisho.Otp.varlink. */
#pragma once

#define OTP_SOCKET         "run/sekisho/otp.sock" /* below the root */
#define OTP_INTERFACE_NAME "org.sekisho.Otp"
#define OTP_USER           "sekisho-otp"

/* Names inside the interface, for the server's table. */
#define OTP_CHALLENGE "Challenge"
#define OTP_VERIFY    "Verify"
#define OTP_ACCOUNT   "Account"
#define OTP_SESSION   "Session"
#define OTP_ENROLL    "Enroll"
#define OTP_CONFIRM   "Confirm"
#define OTP_CODES     "Codes"
#define OTP_RESET     "Reset"
#define OTP_UNLOCK    "Unlock"
#define OTP_LIST      "List"
#define OTP_GRANT     "Grant"
#define OTP_STATUS    "Status"

/* Full names, for ipc_client_call() and for errors. */
#define OTP_METHOD(name)           OTP_INTERFACE_NAME "." name
#define OTP_ERROR_UNKNOWN_USER     OTP_INTERFACE_NAME ".UnknownUser"
#define OTP_ERROR_NOT_ENROLLED     OTP_INTERFACE_NAME ".NotEnrolled"
#define OTP_ERROR_ALREADY_ENROLLED OTP_INTERFACE_NAME ".AlreadyEnrolled"
#define OTP_ERROR_NOT_PENDING      OTP_INTERFACE_NAME ".NotPending"
#define OTP_ERROR_WRONG_CODE       OTP_INTERFACE_NAME ".WrongCode"
#define OTP_ERROR_NOT_PERMITTED    OTP_INTERFACE_NAME ".NotPermitted"
#define OTP_ERROR_DAMAGED          OTP_INTERFACE_NAME ".Damaged"
#define OTP_ERROR_NOT_STORED       OTP_INTERFACE_NAME ".NotStored"
#define OTP_ERROR_GRANT_REFUSED    OTP_INTERFACE_NAME ".GrantRefused"
