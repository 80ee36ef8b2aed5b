#!/usr/bin/env bash
# key.sh DIR: names the content of the configuration in DIR, as it is committed. The
# plan of a pull request is kept under this name: after the merge, whatever commit
# holds the same content finds it, and nothing else does.
set -euo pipefail
dir=$1
if [ -n "$(git status --porcelain -- "$dir")" ]; then
	echo "key.sh: $dir holds what is not committed; commit it, or add it to .gitignore." >&2
	exit 1
fi
git rev-parse "HEAD:$(git rev-parse --show-prefix)${dir%/}" 2>/dev/null || {
	echo "key.sh: $dir is not in the repository." >&2
	exit 1
}
