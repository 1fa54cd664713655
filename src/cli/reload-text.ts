/** What a reload did, or would do, as `watcher reload` shows it. Pure. */
import type { ConfigReloadJson } from '../api/schemas/config.ts';
import { countText, printable } from './quantities.ts';
import type { Style } from './surroundings.ts';

type Effect = ConfigReloadJson['effects'][number];
type Leftover = ConfigReloadJson['leftovers'][number];

export function reloadLines(report: ConfigReloadJson, style: Style): string[] {
  const { added, removed, changed, unchanged, restart_required: restart } = report;
  const would = report.dry_run ? 'would be ' : '';
  const groups = [
    ['added', added],
    ['removed', removed],
    ['changed', changed],
  ] as const;
  const lines = groups
    .filter(([, names]) => names.length > 0)
    .map(([title, names]) => `${would}${title}: ${style('bold', printable(names.join(', ')))}`);
  return [
    ...(lines.length > 0 ? lines : ['No sync differs.']),
    `unchanged: ${unchanged.length}`,
    ...report.effects.flatMap(effectLines),
    ...report.leftovers.flatMap((leftover) => leftoverLines(leftover, style)),
    ...(restart.length === 0
      ? []
      : ['', style('yellow', `needs a restart of Watcher: ${printable(restart.join(', '))}`)]),
    ...(report.dry_run ? ['', 'A dry run: nothing was changed.'] : []),
  ];
}

function effectLines(effect: Effect): string[] {
  const { name, changes, tables_removed: removed, tables_dumped: dumped } = effect;
  const details = [
    ['differs', changes],
    ['tables that leave', removed],
    ['tables dumped again', dumped],
  ] as const;
  return [
    '',
    `${printable(name)}`,
    ...details
      .filter(([, names]) => names !== null && names.length > 0)
      .map(([title, names]) => `  ${title}: ${printable(names?.join(', ') ?? '')}`),
    ...(effect.keys_deleted === null
      ? []
      : [`  keys deleted: at most ${countText(effect.keys_deleted)}`]),
  ];
}

/** Commands stand by themselves, so that they can be copied. */
function leftoverLines({ name, sql, etcdctl, remedy }: Leftover, style: Style): string[] {
  return [
    '',
    style('yellow', `left behind by ${printable(name)}`),
    `  ${printable(remedy)}`,
    ...[...sql, ...etcdctl].map((command) => `    ${printable(command)}`),
  ];
}
