// @ts-nocheck It runs in a page.
import FingerprintScanner from '/fpscanner.mjs';
import { load } from '/botd.mjs';
import { attempt, readAtOnce, readContext } from './context.mjs';

const patienceMs = 10_000;

function within(promise) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('it does not answer')), patienceMs));
  return attempt(() => Promise.race([promise, late]));
}

/** Of this visit alone: a name of another visit's may be that of the very window that this page is in. */
const mark = Math.random().toString(36).slice(2);

function fromWindow(kind, open) {
  const name = `${kind}-${mark}`;
  return within(
    new Promise((resolve) => {
      addEventListener('message', ({ data }) => data?.name === name && resolve(data.context));
      open(name);
    }),
  );
}

function openFrame(src) {
  return (name) => {
    const frame = Object.assign(document.createElement('iframe'), { name, src });
    document.body.append(frame);
  };
}

function fromDedicated() {
  const worker = new Worker('/worker.mjs', { type: 'module' });
  return new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
}

function fromShared() {
  const { port } = new SharedWorker('/worker.mjs', { type: 'module' });
  return new Promise((resolve) => (port.onmessage = ({ data }) => resolve(data)));
}

async function fromService() {
  const registration = await navigator.serviceWorker.register('/worker.mjs', { type: 'module' });
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  const answer = new Promise((resolve) => {
    navigator.serviceWorker.addEventListener('message', ({ data }) => resolve(data));
  });
  worker.postMessage('tell');
  const context = await answer;
  await registration.unregister();
  return context;
}

/** An empty frame has no load to wait for: what it shows at once is what its maker sees. */
function readEmptyFrame() {
  const frame = document.createElement('iframe');
  document.body.append(frame);
  const inner = frame.contentWindow;
  const seen = {
    ...readAtOnce(inner.navigator),
    hasChrome: 'chrome' in inner,
    timeZone: inner.Intl.DateTimeFormat().resolvedOptions().timeZone,
    isOwnWindow: inner !== window && inner.self === inner && inner.frameElement === frame,
  };
  frame.remove();
  return seen;
}

const suspicious =
  /^(cdc_|\$cdc|\$chrome_asyncScriptInfo|__webdriver|__selenium|__driver|__fxdriver|_Selenium|_phantom|__nightmare|callPhantom|domAutomation|__pw|__playwright|__puppeteer|puppeteer|playwright|awesomium|RunPerfTest|CDP_?)/i;

function readGlobals() {
  return [...Object.getOwnPropertyNames(window), ...Object.getOwnPropertyNames(document)].filter((name) =>
    suspicious.test(name),
  );
}

const isNative = (fn) => /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(fn));

/** What a page would have replaced to look like something else, and how that shows. */
function readNatives() {
  const getters = ['userAgent', 'webdriver', 'plugins', 'languages', 'hardwareConcurrency', 'platform'];
  const prototype = Object.getPrototypeOf(navigator);
  const getterOf = (name) => Object.getOwnPropertyDescriptor(prototype, name)?.get;
  const functions = {
    toString: Function.prototype.toString,
    query: Permissions.prototype.query,
    getParameter: WebGLRenderingContext.prototype.getParameter,
    getContext: HTMLCanvasElement.prototype.getContext,
    contentWindow: Object.getOwnPropertyDescriptor(HTMLIFrameElement.prototype, 'contentWindow').get,
    timezone: Intl.DateTimeFormat.prototype.resolvedOptions,
    ...Object.fromEntries(getters.map((name) => [`navigator.${name}`, getterOf(name)])),
  };
  return {
    ownNavigatorProperties: Object.getOwnPropertyNames(navigator),
    patched: Object.entries(functions)
      .filter(([, fn]) => typeof fn !== 'function' || !isNative(fn) || 'prototype' in fn)
      .map(([name]) => name),
    evalLength: eval.toString().length,
  };
}

function readWindow() {
  const { outerWidth, outerHeight, innerWidth, innerHeight, screenX, screenY, devicePixelRatio } = window;
  const { width, height, availWidth, availHeight, availTop, availLeft, colorDepth, isExtended } = screen;
  return {
    ...{ outerWidth, outerHeight, innerWidth, innerHeight, screenX, screenY, devicePixelRatio },
    screen: { width, height, availWidth, availHeight, availTop, availLeft, colorDepth, isExtended },
    hover: matchMedia('(hover: hover)').matches,
    finePointer: matchMedia('(pointer: fine)').matches,
    visibility: document.visibilityState,
  };
}

