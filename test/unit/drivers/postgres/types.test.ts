import { expect, test } from 'vitest';
import { TypeCatalog } from '../../../../src/drivers/postgres/types.ts';
import { base, catalog, oids } from '../../../support/sample-types.ts';

test('a signature changes with what a type is made of, and not with its names in the catalog', () => {
  expect(catalog.signature(oids.exacter)).toBe(catalog.signature(oids.numeric));
  expect(catalog.signature(oids.ints)).toBe(catalog.signature(oids['int4[]']));
  const altered = new TypeCatalog([
    base(23, 'int4'),
    base(25, 'text'),
    {
      kind: 'composite',
      oid: oids.pair,
      name: 'public.pair',
      attributes: [
        { name: 'x', typeOid: 23 },
        { name: 'y', typeOid: 25 },
      ],
    },
  ]);
  expect(altered.signature(oids.pair)).not.toBe(catalog.signature(oids.pair));
});
