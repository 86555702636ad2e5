# First process of a machine within the machine: it makes what the node needs and waits until its standard input ends, for then
# the launcher is gone. The kernel then ends every process of this pid namespace, and with the last one its mounts and interfaces.
# As pid 1 it takes in orphans, which bash waits for. $1: the node's own folder. $2: the bridge. $3: its address with the length
# of its prefix.
set -eu
cd "$1"

# What runtime, plugins and kubelet write at fixed places is nobody's but this node's.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/netns /run/porthole/sysctl
for folder in /var/lib /var/log; do
  mkdir -p "/run/porthole$folder/upper" "/run/porthole$folder/work"
  mount -t overlay -o "lowerdir=$folder,upperdir=/run/porthole$folder/upper,workdir=/run/porthole$folder/work" overlay "$folder"
done
case "$1/" in
  /run/* | /var/lib/* | /var/log/*)
    mkdir -p "$1"
    mount --bind . "$1"
    ;;
esac

# The kubelet insists on these values, which are of the whole machine: it reads and writes files instead.
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file=/run/porthole/sysctl/$(basename "${setting%=*}")
  echo "${setting#*=}" >"$file"
  mount --bind "$file" "/proc/sys/${setting%=*}"
done

ip link set lo up
# The kubelet takes no loopback address for the node's own.
ip link add "$2" type bridge
ip address add "$3" dev "$2"
ip link set "$2" up
echo 1 >/proc/sys/net/ipv4/ip_forward

echo ready
while read -r _; do :; done
