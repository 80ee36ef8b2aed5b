#!/usr/bin/env bash
# policy.sh OUT: ends the job by what plan.sh left in OUT: with 3 where the plan is
# refused (an open relay, a stage before its gates), else with 0. Make it stricter
# here, and not in the pipeline: all of them call it.
set -euo pipefail
code=$(cat "$1/exitcode")
case $code in
0 | 2) exit 0 ;;
3)
	echo "The plan is refused: its findings of severity error say why. Mend them, or accept them where they are found, with an allow block." >&2
	exit 3
	;;
*)
	echo "policy.sh: $1/exitcode says $code, which plan.sh never writes." >&2
	exit 1
	;;
esac
