/** The effective configuration without its secrets, for logs and GET /v1/config. */
import { IsArray, IsObject, IsRecord, type TObject, type TSchema } from 'typebox';
import type { Config } from './config.ts';
import { formatDuration } from './duration.ts';
import { marksOf } from './scalar.ts';
import { fileSchema } from './schema.ts';

/** In the form of the file, with every default; a secret that is set is `***`, a duration its text. */
export function redact(config: Config): Record<string, unknown> {
  const syncs = Object.fromEntries(config.syncs.map((sync) => [sync.name, sync]));
  return redactObject(fileSchema, { ...config, syncs });
}

function redactObject(schema: TObject, value: object): Record<string, unknown> {
  const members = new Map<string, unknown>(Object.entries(value));
  return Object.fromEntries(
    Object.entries(schema.properties).map(([name, property]) => {
      const member = members.get(configName(name, property));
      if (member === undefined) throw new TypeError(`the configuration lacks ${name}`);
      return [name, redactValue(property, member)];
    }),
  );
}

function redactValue(schema: TSchema, value: unknown): unknown {
  const { secret, duration, orOne } = marksOf(schema);
  if (value === null) return null;
  if (secret === true) return value === '' ? '' : '***';
  if (duration === true) return formatDuration(Number(value));
  if (IsObject(schema)) return redactObject(schema, Object(value));
  if (IsArray(schema) && Array.isArray(value)) {
    if (orOne === true && value.length === 1) return redactValue(schema.items as TSchema, value[0]);
    return value.map((item) => redactValue(schema.items as TSchema, item));
  }
  if (IsRecord(schema))
    return redactRecord(Object.values(schema.patternProperties)[0] as TSchema, Object(value));
  return value;
}

function redactRecord(schema: TSchema, value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, redactValue(schema, member)]),
  );
}

/** `retry_period`, a duration, is `retryPeriodMs` in Config; `name`, one or a list, is `names`. */
export function configName(name: string, schema: TSchema): string {
  const camel = name.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
  if (marksOf(schema).orOne === true) return `${camel}s`;
  return marksOf(schema).duration === true ? `${camel}Ms` : camel;
}
