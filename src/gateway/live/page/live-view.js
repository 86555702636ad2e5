import RFB from './novnc/core/rfb.js';
import { setUpClipboard } from './clipboard.js';
import { element, pressed, showState } from './elements.js';
import { setUpKeyboard } from './keyboard.js';

/** The page's own address is where everything of this session is; it holds the token. */
const base = location.pathname.replace(/\/$/, '');
const socketUrl = new URL(`${base}/rfb${location.search}`, location.href);
socketUrl.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';

/** Close codes after which there is nothing to come back to: over, refused. */
const final = new Set([1001, 1008]);
const mostTries = 8;
const firstDelayMs = 500;
const longestDelayMs = 8_000;

let rfb;
const clipboard = setUpClipboard(() => rfb);
setUpKeyboard(() => rfb);
setUpFullScreen();

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const delayMs = (tries) => Math.min(longestDelayMs, firstDelayMs * 2 ** tries) * (0.5 + Math.random() / 2);

/** What the gateway knows: `{state, why?, display?, readOnly?}`; unreachable when it does not answer. */
async function readState() {
  try {
    const answer = await fetch(`${base}/state${location.search}`, { cache: 'no-store' });
    if (answer.status === 404) return { state: 'over', why: 'This link is not good any more.' };
    return answer.ok ? await answer.json() : { state: 'unreachable' };
  } catch {
    return { state: 'unreachable' };
  }
}

/** Shows the screen until the connection ends. */
function show({ readOnly }) {
  return new Promise((resolve) => {
    const socket = new WebSocket(socketUrl);
    let wasLive = false;
    let closing;
    socket.addEventListener('close', ({ code, reason }) => (closing = { code, reason }));
    const view = new RFB(element('screen'), socket, { shared: true });
    view.viewOnly = readOnly;
    view.scaleViewport = true;
    view.background = 'transparent';
    view.addEventListener('connect', () => {
      wasLive = true;
      rfb = view;
      showState(readOnly ? 'read-only' : 'live');
      const canvas = element('screen').querySelector('canvas');
      canvas.setAttribute('role', readOnly ? 'img' : 'application');
      canvas.setAttribute('aria-label', "The session's screen");
      if (readOnly) return;
      canvas.tabIndex = 0;
      view.focus();
    });
    view.addEventListener('clipboard', ({ detail }) => clipboard.received(detail.text));
    view.addEventListener('disconnect', () => {
      rfb = undefined;
      resolve({ wasLive, ...closing });
    });
  });
}

/** Resolves with why it is over, or with nothing when it is worth another try. */
async function attempt(state) {
  if (state.state === 'over') return { why: state.why };
  if (state.state === 'starting') showState('starting');
  if (state.state !== 'ready') return {};
  if (!state.display) return { name: 'no-display' };
  const { wasLive, code, reason } = await show(state);
  return { wasLive, ...(final.has(code) && { why: reason }) };
}

async function run() {
  for (let tries = 0; ; tries += 1) {
    const state = await readState();
    const { why, name, wasLive } = await attempt(state);
    if (why !== undefined || name) {
      showState(name ?? 'ended', why);
      return;
    }
    if (wasLive) tries = 0;
    if (tries >= mostTries) {
      showState('lost');
      await pressed('again-button');
      showState('connecting');
      tries = 0;
    } else {
      if (state.state !== 'starting') showState('reconnecting');
      await delay(delayMs(tries));
    }
  }
}

function setUpFullScreen() {
  const button = element('fullscreen-button');
  button.hidden = !document.fullscreenEnabled;
  button.addEventListener('click', () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void document.documentElement.requestFullscreen();
  });
}

void run();
