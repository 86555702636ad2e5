/** For `vi.waitFor`: how long the world may take to become what a story says. An upper limit, not an expectation. */
export const patience = { timeout: 60_000, interval: 50 } as const;

/** For things that must stay as they are: there is no event to await. */
export function stretch(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
