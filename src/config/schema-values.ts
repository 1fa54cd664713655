/** Values that several parts of the schema have; see schema.ts. */
import { Type } from 'typebox';

const hourMs = 3_600_000;

export function duration(defaultMs: number, description: string) {
  return Type.Integer({
    duration: true,
    default: defaultMs,
    minimum: 1,
    maximum: 24 * hourMs,
    description,
  });
}

export function port(minimum: number) {
  return { minimum, maximum: 65_535 };
}

export const host = {
  maxLength: 255,
  pattern: '^(?:[^\\s:,/@\\[\\]]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Za-z:.%]*)$',
  expects: 'a host name or an IP address, without port',
};
