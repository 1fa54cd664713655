/**
 * FLOAT and DOUBLE: the shortest digits that are that number, laid out as MySQL does. Infinity and NaN cannot be
 * stored. Source: MySQL, `my_gcvt`, MAX_DECPT_FOR_F_FORMAT.
 */
import type { Fragment } from '../../../../replication/change.ts';
import { type ByteReader, unsupportedValue } from '../reader.ts';

export function readDouble(reader: ByteReader): Fragment {
  return doubleText(reader.double());
}

export function readFloat(reader: ByteReader): Fragment {
  return floatText(reader.float());
}

export function doubleText(value: number): Fragment {
  if (!Number.isFinite(value)) throw notFinite();
  const text = `${value}`;
  // JavaScript writes 1e-7 to 9e20 and MySQL 1e-15 to 9e14 without an exponent.
  if (value !== 0 && !plain(Math.abs(value))) return layOut(text);
  return Object.is(value, -0) ? '-0' : text;
}

/** `value` is exactly a float. */
export function floatText(value: number): Fragment {
  if (!Number.isFinite(value)) throw notFinite();
  if (Number.isInteger(value) && Math.abs(value) < 16_777_216) return doubleText(value);
  // 6 to 9 digits tell every float from its neighbours; below 2^-126 they lie further apart.
  for (let digits = Math.abs(value) < smallestNormal ? 1 : 6; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return doubleText(candidate);
  }
  return doubleText(Number(value.toPrecision(9)));
}

const smallestNormal = 2 ** -126;

/** Both lay these out alike. */
function plain(magnitude: number): boolean {
  return magnitude >= 1e-6 && magnitude < 1e15;
}

const largestPlainExponent = 15;

/** `d.ddde±n` or plain digits of JavaScript → as MySQL. */
function layOut(text: string): Fragment {
  const { sign, digits, point } = parts(text);
  const plainLayout =
    point > -largestPlainExponent && (point <= largestPlainExponent || digits.length > point);
  if (!plainLayout) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    return `${sign}${digits[0]}${fraction}e${point - 1}`;
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (digits.length <= point) return `${sign}${digits.padEnd(point, '0')}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** The value is 0.DIGITS × 10^point. */
function parts(text: string): { sign: string; digits: string; point: number } {
  const sign = text.startsWith('-') ? '-' : '';
  const [mantissa = '', exponent = '0'] = text.slice(sign.length).split('e');
  const [integer = '', fraction = ''] = mantissa.split('.');
  const all = integer + fraction;
  const leading = all.length - all.replace(/^0+/, '').length;
  const digits = all.slice(leading).replace(/0+$/, '');
  return { sign, digits, point: integer.length - leading + Number(exponent) };
}

function notFinite() {
  return unsupportedValue('a floating-point number that is not finite');
}
