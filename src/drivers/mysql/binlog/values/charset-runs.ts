/** The notation of the charset tables: `a0=a0*96` is 96 codes from a0 on, to code points from U+00A0 on. */
export interface Run {
  readonly code: number;
  readonly codePoint: number;
  readonly count: number;
}

export function runs(text: string): Run[] {
  if (text === '') return [];
  return text.split(' ').map((item) => {
    const [code = '', target = ''] = item.split('=');
    const [codePoint = '', count = '1'] = target.split('*');
    return {
      code: Number.parseInt(code, 16),
      codePoint: Number.parseInt(codePoint, 16),
      count: Number(count),
    };
  });
}
