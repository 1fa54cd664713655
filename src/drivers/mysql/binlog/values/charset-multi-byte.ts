/**
 * The East Asian character sets: two bytes a character (three after 8F in EUC-JP). The tables are made from
 * those of TextDecoder and what MySQL and MariaDB do otherwise; all codes of each were asked of MySQL 5.6, 9.7 and
 * MariaDB 10.11, which agree. A checksum of each table makes sure that the ICU of this Node gives the same: a table
 * that differs is refused, not used.
 */
import { TextDecoder } from 'node:util';
import { crc32 } from 'node:zlib';
import { unsupportedValue } from '../reader.ts';
import { type Run, runs } from './charset-runs.ts';

/** Indexed by code; 0: the bytes are not a character of the set. */
export interface MultiByteTable {
  readonly one: Uint16Array;
  readonly two: Uint16Array;
  /** After the byte 8F. */
  readonly three: Uint16Array | null;
}

interface MultiByteCharset {
  readonly label: string;
  /** Ranges of the first and the second byte. */
  readonly lead: string;
  readonly trail: string;
  /** Characters of one byte beyond ASCII. */
  readonly single?: string;
  /** Characters of three bytes. */
  readonly three?: true;
  /** The server maps codes to the private use area. */
  readonly privateUse?: true;
  /** Codes that TextDecoder maps and the server does not: it sends a question mark. */
  readonly undefined?: string;
  /** Codes that the server maps otherwise. */
  readonly otherwise?: string;
  readonly checksum: number;
}

const eucUserDefined =
  '8ff5a1=e3ac*94 8ff6a1=e40a*94 8ff7a1=e468*94 8ff8a1=e4c6*94 8ff9a1=e524*94 8ffaa1=e582*94 ' +
  '8ffba1=e5e0*94 8ffca1=e63e*94 8ffda1=e69c*94 8ffea1=e6fa*94 f5a1=e000*94 f6a1=e05e*94 ' +
  'f7a1=e0bc*94 f8a1=e11a*94 f9a1=e178*94 faa1=e1d6*94 fba1=e234*94 fca1=e292*94 ' +
  'fda1=e2f0*94 fea1=e34e*94';

