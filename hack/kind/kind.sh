#!/usr/bin/env bash
# Porthole on kind (https://kind.sigs.k8s.io), for people with Docker: brings a cluster up, builds and loads the images, installs the chart, runs
# the scenario files against it, and takes all of it down again. See docs/kind.md, also for where this has been tried.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

kind_version=v0.33.0
api_port=18080
gateway_port=18081
# Those that ask nothing of the machine on which everything runs.
stories=(attach delete idempotency idle instant malformed pages quota strangers)

usage() {
  cat <<'EOF'
Usage: npm run kind [-- options]
  --name NAME          of the kind cluster; default: porthole
  --runtime RUNTIME    kata, gvisor or runc; default: the strongest that this host has
  --archives           loads the archives of `npm run images` instead of running `docker build`
  --without-tests      leaves the scenario files out
  --keep               leaves the cluster running, and says how to reach it
  --dry-run            prints each command instead of running it
  --help
EOF
}

name=porthole runtime='' archives=no tests=yes keep=no dry=no
while [ $# -gt 0 ]; do
  case $1 in
    --name=*) name=${1#*=} ;;
    --runtime=*) runtime=${1#*=} ;;
    --name | --runtime)
      [ $# -ge 2 ] || { echo "$1 needs a value" >&2; exit 2; }
      if [ "$1" = --name ]; then name=$2; else runtime=$2; fi
      shift
      ;;
    --archives) archives=yes ;;
    --without-tests) tests=no ;;
    --keep) keep=yes ;;
    --dry-run) dry=yes ;;
    --help | -h) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
case $runtime in
  '' | kata | gvisor | runc) ;;
  *) echo "There is no runtime $runtime: kata, gvisor, runc" >&2; exit 2 ;;
esac
[[ $name =~ ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$ ]] || { echo "$name is no name for a kind cluster" >&2; exit 2; }

say() { printf '\n== %s\n' "$*"; }

# Runs a command, or shows it.
run() {
  if [ "$dry" = yes ]; then printf '+'; printf ' %q' "$@"; printf '\n'; else "$@"; fi
}

# The standard output of a command; in a dry run a placeholder, and the command where it can be seen.
ask() {
  local placeholder=$1
  shift
  if [ "$dry" = no ]; then "$@"; return; fi
  { printf '+'; printf ' %q' "$@"; printf '\n'; } >&2
  echo "$placeholder"
}

work=$(mktemp -d)
created=no
finish() {
  local code=$?
  trap - EXIT INT TERM
  if [ "$created" = yes ] && [ "$keep" = no ]; then
    say "Taking the cluster $name down"
    run "$kind" delete cluster --name "$name" --kubeconfig "$work/kubeconfig" || code=1
  fi
  if [ "$created" = no ] || [ "$keep" = no ] || [ "$dry" = yes ]; then rm -rf "$work"; fi
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- What is needed -------------------------------------------------------------------------------------------------------------

if [ "$dry" = no ] && ! docker info > "$work/docker.log" 2>&1; then
  echo "kind needs Docker, and it does not answer: $(tail -n 1 "$work/docker.log")" >&2
  echo 'Without Docker: npm run cluster -- --node kubelet' >&2
  exit 1
fi

kind=$(command -v kind || true)
if [ -z "$kind" ]; then
  tools=${XDG_CACHE_HOME:-$HOME/.cache}/porthole/kind-$kind_version
  kind=$tools/kind
  if [ ! -x "$kind" ]; then
    say "Building kind $kind_version (once, about a minute)"
    run env GOBIN="$tools" GOFLAGS= go install "sigs.k8s.io/kind@$kind_version"
  fi
fi

if [ ! -d node_modules ]; then
  say 'Dependencies'
  run npm ci --no-audit --no-fund
fi

say 'kubectl and helm'
run npm run --silent controlplane -- --only kubectl,helm | tee "$work/tools"
kubectl=$(awk '$1 == "kubectl" { print $2 }' "$work/tools")
helm=$(awk '$1 == "helm" { print $2 }' "$work/tools")
kubectl=${kubectl:-kubectl} helm=${helm:-helm}
version=$(sed -n 's/^appVersion: *//p' charts/porthole/Chart.yaml)

# --- What isolates sandboxes ------------------------------------------------------------------------------------------------------

kata_root=/opt/kata
runsc=$(command -v runsc || true)
runsc_shim=$(command -v containerd-shim-runsc-v1 || true)
has_kata() { [ -c /dev/kvm ] && [ -x "$kata_root/bin/containerd-shim-kata-v2" ]; }
has_gvisor() { [ -n "$runsc" ] && [ -n "$runsc_shim" ]; }
if [ -z "$runtime" ]; then
  runtime=runc
  if has_gvisor; then runtime=gvisor; fi
  if has_kata; then runtime=kata; fi
elif [ "$dry" = no ]; then
  if [ "$runtime" = kata ] && ! has_kata; then
    echo "Kata Containers are not on this host: $kata_root/bin/containerd-shim-kata-v2 and /dev/kvm are needed." >&2
    exit 1
  fi
  if [ "$runtime" = gvisor ] && ! has_gvisor; then
    echo 'gVisor is not on this host: runsc and containerd-shim-runsc-v1 are needed on the PATH.' >&2
    exit 1
  fi
fi

mounts() {
  case $runtime in
    kata) printf '      - { hostPath: %s, containerPath: %s, readOnly: true }\n      - { hostPath: /dev/kvm, containerPath: /dev/kvm }\n' "$kata_root" "$kata_root" ;;
    gvisor)
      printf '      - { hostPath: %s, containerPath: /usr/local/bin/runsc, readOnly: true }\n' "${runsc:-/usr/local/bin/runsc}"
      printf '      - { hostPath: %s, containerPath: /usr/local/bin/containerd-shim-runsc-v1, readOnly: true }\n' \
        "${runsc_shim:-/usr/local/bin/containerd-shim-runsc-v1}"
      ;;
  esac
}

