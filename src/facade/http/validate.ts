import type { z } from 'zod';
import { Problem, type ProblemDetail } from '../../api/rest/problem.ts';

/** An echo of what the caller sent must not flood the answer. */
const longestName = 64;
const mostDetails = 50;

export function shorten(text: string): string {
  return text.length > longestName ? `${text.slice(0, longestName)}…` : text;
}

function detailsOf(error: z.ZodError, root: string): ProblemDetail[] {
  return error.issues.flatMap((issue) => {
    const path = [...(root ? [root] : []), ...issue.path.map(String)];
    if (issue.code !== 'unrecognized_keys') return [{ path: path.join('.'), message: issue.message }];
    return issue.keys.map((key) => ({ path: [...path, shorten(key)].join('.'), message: 'unknown field' }));
  });
}

function summary(details: readonly ProblemDetail[]): string {
  const [first] = details;
  if (!first) return 'The request is not valid.';
  const sentence = first.path ? `${first.path}: ${first.message}` : first.message;
  return details.length > 1 ? `${sentence} (and ${details.length - 1} more in details)` : sentence;
}

export function invalid(details: readonly ProblemDetail[]): Problem {
  return new Problem('invalid_request', summary(details), { details: details.slice(0, mostDetails) });
}

/** What the schema makes of `value`; throws invalid_request with one detail a field. `root` stands before each path. */
export function validate<S extends z.ZodType>(schema: S, value: unknown, root = ''): z.output<S> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalid(detailsOf(parsed.error, root));
  return parsed.data;
}
