#!/usr/bin/env bash
# Sourced by scripts/demo and scripts/up: the box of examples/tools, the bank that it pays through, and the processes of
# both. Expects `set -euo pipefail` and the variables `root` (of the checkout) and `place` (where everything is kept).

people=(engineer compliance auditor)
origin=example.com/payments
bank_pid='' box_pid=''

# Settings of the user's own boxes must not reach this one.
for variable in "${!SAFEBOX_@}"; do unset "$variable"; done

fail() {
  printf 'safebox: error: %s\n' "$1" >&2
  shift
  for hint in "$@"; do printf 'safebox: hint: %s\n' "$hint" >&2; done
  exit 1
}

# The command of this checkout, under the name that a reader knows.
for program in safebox safebox-worker; do
  [ -x "$root/.build/release/$program" ] || fail "$program is not built" "run \`make release\`"
done
safebox() { "$root/.build/release/safebox" "$@"; }

# One at a time in one place: two would share files and remove each other's.
claim_place() {
  mkdir -p "$place"
  exec {place_lock}>"$root/.build/$(basename "$place").lock"
  flock -n "$place_lock" || fail "another one is running in $place"
}

# start NAME SECONDS COMMAND...: runs a command in the background with its diagnostics in NAME.log, and waits for the first
# line that it prints, which is when it answers. Sets `started_pid` and `first_line`.
start() {
  local name=$1 seconds=$2 line
  shift 2
  rm -f "$place/$name.fifo"
  mkfifo "$place/$name.fifo"
  "$@" >"$place/$name.fifo" 2>>"$place/$name.log" {place_lock}>&- &
  started_pid=$!
  # Kept open, so that a later line finds a reader.
  exec {line}<"$place/$name.fifo"
  rm -f "$place/$name.fifo"
  if ! IFS= read -r -t "$seconds" -u "$line" first_line; then
    stop_process "$started_pid"
    fail "the $name did not start" "$(tail -n 3 "$place/$name.log")"
  fi
}

# Asks a process to end and waits for it; one that has not ended after fifteen seconds is killed.
stop_process() {
  [ -n "$1" ] || return 0
  kill -TERM "$1" 2>/dev/null || return 0
  timeout 15 tail --pid="$1" -s 0.05 -f /dev/null || kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

stop_box() {
  stop_process "$box_pid"
  box_pid=''
}

stop_bank() {
  stop_process "$bank_pid"
  bank_pid=''
}

stop_both() {
  stop_box
  stop_bank
}

# start_bank PORT: the bank, with its ledger in $place/bank. Port 0 takes a free one. Sets `bank_address`.
start_bank() {
  mkdir -p "$place/bank"
  start bank 20 python3 "$root/examples/payments/bank.py" "$1" "$place/bank/ledger.jsonl"
  bank_pid=$started_pid
  bank_address=${first_line#*http://}
  bank_address=${bank_address%%/*}
}

# Everybody's key, each made in a directory that stands for that person's own device.
make_keys() {
  mkdir -p "$place/devices"
  for person in "${people[@]}"; do
    safebox key new --signer "$person" --box "$origin" --out "$place/devices/$person" >/dev/null
  done
}

# make_box API ADMIN: the box over the constitution of the examples, with this bank's address in it.
make_box() {
  local signers=() person
  for person in "${people[@]}"; do signers+=(--signer "$place/devices/$person/$person.signer.json"); done
  sed "s/127\.0\.0\.1:8499/$bank_address/g" "$root/examples/tools/constitution.json" >"$place/constitution.json"
  safebox init --data "$place/data" --origin "$origin" --constitution "$place/constitution.json" "${signers[@]}" \
    --listen "$1" --admin "$2"
}

# add_client NAME SCOPE...: a client of the API; its token goes to a file that only this user can read.
add_client() {
  local name=$1 scopes=() scope
  shift
  for scope in "$@"; do scopes+=(--scope "$scope"); done
  mkdir -p "$place/tokens"
  (umask 077 && safebox client add "$name" --data "$place/data" "${scopes[@]}" >"$place/tokens/$name.token")
}

# Starts the box. Sets `box_address` and `admin_address`.
start_box() {
  start box 30 "$root/.build/release/safebox" serve --data "$place/data"
  box_pid=$started_pid
  box_address=$(sed -n 's/.* api \([^ ]*\) .*/\1/p' <<<"$first_line")
  admin_address=$(sed -n 's/.* admin \([^ ]*\)$/\1/p' <<<"$first_line")
  case $first_line in
    *" ready; "*) ;;
    *) fail "the box does not take proposals: $first_line" ;;
  esac
}
