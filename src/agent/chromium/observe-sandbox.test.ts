import { expect, it } from 'vitest';
import { isConfined, parseConfinement, type Confinement } from './observe-sandbox.ts';

const linux = (nsPids: string, seccomp: number, link = ''): Confinement =>
  parseConfinement(
    `Name:\tchromium\nUid:\t1\t1\t1\t1\nNSpid:\t${nsPids}\nNSpgid:\t7\nSeccomp:\t${seccomp}\nSeccomp_filters:\t1\n`,
    link,
  );
/** As gVisor's /proc has it: nothing of namespaces in the status. */
const gvisor = (link: string, seccomp: number): Confinement =>
  parseConfinement(`Name:\tchromium\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t${seccomp}\n`, link);
const browser = linux('7', 0, 'pid:[4026532708]');
const gvisorBrowser = gvisor('pid:[5]', 0);

it.each([
  ['a filter and a namespace of its own', linux('81\t14\t1', 2), browser, true],
  ['no filter', linux('81\t14\t1', 0), browser, false],
  ['no namespace of its own', linux('81', 2), browser, false],
  ['a filter that is the container’s, and its namespace', linux('81\t3', 2), linux('7\t2', 2), false],
  ['under gVisor a filter and a namespace of its own', gvisor('pid:[16]', 2), gvisorBrowser, true],
  ['under gVisor no filter', gvisor('pid:[16]', 0), gvisorBrowser, false],
  ['under gVisor no namespace of its own', gvisor('pid:[5]', 2), gvisorBrowser, false],
  ['under gVisor a namespace that does not show', gvisor('', 2), gvisorBrowser, false],
  ['nothing to be read', parseConfinement('', ''), browser, false],
])('%s', (_, renderer, of, expected) => {
  expect(isConfined(renderer, of)).toBe(expected);
});
