import { createHash, createHmac } from "node:crypto";
import { concat } from "@std/bytes/concat";

const HASH_BYTES = 32;
const CURVE = { name: "ECDH", namedCurve: "P-256" };

const encoder = new TextEncoder();

/** A key pair for one handshake; `publicKey` is the point as it is sent. */
export async function createKeyShare(): Promise<{ publicKey: Uint8Array; privateKey: CryptoKey }> {
  const keys = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]) as CryptoKeyPair;
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey));
  return { publicKey, privateKey: keys.privateKey };
}

/** Decrypts a record of the server's; `header` is the record's first five bytes. */
export type Decrypt = (header: Uint8Array, encrypted: Uint8Array) => Promise<Uint8Array>;

/**
 * Decrypts the handshake that a server of TLS 1.3 continues after its hello, with
 * TLS_AES_128_GCM_SHA256. `transcript` is both hellos. RFC 8446, sections 5.2, 5.3 and 7.1.
 */
export async function createDecryption(
  privateKey: CryptoKey,
  serverPublicKey: Uint8Array,
  transcript: Uint8Array,
): Promise<Decrypt> {
  const { subtle } = crypto;
  const peer = await subtle.importKey("raw", copy(serverPublicKey), CURVE, false, []);
  const shared = new Uint8Array(
    await subtle.deriveBits({ name: "ECDH", public: peer }, privateKey, 8 * HASH_BYTES),
  );
  const early = hmac(new Uint8Array(HASH_BYTES), new Uint8Array(HASH_BYTES));
  const derived = expandLabel(early, "derived", sha256(new Uint8Array()), HASH_BYTES);
  const secret = expandLabel(hmac(derived, shared), "s hs traffic", sha256(transcript), HASH_BYTES);
  const nothing = new Uint8Array();
  const raw = expandLabel(secret, "key", nothing, 16);
  const key = await subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
  const baseIv = expandLabel(secret, "iv", nothing, 12);
  let sequence = 0;
  return async (header, encrypted) => {
    const iv = baseIv.slice();
    const view = new DataView(iv.buffer);
    view.setUint32(8, view.getUint32(8) ^ sequence++);
    const options = { name: "AES-GCM", iv, additionalData: copy(header) };
    return new Uint8Array(await subtle.decrypt(options, key, copy(encrypted)));
  };
}

/** HKDF-Expand-Label for at most one block. RFC 8446, section 7.1, and RFC 5869, section 2.3. */
function expandLabel(
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array<ArrayBuffer> {
  const name = encoder.encode(`tls13 ${label}`);
  const info = concat([
    Uint8Array.of(0, length, name.length),
    name,
    Uint8Array.of(context.length),
    context,
    Uint8Array.of(1),
  ]);
  return hmac(secret, info).slice(0, length);
}

function hmac(key: Uint8Array, data: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHmac("sha256", key).update(data).digest());
}

function sha256(data: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(data).digest());
}

function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
