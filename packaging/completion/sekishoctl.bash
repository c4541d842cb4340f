# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of sekishoctl for bash.

_sekishoctl_verbs="status devices watch policy network sign verify trust permit media login remote screen audit scan help version"
_sekishoctl_policy="check explain diff replay schema show install confirm history"
_sekishoctl_network="check learn"
_sekishoctl_trust="init show rotate"
_sekishoctl_permit="new install activate list close schema"
_sekishoctl_media="export"
_sekishoctl_verbs+=" otp"
_sekishoctl_verbs+=" fleet"
_sekishoctl_fleet="report"
_sekishoctl_otp="enroll list codes unlock reset grant install"
_sekishoctl_login="check enable disable"
_sekishoctl_remote="check close reopen"
_sekishoctl_screen="check"
_sekishoctl_audit="tail show verify export open receipt key"
_sekishoctl_verbs+=" inspect digest evidence"
_sekishoctl_common="--json --root --help --version"

_sekishoctl_options() {
    case $1 in
    "devices"*) echo "--rule" ;;
    "policy explain") echo "--device --connect --paste --login --next-hop --interface --at" ;;
    "policy install") echo "--for" ;;
    "fleet report") echo "--format --stale" ;;
    "policy history" | "policy replay") echo "--since" ;;
    "sign"*) echo "--key -k" ;;
    "verify"*) echo "--trust" ;;
    "permit new")
        echo "--ticket --applicant --approver --purpose --device --user --end --duration --write --max-bytes --plaintext" \
            "--return-within --phone --terminal --fleet --id --output -o"
        ;;
    "permit list") echo "--open --used --overdue" ;;
    "permit close") echo "--returned --erased --by" ;;
    "media export") echo "--since" ;;
    "otp enroll") echo "--csv --replace --token --digits --period --algorithm" ;;
    "otp list") echo "--missing" ;;
    "otp grant") echo "--reason --approver --terminal --fleet --valid" ;;
    "login enable") echo "--admin" ;;
    "audit tail") echo "--lines -n --follow -f" ;;
    "network learn") echo "--since --blocked" ;;
    "audit verify") echo "--key -k --head" ;;
    "audit show") echo "--since --seq --log" ;;
    "audit export") echo "--seal" ;;
    "audit open") echo "--key -k" ;;
    "inspect"*) echo "--format" ;;
    "digest"*) echo "--month --format" ;;
    "evidence"*) echo "--from --to --output -o --key -k" ;;
    "scan"*) echo "--min-score --one-file-system -x" ;;
    esac
}

_sekishoctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=() i
    COMPREPLY=()

    # The words so far that are neither options nor their values.
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --format | --stale | --root | --rule | --device | --connect | --paste | --login | --next-hop | --interface | --at | --lines | -n | --since | --seq | --log | \
            --key | -k | --head | --trust | --ticket | --applicant | --approver | --purpose | --user | --end | --duration | --max-bytes | \
            --return-within | --terminal | --fleet | --id | --output | -o | --by | --min-score | --csv | --digits | --period | \
            --algorithm | --reason | --valid | --admin | --for | --format | --month | --from | --to) ((i++)) ;;
        -*) ;;
        *) words+=("${COMP_WORDS[i]}") ;;
        esac
    done

    case $prev in
    --format)
        mapfile -t COMPREPLY < <(compgen -W "table csv json html" -- "$cur")
        return
        ;;
    --stale) return ;;
    --root)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --device | --key | -k | --head | --trust | --output | -o | --csv)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --end)
        mapfile -t COMPREPLY < <(compgen -W "7d 30d fiscal-year" -- "$cur")
        return
        ;;
    --ticket | --applicant | --approver | --purpose | --user | --duration | --max-bytes | --return-within | --terminal | \
        --fleet | --id | --by | --min-score | --digits | --period | --reason | --valid | --for) return ;;
    --rule | --connect | --paste | --login | --next-hop | --interface | --at | --lines | -n | --since | --seq | --log | --for) return ;;
    --format)
        mapfile -t COMPREPLY < <(compgen -W "html json csv" -- "$cur")
        return
        ;;
    --month | --from | --to) return ;;
    --algorithm)
        mapfile -t COMPREPLY < <(compgen -W "sha1 sha256 sha512" -- "$cur")
        return
        ;;
    --admin)
        mapfile -t COMPREPLY < <(compgen -u -- "$cur")
        return
        ;;
    esac

    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_sekishoctl_options "${words[*]:0:2}") $_sekishoctl_common -h" -- "$cur")
        return
    fi
    case ${#words[@]}:${words[0]} in
    0:*) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_verbs" -- "$cur") ;;
    *:scan | 1:sign | 1:verify)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        ;;
    1:policy) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_policy" -- "$cur") ;;
    1:fleet) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_fleet" -- "$cur") ;;
    1:network) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_network" -- "$cur") ;;
    1:trust) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_trust" -- "$cur") ;;
    1:permit) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_permit" -- "$cur") ;;
    1:media) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_media" -- "$cur") ;;
    1:otp) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_otp" -- "$cur") ;;
    1:login) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_login" -- "$cur") ;;
    1:remote) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_remote" -- "$cur") ;;
    1:screen) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_screen" -- "$cur") ;;
    1:audit) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_audit" -- "$cur") ;;
    1:help) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_verbs" -- "$cur") ;;
    2:help)
        case ${words[1]} in
        policy) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_policy" -- "$cur") ;;
        fleet) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_fleet" -- "$cur") ;;
        network) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_network" -- "$cur") ;;
        trust) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_trust" -- "$cur") ;;
        permit) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_permit" -- "$cur") ;;
        media) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_media" -- "$cur") ;;
        otp) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_otp" -- "$cur") ;;
        login) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_login" -- "$cur") ;;
        remote) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_remote" -- "$cur") ;;
        screen) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_screen" -- "$cur") ;;
        audit) mapfile -t COMPREPLY < <(compgen -W "$_sekishoctl_audit" -- "$cur") ;;
        esac
        ;;
    *)
        case "${words[*]:0:2}" in
        "policy check" | "network check" | "policy explain" | "policy diff" | "policy replay" | "policy install" | "audit verify" | "audit export" | "audit open" | "audit receipt" | "trust init" | "trust rotate" | \
            "fleet report" | "permit install" | "media export" | "otp install")
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            ;;
        "otp enroll" | "otp codes" | "otp unlock" | "otp reset" | "otp grant")
            mapfile -t COMPREPLY < <(compgen -u -- "$cur")
            ;;
        esac
        ;;
    esac
}

complete -F _sekishoctl sekishoctl
