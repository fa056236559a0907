import { concat } from "@std/bytes/concat";

/**
 * TLS_AES_128_GCM_SHA256, which every server of TLS 1.3 has (RFC 8446, section 9.1), then the cipher
 * suites that Deno offers for TLS 1.2, so that a server chooses the same certificate.
 */
const CIPHER_SUITES = [0x1301, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8];

/** secp256r1, which every server of TLS 1.3 has, and secp384r1 for the certificates of TLS 1.2. */
const GROUPS = [0x0017, 0x0018];

const SIGNATURE_ALGORITHMS = [
  ...[0x0403, 0x0503, 0x0603, 0x0807],
  ...[0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601],
];

const TLS_1_2 = 0x0303;
const TLS_1_3 = 0x0304;

const EXTENSION = {
  serverName: 0,
  supportedGroups: 10,
  pointFormats: 11,
  signatureAlgorithms: 13,
  alpn: 16,
  extendedMasterSecret: 23,
  supportedVersions: 43,
  keyShare: 51,
  renegotiationInfo: 0xff01,
};

const encoder = new TextEncoder();

/**
 * The first message of a TLS handshake, for TLS 1.2 and 1.3: a handshake message without its record.
 * `publicKey` is a point of secp256r1, uncompressed. An IP address is not sent as a server name.
 * RFC 8446, section 4.1.2.
 */
export function encodeClientHello(
  { serverName, random, publicKey }: {
    serverName: string | null;
    random: Uint8Array;
    publicKey: Uint8Array;
  },
): Uint8Array {
  const name = serverName === null ? [] : [
    extension(
      EXTENSION.serverName,
      vector(2, concat([number(1, 0), vector(2, encoder.encode(serverName))])),
    ),
  ];
  const extensions = concat([
    ...name,
    extension(EXTENSION.supportedGroups, vector(2, numbers(2, GROUPS))),
    extension(EXTENSION.pointFormats, vector(1, number(1, 0))),
    extension(EXTENSION.signatureAlgorithms, vector(2, numbers(2, SIGNATURE_ALGORITHMS))),
    extension(EXTENSION.alpn, vector(2, vector(1, encoder.encode("http/1.1")))),
    extension(EXTENSION.extendedMasterSecret, new Uint8Array()),
    extension(EXTENSION.supportedVersions, vector(1, numbers(2, [TLS_1_3, TLS_1_2]))),
    extension(
      EXTENSION.keyShare,
      vector(2, concat([numbers(2, GROUPS.slice(0, 1)), vector(2, publicKey)])),
    ),
    extension(EXTENSION.renegotiationInfo, vector(1, new Uint8Array())),
  ]);
  const body = concat([
    number(2, TLS_1_2),
    random,
    // No session is resumed.
    vector(1, new Uint8Array()),
    vector(2, numbers(2, CIPHER_SUITES)),
    // No compression.
    vector(1, number(1, 0)),
    vector(2, extensions),
  ]);
  return concat([number(1, 1), vector(3, body)]);
}

function extension(type: number, data: Uint8Array): Uint8Array {
  return concat([number(2, type), vector(2, data)]);
}

function vector(lengthSize: number, bytes: Uint8Array): Uint8Array {
  return concat([number(lengthSize, bytes.length), bytes]);
}

function numbers(size: number, values: readonly number[]): Uint8Array {
  return concat(values.map((value) => number(size, value)));
}

function number(size: number, value: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => value >>> (8 * (size - 1 - i)));
}
