import { expect, test } from 'vitest';
import {
  cascadeTargets,
  changesRows,
  type ForeignKey,
  parseForeignKeys,
} from '../../../../src/drivers/mysql/foreign-keys.ts';

test('as SHOW CREATE TABLE has them', () => {
  const sql = [
    'CREATE TABLE `c` (',
    '  `id` int NOT NULL,',
    "  `note` varchar(99) DEFAULT 'CONSTRAINT',",
    '  PRIMARY KEY (`id`),',
    '  CONSTRAINT `we``ird` FOREIGN KEY (`a`, `b,c`) REFERENCES `other db`.`p` (`x`, `y`) ON DELETE CASCADE,',
    '  CONSTRAINT `two` FOREIGN KEY (`d`) REFERENCES `p2` (`x`) ON DELETE SET NULL ON UPDATE CASCADE,',
    '  CONSTRAINT `plain` FOREIGN KEY (`e`) REFERENCES `p3` (`x`)',
    ') ENGINE=InnoDB',
  ].join('\n');
  const keys = parseForeignKeys(sql, 'shop');
  expect(keys).toEqual([
    {
      name: 'we`ird',
      columns: ['a', 'b,c'],
      parentSchema: 'other db',
      parentTable: 'p',
      parentColumns: ['x', 'y'],
      onDelete: 'cascade',
      onUpdate: 'none',
    },
    {
      name: 'two',
      columns: ['d'],
      parentSchema: 'shop',
      parentTable: 'p2',
      parentColumns: ['x'],
      onDelete: 'set null',
      onUpdate: 'cascade',
    },
    {
      name: 'plain',
      columns: ['e'],
      parentSchema: 'shop',
      parentTable: 'p3',
      parentColumns: ['x'],
      onDelete: 'none',
      onUpdate: 'none',
    },
  ]);
  expect(keys.map(changesRows)).toEqual([true, true, false]);
});

test('names with brackets, commas and quotes, and texts that look like one', () => {
  const sql = [
    'CREATE TABLE `c` (',
    "  `note` int COMMENT 'CONSTRAINT `no` FOREIGN KEY (`a`) REFERENCES `p` (`x`) ON DELETE CASCADE',",
    '  CONSTRAINT `k` FOREIGN KEY (`a)`, `b``,(`) REFERENCES `p (1)` (`x)`,`y`) ON DELETE CASCADE',
    ') ENGINE=InnoDB',
  ].join('\n');
  expect(parseForeignKeys(sql, 'shop')).toEqual([
    {
      name: 'k',
      columns: ['a)', 'b`,('],
      parentSchema: 'shop',
      parentTable: 'p (1)',
      parentColumns: ['x)', 'y'],
      onDelete: 'cascade',
      onUpdate: 'none',
    },
  ]);
});

function key(
  parentTable: string,
  onDelete: ForeignKey['onDelete'],
  onUpdate: ForeignKey['onUpdate'] = 'none',
): ForeignKey {
  const parent = { parentSchema: 's', parentTable, parentColumns: ['id'] };
  return { name: 'k', columns: ['p'], ...parent, onDelete, onUpdate };
}

test('a cascade goes on through the children of children', () => {
  const targets = cascadeTargets([
    { schema: 's', name: 'a', foreignKeys: [key('root', 'cascade')] },
    { schema: 's', name: 'b', foreignKeys: [key('a', 'cascade')] },
    { schema: 's', name: 'c', foreignKeys: [key('b', 'set null')] },
    { schema: 's', name: 'd', foreignKeys: [key('root', 'none', 'cascade')] },
    { schema: 's', name: 'e', foreignKeys: [key('d', 'none', 'cascade')] },
    { schema: 's', name: 'unrelated', foreignKeys: [key('x', 'none')] },
  ]);
  expect(targets.get('`s`.`root`')).toEqual({
    onDelete: ['`s`.`a`', '`s`.`b`', '`s`.`c`'],
    onKeyUpdate: ['`s`.`d`', '`s`.`e`'],
    keyColumns: ['id'],
  });
  expect(targets.get('`s`.`b`')).toEqual({
    onDelete: ['`s`.`c`'],
    onKeyUpdate: [],
    keyColumns: [],
  });
  expect(targets.has('`s`.`x`')).toBe(false);
});

test('a table that references itself ends', () => {
  const targets = cascadeTargets([
    { schema: 's', name: 't', foreignKeys: [key('t', 'cascade', 'cascade')] },
  ]);
  expect(targets.get('`s`.`t`')).toEqual({
    onDelete: ['`s`.`t`'],
    onKeyUpdate: ['`s`.`t`'],
    keyColumns: ['id'],
  });
});
