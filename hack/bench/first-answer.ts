import type { Created } from './caller.ts';
import { connectCdp } from './cdp-connection.ts';
import type { Dial } from './dial.ts';

/** From the POST to the first answer of the browser, for a client that connects at the instant of the 201; milliseconds. */
export async function untilFirstAnswer({ ms, cdpUrl }: Created, dial?: Dial): Promise<number> {
  const startedAt = performance.now();
  await using cdp = await connectCdp(cdpUrl, { dial });
  await cdp.call('Browser.getVersion');
  return ms + performance.now() - startedAt;
}
