/** RFC 3339 in UTC with milliseconds, as objects hold times. */
export function formatTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** RFC 3339 in UTC with six decimals: Kubernetes' MicroTime (Leases, Events) refuses anything else. */
export function formatMicroTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}

/** Epoch milliseconds; undefined for what is absent or no time. */
export function parseTime(text: string | undefined): number | undefined {
  const epochMs = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(epochMs) ? undefined : epochMs;
}