function readChrome() {
  const { chrome } = window;
  return chrome ? { ...Object.fromEntries(Object.keys(chrome).map((key) => [key, typeof chrome[key]])) } : null;
}

function readPlugins() {
  return {
    names: [...navigator.plugins].map(({ name }) => name),
    mimeTypes: [...navigator.mimeTypes].map(({ type }) => type),
    isConsistent: [...navigator.plugins].every((plugin) => plugin[0]?.enabledPlugin === plugin),
    pdfViewerEnabled: navigator.pdfViewerEnabled,
  };
}

async function readPermissions() {
  const states = await Promise.all(
    ['notifications', 'geolocation', 'camera', 'microphone', 'midi'].map(async (name) => [
      name,
      await attempt(async () => (await navigator.permissions.query({ name })).state),
    ]),
  );
  return { ...Object.fromEntries(states), notification: Notification.permission };
}

async function readMedia() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const count = (kind) => devices.filter((device) => device.kind === kind).length;
  const element = document.createElement('video');
  return {
    devices: { speakers: count('audiooutput'), microphones: count('audioinput'), cameras: count('videoinput') },
    h264: element.canPlayType('video/mp4; codecs="avc1.42E01E"'),
    aac: element.canPlayType('audio/mp4; codecs="mp4a.40.2"'),
    vp9: element.canPlayType('video/webm; codecs="vp9"'),
    voices: await readVoices(),
  };
}

async function readVoices() {
  const voices = () => speechSynthesis.getVoices().length;
  if (voices() === 0) {
    await Promise.race([
      new Promise((resolve) => speechSynthesis.addEventListener('voiceschanged', resolve, { once: true })),
      new Promise((resolve) => setTimeout(resolve, 500)),
    ]);
  }
  return voices();
}

function readConnection() {
  const { rtt, downlink, effectiveType } = navigator.connection ?? {};
  return { rtt, downlink, effectiveType };
}

async function readBotd() {
  const detector = await load({ monitoring: false });
  const { bot, botKind } = detector.detect();
  const detections = Object.entries(detector.getDetections())
    .filter(([, detection]) => detection.bot)
    .map(([name]) => name);
  return { bot, botKind: botKind ?? null, detections };
}

async function readFpscanner() {
  const { fastBotDetection, fastBotDetectionDetails } = await new FingerprintScanner().collectFingerprint({
    encrypt: false,
  });
  const detections = Object.entries(fastBotDetectionDetails)
    .filter(([, { detected }]) => detected)
    .map(([name, { severity }]) => `${name} (${severity})`);
  return { bot: fastBotDetection, detections };
}

/** Whatever a client does with a mouse or a keyboard, as the page is told. */
function watchInput() {
  const seen = [];
  const note = (event) => {
    const { type, isTrusted, clientX, clientY, screenX, screenY, movementX, key, code, pointerType, pressure } = event;
    seen.push({ type, isTrusted, clientX, clientY, screenX, screenY, movementX, key, code, pointerType, pressure });
    const body = JSON.stringify(seen);
    void fetch(`/input${location.search}`, { method: 'POST', body });
  };
  for (const type of ['click', 'keydown']) addEventListener(type, note);
}

const { foreign } = document.documentElement.dataset;
watchInput();
const main = await readContext();
// Before anything is opened that takes the foreground.
const metrics = await attempt(readWindow);
const contexts = {
  emptyFrame: await attempt(readEmptyFrame),
  frame: await fromWindow('frame', openFrame('/frame.html')),
  foreignFrame: await fromWindow('foreignFrame', openFrame(`${foreign}frame.html`)),
  popup: await fromWindow('popup', (name) => void window.open('/frame.html', name)),
  dedicatedWorker: await within(fromDedicated()),
  sharedWorker: await within(fromShared()),
  serviceWorker: await within(fromService()),
};
const report = {
  main,
  contexts,
  globals: await attempt(readGlobals),
  natives: await attempt(readNatives),
  window: metrics,
  chrome: await attempt(readChrome),
  plugins: await attempt(readPlugins),
  permissions: await attempt(readPermissions),
  media: await attempt(readMedia),
  connection: await attempt(readConnection),
  botd: await within(readBotd()),
  fpscanner: await within(readFpscanner()),
};
await fetch(`/report${location.search}`, { method: 'POST', body: JSON.stringify(report) });
document.title = 'reported';
