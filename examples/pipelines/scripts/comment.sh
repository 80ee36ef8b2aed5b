#!/usr/bin/env bash
# comment.sh github|gitlab|azure FILE: writes FILE as a comment on the pull request
# of this pipeline. A comment of which the first line is the same as that of FILE
# is updated; there is never a second one. Needs curl and jq.
set -euo pipefail
site=$1 file=$2
marker=$(head -n 1 "$file")
case $marker in
'<!-- mailrelay '*' -->') ;;
*)
	echo "comment.sh: $file does not begin with the marker that mailrelay show -format=markdown writes." >&2
	exit 1
	;;
esac

# call METHOD PATH [BODY]: asks the site; an answer that is no success ends the job.
call() {
	local body=()
	if [ $# -gt 2 ]; then
		body=(--header 'Content-Type: application/json' --data-binary @-)
		printf '%s' "$3"
	fi | curl --silent --show-error --fail-with-body --retry 3 --max-time 60 --request "$1" --header @<(printf '%s\n' "$header") "${body[@]}" "$api/$2"
}

# pages PATH: all pages of a list, as one.
pages() {
	local page=1 part
	while part=$(call GET "$1?per_page=100&page=$page"); do
		printf '%s\n' "$part"
		[ "$(jq length <<<"$part")" -eq 100 ] || return 0
		page=$((page + 1))
	done
	return 1
}

# mine: the id of the first comment that begins with the marker, from a list.
mine() { jq --slurp --raw-output --arg marker "$marker" 'add | map(select((.body // "") | split("\n")[0] | rtrimstr("\r") == $marker)) | first | .id // empty'; }

case $site in
github)
	api=${GITHUB_API_URL:-https://api.github.com}/repos/$GITHUB_REPOSITORY
	header="Authorization: Bearer $GITHUB_TOKEN"
	body=$(jq --raw-input --slurp '{body: .}' "$file")
	list=$(pages "issues/$PULL_REQUEST/comments")
	id=$(mine <<<"$list")
	if [ -n "$id" ]; then
		call PATCH "issues/comments/$id" "$body" >/dev/null
	else
		call POST "issues/$PULL_REQUEST/comments" "$body" >/dev/null
	fi
	;;
gitlab)
	api=$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID
	header="PRIVATE-TOKEN: $MAILRELAY_GITLAB_TOKEN"
	body=$(jq --raw-input --slurp '{body: .}' "$file")
	list=$(pages notes)
	id=$(mine <<<"$list")
	if [ -n "$id" ]; then
		call PUT "notes/$id" "$body" >/dev/null
	else
		call POST notes "$body" >/dev/null
	fi
	;;
azure)
	api=${SYSTEM_COLLECTIONURI%/}/$SYSTEM_TEAMPROJECTID/_apis/git/repositories/$BUILD_REPOSITORY_ID/pullRequests/$SYSTEM_PULLREQUEST_PULLREQUESTID
	header="Authorization: Bearer $SYSTEM_ACCESSTOKEN"
	version='api-version=7.1'
	list=$(call GET "threads?$version" | jq '[.value[] | select(.isDeleted | not) | .id as $thread | .comments[]? | select(.isDeleted | not) | {id: "\($thread)/comments/\(.id)", body: .content}]')
	id=$(mine <<<"$list")
	if [ -n "$id" ]; then
		call PATCH "threads/$id?$version" "$(jq --raw-input --slurp '{content: .}' "$file")" >/dev/null
	else
		call POST "threads?$version" "$(jq --raw-input --slurp '{comments: [{parentCommentId: 0, content: ., commentType: 1}], status: "closed"}' "$file")" >/dev/null
	fi
	;;
*)
	echo "comment.sh: $site is none of github, gitlab and azure." >&2
	exit 1
	;;
esac
