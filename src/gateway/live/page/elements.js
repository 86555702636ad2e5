/** The parts of the page by their ids. */
export const element = (id) => document.getElementById(id);

/** What each state is called, and what stands in the middle while there is no picture. */
const states = {
  connecting: { status: 'Connecting …', title: 'Connecting …' },
  starting: { status: 'Starting …', title: 'The session is starting.' },
  live: { status: 'Live' },
  'read-only': { status: 'Live, read-only' },
  reconnecting: { status: 'Reconnecting …', title: 'The connection was lost.', text: 'Trying again …' },
  lost: { status: 'Not connected', title: 'The session cannot be reached.', canTryAgain: true },
  'no-display': {
    status: 'No display',
    title: 'This session has no display.',
    text: 'Its browser runs headless: drive it by its cdpUrl, or ask for a sandbox with a display.',
  },
  ended: { status: 'Ended', title: 'This session has ended.' },
};

/** Says where things stand, to eyes and to screen readers. */
export function showState(name, text) {
  const { status, title, text: usual = '', canTryAgain = false } = states[name];
  const line = element('status');
  line.dataset.state = name;
  line.textContent = status;
  element('notice').hidden = title === undefined;
  element('notice-title').textContent = title ?? '';
  element('notice-text').textContent = text ?? usual;
  element('again-button').hidden = !canTryAgain;
  const isLive = name === 'live';
  element('clipboard-button').hidden = !isLive;
  element('hint').hidden = !isLive;
  element('keyboard-button').hidden = !isLive || !matchMedia('(any-pointer: coarse)').matches;
  if (!isLive) closePanels();
}

export function closePanels() {
  element('clipboard').hidden = true;
  element('clipboard-button').setAttribute('aria-expanded', 'false');
  element('typing').hidden = true;
}

/** Resolves when a button is pressed. */
export function pressed(id) {
  return new Promise((resolve) => element(id).addEventListener('click', resolve, { once: true }));
}
