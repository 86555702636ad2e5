import { writeFileSync } from 'node:fs';

/**
 * The program that holds a Pod's namespaces: it waits for ever. Made byte by byte, since a machine that only runs images may have no
 * compiler. A kubelet ends it by SIGKILL, and nothing is its child where containers have pid namespaces of their own.
 */
const machineCode = {
  // mov eax, 34 (pause); syscall; jmp to the beginning
  amd64: { elf: 0x3e, code: [0xb8, 0x22, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7] },
  // mov x0 … x3, #0; mov x8, #73 (ppoll); svc #0; b to the beginning: little-endian words
  arm64: {
    elf: 0xb7,
    code: [0xd2800000, 0xd2800001, 0xd2800002, 0xd2800003, 0xd2800928, 0xd4000001, 0x17fffffa].flatMap((word) => [
      word & 0xff,
      (word >>> 8) & 0xff,
      (word >>> 16) & 0xff,
      word >>> 24,
    ]),
  },
} as const;

export type Architecture = keyof typeof machineCode;

const headerSize = 64 + 56;
const loadAddress = 0x40_0000n;

/** An executable of one segment: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html */
export function buildPauseProgram(architecture: Architecture): Buffer {
  const { elf, code } = machineCode[architecture];
  const size = BigInt(headerSize + code.length);
  const header = Buffer.alloc(headerSize);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(2, 16); // executable
  header.writeUInt16LE(elf, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(loadAddress + BigInt(headerSize), 24); // where it starts
  header.writeBigUInt64LE(64n, 32); // program headers
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(1, 64); // to be loaded
  header.writeUInt32LE(5, 68); // read, execute
  header.writeBigUInt64LE(loadAddress, 80);
  header.writeBigUInt64LE(loadAddress, 88);
  header.writeBigUInt64LE(size, 96);
  header.writeBigUInt64LE(size, 104);
  header.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([header, Buffer.from(code)]);
}

/** A tar of one executable at its root: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06 */
export function buildPauseLayer(architecture: Architecture): Buffer {
  const program = buildPauseProgram(architecture);
  const header = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number): void => {
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  };
  header.write('pause', 'latin1');
  octal(0o755, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(program.length, 124, 12);
  octal(0, 136, 12);
  header.write('        0', 148, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return Buffer.concat([header, program, Buffer.alloc(1024 + ((512 - (program.length % 512)) % 512))]);
}

export function writePauseLayer(architecture: Architecture, file: string): void {
  writeFileSync(file, buildPauseLayer(architecture));
}
