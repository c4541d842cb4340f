# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of sekishoctl for fish.

function __sekishoctl_words
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        string match -q -- '-*' $word; or echo $word
    end
end

function __sekishoctl_at
    set -l words (__sekishoctl_words)
    test "$words" = "$argv"
end

function __sekishoctl_in
    set -l words (__sekishoctl_words)
    test "$words[1..2]" = "$argv"
end

complete -c sekishoctl -f
complete -c sekishoctl -l json -d 'answer in JSON'
complete -c sekishoctl -l root -r -a '(__fish_complete_directories)' -d 'look at the machine below a directory'
complete -c sekishoctl -s h -l help -d 'show help'
complete -c sekishoctl -l version -d 'show the version'

for at in '' help
    complete -c sekishoctl -n "__sekishoctl_at $at" -a status -d 'whether this terminal is guarded'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a devices -d 'what is plugged in, and what was decided'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a watch -d 'decisions as they are made'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a policy -d 'policies'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a network -d 'what the network rules do'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a sign -d 'add a signature to a document'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a verify -d 'who signed a document'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a trust -d 'whose signatures are accepted'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a permit -d 'exceptions, with ticket and return'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a fleet -d 'the records of many terminals'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a media -d 'the media register'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a otp -d 'second factors'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a login -d 'the second factor at login'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a remote -d 'clipboards and folders of remote desktops'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a screen -d 'screen lockers'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a audit -d 'the record'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a inspect -d 'self-inspection'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a digest -d 'one month of the record on one page'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a evidence -d 'what happened in a span, with its proof'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a scan -d 'find My Numbers in files and folders'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a help -d 'help, or that of a verb'
    complete -c sekishoctl -n "__sekishoctl_at $at" -a version -d 'the version'
end

complete -c sekishoctl -n '__sekishoctl_at devices' -l rule -x -d 'print the rule that would list a device'
complete -c sekishoctl -n '__sekishoctl_at policy' -a check -d 'find all mistakes in a policy file'
complete -c sekishoctl -n '__sekishoctl_at policy' -a explain -d 'which rule decides, and why'
complete -c sekishoctl -n '__sekishoctl_at policy' -a diff -d 'differences in meaning'
complete -c sekishoctl -n '__sekishoctl_at policy' -a replay -d 'what a policy would have decided about the record'
complete -c sekishoctl -n '__sekishoctl_at policy' -a schema -d 'JSON Schema of the policy language'
complete -c sekishoctl -n '__sekishoctl_at policy' -a show -d 'the policy that is in force'
complete -c sekishoctl -n '__sekishoctl_at policy' -a install -d 'check a policy and put it in force'
complete -c sekishoctl -n '__sekishoctl_at policy' -a confirm -d 'keep the policy that is on trial'
complete -c sekishoctl -n '__sekishoctl_at policy' -a history -d 'documents that came, accepted and refused'
complete -c sekishoctl -n '__sekishoctl_in policy install' -l for -x -d 'on trial, for so long'
complete -c sekishoctl -n '__sekishoctl_in policy history' -l since -x -d 'only since then'
complete -c sekishoctl -n '__sekishoctl_in policy replay' -l since -x -d 'only since then'
for verb in check explain diff replay install
    complete -c sekishoctl -n "__sekishoctl_in policy $verb" -F
end
complete -c sekishoctl -n '__sekishoctl_in policy explain' -l device -rF -d 'a device, described in a file'
complete -c sekishoctl -n '__sekishoctl_in policy explain' -l connect -x -d 'a connection: tcp:10.0.0.1:443'
complete -c sekishoctl -n '__sekishoctl_in policy explain' -l paste -x -d 'a paste: FROM:TO'
complete -c sekishoctl -n '__sekishoctl_in policy explain' -l login -x -d 'a login: USER:SERVICE'
complete -c sekishoctl -n '__sekishoctl_in policy explain' -l next-hop -x -d 'hardware address of the next hop'
complete -c sekishoctl -n '__sekishoctl_in policy explain' -l interface -x -d 'the interface'
complete -c sekishoctl -n '__sekishoctl_in policy explain' -l at -x -d 'as of this moment'

complete -c sekishoctl -n '__sekishoctl_at network' -a check -d 'compare what is loaded with the policy'
complete -c sekishoctl -n '__sekishoctl_in network check' -F
complete -c sekishoctl -n '__sekishoctl_at network' -a learn -d 'propose rules from what was observed'
complete -c sekishoctl -n '__sekishoctl_in network learn' -l since -x -d 'only since then'
complete -c sekishoctl -n '__sekishoctl_in network learn' -l blocked -d 'also from what was held back'

for verb in scan sign verify
    complete -c sekishoctl -n "__sekishoctl_at $verb" -F
end
complete -c sekishoctl -n '__sekishoctl_at sign' -s k -l key -rF -d 'the key'
complete -c sekishoctl -n '__sekishoctl_at scan' -l min-score -x -d 'only what scores at least as much'
complete -c sekishoctl -n '__sekishoctl_at scan' -s x -l one-file-system -d 'stay on the file system of each path'
complete -c sekishoctl -n '__sekishoctl_at verify' -l trust -rF -d 'the trust document'

