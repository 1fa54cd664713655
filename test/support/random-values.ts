/** Random texts of PostgreSQL's types, from a seed: the same seed gives the same values. */

export type Random = () => number;
export type TextOf = (random: Random) => string;

/** mulberry32: uniform in [0, 1). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const int = (random: Random, min: number, max: number): number =>
  min + Math.floor(random() * (max - min + 1));

export const pick = <T>(random: Random, from: readonly T[]): T =>
  from[int(random, 0, from.length - 1)] as T;

const digits = (random: Random, count: number): string =>
  Array.from({ length: count }, () => int(random, 0, 9)).join('');

export const integer =
  (bits: number): TextOf =>
  (random) => {
    const wide = BigInt.asIntN(bits, BigInt(`0x${hex(8)(random)}`));
    return String(wide >> BigInt(int(random, 0, bits - 1)));
  };

export const numeric: TextOf = (random) => {
  const sign = pick(random, ['', '-']);
  return `${sign}${digits(random, int(random, 1, 40))}.${digits(random, int(random, 1, 30))}`;
};

export const float: TextOf = (random) =>
  pick(random, [
    `${random() * 10 ** int(random, -30, 30)}`,
    `-${random()}`,
    `${int(random, -1000, 1000) / 8}`,
  ]);

export const hex =
  (bytes: number): TextOf =>
  (random) =>
    Array.from({ length: bytes }, () => int(random, 0, 255).toString(16).padStart(2, '0')).join('');

const units = [
  'a',
  'B',
  '7',
  ' ',
  'é',
  '表',
  '🙂',
  '"',
  '""',
  "'",
  '\\',
  '\\\\',
  ',',
  ';',
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  '=>',
  '=',
  '\t',
  '\n',
  '\r',
  '\b',
  '\f',
  '\v',
  '\u0001',
  '\u001f',
  '\u007f',
  '\u0080',
  '\u2028',
  '\ufeff',
  'NULL',
  '\\N',
  '/',
  '%',
];

export const text: TextOf = (random) =>
  Array.from({ length: int(random, 0, 12) }, () => pick(random, units)).join('');

export const word: TextOf = (random) =>
  Array.from({ length: int(random, 1, 8) }, () => pick(random, ['a', 'b', 'c', 'd'])).join('');

const two = (value: number): string => String(value).padStart(2, '0');

export const time: TextOf = (random) => {
  const fraction = pick(random, ['', `.${digits(random, 6)}`, '.5']);
  return `${two(int(random, 0, 23))}:${two(int(random, 0, 59))}:${two(int(random, 0, 59))}${fraction}`;
};

export const date: TextOf = (random) => {
  const bc = random() < 0.1;
  const year = bc ? int(random, 1, 4700) : int(random, 1, pick(random, [9999, 200_000, 2030]));
  const day = `${String(year).padStart(4, '0')}-${two(int(random, 1, 12))}-${two(int(random, 1, 28))}`;
  return bc ? `${day} BC` : day;
};

export const timestamp: TextOf = (random) => {
  const [day, bc] = date(random).split(' ');
  return `${day} ${time(random)}${bc === undefined ? '' : ' BC'}`;
};

export const zone: TextOf = (random) =>
  `${pick(random, ['+', '-'])}${two(int(random, 0, 14))}:${pick(random, ['00', '30'])}`;

export const timestamptz: TextOf = (random) => {
  const [day, bc] = date(random).split(' ');
  return `${day} ${time(random)}${zone(random)}${bc === undefined ? '' : ' BC'}`;
};

export const interval: TextOf = (random) =>
  `${int(random, -99, 99)} mons ${int(random, -99, 99)} days ${pick(random, ['', '-'])}${time(random)}`;

export const json: TextOf = (random) => jsonValue(random, 3);

function jsonValue(random: Random, depth: number): string {
  const space = () => pick(random, ['', ' ', '\n\t']);
  const members = () => Array.from({ length: int(random, 0, 3) });
  const kind = depth === 0 ? int(random, 0, 3) : int(random, 0, 5);
  if (kind === 0) return pick(random, ['null', 'true', 'false']);
  if (kind === 1) return JSON.stringify(text(random).replaceAll('\\', ''));
  if (kind < 4)
    return pick(random, [numeric, float, integer(64)])(random).replace(/^(-?)0+(?=\d)/, '$1');
  if (kind === 4)
    return `[${members().map(() => space() + jsonValue(random, depth - 1) + space())}]`;
  return `{${members().map(() => `${space()}"${word(random)}"${space()}:${jsonValue(random, depth - 1)}`)}}`;
}

/** `null` stands for NULL. */
export const quotedArray = (elements: readonly (string | null)[], delimiter = ','): string =>
  `{${elements.map((e) => (e === null ? 'NULL' : `"${e.replace(/["\\]/g, '\\$&')}"`)).join(delimiter)}}`;

export const quotedRow = (attributes: readonly (string | null)[]): string =>
  `(${attributes.map((a) => (a === null ? '' : `"${a.replace(/["\\]/g, '$&$&')}"`)).join(',')})`;

export const orNull =
  (of: TextOf): ((random: Random) => string | null) =>
  (random) =>
    random() < 0.15 ? null : of(random);

export const arrayOf =
  (of: TextOf, delimiter = ','): TextOf =>
  (random) => {
    const list = (length: number) =>
      quotedArray(
        Array.from({ length }, () => orNull(of)(random)),
        delimiter,
      );
    const length = int(random, 0, 4);
    if (length === 0 || random() < 0.6) return list(length);
    const rows = Array.from({ length: int(random, 1, 3) }, () => list(length));
    const low = int(random, -2, 3);
    const bounds = `[${low}:${low + rows.length - 1}][1:${length}]=`;
    return `${random() < 0.5 ? bounds : ''}{${rows.join(delimiter)}}`;
  };

export const rowOf =
  (...of: readonly TextOf[]): TextOf =>
  (random) =>
    quotedRow(of.map((attribute) => orNull(attribute)(random)));

export const rangeOf =
  (sorted: (random: Random) => readonly [string, string]): TextOf =>
  (random) => {
    const [low, high] = sorted(random);
    return pick(random, [`[${low},${high})`, `(,${high}]`, `[${low},)`, 'empty', '(,)']);
  };
