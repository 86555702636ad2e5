/** Puts `text` between `<!-- generated:<name> -->` and `<!-- /generated:<name> -->`. Throws where the document has no such place. */
export function replaceBlock(document: string, name: string, text: string): string {
  const [start, end] = [`<!-- generated:${name} -->`, `<!-- /generated:${name} -->`];
  const from = document.indexOf(start);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the document has no lines ${start} and ${end} in this order`);
  return `${document.slice(0, from + start.length)}\n\n${text.trim()}\n\n${document.slice(to)}`;
}
