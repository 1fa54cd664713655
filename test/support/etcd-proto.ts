/** etcd's messages for an independent protobuf library, which checks what our own encoder writes. */
import protobuf from 'protobufjs';

const schema = `
syntax = "proto3";
message RangeRequest {
  bytes key = 1; bytes range_end = 2; int64 limit = 3; int64 revision = 4;
  bool serializable = 7; bool keys_only = 8; bool count_only = 9;
}
message PutRequest { bytes key = 1; bytes value = 2; int64 lease = 3; }
message DeleteRangeRequest { bytes key = 1; bytes range_end = 2; bool prev_kv = 3; }
message RequestOp {
  oneof request {
    RangeRequest request_range = 1; PutRequest request_put = 2;
    DeleteRangeRequest request_delete_range = 3; TxnRequest request_txn = 4;
  }
}
message Compare {
  enum Result { EQUAL = 0; GREATER = 1; LESS = 2; NOT_EQUAL = 3; }
  enum Target { VERSION = 0; CREATE = 1; MOD = 2; VALUE = 3; LEASE = 4; }
  Result result = 1; Target target = 2; bytes key = 3;
  oneof target_union {
    int64 version = 4; int64 create_revision = 5; int64 mod_revision = 6; bytes value = 7; int64 lease = 8;
  }
}
message TxnRequest { repeated Compare compare = 1; repeated RequestOp success = 2; repeated RequestOp failure = 3; }
message Varint { int64 signed = 1; uint64 unsigned = 2; string text = 3; Varint child = 4; fixed64 skipped = 5; fixed32 also = 6; }
`;

const root = protobuf.parse(schema, { keepCase: true }).root;

/** The message as plain data: 64-bit integers as strings, bytes as text, enums by name. */
export function decodeAs(type: string, bytes: Buffer): Record<string, unknown> {
  const message = root.lookupType(type);
  const plain = message.toObject(message.decode(bytes), { longs: String, enums: String });
  return withText(plain) as Record<string, unknown>;
}

export function encodeAs(type: string, value: Record<string, unknown>): Buffer {
  const message = root.lookupType(type);
  return Buffer.from(message.encode(message.fromObject(value)).finish());
}

function withText(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (Array.isArray(value)) return value.map(withText);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withText(inner)]));
}
