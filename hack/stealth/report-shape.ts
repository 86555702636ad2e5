/** What the pages of the detector site report: see site/. A string in place of an object says why there is none. */

type Attempt<T> = T | string | null;

export interface Brand {
  readonly brand: string;
  readonly version: string;
}

/** https://wicg.github.io/ua-client-hints/#interface */
export interface Hints {
  readonly brands: readonly Brand[];
  readonly mobile: boolean;
  readonly platform: string;
  readonly architecture?: string;
  readonly bitness?: string;
  readonly formFactors?: readonly string[];
  readonly fullVersionList?: readonly Brand[];
  readonly model?: string;
  readonly platformVersion?: string;
  readonly uaFullVersion?: string;
  readonly wow64?: boolean;
}

export interface AtOnce {
  readonly userAgent: string;
  readonly appVersion: string;
  readonly platform: string;
  readonly language: string;
  readonly languages: readonly string[];
  readonly hardwareConcurrency: number;
  readonly deviceMemory: number | null;
  readonly webdriver: boolean | null;
}

/** A page, frame or worker. */
export interface Context extends AtOnce {
  readonly dates: {
    readonly timeZone: string;
    readonly locale: string;
    /** Minutes, of a day in July. */
    readonly julyOffset: number;
    readonly july: string;
    readonly local: string;
  };
  readonly hints: Attempt<Hints>;
  /** Of a request that it made, as the server saw them. */
  readonly headers: Attempt<Readonly<Record<string, string>>>;
  readonly webGl: Attempt<{ readonly vendor: string; readonly renderer: string }>;
  /** Which of the ways to see an inspector did. */
  readonly inspector: Readonly<Record<string, boolean | string>>;
}

export interface EmptyFrame extends AtOnce {
  readonly hasChrome: boolean;
  readonly timeZone: string;
  readonly isOwnWindow: boolean;
}

export interface Report {
  readonly main: Context;
  readonly contexts: {
    readonly emptyFrame: Attempt<EmptyFrame>;
    readonly frame: Attempt<Context>;
    readonly foreignFrame: Attempt<Context>;
    readonly popup: Attempt<Context>;
    readonly dedicatedWorker: Attempt<Context>;
    readonly sharedWorker: Attempt<Context>;
    readonly serviceWorker: Attempt<Context>;
  };
  readonly globals: Attempt<readonly string[]>;
  readonly natives: Attempt<{
    readonly ownNavigatorProperties: readonly string[];
    readonly patched: readonly string[];
    readonly evalLength: number;
  }>;
  readonly window: Attempt<WindowMetrics>;
  /** Members of `window.chrome` and their types. */
  readonly chrome: Attempt<Readonly<Record<string, string>>>;
  readonly plugins: Attempt<{
    readonly names: readonly string[];
    readonly mimeTypes: readonly string[];
    readonly isConsistent: boolean;
    readonly pdfViewerEnabled: boolean;
  }>;
  /** `notification` is Notification.permission; the others what the Permissions API says. */
  readonly permissions: Attempt<Readonly<Record<string, string>>>;
  readonly media: Attempt<{
    readonly devices: { readonly speakers: number; readonly microphones: number; readonly cameras: number };
    readonly h264: string;
    readonly aac: string;
    readonly vp9: string;
    readonly voices: number;
  }>;
  readonly connection: Attempt<{
    readonly rtt?: number;
    readonly downlink?: number;
    readonly effectiveType?: string;
  }>;
  readonly botd: Attempt<{ readonly bot: boolean; readonly botKind: string | null; readonly detections: string[] }>;
  readonly fpscanner: Attempt<{ readonly bot: boolean; readonly detections: readonly string[] }>;
}

export interface WindowMetrics {
  readonly outerWidth: number;
  readonly outerHeight: number;
  readonly innerWidth: number;
  readonly innerHeight: number;
  readonly screenX: number;
  readonly screenY: number;
  readonly devicePixelRatio: number;
  readonly screen: {
    readonly width: number;
    readonly height: number;
    readonly availWidth: number;
    readonly availHeight: number;
    readonly availTop: number;
    readonly availLeft: number;
    readonly colorDepth: number;
    readonly isExtended: boolean;
  };
  readonly hover: boolean;
  readonly finePointer: boolean;
  readonly visibility: string;
}

export interface InputEvent {
  readonly type: string;
  readonly isTrusted: boolean;
  readonly clientX?: number;
  readonly clientY?: number;
  readonly screenX?: number;
  readonly screenY?: number;
  readonly movementX?: number;
  readonly key?: string;
  readonly code?: string;
  readonly pointerType?: string;
  readonly pressure?: number;
}