const charsets: Readonly<Record<string, MultiByteCharset>> = {
  gbk: { label: 'gbk', lead: '81-fe', trail: '40-7e 80-fe', checksum: 0x82f6_0baf },
  gb2312: {
    label: 'gbk',
    lead: 'a1-f7',
    trail: 'a1-fe',
    undefined: 'a2a1-a2aa a6e0-a6eb a6ee-a6f2 a6f4-a6f5 a8bb a8bd-a8be a8c0',
    otherwise: 'a1a4=30fb a1aa=2015',
    checksum: 0x07ab_ebf6,
  },
  gb18030: {
    label: 'gb18030',
    lead: '81-fe',
    trail: '40-7e 80-fe',
    privateUse: true,
    otherwise:
      'a3a0=e5e5 a6d9=e78d*7 a6ec=e794*2 a6f3=e796 fe59=e81e fe61=e826 fe66=e82b*2 fe6d=e832 ' +
      'fe7e=e843 fe90=e854 fea0=e864',
    checksum: 0x4632_9a70,
  },
  big5: {
    label: 'big5',
    lead: 'a1-f9',
    trail: '40-7e a1-fe',
    undefined: 'a3e1 f9dd-f9fe',
    otherwise:
      'a145=2022 a14e=ff64 a15a=fffd a1c2=203e a1c3=fffd a1c5=fffd a1e3=223c a1f2=2641 ' +
      'a1f3=2609 a1fe=fffd a240=fffd a241=ff0f a242=ff3c a244=a5 a246=a2*2 a2cc=fffd a2ce=fffd ' +
      'c6a1=30fe c6a2=309d*2 c6a4=3005 c6a5=3041*83 c6f8=30a1*7 c740=30a8*63 c7a1=30e7*16 ' +
      'c7b1=414*2 c7b3=401 c7b4=416*7 c7bb=423*19 c7ce=451 c7cf=436*26 c7e9=2460*10 c7f3=2474*10',
    checksum: 0xc6a6_3531,
  },
  sjis: {
    label: 'shift_jis',
    lead: '81-9f e0-fc',
    trail: '40-7e 80-fc',
    single: 'a1=ff61*63',
    undefined: '8740-879c ed40-eefc fa40-fc4b',
    otherwise: '815f=5c 8160=301c 8161=2016 817c=2212 8191=a2*2 81ca=ac',
    checksum: 0xee0d_13f0,
  },
  cp932: {
    label: 'shift_jis',
    lead: '81-9f e0-fc',
    trail: '40-7e 80-fc',
    single: 'a1=ff61*63',
    privateUse: true,
    checksum: 0x68ad_fd6b,
  },
  ujis: {
    label: 'euc-jp',
    lead: '8e a1-fe',
    trail: 'a1-fe',
    three: true,
    privateUse: true,
    undefined: '8ee0-8efe ada1-adfe 8ff3a1-8ff3b7',
    otherwise: `8fa2b7=7e a1c0=5c a1c1=301c a1c2=2016 a1dd=2212 a1f1=a2*2 a2cc=ac ${eucUserDefined}`,
    checksum: 0xa77b_476a,
  },
  eucjpms: {
    label: 'euc-jp',
    lead: '8e a1-fe',
    trail: 'a1-fe',
    three: true,
    privateUse: true,
    undefined: '8ee0-8efe 8ff3a1-8ff3b7',
    otherwise:
      '8fa2c3=ffe4 8ff3f3=2170*10 8ff3fd=2160*2 8ff4a1=2162*8 8ff4a9=ff07 8ff4aa=ff02 ' +
      '8ff4ab=3231 8ff4ac=2116 8ff4ad=2121 8ff4ae=70bb 8ff4af=4efc 8ff4b0=50f4 8ff4b1=51ec ' +
      '8ff4b2=5307 8ff4b3=5324 8ff4b4=fa0e 8ff4b5=548a 8ff4b6=5759 8ff4b7=fa0f*2 8ff4b9=589e ' +
      '8ff4ba=5bec 8ff4bb=5cf5 8ff4bc=5d53 8ff4bd=fa11 8ff4be=5fb7 8ff4bf=6085 8ff4c0=6120 ' +
      '8ff4c1=654e 8ff4c2=663b 8ff4c3=6665 8ff4c4=fa12 8ff4c5=f929 8ff4c6=6801 8ff4c7=fa13*2 ' +
      '8ff4c9=6a6b 8ff4ca=6ae2 8ff4cb=6df8 8ff4cc=6df2 8ff4cd=7028 8ff4ce=fa15*2 8ff4d0=7501 ' +
      '8ff4d1=7682 8ff4d2=769e 8ff4d3=fa17 8ff4d4=7930 8ff4d5=fa18*4 8ff4d9=7ae7 8ff4da=fa1c*2 ' +
      '8ff4dc=7da0 8ff4dd=7dd6 8ff4de=fa1e 8ff4df=8362 8ff4e0=fa1f 8ff4e1=85b0 8ff4e2=fa20*2 ' +
      '8ff4e4=8807 8ff4e5=fa22 8ff4e6=8b7f 8ff4e7=8cf4 8ff4e8=8d76 8ff4e9=fa23*3 8ff4ec=90de ' +
      '8ff4ed=fa26 8ff4ee=9115 8ff4ef=fa27*2 8ff4f1=9592 8ff4f2=f9dc 8ff4f3=fa29 8ff4f4=973b ' +
      `8ff4f5=974d 8ff4f6=9751 8ff4f7=fa2a*3 8ff4fa=999e 8ff4fb=9ad9 8ff4fc=9b72 8ff4fd=fa2d 8ff4fe=9ed1 ${eucUserDefined}`,
    checksum: 0x3873_cecf,
  },
  euckr: {
    label: 'euc-kr',
    lead: '81-fe',
    trail: '41-5a 61-7a 81-fe',
    otherwise: 'a2e6=20ac a2e7=ae',
    checksum: 0x520c_cf66,
  },
};

const question = 0x3f;
const threeByteMark = 0x8f;
const tables = new Map<string, MultiByteTable>();

/**
 * null: it is not one of these sets. Made once, on first use (some 20 ms).
 * @throws WatcherError `unsupported_value` when this Node's ICU gives another table.
 */
