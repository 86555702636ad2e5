/** What to do about Chromium: the decision, apart from looking and installing. */

/**
 * @typedef {object} Candidate One executable that may be Chromium.
 * @property {string} file
 * @property {'PORTHOLE_CHROMIUM' | 'PATH' | 'Playwright'} source
 * @property {string} [unfit] Why it cannot be used.
 */

/**
 * @typedef {object} ChromiumFacts
 * @property {readonly Candidate[]} candidates In order of preference.
 * @property {boolean} isRoot
 * @property {readonly string[]} distribution Words of ID and ID_LIKE in /etc/os-release, the most specific first.
 * @property {boolean} hasApt
 * @property {boolean} hasXvnc
 * @property {boolean} hasFfmpeg
 */

/**
 * @typedef {{ do: 'use', file: string } | { do: 'apt', packages: readonly string[] } | { do: 'tell', command: string, why: string }}
 *   ChromiumPlan
 */

/** Where we advise root to put Playwright's Chromium: the sandbox's user cannot read /root. */
export const sharedPlaywrightFolder = '/opt/ms-playwright';

/** A browser needs a font to draw any text; apt's --no-install-recommends leaves them all out. */
const aptPackages = ['chromium', 'fonts-liberation'];
const xvncPackage = 'tigervnc-standalone-server';
/** What records the screen. */
const ffmpegPackage = 'ffmpeg';

/**
 * The one command that brings Chromium, to be run by the person.
 * @param {Pick<ChromiumFacts, 'distribution' | 'isRoot'>} facts
 * @returns {string}
 */
function installCommand({ distribution, isRoot }) {
  const sudo = isRoot ? '' : 'sudo ';
  const [own] = distribution;
  // Ubuntu's chromium packages only install a snap, which is shut off from the folders and users that sandboxes need.
  const isUbuntu = own === 'ubuntu';
  if (distribution.includes('debian') && !isUbuntu) {
    return `${sudo}apt-get install -y --no-install-recommends ${[...aptPackages, xvncPackage, ffmpegPackage].join(' ')}`;
  }
  if (distribution.includes('fedora')) return `${sudo}dnf install -y chromium tigervnc-server-minimal ffmpeg-free`;
  if (distribution.includes('arch')) return `${sudo}pacman -S --noconfirm chromium tigervnc ffmpeg`;
  const folder = isRoot ? `PLAYWRIGHT_BROWSERS_PATH=${sharedPlaywrightFolder} ` : '';
  return `${folder}npx playwright-core install ${isUbuntu ? '--with-deps ' : ''}chromium`;
}

/**
 * What a browser works without, and is wanted all the same: a screen, and what records it.
 * @param {Pick<ChromiumFacts, 'hasXvnc' | 'hasFfmpeg'>} facts
 * @returns {string[]}
 */
function missingExtras({ hasXvnc, hasFfmpeg }) {
  return [...(hasXvnc ? [] : [xvncPackage]), ...(hasFfmpeg ? [] : [ffmpegPackage])];
}

/**
 * @param {ChromiumFacts} facts
 * @returns {ChromiumPlan}
 */
export function planChromium(facts) {
  const { candidates, distribution, isRoot } = facts;
  const named = candidates.find((c) => c.source === 'PORTHOLE_CHROMIUM');
  const fit = named ? (named.unfit ? undefined : named) : candidates.find((c) => !c.unfit);
  if (fit) return { do: 'use', file: fit.file };
  const command = installCommand(facts);
  if (named) return { do: 'tell', command, why: `PORTHOLE_CHROMIUM names ${named.file}, which ${named.unfit}.` };
  if (isRoot && facts.hasApt && distribution.includes('debian') && distribution[0] !== 'ubuntu') {
    return { do: 'apt', packages: [...aptPackages, ...missingExtras(facts)] };
  }
  const refused = candidates.map((c) => ` ${c.file} ${c.unfit}.`).join('');
  return { do: 'tell', command, why: `No Chromium found (looked on the PATH and in Playwright's cache).${refused}` };
}
