#!/usr/bin/env bash
# git: a repository with history is made, merged, packed, checked and cloned.
# Parts: manual collected
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need git

# Nothing of the user's configuration, and the same names and dates, so the same hashes, each time.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 HOME=$SCRATCH
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_AUTHOR_DATE='2024-01-01T00:00:00Z'
export GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org GIT_COMMITTER_DATE='2024-01-01T00:00:00Z'
export SOURCES

cat >"$SCRATCH/history" <<'SCRIPT'
set -e
git init -q -b main repository
cd repository
for i in 1 2 3 4 5 6 7 8; do
    cp -r "$SOURCES/runtime/os" "$SOURCES/runtime/pages" .
    find . -path ./.git -prune -o -type f -print | sort | while read -r file; do
        sed -i "$((i * 7))s/\$/ changed $i/" "$file"
    done
    git add .
    git commit -q -m "change $i"
done
git checkout -q -b side HEAD~3
echo side >side.txt
git add side.txt
git commit -q -m 'on the side'
git checkout -q main
git merge -q --no-edit side
git log --stat --format='%H %s'
git log -p | sha256sum
git gc -q --aggressive
git fsck --full --strict 2>&1
git cat-file --batch-check --batch-all-objects
git blame os/os.h | sha256sum
git grep -n -c include | sort
git clone -q . ../clone
git -C ../clone status --short --branch
git -C ../clone diff HEAD~5 | sha256sum
SCRIPT
real() {
    same_output sh "$SCRATCH/history"
}
run_parts "$@"
