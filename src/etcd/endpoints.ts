/** `etcd.endpoints` → targets of gRPC channels. */
import { WatcherError } from '../errors.ts';

export interface Endpoint {
  /** https://grpc.github.io/grpc/core/md_doc_naming.html */
  readonly target: string;
  readonly tls: boolean;
}

const form = /^(?:(https?):\/\/)?(\[[0-9A-Fa-f:.]+\]|[^\s/:[\]]+)(?::(\d{1,5}))?\/?$/;
const defaultPort = 2379;

/**
 * `host`, `host:port`, `http://host:port` or `https://host:port`; IPv6 in brackets.
 * @param tls Whether an endpoint that does not say it itself uses TLS.
 * @throws WatcherError `config_invalid`.
 */
export function parseEndpoint(text: string, tls: boolean): Endpoint {
  const match = form.exec(text);
  const port = Number(match?.[3] ?? defaultPort);
  if (match === null || port < 1 || port > 65535) {
    throw new WatcherError('config_invalid', {
      message: `etcd.endpoints: "${text}" is not host:port`,
      remedy: 'Write each endpoint as host:port or https://host:port; IPv6 addresses in brackets.',
    });
  }
  const scheme = match[1];
  return {
    target: `dns:${match[2]}:${port}`,
    tls: scheme === undefined ? tls : scheme === 'https',
  };
}
