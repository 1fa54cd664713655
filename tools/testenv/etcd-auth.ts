/** Users and roles of an etcd. While authentication is off, etcd takes any password in silence. */

import { base64, callEtcd, type EtcdTarget, prefixEnd } from './etcd-http.ts';

/** A user that may read, and unless it says otherwise write, the keys under each of its prefixes, and no others. */
export interface EtcdUser {
  readonly name: string;
  readonly password: string;
  readonly prefixes: readonly string[];
  readonly readOnly?: boolean;
}

/** Adds the user `root` and the others, then turns authentication on. */
export async function enableEtcdAuth(
  target: EtcdTarget,
  rootPassword: string,
  users: readonly EtcdUser[] = [],
): Promise<void> {
  const post = (path: string, body: object) => callEtcd(target, { path: `/v3/auth/${path}`, body });
  await post('user/add', { name: 'root', password: rootPassword });
  await post('role/add', { name: 'root' });
  await post('user/grant', { user: 'root', role: 'root' });
  for (const { name, password, prefixes, readOnly = false } of users) {
    const permType = readOnly ? 'READ' : 'READWRITE';
    await post('user/add', { name, password });
    await post('role/add', { name });
    for (const prefix of prefixes) {
      const range = { key: base64(prefix), range_end: base64(prefixEnd(prefix)) };
      await post('role/grant', { name, perm: { permType, ...range } });
    }
    await post('user/grant', { user: name, role: name });
  }
  await post('enable', {});
}

/** Logs in; the answer goes into `EtcdTarget.token`. It dies after 5 minutes without use. */
export async function authenticate(
  target: EtcdTarget,
  name: string,
  password: string,
): Promise<string> {
  const body = { name, password };
  const answer = await callEtcd(target, { path: '/v3/auth/authenticate', body });
  return (answer as { token: string }).token;
}
