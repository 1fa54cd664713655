/** The small pieces that several schemas are made of. */
import Type, { type Static, type TNull, type TSchema, type TUnion, type TUnsafe } from 'typebox';

/** A field is always present; `null` says that its value is not known (SPEC §8). */
export function nullable<T extends TSchema>(schema: T): TUnion<[T, TNull]> {
  return Type.Union([schema, Type.Null()]);
}

/** An object that has these members and no others. */
export const strict = { additionalProperties: false } as const;

export const Time = Type.String({
  format: 'date-time',
  description: 'RFC 3339, UTC, with milliseconds and `Z`.',
});

export const Count = Type.Integer({ minimum: 0 });

export const Seconds = Type.Number({ minimum: 0 });

/** The path parameter of every call on one sync. A name that does not match is an unknown one: 404. */
export const SyncParams = Type.Object({
  name: Type.String({
    pattern: '^[a-z0-9_-]{1,48}$',
    description: 'The name of the sync.',
    examples: ['inventory'],
  }),
});

/** Calls that take no query parameter refuse every one. */
export const NoQuery = Type.Object({}, strict);

/** So that the ids of components are not those of a server that Watcher is a plugin of. */
const componentPrefix = 'watcher.';

/** A schema that stands under `components.schemas` and is referred to from there. */
export function component<T extends TSchema>(
  name: string,
  schema: T,
): T & { readonly $id: string } {
  return Object.assign(schema, { $id: `${componentPrefix}${name}` });
}

/** The name of a component in the document; null: a schema of the server that Watcher is a plugin of. */
export function componentName(schema: { readonly $id?: unknown }): string | null {
  const id = String(schema.$id);
  return id.startsWith(componentPrefix) ? id.slice(componentPrefix.length) : null;
}

/** A reference to a component, with the static type of what it refers to. */
export function reference<T extends TSchema>(
  target: T & { readonly $id: string },
): TUnsafe<Static<T>> {
  return Type.Unsafe<Static<T>>({ $ref: `${target.$id}#` });
}
