#!/usr/bin/env bash
# Sourced by scripts/demo, which defines step, say, show, as, value: the demo's second part, `tools_demo`. Sets `triage_run`.

peers_pid='' mailbox_pid=''

stop_all() {
  stop_process "$peers_pid"
  stop_process "$mailbox_pid"
  stop_both
}

# quietly PERSON EXPECTED-STATUS COMMAND...: as `as`, but what the command answers goes to .demo/answer.txt.
quietly() {
  local person=$1 expected=$2 status=0 words
  shift 2
  words="safebox $*"
  printf '   %s$ %s%s\n' "$dim" "${words//"$place"/.demo}" "$plain"
  SAFEBOX_BOX=$box_url SAFEBOX_TOKEN_FILE=$place/tokens/$person.token safebox "$@" \
    >"$place/answer.txt" 2>&1 </dev/null || status=$?
  [ "$status" = "$expected" ] ||
    fail "that ended with $status where $expected was due" "$(tail -n 5 "$place/answer.txt")"
}

# ask MEMBERS COMMAND...: a member of what a command of the office answers as JSON; shows nothing.
ask() {
  local members=$1
  shift
  SAFEBOX_BOX=$box_url SAFEBOX_TOKEN_FILE=$place/tokens/office.token safebox "$@" --json >"$place/answer.json" ||
    [ $? = 3 ] || fail "safebox $* failed"
  # shellcheck disable=SC2086
  value "$place/answer.json" $members
}

# approved PERSON DIGEST: approves on that person's device.
approved() { quietly "$1" 0 approve "$2" --key "$place/devices/$1/$1.key" --yes; }

# decided DIGEST: two of the three approve, and it is carried out.
decided() {
  approved compliance "$1"
  approved auditor "$1"
  ask 'status name' show "$1" >/dev/null
  until [ "$(value "$place/answer.json" status name)" = executed ]; do
    ask 'status name' show "$1" >/dev/null
    sleep 0.05
  done
}

# until_waiting RUN: waits until a run is parked for a decision. Sets `digest`.
until_waiting() {
  local attempt
  for attempt in $(seq 200); do
    if [ "$(ask status run show "$1" --no-journal)" = waiting ] &&
      digest=$(value "$place/answer.json" waiting 0 proposal 2>/dev/null); then
      return 0
    fi
    sleep 0.05
  done
  fail "the run did not come to wait for a decision" "$(cat "$place/answer.json")"
}

asked() { grep -c "$1" "$place/peers.asked" || true; }

