# shellcheck shell=bash
# A custom executor for GitLab Runner: what config, prepare, run and cleanup share.  Each job has a
# directory of its own, which goes with it; kelp runs as the runner's own user, which is not root.
#
# Everything named CUSTOM_ENV_* is the job's word, also where GitLab has a value of its own for it: a
# pipeline may set any of them.  So nothing that is allowed is taken from there, but from the arguments
# in config.toml and from the runner's environment:
#
#   KELP              the kelp to run (that of the PATH)
#   KELP_RUNNER_DIR   where jobs and caches lie (~/kelp-runner)
set -euo pipefail
umask 077

: "${KELP:=kelp}" "${KELP_RUNNER_DIR:=$HOME/kelp-runner}"

# Not the job's fault: GitLab may try again.
fail_system() {
    echo "kelp-runner: $*" >&2
    exit "${SYSTEM_FAILURE_EXIT_CODE:-2}"
}

number() {
    [[ $2 =~ ^[0-9]{1,18}$ ]] || fail_system "$1 is '$2', which is no number"
    echo "$2"
}

# What it needs no escape for in JSON, and kelp none in SRC:DST.
[[ $KELP_RUNNER_DIR =~ ^/[A-Za-z0-9/._@+-]*$ ]] ||
    fail_system "KELP_RUNNER_DIR is '$KELP_RUNNER_DIR': an absolute path of plain characters is needed"
job=$(number CI_JOB_ID "${CUSTOM_ENV_CI_JOB_ID:-}") || exit
project=$(number CI_PROJECT_ID "${CUSTOM_ENV_CI_PROJECT_ID:-}") || exit
# shellcheck disable=SC2034 # used by those who load this
box=gitlab-$job job_dir=$KELP_RUNNER_DIR/jobs/$job cache_dir=$KELP_RUNNER_DIR/cache/$project

# The image of the job, if it wants one.  A path would be imported, with whatever lies there on this
# host; an option would be one.
image=${CUSTOM_ENV_CI_JOB_IMAGE:-}
[[ -z $image || $image =~ ^[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9]+)?(/[A-Za-z0-9._-]+)*(:[A-Za-z0-9._-]+)?(@sha256:[0-9a-f]{64})?$ ]] ||
    fail_system "'$image' is not the name of an image"
