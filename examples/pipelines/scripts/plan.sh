#!/usr/bin/env bash
# plan.sh DIR OUT [FLAG...]: plans the configuration in DIR, with FLAGs of mailrelay
# plan, and leaves in OUT:
#
#   change.plan    what apply.sh applies
#   comment.md     for the pull request
#   plan.html      the same with pictures, to download
#   plan.sarif     findings, for code scanning
#   plan.junit.xml, plan.gitlab.json
#   exitcode       0: nothing to do, 2: something to do, 3: refused
#
# It ends with 0 in all three cases, so that the comment is written before policy.sh
# ends the job, and with the code of mailrelay if there is no plan.
set -euo pipefail
dir=$1 out=$2
shift 2
mkdir -p "$out"
rm -f "$out/change.plan"
code=0
mailrelay -chdir="$dir" plan -input=false -no-color -detailed-exitcode -out="$out/change.plan" "$@" || code=$?
case $code in
0 | 2 | 3) ;;
*) exit "$code" ;;
esac
show() { mailrelay -chdir="$dir" show -no-color "$@" "$out/change.plan"; }
show -format=markdown -max-bytes=65000 >"$out/comment.md"
show -format=html >"$out/plan.html"
show -format=sarif >"$out/plan.sarif"
show -format=junit >"$out/plan.junit.xml"
show -format=gitlab >"$out/plan.gitlab.json"
if [ -n "${GITHUB_ACTIONS:-}" ]; then
	show -format=github
fi
echo "$code" >"$out/exitcode"
