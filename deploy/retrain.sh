#!/bin/sh
# Call `counterfoil retrain` for a scheduler, log what came of it, and fail only where a person
# must look. Arguments are passed on to the command. docs/schedules.md describes the variables.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
home=${COUNTERFOIL_HOME:-$(dirname -- "$here")}
deliveries=${COUNTERFOIL_DATA:?names the folder of deliveries}
state=${COUNTERFOIL_STATE:-retraining}
limit=${COUNTERFOIL_LIMIT:-6h}
log=${COUNTERFOIL_LOG:-}
style=${COUNTERFOIL_STYLE:-plain}

cd -- "$home" # params.yaml lies there
command=${COUNTERFOIL_COMMAND:-}
if [ -z "$command" ]; then
  command=counterfoil
  if [ -x .venv/bin/counterfoil ]; then command=$PWD/.venv/bin/counterfoil; fi
fi
if [ -n "${MLFLOW_TRACKING_PASSWORD_FILE:-}" ]; then
  MLFLOW_TRACKING_PASSWORD=$(cat -- "$MLFLOW_TRACKING_PASSWORD_FILE")
  export MLFLOW_TRACKING_PASSWORD
fi

output=$(mktemp)
trap 'rm -f -- "$output"' EXIT

if [ -n "$log" ]; then exec 3>>"$log"; else exec 3>&2; fi
# A call that hangs would make all later ones end with 40, which nobody would notice.
# In the background, because a shell that waits for a command in front of it passes no signal on.
timeout --kill-after=60 "$limit" \
  "$command" retrain --data "$deliveries" --state "$state" "$@" >"$output" 2>&3 3>&- &
child=$!
trap 'kill -TERM "$child" 2>/dev/null || :' TERM INT HUP
code=0
wait "$child" || code=$?
while kill -0 "$child" 2>/dev/null; do # a signal ends `wait`, not the command
  code=0
  wait "$child" || code=$?
done

level=error result=$code
case $code in
  0) words="the challenger is the champion now" level=info ;;
  10) words="no delivery or label is new" level=info result=0 ;;
  20) words="the challenger was rejected" level=warning result=${COUNTERFOIL_REJECTED_EXIT:-0} ;;
  40) words="another call is at work" level=info result=0 ;;
  30) words="data refused" ;;
  124) words="stopped after $limit" ;;
  *) words="failed" ;;
esac
words="counterfoil retrain: $words (exit code $code)"
json=$(cat -- "$output")
line="$words${json:+ $json}"

if [ -n "$log" ]; then printf '%s %s\n' "$(date +%Y-%m-%dT%H:%M:%S%z)" "$line" >&3; fi
if [ -n "${COUNTERFOIL_SUMMARY:-}" ]; then printf '%s\n' "$line" >>"$COUNTERFOIL_SUMMARY"; fi

case $style in
  journal)
    case $level in error) priority=3 ;; warning) priority=4 ;; *) priority=6 ;; esac
    printf '<%s>%s\n' "$priority" "$line"
    ;;
  github)
    if [ "$level" = info ]; then level=notice; fi
    printf '::%s title=counterfoil retrain::%s\n' "$level" "$line" | sed 's/%/%25/g'
    ;;
  *)
    # cron mails whatever is printed: with a log of its own, only what somebody should read.
    if [ -z "$log" ] || [ "$level" != info ]; then
      printf '%s\n' "$words" >&2
      if [ -n "$log" ] && [ -z "$json" ]; then tail -n 6 -- "$log" >&2; fi
      if [ -n "$json" ]; then printf '%s\n' "$json"; fi
    fi
    ;;
esac
exit "$result"
