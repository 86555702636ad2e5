import { images, packagesOf, suite, type ImageName } from './image.ts';

/** `$1` is the root of the file system. */
type Hooks = readonly string[];

/**
 * What a page's exploit could use goes, and so does what packages' scripts leave behind. mmdebstrap itself removes apt's lists and its own
 * traces, and wants them to be there.
 */
const sandboxHooks: Hooks = [
  'find "$1" -xdev -type f -perm /6000 -exec chmod ug-s {} +',
  'rm -rf "$1"/var/cache/debconf/* "$1"/var/log/* "$1"/usr/share/bug',
  'rm -f "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id',
  // Once, instead of in each sandbox at its start. It must find the times that the layer will have.
  'find "$1"/usr/share/fonts "$1"/usr/local/share -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +',
  'chroot "$1" fc-cache --system-only --force',
  // A user that is there so that it has a name.
  `echo 'sandbox:x:1000:1000::/work:/usr/sbin/nologin' >> "$1"/etc/passwd; echo 'sandbox:x:1000:' >> "$1"/etc/group`,
  'mkdir "$1"/work && chown 1000:1000 "$1"/work',
];

/** Libraries and nothing else: what a system has besides is made here. Scanners read status.d where there is no dpkg. */
const controlPlaneHooks: Hooks = [
  'mkdir -p "$1"/var/lib/dpkg/status.d "$1"/proc "$1"/sys "$1"/dev "$1"/etc && ln -s usr/lib "$1"/lib && ln -s usr/lib64 "$1"/lib64',
  'for deb in "$1"/var/cache/apt/archives/*.deb; do { dpkg-deb -f "$deb"; echo; } > "$1"/var/lib/dpkg/status.d/"$(dpkg-deb -f "$deb" Package)"; done',
  `echo 'porthole:x:65532:65532::/:/nonexistent' > "$1"/etc/passwd; echo 'porthole:x:65532:' > "$1"/etc/group`,
  'cd "$1"/usr/share && find . -type f -o -type l | grep -v "^./doc/.*/copyright$" | tr "\\n" "\\0" | xargs -0 rm -f; find . -type d -empty -delete',
];

/** What mmdebstrap needs until it ends, and leaves: apt's folders, and files of the machine that it ran on. Members of its tar. */
export const leftovers = [
  './etc/apt',
  './etc/hostname',
  './etc/resolv.conf',
  './var/cache/apt',
  './var/lib/apt',
] as const;

const leaveOut = ['doc/*', 'man/*', 'info/*', 'locale/*', 'lintian/*', 'bash-completion/*'];

export const sources = (mirror: string): readonly string[] => [
  `deb ${mirror}/debian ${suite} main`,
  `deb ${mirror}/debian ${suite}-updates main`,
  `deb ${mirror}/debian-security ${suite}-security main`,
];

/**
 * Arguments of mmdebstrap that makes the lower layer of an image: Debian's packages and what they depend on, recommendations left
 * out. apt works from outside, so that there is none within. https://manpages.debian.org/mmdebstrap
 */
export function debianArguments(
  name: ImageName,
  { target, mirror }: { readonly target: string; readonly mirror: string },
): readonly string[] {
  const { variant } = images[name];
  const isExtracted = variant === 'extract';
  return [
    `--variant=${variant}`,
    '--format=tar',
    '--skip=output/dev',
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=APT::Install-Recommends "false"',
    ...leaveOut.map((pattern) => `--dpkgopt=path-exclude=/usr/share/${pattern}`),
    '--dpkgopt=path-include=/usr/share/doc/*/copyright',
    `--include=${packagesOf(name).join(',')}`,
    // The last moment at which there is something to change, and the only one in that variant.
    ...(isExtracted ? controlPlaneHooks : sandboxHooks).map(
      (hook) => `--${isExtracted ? 'extract' : 'customize'}-hook=${hook}`,
    ),
    suite,
    target,
    ...sources(mirror),
  ];
}
