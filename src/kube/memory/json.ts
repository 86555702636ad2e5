/**
 * What a store does with JSON values: keeps its own frozen copy, merges patches, compares. Frozen values are shared between
 * versions of an object, so a patch costs what it changes.
 */
type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A deep frozen copy as it would arrive over the wire: members that are undefined are left out. */
export function freezeCopy<T>(value: T): T {
  if (Array.isArray(value)) return Object.freeze(value.map((item: unknown) => freezeCopy(item ?? null))) as T;
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  // fromEntries, since assigning to `__proto__` would set a prototype.
  return Object.freeze(Object.fromEntries(members.map(([key, member]) => [key, freezeCopy(member)]))) as T;
}

/** Whether two values are the same JSON; an undefined member is an absent one. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => isSameJson(item, b[index]));
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => isSameJson(a[key], b[key]));
}

/**
 * JSON merge patch (https://www.rfc-editor.org/rfc/rfc7386#section-2). `target` must be frozen already; the very same
 * `target` comes back when the patch changes nothing.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return isSameJson(target, patch) ? target : freezeCopy(patch);
  const base = isJsonObject(target) ? target : {};
  const merged = new Map(Object.entries(base));
  let changed = base !== target;
  for (const [key, value] of Object.entries(patch)) {
    const before = merged.get(key);
    const after = value === null ? undefined : value === undefined ? before : mergePatch(before, value);
    if (after === before) continue;
    changed = true;
    if (after === undefined) merged.delete(key);
    else merged.set(key, after);
  }
  return changed ? Object.freeze(Object.fromEntries(merged)) : target;
}
