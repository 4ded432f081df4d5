#!/usr/bin/env bash
# Sourced by scripts/demo after scripts/models-demo.bash: the demo's fourth part, `attestation_demo`.

broker_pid='' attested_pid=''

stop_attestation() {
  stop_process "$attested_pid"
  attested_pid=''
  stop_process "$broker_pid"
  broker_pid=''
  [ ! -d "$place/machine" ] || "$root/scripts/software-tpm" "$place/machine" stop 2>/dev/null || true
}

# tpm NAME: what `scripts/software-tpm` said of the machine.
tpm() { sed -n "s/^$1 //p" "$place/machine.txt"; }

# quorum PROPOSAL: the two signatures that everything about machines and keys takes here, at the broker.
quorum() {
  local person
  for person in compliance auditor; do
    SAFEBOX_BOX=$box_url SAFEBOX_TOKEN_FILE=$place/tokens/broker-$person.token safebox approve "$1" \
      --key "$place/devices-$2/$person/$person.key" --yes >/dev/null 2>>"$place/approvals.txt"
  done
  SAFEBOX_BOX=$box_url SAFEBOX_TOKEN_FILE=$place/tokens/broker-office.token safebox show "$1" --json >"$place/decided.json"
  [ "$(value "$place/decided.json" status name)" = executed ] || fail "the decision of two was not carried out"
  say "Compliance and the auditor sign $(value "$place/decided.json" statement action type), each having read it: it is done."
}

# machine_box NAME ORIGIN OPTION...: a box over examples/attestation with its own three signers; not started.
machine_box() {
  local name=$1 origin=$2 person signers=()
  shift 2
  mkdir -p "$place/devices-$name" "$place/tokens"
  for person in "${people[@]}"; do
    safebox key new --signer "$person" --box "$origin" --out "$place/devices-$name/$person" >/dev/null
    signers+=(--signer "$place/devices-$name/$person/$person.signer.json")
  done
  safebox init --data "$place/$name" --origin "$origin" --constitution "$root/examples/attestation/constitution.json" \
    "${signers[@]}" --listen 127.0.0.1:0 --admin 127.0.0.1:0 "$@" >/dev/null
  for person in office compliance auditor; do
    (umask 077 && safebox client add "$person" --data "$place/$name" --scope read --scope propose --scope vote \
      >"$place/tokens/$name-$person.token")
  done
}

start_attested() {
  start attested 60 "$root/.build/release/safebox" serve --data "$1"
  attested_pid=$started_pid
  attested_url=http://$(sed -n 's/.* api \([^ ]*\) .*/\1/p' <<<"$first_line")
}