complete -c sekishoctl -n '__sekishoctl_at trust' -a init -d 'install the first trust document'
complete -c sekishoctl -n '__sekishoctl_at trust' -a show -d 'whose signatures this terminal accepts'
complete -c sekishoctl -n '__sekishoctl_at trust' -a rotate -d 'install the next trust documents'
for verb in init rotate
    complete -c sekishoctl -n "__sekishoctl_in trust $verb" -F
end

complete -c sekishoctl -n '__sekishoctl_at permit' -a new -d 'write a permit for a medium'
complete -c sekishoctl -n '__sekishoctl_at permit' -a install -d 'hand a signed permit to this terminal'
complete -c sekishoctl -n '__sekishoctl_at permit' -a activate -d 'open a sealed permit with its code'
complete -c sekishoctl -n '__sekishoctl_at permit' -a list -d 'permits on this terminal'
complete -c sekishoctl -n '__sekishoctl_at permit' -a close -d 'confirm the return of a medium'
complete -c sekishoctl -n '__sekishoctl_at permit' -a schema -d 'JSON Schema of permits'
complete -c sekishoctl -n '__sekishoctl_in permit install' -F
complete -c sekishoctl -n '__sekishoctl_in permit new' -l ticket -x -d 'number of the application'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l applicant -x -d 'who asks for it'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l approver -x -d 'who approves it'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l purpose -x -d 'what it is for'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l user -x -d 'who may use it'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l duration -x -d 'open for how long'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l max-bytes -x -d 'how much at most'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l return-within -x -d 'when the medium must be back'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l terminal -x -d 'the terminal'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l fleet -x -d 'its fleet'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l id -x -d 'what it is called'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l device -rF -d 'number, port, or a file'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l end -x -a '7d 30d fiscal-year' -d 'when it ends'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l write -d 'to write too'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l plaintext -d 'on volumes that are not encrypted too'
complete -c sekishoctl -n '__sekishoctl_in permit new' -l phone -d 'opens with a code only'
complete -c sekishoctl -n '__sekishoctl_in permit new' -s o -l output -rF -d 'where to write it'
complete -c sekishoctl -n '__sekishoctl_in permit list' -l open -d 'that may open something'
complete -c sekishoctl -n '__sekishoctl_in permit list' -l used -d 'whose medium is not back'
complete -c sekishoctl -n '__sekishoctl_in permit list' -l overdue -d 'whose medium should be back'
complete -c sekishoctl -n '__sekishoctl_in permit close' -l returned -d 'the medium is back'
complete -c sekishoctl -n '__sekishoctl_in permit close' -l erased -d 'what was on it is erased'
complete -c sekishoctl -n '__sekishoctl_in permit close' -l by -x -d 'who confirms it'
complete -c sekishoctl -n '__sekishoctl_at fleet' -a report -d 'one view over collected records'
complete -c sekishoctl -n '__sekishoctl_in fleet report' -F
complete -c sekishoctl -n '__sekishoctl_in fleet report' -l format -xa 'table csv json html' -d 'how to say it'
complete -c sekishoctl -n '__sekishoctl_in fleet report' -l stale -x -d 'not seen since then is not seen lately'
complete -c sekishoctl -n '__sekishoctl_at media' -a export -d 'the media register as CSV'
complete -c sekishoctl -n '__sekishoctl_in media export' -F
complete -c sekishoctl -n '__sekishoctl_in media export' -l since -x -d 'only since then'
complete -c sekishoctl -n '__sekishoctl_at login' -a check -d 'which factors each way into this machine demands'

complete -c sekishoctl -n '__sekishoctl_at otp' -a enroll -d 'enrol a second factor'
complete -c sekishoctl -n '__sekishoctl_at otp' -a list -d 'who has a second factor'
complete -c sekishoctl -n '__sekishoctl_at otp' -a codes -d 'ten new recovery codes'
complete -c sekishoctl -n '__sekishoctl_at otp' -a unlock -d 'end a lock-out'
complete -c sekishoctl -n '__sekishoctl_at otp' -a reset -d 'take a second factor away'
complete -c sekishoctl -n '__sekishoctl_at otp' -a grant -d 'write a grant for one login without the token'
complete -c sekishoctl -n '__sekishoctl_at otp' -a install -d 'put a signed grant in force'
for verb in enroll codes unlock reset grant
    complete -c sekishoctl -n "__sekishoctl_in otp $verb" -a '(__fish_complete_users)'
end
for verb in grant install
    complete -c sekishoctl -n "__sekishoctl_in otp $verb" -F
