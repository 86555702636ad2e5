const newline = 0x0a;

/** Cuts a stream of bytes into lines. What is not ended yet is kept in its pieces, so that a long line costs one copy. */
export class LineSplitter {
  #pieces: Buffer[] = [];

  /** The lines that `chunk` ends; empty ones are left out. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const line = this.#endLine(chunk, start, end);
      if (line !== '') lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) this.#pieces.push(chunk.subarray(start));
    return lines;
  }

  #endLine(chunk: Buffer, start: number, end: number): string {
    if (this.#pieces.length === 0) return chunk.toString('utf8', start, end);
    this.#pieces.push(chunk.subarray(start, end));
    const line = Buffer.concat(this.#pieces).toString('utf8');
    this.#pieces = [];
    return line;
  }
}
