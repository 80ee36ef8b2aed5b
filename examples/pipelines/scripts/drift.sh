#!/usr/bin/env bash
# drift.sh DIR OUT [FLAG...]: plans what is merged, changes nothing, and ends with 2
# where something is not as configured: others changed a record, an expectation is
# unmet, or what waited is due. OUT holds what plan.sh leaves there.
set -euo pipefail
"$(dirname "$0")/plan.sh" "$@"
code=$(cat "$2/exitcode")
if [ "$code" -ne 0 ]; then
	echo "Not everything is as configured; $2/comment.md says what." >&2
fi
exit "$code"