end
complete -c sekishoctl -n '__sekishoctl_in otp enroll' -l csv -rF -d 'a box of hardware tokens'
complete -c sekishoctl -n '__sekishoctl_in otp enroll' -l replace -d 'in place of what is enrolled'
complete -c sekishoctl -n '__sekishoctl_in otp enroll' -l token -d 'ask for the secret of a hardware token'
complete -c sekishoctl -n '__sekishoctl_in otp enroll' -l digits -x -a '6 7 8' -d 'digits of a code'
complete -c sekishoctl -n '__sekishoctl_in otp enroll' -l period -x -d 'how many seconds a code lasts'
complete -c sekishoctl -n '__sekishoctl_in otp enroll' -l algorithm -x -a 'sha1 sha256 sha512' -d 'hash of the code'
complete -c sekishoctl -n '__sekishoctl_in otp list' -l missing -d 'only accounts that have none'
complete -c sekishoctl -n '__sekishoctl_in otp grant' -l reason -x -d 'why'
complete -c sekishoctl -n '__sekishoctl_in otp grant' -l approver -x -d 'who approved it'
complete -c sekishoctl -n '__sekishoctl_in otp grant' -l terminal -x -d 'machine id of the terminal'
complete -c sekishoctl -n '__sekishoctl_in otp grant' -l fleet -x -d 'its fleet'
complete -c sekishoctl -n '__sekishoctl_in otp grant' -l valid -x -d 'how long'

complete -c sekishoctl -n '__sekishoctl_at login' -a enable -d 'switch the second factor on for all logins'
complete -c sekishoctl -n '__sekishoctl_at login' -a disable -d 'switch it off again'
complete -c sekishoctl -n '__sekishoctl_at screen' -a check -d 'whether a screen locker is installed on which screen-lock can rest'
complete -c sekishoctl -n '__sekishoctl_at remote' -a check -d 'whether remote desktops carry the clipboard or files along'
complete -c sekishoctl -n '__sekishoctl_at remote' -a close -d 'shut the clipboards and folders of remote desktops'
complete -c sekishoctl -n '__sekishoctl_at remote' -a reopen -d 'take back what remote close did'
complete -c sekishoctl -n '__sekishoctl_in login enable' -l admin -x -a '(__fish_complete_users)' -d 'who gives the code'

complete -c sekishoctl -n '__sekishoctl_at audit' -a tail -d 'the newest records'
complete -c sekishoctl -n '__sekishoctl_at audit' -a show -d 'records of a period, or one of them'
complete -c sekishoctl -n '__sekishoctl_at audit' -a verify -d 'whether a record is whole and unaltered'
complete -c sekishoctl -n '__sekishoctl_in audit verify' -F
complete -c sekishoctl -n '__sekishoctl_in audit verify' -s k -l key -r -F -d 'public keys that were copied at enrolment'
complete -c sekishoctl -n '__sekishoctl_in audit verify' -l head -r -F -d 'known from elsewhere'
complete -c sekishoctl -n '__sekishoctl_at audit' -a export -d 'the record, with a signed manifest'
complete -c sekishoctl -n '__sekishoctl_in audit export' -F
complete -c sekishoctl -n '__sekishoctl_in audit export' -l seal -r -F -d 'to this key'
complete -c sekishoctl -n '__sekishoctl_at audit' -a open -d 'open an export that was sealed'
complete -c sekishoctl -n '__sekishoctl_in audit open' -F
complete -c sekishoctl -n '__sekishoctl_in audit open' -s k -l key -r -F -d 'private key'
complete -c sekishoctl -n '__sekishoctl_at audit' -a receipt -d 'hand over the receipt of whoever collects the record'
complete -c sekishoctl -n '__sekishoctl_in audit receipt' -F
complete -c sekishoctl -n '__sekishoctl_at audit' -a key -d 'first public keys, to be copied at enrolment'
complete -c sekishoctl -n '__sekishoctl_in audit tail' -s n -l lines -x -d 'number of records'
complete -c sekishoctl -n '__sekishoctl_in audit tail' -s f -l follow -d 'go on with new records'
complete -c sekishoctl -n '__sekishoctl_in audit show' -l since -x -d 'only since then'
complete -c sekishoctl -n '__sekishoctl_in audit show' -l seq -x -d 'only the record with this number'
complete -c sekishoctl -n '__sekishoctl_in audit show' -l log -x -a 'agent otp' -d 'only this log'
complete -c sekishoctl -n '__sekishoctl_at inspect' -l format -x -a 'html json csv' -d 'form of the report'
complete -c sekishoctl -n '__sekishoctl_at digest' -l month -x -d 'the month'
complete -c sekishoctl -n '__sekishoctl_at digest' -l format -x -a 'html json' -d 'form of the report'
complete -c sekishoctl -n '__sekishoctl_at evidence' -l from -x -d 'the first day'
complete -c sekishoctl -n '__sekishoctl_at evidence' -l to -x -d 'the last day'
complete -c sekishoctl -n '__sekishoctl_at evidence' -s o -l output -r -F -d 'folder, or file.tar'
complete -c sekishoctl -n '__sekishoctl_at evidence' -s k -l key -r -F -d 'sign it with this key'
