/** Text that is safe inside HTML. */
export interface Html {
  readonly html: string;
}

type Part = Html | string | number | readonly Html[];

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => escapes[char] ?? '');
}

function toText(part: Part): string {
  if (typeof part === 'string' || typeof part === 'number') return escape(String(part));
  return 'html' in part ? part.html : part.map(({ html }) => html).join('');
}

/** Every value is escaped but those that are Html already. */
export function markup(literals: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: String.raw({ raw: literals }, ...parts.map(toText)) };
}

export const nothing: Html = { html: '' };

/** For text that is safe as it stands: our own style sheet. */
export function verbatim(text: string): Html {
  return { html: text };
}

/** One line of the Markdown that the document's descriptions use: only `code`. */
export function inline(text: string): Html {
  return { html: escape(text).replace(/`([^`]+)`/g, '<code>$1</code>') };
}

/** The same, with empty lines between paragraphs. */
export function prose(text: string): Html {
  return markup`${text.split('\n\n').map((paragraph) => markup`<p>${inline(paragraph)}</p>`)}`;
}

export function json(value: unknown): Html {
  return markup`<pre tabindex="0"><code>${JSON.stringify(value, null, 2)}</code></pre>`;
}
