/**
 * As much of protobuf's wire format as a CRX3 header needs: https://protobuf.dev/programming-guides/encoding/
 * Throws a RangeError when the bytes are no message.
 */
export interface Field {
  readonly number: number;
  readonly bytes: Uint8Array;
}

const wireTypes = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function readVarint(cursor: Cursor): number {
  let value = 0;
  // Numbers above 2^49 are none that a header has: not a tag, nor a length of what is in it.
  for (let shift = 0; shift < 49; shift += 7) {
    const byte = cursor.bytes[cursor.at];
    if (byte === undefined) throw new RangeError('the message ends within a number');
    cursor.at += 1;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw new RangeError('the number is too long');
}

function take(cursor: Cursor, length: number): Uint8Array {
  const end = cursor.at + length;
  if (end > cursor.bytes.length) throw new RangeError('the message ends within a field');
  const taken = cursor.bytes.subarray(cursor.at, end);
  cursor.at = end;
  return taken;
}

/** The length-delimited fields of a message (bytes, strings, messages), in their order; others are passed over. */
export function readFields(bytes: Uint8Array): readonly Field[] {
  const cursor: Cursor = { bytes, at: 0 };
  const fields: Field[] = [];
  while (cursor.at < bytes.length) {
    const tag = readVarint(cursor);
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case wireTypes.varint:
        readVarint(cursor);
        break;
      case wireTypes.fixed64:
        take(cursor, 8);
        break;
      case wireTypes.fixed32:
        take(cursor, 4);
        break;
      case wireTypes.lengthDelimited:
        fields.push({ number, bytes: take(cursor, readVarint(cursor)) });
        break;
      default:
        throw new RangeError(`there is no wire type ${tag % 8}`);
    }
  }
  return fields;
}
