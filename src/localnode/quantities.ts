/** Kubernetes quantities: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const form = /^(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?$/;

const factors: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Binary floating point makes 0.29 × 100 a hair less than 29; without this a hair more would cost a whole unit. */
const roundingSlack = 1e-6;

/** The number that a quantity such as `250m`, `1.5Gi` or `1e3` stands for. Throws RangeError for anything else, negatives included. */
export function parseQuantity(text: string): number {
  const match = form.exec(text);
  if (!match) throw new RangeError(`not a quantity: ${JSON.stringify(text)}`);
  const [, digits, exponent, suffix] = match;
  const factor = exponent === undefined ? (factors[suffix ?? ''] ?? 1) : 10 ** Number(exponent);
  return Number(digits) * factor;
}

function roundUp(amount: number): number {
  return Math.max(0, Math.ceil(amount - roundingSlack));
}

/** Thousandths of a CPU, rounded up as Kubernetes does. */
export function parseCpuMillis(text: string): number {
  return roundUp(parseQuantity(text) * 1000);
}

/** Bytes, rounded up as Kubernetes does. */
export function parseBytes(text: string): number {
  return roundUp(parseQuantity(text));
}
