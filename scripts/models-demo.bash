#!/usr/bin/env bash
# Sourced by scripts/demo after scripts/tools-demo.bash: the demo's third part, `models_demo`.

system_pid='' nginx_pid=''

stop_models() {
  stop_process "$system_pid"
  system_pid=''
  stop_process "$nginx_pid"
  nginx_pid=''
}

system() { "$root/.build/release/safebox-system" "$@"; }

# Two mirrors, real nginx on free ports: the first gives one wrong byte. Sets `bad_mirror` and `good_mirror`.
start_mirrors() {
  local ports
  ports=$(python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(one.getsockname()[1] for one in held))')
  read -r bad_port good_port <<<"$ports"
  mkdir -p "$place/mirror"
  cp "$root/.build/models/all-minilm-l6-v2/"*.gguf "$place/mirror/"
  python3 - "$place/mirror/"*.gguf <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(20_000_000)
    byte = file.read(1)[0]
    file.seek(20_000_000)
    file.write(bytes([byte ^ 1]))
PYTHON
  cat >"$place/nginx.conf" <<CONF
daemon off;
pid $place/nginx.pid;
error_log $place/nginx.log;
events {}
http {
  access_log $place/nginx.access;
  client_body_temp_path $place/nginx-tmp; proxy_temp_path $place/nginx-tmp; fastcgi_temp_path $place/nginx-tmp;
  uwsgi_temp_path $place/nginx-tmp; scgi_temp_path $place/nginx-tmp;
  server { listen 127.0.0.1:$bad_port; root $place/mirror; }
  server { listen 127.0.0.1:$good_port; root $root/.build/models/all-minilm-l6-v2; }
}
CONF
  mkdir -p "$place/nginx-tmp"
  # Workers read the checkout, which may be root's.
  [ "$(id -u)" != 0 ] || sed -i '1i user root;' "$place/nginx.conf"
  "$(command -v nginx || echo /usr/sbin/nginx)" -c "$place/nginx.conf" 2>>"$place/nginx.log" {place_lock}>&- &
  nginx_pid=$!
  curl --silent --fail --retry 50 --retry-connrefused --retry-delay 0 --output /dev/null --head \
    "http://127.0.0.1:$good_port/all-minilm-l6-v2-f16.gguf" || fail "nginx did not start" "$(tail -n 3 "$place/nginx.log")"
  bad_mirror=http://127.0.0.1:$bad_port
  good_mirror=http://127.0.0.1:$good_port
}

# Pins the box, tells it where the privileged process is, and starts both.
start_system() {
  system init --configuration "$place/system.json" --public "$place/data/public.json" --log "http://$box_address" \
    --root "$place/system" --socket "$place/system.sock" --uid "$(id -u)" >"$place/system.txt"
  python3 - "$place" "$bad_port" "$good_port" "$root" <<'PYTHON'
import json, sys
place, bad, good, root = sys.argv[1:]
path = f"{place}/system.json"
settings = json.load(open(path))
settings["acquisition"] = {"allow": [f"127.0.0.1:{bad}", f"127.0.0.1:{good}"]}
settings["runners"] = {"adapters": f"{root}/.build/release"}
json.dump(settings, open(path, "w"))
box = json.load(open(f"{place}/data/box.json"))
box["system"] = {"socket": f"{place}/system.sock", "root": f"{place}/system"}
json.dump(box, open(f"{place}/data/box.json", "w"))
PYTHON
  start system 60 "$root/.build/release/safebox-system" serve --configuration "$place/system.json"
  system_pid=$started_pid
  stop_box
  start_box
  box_url=http://$box_address
}

# member NAME...: of the newest proposal, as JSON.
executed() {
  local attempt
  for attempt in $(seq 1200); do
    case $(ask 'status name' show "$1") in
      executed) return 0 ;;
      failed | unknown | denied) fail "$1 did not succeed" "$(cat "$place/answer.json")" ;;
    esac
    sleep 0.1
  done
  fail "$1 is not executed after two minutes"
}

