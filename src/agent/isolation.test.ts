import { describe, expect, it } from 'vitest';
import { isolationKinds } from '../api/agent/wire.ts';
import { classifyIsolation, observeIsolation, type IsolationEvidence } from './isolation.ts';

/** What containers show, of each kind: as recorded, but for names and numbers that are somebody's. */
const cloudMachine =
  'BOOT_IMAGE=/boot/vmlinuz-6.1.0-40-cloud-amd64 root=PARTUUID=1c2d ro console=tty0 console=ttyS0,115200 nvme_core.io_timeout=4294967295';
const runcMounts = `612 540 0:77 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/9/fs,upperdir=/var/lib/x/fs,workdir=/var/lib/x/work
613 612 0:80 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
614 612 0:81 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
638 612 259:1 /var/lib/kubelet/pods/5d0f/etc-hosts /etc/hosts rw,relatime - ext4 /dev/root rw,discard
641 612 259:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/77aa/hostname /etc/hostname rw,relatime - ext4 /dev/root rw,discard
642 612 259:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/77aa/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/root rw,discard
`;
const kataLine =
  'tsc=reliable no_timer_check rcupdate.rcu_expedited=1 reboot=k cryptomgr.notests net.ifnames=0 root=/dev/pmem0p1 rootfstype=ext4 quiet panic=1 nr_cpus=4 selinux=0 systemd.unit=kata-containers.target systemd.mask=systemd-networkd.service scsi_mod.scan=none agent.log_vport=1025';
const kataMounts = `73 60 0:33 /81f3e754/rootfs / rw,relatime - virtiofs kataShared rw
74 73 0:36 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
75 73 0:37 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
80 75 0:34 / /dev/shm rw,relatime master:21 - tmpfs shm rw
84 73 0:33 /81f3e754-e68b0c7cb9120239-hostname /etc/hostname ro,relatime - virtiofs kataShared rw
85 73 0:33 /81f3e754-11d3f9074a20c122-hosts /etc/hosts ro,relatime - virtiofs kataShared rw
86 73 0:33 /81f3e754-2e9eb70638428f8b-resolv.conf /etc/resolv.conf ro,relatime - virtiofs kataShared rw
`;
/** Its root is a disk, as with the devmapper snapshotter; Kata's Rust runtime. */
const kataOnDiskMounts = `73 60 254:16 /rootfs / rw,relatime - ext4 /dev/vdb rw
85 73 0:33 /passthrough/sandbox-0f1e2d3c-hosts /etc/hosts rw,relatime - virtiofs kataShared rw
`;
const kataOverPlan9Mounts = kataMounts.replaceAll('virtiofs', '9p');
const confidentialMounts = `73 60 0:40 / / rw,relatime - overlay none rw,lowerdir=/run/image/1
85 73 0:22 /kata-containers/shared/containers/81f3e754-11d3f9074a20c122-hosts /etc/hosts rw,relatime - tmpfs tmpfs rw,mode=755
`;
/** A container on a node that is a Kata machine itself. */
const insideKataMounts = `612 540 0:77 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/containerd/1/fs
638 612 0:33 /81f3e754/rootfs/var/lib/kubelet/pods/5d0f/etc-hosts /etc/hosts rw,relatime - virtiofs kataShared rw
`;
const krunLine =
  'reboot=k panic=-1 panic_print=0 nomodule console=hvc0 rootfstype=virtiofs rw quiet no-kvmapf init=/init.krun';
const gvisorMounts = `18 17 0:20 / / rw - overlay none rw
19 18 0:21 / /sys rw - sysfs none rw,dentry_cache_limit=1000
21 18 0:22 / /dev rw - dev none rw,mode=0755
22 18 0:23 / /proc rw - proc none rw,dentry_cache_limit=1000
`;

const container: IsolationEvidence = {
  isDeclaredLocal: false,
  release: '6.1.0-40-cloud-amd64',
  bootLine: cloudMachine,
  mounts: runcMounts,
  pidNamespace: 'pid:[4026532708]',
};

type Row = readonly [name: string, over: Partial<IsolationEvidence>, expected: string];
const rows: readonly Row[] = [
  ['runc on a machine of a cloud', {}, 'Container'],
  ['Kata that shares files by virtio-fs', { bootLine: kataLine, mounts: kataMounts }, 'VirtualMachine'],
  ['Kata whose agent is the first process', { bootLine: 'quiet panic=1', mounts: kataMounts }, 'VirtualMachine'],
  ['Kata with its root on a disk', { bootLine: kataLine, mounts: kataOnDiskMounts }, 'VirtualMachine'],
  ['Kata that shares files by 9p', { bootLine: kataLine, mounts: kataOverPlan9Mounts }, 'VirtualMachine'],
  ['a confidential guest of Kata', { bootLine: kataLine, mounts: confidentialMounts }, 'VirtualMachine'],
  ['what is named like that on an ordinary kernel', { mounts: confidentialMounts }, 'Container'],
  ['a container of a node that is a Kata machine', { bootLine: kataLine, mounts: insideKataMounts }, 'Container'],
  ['a disk with the name of the share', { mounts: kataMounts.replaceAll('virtiofs', 'ext4') }, 'Container'],
  ['another share', { mounts: kataMounts.replaceAll('kataShared', 'bind-1') }, 'Container'],
  [
    'crun with libkrun',
    { bootLine: krunLine, mounts: '1 0 0:2 / / rw - virtiofs /dev/root rw\n', pidNamespace: 'pid:[4026531836]' },
    'VirtualMachine',
  ],
  ['that command line on another root', { bootLine: krunLine }, 'Container'],
  [
    'gVisor',
    {
      release: '4.19.0-gvisor',
      bootLine: 'BOOT_IMAGE=/vmlinuz-4.19.0-gvisor quiet',
      mounts: gvisorMounts,
      pidNamespace: 'pid:[5]',
    },
    'GVisor',
  ],
  ['a kernel made by somebody called so', { release: '6.1.0-gvisor-fans' }, 'Container'],
  ['a process of the machine', { pidNamespace: 'pid:[4026531836]' }, 'LocalProcess'],
  ['what its node calls a process', { isDeclaredLocal: true }, 'LocalProcess'],
  [
    'a process of a machine that is Kata’s itself',
    { isDeclaredLocal: true, bootLine: kataLine, mounts: kataMounts },
    'LocalProcess',
  ],
  ['nothing to be seen', { release: '', bootLine: '', mounts: '', pidNamespace: '' }, 'Container'],
];

describe('what shows', () => {
  it.each(rows)('%s', (_, over, expected) => {
    expect(classifyIsolation({ ...container, ...over })).toBe(expected);
  });

  it('is looked for on the machine of this test, too', () => {
    expect(observeIsolation(true)).toBe('LocalProcess');
    expect(isolationKinds).toContain(observeIsolation(false));
  });
});
