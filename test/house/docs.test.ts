import { afterEach, describe, expect, it } from 'vitest';
import { blocksOf, documents, followDocument, type DocReader } from '../support/doc-reader.ts';
import { startEmbeddedWorld, type EmbeddedWorld } from '../support/embedded-world.ts';

let world: EmbeddedWorld | undefined;
afterEach(async () => {
  await world?.[Symbol.asyncDispose]();
  world = undefined;
});

const reader: DocReader = {
  start: async (env) => (world = await startEmbeddedWorld({ env })),
  places: () => [['~/.local/share/porthole', world?.place.dataDir ?? '']],
  path: [],
};

/** Those marked `cluster` are pasted by test/cluster/docs.test.ts, which leaves out none. */
const without = (document: string) => blocksOf(document).filter(({ options }) => !options.has('cluster'));

it.each(documents)('what %s says is so, line for line', (document) => followDocument(without(document), reader));

describe.each(['proxies', 'extensions', 'live-view', 'recording', 'stealth'])('docs/%s.md', (capability) => {
  const blocks = blocksOf(`docs/${capability}.md`);

  it('has an example by REST and one by kubectl, and shows what they answer', () => {
    expect(blocks.some(({ code, options }) => code.includes('/browser/sessions') && !options.has('cluster'))).toBe(
      true,
    );
    const byKubectl = blocks.filter(({ options }) => options.has('cluster'));
    expect(byKubectl.some(({ code }) => code.includes('kind: BrowserSession'))).toBe(true);
    for (const group of [byKubectl, without(`docs/${capability}.md`)]) {
      expect(group.some(({ output, options }) => output !== undefined || options.has('check'))).toBe(true);
    }
  });
});
