# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by the checks that are shell scripts.
set -euo pipefail

SOURCE=${SEKISHO_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
BUILD=${SEKISHO_BUILD:-$SOURCE/build/dev}
export SOURCE BUILD

# sources SUFFIX: our files of that kind, relative to the tree, NUL-terminated.
sources() {
        (cd "$SOURCE" && find policy agent pam_module udev tests -name "*.$1" \
                ! -path 'tests/fixtures/*' ! -path 'tests/fuzz/corpus/*' -print0 | LC_ALL=C sort -z)
}

skip() {
        echo "$1"
        exit 77
}

need() {
        command -v "$1" >/dev/null || skip "$1 is not installed"
}

# must pass|fail COMMAND...: for --prove.
must() {
        local expected=$1 result=pass
        shift
        "$@" >/dev/null 2>&1 || result=fail
        if [ "$result" != "$expected" ]; then
                echo "should $expected, but did $result: $*"
                exit 1
        fi
}