models_demo() {
  local runner manifest decision token

  printf '\n%sPart three: a model.%s Weights that nobody can exchange, in a container without a network.\n' "$bold" "$plain"
  if [ "$(id -u)" != 0 ]; then
    say "This part is left out: containers need root here, and you are not root."
    return 0
  fi

  step "A privileged process joins, and pins the box."
  start_bank "${bank_address##*:}"
  start_peers
  start_box
  box_url=http://$box_address
  start_mirrors
  start_system
  show <"$place/system.txt"
  say "It follows the box's log and folds it itself: the box can ask, and only what the owners signed is done." \
    "Everything that it can be made to do, on one page:"
  as office 0 system operations

  step "A manifest says which bytes the model is."
  runner=$(safebox runner digest "$root/.build/runners/llama-cpp")
  mkdir -p "$place/system/runners"
  cp -a "$root/.build/runners/llama-cpp" "$place/system/runners/$runner"
  say "sentence-transformers/all-MiniLM-L6-v2, real weights, from two mirrors. The first mirror has one wrong byte."
  printf '   %s$ safebox model manifest build .build/models/all-minilm-l6-v2 ... > .demo/minilm.json%s\n' "$dim" "$plain"
  safebox model manifest build "$root/.build/models/all-minilm-l6-v2" --name all-MiniLM-L6-v2 --version 1.0 \
    --license Apache-2.0 --runner-type llama-cpp --runner "$runner" --runner-argument context=512 \
    --protocol embeddings --memory 1024 --cpus 2 --source "$bad_mirror" --source "$good_mirror" >"$place/minilm.json"
  as office 0 model manifest show "$place/minilm.json"

  step "Two of three approve it, and it is fetched, verified and sealed."
  quietly office 3 model propose "$place/minilm.json"
  manifest=$(ask '0 proposal' proposals)
  approved compliance "$manifest"
  approved auditor "$manifest"
  executed "$manifest"
  as office 0 show "$manifest"
  as office 0 model list
  say "The wrong byte was noticed, reported, and the second mirror taken. A snapshot, to be able to come back to this:"
  quietly office 3 snapshot create models all-is-well
  decided "$(ask '0 proposal' proposals)"

  step "It is served, under a name, after two more signatures."
  quietly office 3 runner start embed --model all-MiniLM-L6-v2
  decision=$(ask '0 proposal' proposals)
  approved compliance "$decision"
  approved auditor "$decision"
  executed "$decision"
  as office 0 runner list

  step "curl asks it, as it would ask OpenAI."
  token=$place/tokens/agent.token
  (umask 077 && safebox client add agent --data "$place/data" --scope infer --model embed >"$token")
  printf '   %s$ curl %s/v1/embeddings -d '\''{"model":"embed","input":"hello"}'\''%s\n' "$dim" "$box_url" "$plain"
  curl --silent --fail-with-body "$box_url/v1/embeddings" --header "Authorization: Bearer $(cat "$token")" \
    --header 'Content-Type: application/json' --data '{"model":"embed","input":"hello"}' >"$place/embedding.json" ||
    fail "the gateway did not answer" "$(cat "$place/embedding.json")"
  python3 -c 'import json, sys
answer = json.load(open(sys.argv[1]))
vector = answer["data"][0]["embedding"]
print("model %s, %d dimensions: %s ...; %s" % (answer["model"], len(vector), ["%.4f" % x for x in vector[:4]], answer["usage"]))' \
    "$place/embedding.json" | show

  step "A tool uses it."
  tool_here nearest-answer
  with_addresses "$root/examples/tools/settings.json" >"$place/settings.json"
  printf '{"settings":%s}' "$(cat "$place/settings.json")" >"$place/community.json"
  quietly office 3 propose community.set --param community=acme --params "$place/community.json"
  decided "$(ask '0 proposal' proposals)"
  quietly office 3 tool register "$place/nearest-answer"
  decided "$(ask '0 proposal' proposals)"
  as office 0 run start nearest-answer --community acme --input "$place/nearest-answer/input.json" --wait 30s

  step "Somebody with root changes one byte of the weights."
  python3 - "$place/system/models/"*/*.gguf <<'PYTHON'
import os, sys
path = sys.argv[1]
status = os.stat(path)
os.chmod(path, 0o644)
with open(path, "r+b") as file:
    file.seek(30_000_000)
    byte = file.read(1)[0]
    file.seek(30_000_000)
    file.write(bytes([byte ^ 1]))
os.chmod(path, 0o444)
os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
PYTHON
  quietly office 1 runner restart embed
  show <"$place/answer.txt"
  grep -q 'expected SHA-256' "$place/answer.txt" || fail "the altered weights were not noticed"
  as office 5 model verify all-MiniLM-L6-v2 --root "$place/system"
  say "What is not exactly what was approved is not served."

  step "Back to the snapshot that was taken when all was well."
  as office 0 snapshot list
  quietly office 3 snapshot rollback models all-is-well
  decision=$(ask '0 proposal' proposals)
  approved compliance "$decision"
  approved auditor "$decision"
  executed "$decision"
  say "Going back is an action like any other, with the digests of the tree before, after and restored; the log stays as it is:"
  python3 -c 'import json, sys
print(json.dumps(json.load(open(sys.argv[1]))["execution"]["result"]["result"]["rollback"], indent=2))' "$place/answer.json" | show
  as office 0 model verify all-MiniLM-L6-v2 --root "$place/system"
  as office 0 runner restart embed
  as office 0 runner list
  stop_models
  stop_all
}