start_peers() {
  : >"$place/peers.asked"
  start peers 20 python3 "$root/examples/tools/peers.py" 0 "$place/peers.asked"
  peers_pid=$started_pid
  peers_address=${first_line#*http://}
  peers_address=${peers_address%/}
  mkdir -p "$place/mail"
  start mailbox 20 "$root/.build/python/bin/python" "$root/examples/tools/mailbox.py" 0 "$place/mail"
  mailbox_pid=$started_pid
  mailbox_address=${first_line#*smtp://}
}

# with_addresses FILE: an example with the addresses of this demo in it.
with_addresses() {
  sed "s/127\.0\.0\.1:8499/$bank_address/g; s/127\.0\.0\.1:8480/$peers_address/g; s/127\.0\.0\.1:8425/$mailbox_address/g" \
    "$1"
}
tool_here() {
  local file
  mkdir -p "$place/$1"
  for file in "$root/examples/tools/$1"/*; do with_addresses "$file" >"$place/$1/${file##*/}"; done
}

tools_demo() {
  local letter status=0 booked before

  printf '\n%sPart two: a tool.%s A small program reads letters and proposes payments. Nobody trusts it.\n' "$bold" "$plain"

  step "The office of Acme joins the box."
  start_peers
  start_bank "${bank_address##*:}"
  add_client office read propose run openings
  start_box
  box_url=http://$box_address
  with_addresses "$root/examples/tools/settings.json" >"$place/settings.json"
  say "The same box again. Two of its three owners decide how Acme's tools reach a model and a mail server, and which token" \
    "of the bank they may use without ever seeing it: the box puts it in when a request leaves for that bank." \
    "The model is a stand-in, said plainly: examples/tools/peers.py answers in the shape of OpenAI's API, and what it" \
    "says it finds with regular expressions."
  quietly office 3 propose community.set --param community=acme --params "{\"settings\":$(cat "$place/settings.json")}"
  decided "$(ask '0 proposal' proposals)"
  head -c 24 /dev/urandom | base64 >"$place/bank-token"
  quietly office 3 secret put bank-token --community acme --host "http://$bank_address" --file "$place/bank-token"
  decided "$(ask '0 proposal' proposals)"

  step "A tool is tried out, and registered by two of three."
  tool_here invoice-triage
  as office 0 tool check "$place/invoice-triage" --input "$place/invoice-triage/input.json" \
    --fixtures "$place/invoice-triage/fixtures.json" --settings "$place/settings.json"
  say "That ran on the author's machine with prepared answers. What it may do is its manifest, and that is what the owners sign:"
  quietly office 3 tool register "$place/invoice-triage"
  decided "$(ask '0 proposal' proposals)"
  as office 0 tool list

  step "Letters arrive."
  for letter in paper-and-ink newsletter new-account; do
    python3 -c 'import json, sys; print(json.dumps({"community": "acme", "stream": "invoices", "name": sys.argv[1] + ".txt",
      "content": {"text": open(sys.argv[2], encoding="utf-8").read()}}))' \
      "$letter" "$root/examples/tools/letters/$letter.txt" >"$place/letter.json"
    quietly office 0 propose files.write --params "$place/letter.json" --wait 20s
  done
  say "An invoice, a newsletter, and an invoice that says: our bank has changed, pay at once, without asking anybody."

  step "The tool runs, in a jail, until it needs people."
  booked=$(ledger_lines)
  as office 3 run start invoice-triage --community acme --input "$place/invoice-triage/input.json"
  ask '0 run' run list >/dev/null
  triage_run=$(value "$place/answer.json" 0 run)
  until_waiting "$triage_run"
  as office 0 run show "$triage_run" --no-journal
  say "It read a letter, asked the model, and proposed a payment. Now it is parked: no process waits for the people." \
    "The bank has booked $(($(ledger_lines) - booked)) more payments."

  step "The box is killed, with kill -9, in the middle of it."
  before=$(asked chat)
  kill -KILL "$box_pid"
  wait "$box_pid" 2>/dev/null || true
  box_pid=''
  start_box
  box_url=http://$box_address
  until_waiting "$triage_run"
  [ "$(asked chat)" = "$before" ] || fail "the model was asked again"
  say "And started again. The run waits for the same decision; the model was asked $before time before and $before time now:" \
    "what was answered is in the run's journal, and a run that goes on is done again from there."

  step "Two people approve the payment, and the run goes on."
  SAFEBOX_BOX=$box_url SAFEBOX_TOKEN_FILE=$place/tokens/office.token safebox run watch "$triage_run" \
    >"$place/watch.txt" 2>&1 &
  watch_pid=$!
  as compliance 0 approve "$digest" --key "$place/devices/compliance/compliance.key" --yes
  approved auditor "$digest"
  printf '   %s$ safebox run watch %s%s\n' "$dim" "$triage_run" "$plain"
  wait "$watch_pid" || status=$?
  show <"$place/watch.txt"
  [ "$status" = 0 ] || fail "the run ended with $status"
  [ "$(($(ledger_lines) - booked))" = 1 ] || fail "the bank has booked $(($(ledger_lines) - booked)) payments"
  say "One payment. The newsletter was skipped, and the letter with the new account is held for a person."

  step "What it did, call by call."
  as office 0 run show "$triage_run"

  step "A report is mailed, after one approval."
  tool_here mail-report
  quietly office 3 tool register "$place/mail-report"
  decided "$(ask '0 proposal' proposals)"
  quietly office 3 run start mail-report --community acme --input "$place/mail-report/input.json"
  ask '0 run' run list >/dev/null
  until_waiting "$(value "$place/answer.json" 0 run)"
  approved engineer "$digest"
  as office 0 run watch "$(value "$place/answer.json" run)"
  say "What a real mail server (aiosmtpd) was handed:"
  grep -aE '^(From|To|Subject|Content-Disposition):|filename=' "$place/mail/0.eml" | show

  step "A workflow starts a task for each currency, and tries again where a service fails."
  for tool in exchange-rate month-end; do
    tool_here "$tool"
    quietly office 3 tool register "$place/$tool"
    decided "$(ask '0 proposal' proposals)"
  done
  as office 0 workflow start month-end --community acme --input "$place/month-end/input.json" --wait 30s
  as office 0 workflow show "$(ask '0 run' run list >/dev/null && python3 -c 'import json, sys
print(next(run["run"] for run in json.load(open(sys.argv[1])) if run["name"] == "month-end"))' "$place/answer.json")"
  say "Each first attempt failed, the second got through; the currency that does not exist is a dead letter, by its name."

  as office 0 run receipt "$triage_run" --out "$place/run-receipt.json"
  as office 0 run bundle "$triage_run" --out "$place/run-bundle.json"
  stop_all
  say "The box and everything around it are stopped now."

  step "The run is done again, offline, from its receipt."
  say "The receipt proves from the log what the run was; the bundle, which only the office holds, has what it read and heard."
  as office 0 receipt verify "$place/run-receipt.json" --box-key "$place/public.json"
  as office 0 run replay "$place/run-receipt.json" --bundle "$place/run-bundle.json" --box-key "$place/public.json"
  python3 - "$place/run-bundle.json" "$place/run-bundle-forged.json" <<'PYTHON'
import json, sys
bundle = json.load(open(sys.argv[1], encoding="utf-8"))
answer = next(call["result"] for call in bundle["calls"] if "content" in call["result"])
answer["content"] = answer["content"].replace("125000", "125001")
json.dump(bundle, open(sys.argv[2], "w", encoding="utf-8"))
PYTHON
  say "" "And with one digit of what the model said changed:"
  as office 6 run replay "$place/run-receipt.json" --bundle "$place/run-bundle-forged.json" --box-key "$place/public.json"

  step "The auditor decides everything again, the runs too."
  as auditor 0 audit export --data "$place/data" --out "$place/audit-tools.tar"
  as auditor 0 audit verify "$place/audit-tools.tar" --box-key "$place/public.json"
}