export function multiByteTable(name: string): MultiByteTable | null {
  const known = tables.get(name);
  if (known !== undefined) return known;
  const charset = charsets[name];
  if (charset === undefined) return null;
  const table = build(name, charset);
  if (checksum(table) !== charset.checksum) {
    throw unsupportedValue(`charset ${name} as this build of Node.js has it differs from MySQL's`);
  }
  tables.set(name, table);
  return table;
}

function build(name: string, charset: MultiByteCharset): MultiByteTable {
  const table: MultiByteTable = {
    one: Uint16Array.from({ length: 256 }, (_, byte) => (byte < 0x80 ? byte : 0)),
    two: new Uint16Array(65_536),
    three: charset.three ? new Uint16Array(65_536) : null,
  };
  for (const run of runs(charset.single ?? '')) fillRun(table.one, run.code, run);
  fillFromDecoder(table, charset);
  if (name === 'euckr') fillUnifiedHangul(table.two);
  for (const code of ranges(charset.undefined ?? '')) {
    fillRun(partOf(table, code), code & 0xffff, { codePoint: question, count: 1 });
  }
  for (const run of runs(charset.otherwise ?? '')) {
    fillRun(partOf(table, run.code), run.code & 0xffff, run);
  }
  return table;
}

function fillFromDecoder({ two, three }: MultiByteTable, charset: MultiByteCharset): void {
  const decoder = new TextDecoder(charset.label, { fatal: true });
  const unit = (...bytes: number[]) => codeUnit(decoder, bytes, charset.privateUse ?? false);
  const trails = ranges(charset.trail);
  for (const lead of ranges(charset.lead)) {
    for (const trail of trails) {
      const code = (lead << 8) | trail;
      two[code] = unit(lead, trail);
      if (three !== null && lead >= 0xa1) three[code] = unit(threeByteMark, lead, trail);
    }
  }
}

/** `8fa1a1` is a code of three bytes. */
function partOf({ two, three }: MultiByteTable, code: number): Uint16Array {
  return code > 0xffff && three !== null ? three : two;
}

function fillRun(table: Uint16Array, first: number, run: Omit<Run, 'code'>): void {
  for (let index = 0; index < run.count; index++) table[first + index] = run.codePoint + index;
}

/** All characters of these sets are of the basic plane; 3f: the set does not define the code. */
function codeUnit(decoder: TextDecoder, bytes: readonly number[], privateUse: boolean): number {
  let text: string;
  try {
    text = decoder.decode(Uint8Array.from(bytes));
  } catch {
    return question; // `fatal`: TextDecoder does not define the code
  }
  const unit = text.charCodeAt(0);
  const isPrivate = unit >= 0xe000 && unit < 0xf900;
  return text.length !== 1 || (isPrivate && !privateUse) ? question : unit;
}

/**
 * Code page 949, which MySQL calls euckr, is KS X 1001 and, in the codes that this leaves free, all other Hangul
 * syllables in the order of Unicode.
 */
function fillUnifiedHangul(two: Uint16Array): void {
  const standard = new Set<number>();
  for (let code = 0xa1a1; code <= 0xfefe; code++) {
    if ((code & 0xff) >= 0xa1) standard.add(two[code] ?? 0);
  }
  let syllable = 0xac00;
  for (const code of unifiedHangulCodes()) {
    while (standard.has(syllable)) syllable++;
    two[code] = syllable > 0xd7a3 ? question : syllable++;
  }
}

function unifiedHangulCodes(): number[] {
  const trails = ranges('41-5a 61-7a 81-fe');
  return ranges('81-c6').flatMap((lead) =>
    trails.filter((trail) => lead <= 0xa0 || trail <= 0xa0).map((trail) => (lead << 8) | trail),
  );
}

/** `81-9f e0` in hexadecimal → every number of it. */
function ranges(text: string): number[] {
  if (text === '') return [];
  return text.split(' ').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map((hex) => Number.parseInt(hex, 16));
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

function checksum({ one, two, three }: MultiByteTable): number {
  const bytes = (table: Uint16Array) =>
    Uint8Array.from({ length: table.length * 2 }, (_, index) => {
      const unit = table[index >> 1] ?? 0;
      return (index & 1) === 0 ? unit & 0xff : unit >> 8;
    });
  const first = crc32(bytes(two), crc32(bytes(one)));
  return three === null ? first : crc32(bytes(three), first);
}