case $runtime in
  kata) handler=kata type=io.containerd.kata.v2 ;;
  gvisor) handler=runsc type=io.containerd.runsc.v1 ;;
  runc) handler=runc type='' ;;
esac

say "Sandboxes run under $runtime"
if [ "$runtime" = runc ]; then
  cat <<'EOF'
********************************************************************************************************************
* This host has neither Kata Containers nor gVisor: sandboxes share the kernel with everything else on this host.   *
* Chromium's own sandbox is on, and that is all that stands between a hostile page and the kernel.                   *
* Good for trying Porthole out. Do not browse strangers' pages like this in earnest.                                 *
********************************************************************************************************************
EOF
fi

# --- The cluster --------------------------------------------------------------------------------------------------------------------

export KUBECONFIG=$work/kubeconfig
cat > "$work/kind.yaml" <<EOF
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
  - role: control-plane
    extraPortMappings:
      - { containerPort: 30080, hostPort: $api_port, listenAddress: 127.0.0.1 }
      - { containerPort: 30081, hostPort: $gateway_port, listenAddress: 127.0.0.1 }
$([ "$runtime" = runc ] || { echo '    extraMounts:' && mounts; })
EOF
say "Starting the kind cluster $name"
if [ "$dry" = yes ]; then cat "$work/kind.yaml"; fi
if [ "$dry" = no ] && "$kind" get clusters 2> /dev/null | grep -qx "$name"; then
  echo "There is a kind cluster $name already: take it down with '$kind delete cluster --name $name', or give another --name." >&2
  exit 1
fi
created=yes
run "$kind" create cluster --name "$name" --config "$work/kind.yaml" --kubeconfig "$KUBECONFIG" --wait 180s

