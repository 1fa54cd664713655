/** One text → the value that a scalar schema asks for. */
import {
  IsArray,
  IsBoolean,
  IsEnum,
  IsInteger,
  IsLiteral,
  IsObject,
  IsRecord,
  IsUnion,
  type TSchema,
} from 'typebox';
import { parseDuration } from './duration.ts';

/** Keywords of JSON Schema and marks of ours (see schema.ts) that are read here. */
export interface Marks {
  readonly secret?: boolean;
  readonly pem?: boolean;
  readonly duration?: boolean;
  readonly expects?: string;
  readonly maxBytes?: number;
  readonly orOne?: boolean;
  readonly keyPattern?: string;
  readonly keyExpects?: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly defaultText?: string;
  readonly pattern?: string;
  /** 1, where there must be something. */
  readonly minLength?: 1;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
}

export function marksOf(schema: TSchema): Marks {
  return schema;
}

/** `problem` ends the sentence that a path begins, and never quotes the text, which may be a secret. */
export type Parsed = { readonly value: unknown } | { readonly problem: string };

export function parseScalar(schema: TSchema, text: string): Parsed {
  if (IsEnum(schema)) return oneOf(schema.enum, text);
  if (IsLiteral(schema)) return oneOf([String(schema.const)], text);
  if (IsBoolean(schema)) return parseBoolean(text);
  if (IsInteger(schema)) {
    return marksOf(schema).duration
      ? parseDurationScalar(schema, text)
      : parseInteger(schema, text);
  }
  if (IsUnion(schema)) return parseUnion(schema, text);
  return parseString(schema, text);
}

/** A value of the right type for a schema whose own value is wrong or missing. */
export function placeholder(schema: TSchema): unknown {
  const marks = marksOf(schema);
  if (marks.default !== undefined) return structuredClone(marks.default);
  if (IsArray(schema)) return [];
  if (IsObject(schema) || IsRecord(schema)) return {};
  if (IsEnum(schema)) return schema.enum[0];
  if (IsInteger(schema)) return marks.minimum ?? 0;
  return '';
}

function oneOf(values: readonly (string | number)[], text: string): Parsed {
  const value = values.find((candidate) => candidate === text);
  return value === undefined ? { problem: `must be ${list(values)}` } : { value };
}

function list(values: readonly (string | number)[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`;
}

function parseBoolean(text: string): Parsed {
  if (/^(?:true|True|TRUE)$/.test(text)) return { value: true };
  if (/^(?:false|False|FALSE)$/.test(text)) return { value: false };
  return { problem: 'must be true or false' };
}

function parseInteger(schema: TSchema, text: string): Parsed {
  const { minimum = -Infinity, maximum = Infinity } = marksOf(schema);
  const value = /^[+-]?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= minimum && value <= maximum) return { value };
  return { problem: `must be an integer from ${minimum} to ${maximum}` };
}

function parseDurationScalar(schema: TSchema, text: string): Parsed {
  const { minimum = 0, maximum = Infinity } = marksOf(schema);
  const value = parseDuration(text);
  if (value === null)
    return { problem: 'must be a duration: <integer>ms, s, m or h, for example 10s' };
  if (value >= minimum && value <= maximum) return { value };
  return { problem: 'must be a duration from 1ms to 24h' };
}

function parseUnion(schema: TSchema & { anyOf: TSchema[] }, text: string): Parsed {
  for (const branch of schema.anyOf) {
    const parsed = parseScalar(branch, text);
    if ('value' in parsed) return parsed;
  }
  return { problem: `must be ${marksOf(schema).expects}` };
}

function parseString(schema: TSchema, text: string): Parsed {
  const marks = marksOf(schema);
  const { minLength = 0, maxLength = Infinity, maxBytes = Infinity } = marks;
  if (text.length < minLength) return { problem: 'must not be empty' };
  if (text.length > maxLength)
    return { problem: `must not have more than ${maxLength} characters` };
  if (Buffer.byteLength(text) > maxBytes)
    return { problem: `must not have more than ${maxBytes} bytes` };
  if (/\0|\p{Cs}/u.test(text)) return { problem: 'must not hold a NUL or half a surrogate pair' };
  if (marks.pattern !== undefined && !new RegExp(marks.pattern, 'u').test(text)) {
    return { problem: `must be ${marks.expects}` };
  }
  return { value: text };
}
