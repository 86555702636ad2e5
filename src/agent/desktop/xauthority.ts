/** Any host, any display: the file serves one X server. (FamilyWild of X11/Xauth.h) */
const anyFamily = 0xffff;

function counted(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/**
 * An Xauthority file that holds one cookie of 16 bytes: who can read it may use the X server, nobody else, be he on the same machine.
 * https://www.x.org/releases/current/doc/man/man7/Xsecurity.7.xhtml
 */
export function buildXauthority(cookie: Uint8Array): Buffer {
  const family = Buffer.alloc(2);
  family.writeUInt16BE(anyFamily);
  const nothing = new Uint8Array();
  const parts = [nothing, nothing, Buffer.from('MIT-MAGIC-COOKIE-1'), cookie];
  return Buffer.concat([family, ...parts.map(counted)]);
}
