#!/usr/bin/env bash
# apply.sh DIR PLAN [FLAG...]: applies exactly the plan that was reviewed, with FLAGs
# of mailrelay apply. mailrelay refuses it (4) if the world or the state has moved
# since, and if it was edited. What the plan left for later is done by running the
# drift check's advice: plan again, and apply that.
set -euo pipefail
dir=$1 plan=$2
shift 2
if [ ! -f "$plan" ]; then
	echo "apply.sh: there is no plan for what was merged: it is not what was reviewed, because the branch was behind or the plan has expired. Nothing was applied. Plan it in a new pull request." >&2
	exit 1
fi
code=0
mailrelay -chdir="$dir" apply -input=false -auto-approve -no-color -detailed-exitcode "$@" "$plan" || code=$?
case $code in
0) ;;
2) echo "Done, and something waits for its time: the scheduled check says when it is due." ;;
4)
	echo "The plan is stale, and nothing that moved was overwritten. Plan it in a new pull request." >&2
	exit 4
	;;
*) exit "$code" ;;
esac