node=$name-control-plane
if [ -n "$type" ]; then
  say "Telling the node's containerd of $handler"
  # The name of the plugin depends on the version of the file, which depends on containerd's: 2 and 3 are in use.
  # shellcheck disable=SC2016 # it is the node's shell that expands
  run docker exec "$node" sh -euc '
    plugin=io.containerd.grpc.v1.cri
    if grep -q "^version *= *3" /etc/containerd/config.toml; then plugin=io.containerd.cri.v1.runtime; fi
    printf "\n[plugins.\"%s\".containerd.runtimes.%s]\n  runtime_type = \"%s\"\n" "$plugin" "$0" "$1" >> /etc/containerd/config.toml
    if [ -d /opt/kata/bin ]; then ln -sf /opt/kata/bin/* /usr/local/bin/; fi
    systemctl restart containerd' "$handler" "$type"
  run "$kubectl" wait --for=condition=Ready "node/$node" --timeout=120s
fi

# --- Images ---------------------------------------------------------------------------------------------------------------------------

if [ "$archives" = yes ]; then
  say 'Images, out of packages of Debian'
  run npm run --silent images
  for image in porthole porthole-sandbox; do
    run "$kind" load image-archive "${XDG_CACHE_HOME:-$HOME/.cache}/porthole/images/$image.oci.tar" --name "$name"
  done
else
  for image in porthole porthole-sandbox; do
    say "The image $image"
    run docker build --file "images/$image.Containerfile" --tag "localhost/$image:$version" .
    run "$kind" load docker-image "localhost/$image:$version" --name "$name"
  done
fi

# --- Porthole -------------------------------------------------------------------------------------------------------------------------

say 'Installing the chart'
key=ph_$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
# Where a sandbox finds pages that the tests serve on this host.
page_host=$(ask 172.18.0.1 docker network inspect kind \
  --format '{{range .IPAM.Config}}{{.Gateway}}{{"\n"}}{{end}}' | grep -m 1 -E '^[0-9.]+$')
cat > "$work/values.yaml" <<EOF
image: { pullPolicy: Never }
publicUrls: { cdp: 'ws://127.0.0.1:$gateway_port', live: 'http://127.0.0.1:$gateway_port/live' }
operator: { replicas: 1 }
facade: { replicas: 1 }
gateway: { replicas: 1 }
runtimeClass: { create: true, name: $runtime, handler: $handler$([ "$runtime" = kata ] || echo ', overhead: null') }
# Under runc Chromium's own sandbox needs a seccomp profile on the node.
seccompProfile: { install: { enabled: $([ "$runtime" = runc ] && echo true || echo false) } }
pool:
  imagePullPolicy: Never
  runtimeClassName: $runtime
  startupDeadlineMs: 120000
  egressAllow: ['$page_host/32']
  resources: { requests: { cpu: 100m, memory: 256Mi } }
account: { maxConcurrentSessions: 20, apiKeyHashes: ['$(printf %s "$key" | sha256sum | cut -c1-64)'] }
EOF
if [ "$dry" = yes ]; then sed "s/$(printf %s "$key" | sha256sum | cut -c1-64)/…/" "$work/values.yaml"; fi
run "$kubectl" apply --server-side --force-conflicts -f charts/porthole/crds
run "$kubectl" wait --for=condition=Established --timeout=60s -f charts/porthole/crds
run "$helm" upgrade --install porthole charts/porthole --namespace porthole-system --create-namespace --skip-crds \
  --values "$work/values.yaml" --wait --timeout 300s
# A NodePort of a number of its own beside each Service: what kind leads to this host's loopback.
run "$kubectl" apply --namespace porthole-system -f hack/kind/node-ports.yaml
run "$kubectl" wait --namespace porthole --for=condition=Ready browserpool/default --timeout=300s

# --- Stories --------------------------------------------------------------------------------------------------------------------------

failed=no
if [ "$tests" = yes ]; then
  say 'The scenario files'
  export PORTHOLE_TEST_MODE=existing PORTHOLE_API_URL="http://127.0.0.1:$api_port" PORTHOLE_GATEWAY_URL="http://127.0.0.1:$gateway_port"
  export PORTHOLE_TEST_PAGE_HOST=$page_host
  PORTHOLE_API_KEY=$key run npx vitest run --project scenario "${stories[@]/#/test/scenario/}" || failed=yes
  if [ "$failed" = yes ]; then
    run "$kubectl" get pods --all-namespaces --output wide || true
    run "$kubectl" get events --namespace porthole --sort-by .lastTimestamp || true
  fi
fi

if [ "$keep" = yes ]; then
  say 'It stays. To use it:'
  cat <<EOF
export KUBECONFIG=$KUBECONFIG
export PORTHOLE_API_URL=http://127.0.0.1:$api_port PORTHOLE_API_KEY=$([ "$dry" = yes ] && echo '…' || echo "$key")
curl -X POST "\$PORTHOLE_API_URL/browser/sessions" -H "Authorization: Bearer \$PORTHOLE_API_KEY" -H 'Content-Type: application/json' -d '{}'
$kind delete cluster --name $name
EOF
fi
[ "$failed" = no ]