attestation_demo() {
  printf '\n%sA box that a machine vouches for, and a key that only such a box gets.%s\n' "$bold" "$plain"

  step "A machine with a TPM: here a software one, which proves nothing about hardware."
  "$root/scripts/software-tpm" "$place/machine" start >"$place/machine.txt"
  machine_box attested example.com/attested --tpm "$(tpm tcti)"
  start_attested "$place/attested"
  say "In everything else it behaves as a chip does. A box is made on it; at its start it measured its rules into the TPM," \
    "made its keys, and logged an identity that binds them to the TPM's evidence."
  box_url=$attested_url
  nonce=$(head -c 32 /dev/urandom | sha256sum | cut -d ' ' -f 1)
  as attested-office 0 attest evidence --nonce "$nonce" --out "$place/evidence.json"
  as attested-office 0 attest explain "$place/evidence.json" >"$place/explained.txt" 2>&1
  grep -E 'attestation key name|extra data|pcr14|runtime events' "$place/explained.txt" || true

  step "Anybody verifies it offline: every check is listed, nothing is skipped in silence."
  ak=$(sed -n 's/.*attestation key name *\([0-9a-f]*\)$/\1/p' "$place/explained.txt")
  python3 - "$root/examples/attestation/appraisal.json" "$ak" >"$place/appraisal.json" <<'PYTHON'
import json, sys
policy = json.load(open(sys.argv[1]))
policy["enrolled"] = [{"name": "the demo's swtpm", "ak": sys.argv[2], "assurance": "software"}]
json.dump(policy, sys.stdout)
PYTHON
  as attested-office 0 attest verify "$place/evidence.json" --policy "$place/appraisal.json" --nonce "$nonce" --at now
  say "The same evidence for another nonce is a replay:"
  as attested-office 5 attest verify "$place/evidence.json" --policy "$place/appraisal.json" \
    --nonce "$(sha256sum <<<replay | cut -d ' ' -f 1)" --at now >"$place/replay.txt" 2>&1
  grep -A 2 FAILED "$place/replay.txt"
  tail -n 1 "$place/replay.txt"

  step "A broker keeps keys, and is itself a box: log, rules of M of N, receipts."
  machine_box broker example.com/broker
  (umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$place/broker.kek")
  python3 - "$place" "$(tpm root)" <<'PYTHON'
import json, sys
place, root = sys.argv[1:]
path = f"{place}/broker/box.json"
box = json.load(open(path))
box["broker"] = {
    "listen": "127.0.0.1:0", "kek": {"type": "file", "path": f"{place}/broker.kek"},
    "authorities": [{"name": "swtpm of the demo", "certificate": root, "assurance": "software"}],
}
json.dump(box, open(path, "w"))
PYTHON
  start broker 60 "$root/.build/release/safebox" broker serve --data "$place/broker"
  broker_pid=$started_pid
  box_url=http://$(sed -n 's/.* api \([^ ]*\) .*/\1/p' <<<"$first_line")
  local at=(--broker "https://$(sed -n 's/.* broker \([^ ]*\) .*/\1/p' <<<"$first_line")"
    --broker-key "$(sed -n 's/.* key \([0-9a-f]*\)$/\1/p' <<<"$first_line")"
    --name example.com/attested --tpm "$(tpm tcti)" --certificates "$(tpm issuer)")
  say "Its key-encryption key is a file here; a PKCS#11 token or AWS KMS keeps it elsewhere. The box proves that it holds" \
    "its TPM's keys, by opening what only this TPM can, and two of the broker's three owners enrol it:"
  as broker-office 3 broker enrol "${at[@]}" >"$place/enrol.txt" 2>&1
  show <"$place/enrol.txt"
  quorum "$(grep -oE '^ *[0-9a-f]{64}$' "$place/enrol.txt" | tr -d ' ')" broker

  step "They accept one release: these registers, and no others."
  as broker-office 0 release reference image 1.0 --evidence "$place/evidence.json" --register sha256.pcr4 \
    --register sha256.pcr7 --out "$place/release.json"
  as broker-office 3 release approve "$place/release.json" --json >"$place/proposed.txt" 2>&1
  quorum "$(grep -oE '"proposal":"[0-9a-f]{64}"' "$place/proposed.txt" | grep -oE '[0-9a-f]{64}')" broker
  as broker-office 0 release list
  as broker-office 0 release policy "$root/examples/attestation/appraisal.json" --out "$place/released.json"
  as broker-office 3 broker create disk --appraisal "$place/released.json" --json >"$place/proposed.txt" 2>&1
  quorum "$(grep -oE '"proposal":"[0-9a-f]{64}"' "$place/proposed.txt" | grep -oE '[0-9a-f]{64}')" broker
  as broker-office 3 broker grant disk example.com/attested --json >"$place/proposed.txt" 2>&1
  quorum "$(grep -oE '"proposal":"[0-9a-f]{64}"' "$place/proposed.txt" | grep -oE '[0-9a-f]{64}')" broker

  step "The machine seals a file and opens it again: each time, the broker looks at fresh evidence."
  as broker-office 0 seal "${at[@]}" --key disk --in "$place/bank/ledger.jsonl" --out "$place/ledger.sealed" >/dev/null
  as broker-office 0 unseal "${at[@]}" --in "$place/ledger.sealed" --out "$place/ledger.opened" >/dev/null
  cmp "$place/bank/ledger.jsonl" "$place/ledger.opened" || fail "the opened file is another"
  say "Byte for byte the same."

  step "One measured byte is another, as when somebody changes the boot loader."
  TPM2TOOLS_TCTI=$(tpm tcti) tpm2_pcrextend 4:sha256=1111111111111111111111111111111111111111111111111111111111111111
  as broker-office 4 unseal "${at[@]}" --in "$place/ledger.sealed" --out "$place/ledger.stolen" >"$place/refused.txt" 2>&1
  tail -n 1 "$place/refused.txt" | show
  [ ! -e "$place/ledger.stolen" ] || fail "something was given out"
  say "Nothing is given out, and the broker's log says why, with a receipt for each line:"
  as broker-office 0 broker log

  step "Somebody restores an older copy of the box's disk."
  stop_process "$attested_pid"
  cp -a "$place/attested" "$place/attested-old"
  start_attested "$place/attested"
  stop_process "$attested_pid"
  start_attested "$place/attested-old"
  say "The TPM has counted further than this log:" "${first_line%; api*}"
  case $first_line in *"older copy"*) ;; *) fail "the older copy was not noticed" ;; esac
  stop_attestation
}
