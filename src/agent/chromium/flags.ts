import { egressFlags, ports } from '../../api/agent/contract.ts';

export interface FlagOptions {
  readonly devtoolsPort: number;
  readonly podIp: string;
  /** Folder of the profile. */
  readonly profile: string;
  readonly isHeadless: boolean;
  /** In place of the one by which a headless browser says that it is. */
  readonly userAgent?: string | undefined;
  /** Pixels; headful, the whole screen. */
  readonly size: { readonly width: number; readonly height: number };
  /** Whether /dev/shm is too small or not writable. */
  readonly avoidsShm: boolean;
}

/**
 * Pieces that a sandbox has no use for. The first four open windows of their own at start, seen as targets of type browser_ui:
 * without them the PSS goes from 304 to 210 MiB.
 */
const disabledFeatures = [
  'WebUIOmniboxPopup',
  'WebUIOmniboxFullPopup',
  'WebUIOmniboxAimPopup',
  'PreloadTopChromeWebUI',
  'AutofillServerCommunication',
  'CertificateTransparencyComponentUpdater',
  'DnsOverHttps',
  'GlobalMediaControls',
  'InterestFeedContentSuggestions',
  'MediaRouter',
  'OptimizationHints',
  'Translate',
];

/**
 * Nothing calls home, nothing asks questions, nothing updates itself. Not --disable-crashpad-for-testing: with it the network
 * service dies of an "FD ownership violation" at every start (Chromium 156). The crash handlers end with the browser.
 */
const quiet = [
  '--disable-background-networking',
  '--disable-breakpad',
  '--disable-client-side-phishing-detection',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-domain-reliability',
  '--disable-field-trial-config',
  '--disable-prompt-on-repost',
  '--disable-search-engine-choice-screen',
  '--disable-session-crashed-bubble',
  '--disable-sync',
  '--hide-crash-restore-bubble',
  '--metrics-recording-only',
  '--no-default-browser-check',
  '--no-first-run',
  '--no-pings',
  '--noerrdialogs',
  '--password-store=basic',
];

/** A page is driven by a program: it is as much alive behind another one. */
const driven = [
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-hang-monitor',
  '--disable-ipc-flooding-protection',
  '--disable-popup-blocking',
  '--disable-renderer-backgrounding',
  // Headful, closing the last tab would end the browser and with it the session.
  '--keep-alive-for-test',
];

/**
 * What a browser on somebody's desk has, whoever asks. A mouse, which Xvnc has too, but not as a device that Chromium looks for; by
 * blink's public/mojom/webpreferences: hover 2, fine pointer 4. WebGL without a GPU, which is a headless browser's default; it costs
 * nothing until a page draws by it.
 */
const furnished = [
  '--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4',
  '--enable-unsafe-swiftshader',
];

/** A headless browser's screen is 800×600 whatever its window, and its name says what it is. */
function headlessFlags({ size, userAgent }: FlagOptions): string[] {
  return [
    '--headless=new',
    `--screen-info={${size.width}x${size.height}}`,
    ...(userAgent === undefined ? [] : [`--user-agent=${userAgent}`]),
  ];
}

/**
 * Chromium's command line. All of its traffic goes through the pod's proxy, loopback and WebRTC included; QUIC cannot, and is off.
 * Its own sandbox is on: there is no flag for that, and never one against it.
 */
export function buildFlags(options: FlagOptions): string[] {
  const { devtoolsPort, podIp, profile, isHeadless, size, avoidsShm } = options;
  return [
    `--remote-debugging-port=${devtoolsPort}`,
    `--user-data-dir=${profile}`,
    `--proxy-server=http://${podIp}:${ports.proxy}`,
    ...egressFlags,
    '--disable-quic',
    ...quiet,
    ...driven,
    '--disable-gpu',
    ...furnished,
    `--disable-features=${disabledFeatures.join(',')}`,
    '--force-color-profile=srgb',
    `--window-size=${size.width},${size.height}`,
    '--window-position=0,0',
    ...(avoidsShm ? ['--disable-dev-shm-usage'] : []),
    ...(isHeadless ? headlessFlags(options) : []),
    'about:blank',
  ];
}
