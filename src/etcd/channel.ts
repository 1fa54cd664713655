/**
 * Calls to an etcd cluster: a gRPC connection for each member, one of them in use. When a call finds it
 * unreachable or slow, the next call goes to the next one; a call itself is never sent twice, because a write
 * whose answer was lost may have been applied. (One channel over all members would keep a frozen one in use.)
 */
import {
  Client,
  type ClientDuplexStream,
  credentials,
  type ChannelOptions as GrpcOptions,
  Metadata,
} from '@grpc/grpc-js';
import { WatcherError } from '../errors.ts';
import { parseEndpoint } from './endpoints.ts';
import { etcdError, reasonOf } from './errors.ts';
import { encodeAuthenticate } from './requests.ts';
import { decodeAuthenticate } from './responses.ts';

export interface TlsOptions {
  /** PEM; null: the CAs that Node trusts. */
  readonly ca: Buffer | null;
  /** PEM; both or none. */
  readonly cert: Buffer | null;
  readonly key: Buffer | null;
}

export interface ChannelOptions {
  readonly endpoints: readonly string[];
  /** null: no authentication. */
  readonly user: { readonly name: string; readonly password: string } | null;
  /** null: endpoints without `https://` are plain text. */
  readonly tls: TlsOptions | null;
  /** Called after each call: null when etcd answered, whatever it said; the error when it did not. */
  readonly onContact?: ((failure: WatcherError | null) => void) | undefined;
}

export interface CallOptions {
  /** The deadline; every call has one. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export type MessageStream = ClientDuplexStream<Buffer, Buffer>;

const grpcOptions: GrpcOptions = {
  // etcd closes connections that ping more often than every 5 s, or with no call open.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 0,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
};

const authenticateMethod = '/etcdserverpb.Auth/Authenticate';

function same(message: Buffer): Buffer {
  return message;
}

export class Channel {
  readonly #members: readonly Client[];
  readonly #user: ChannelOptions['user'];
  readonly #onContact: ChannelOptions['onContact'];
  #current = 0;
  /** Shared by calls that come meanwhile; null: none yet, or it was refused. */
  #token: Promise<string | null> | null = null;
  #closed = false;

  /** Connects with the first call. @throws WatcherError `config_invalid`. */
  constructor(options: ChannelOptions) {
    const { tls } = options;
    const secure = () =>
      credentials.createSsl(tls?.ca ?? null, tls?.key ?? null, tls?.cert ?? null);
    this.#user = options.user;
    this.#onContact = options.onContact;
    this.#members = options.endpoints.map((text) => {
      const endpoint = parseEndpoint(text, tls !== null);
      const security = endpoint.tls ? secure() : credentials.createInsecure();
      return new Client(endpoint.target, security, grpcOptions);
    });
    if (this.#members.length === 0) {
      throw new WatcherError('config_invalid', {
        message: 'etcd.endpoints is empty',
        remedy: 'Name at least one endpoint as host:port.',
      });
    }
  }

  /**
   * One message there, one back; also for a method of streams that is used for one message.
   * @throws WatcherError by `errors.ts`, or the reason of an aborted signal.
   */
  async unary<T>(
    method: string,
    request: Buffer,
    decode: (message: Buffer) => T,
    options: CallOptions,
  ): Promise<T> {
    const token = await this.#authenticated(options);
    try {
      return await this.#call(method, request, decode, token, options);
    } catch (error) {
      // etcd looks at the token before it proposes anything: this was not applied, and may be sent again.
      if (token === null || reasonOf(error) !== 'invalid_token') throw error;
      this.#token = null;
      return this.#call(method, request, decode, await this.#authenticated(options), options);
    }
  }

  /** A stream in both directions. It ends with an error when the member has lost its leader. */
  async stream(method: string, options: CallOptions): Promise<MessageStream> {
    const metadata = metadataOf(await this.#authenticated(options));
    metadata.set('hasleader', 'true');
    return this.#member().makeBidiStreamRequest(method, same, same, metadata);
  }

  /** After a stream has failed: the next call goes to the next member. */
  leaveMember(): void {
    this.#current = (this.#current + 1) % this.#members.length;
  }

  close(): void {
    this.#closed = true;
    for (const member of this.#members) member.close();
  }

  async #authenticated(options: CallOptions): Promise<string | null> {
    if (this.#user === null) return null;
    this.#token ??= this.#authenticate(this.#user.name, this.#user.password, options);
    const attempt = this.#token;
    try {
      return await attempt;
    } catch (error) {
      if (this.#token === attempt) this.#token = null;
      throw error;
    }
  }

  async #authenticate(
    name: string,
    password: string,
    { timeoutMs }: CallOptions,
  ): Promise<string | null> {
    const request = encodeAuthenticate(name, password);
    try {
      // Without the caller's signal: others wait for this token too.
      const options = { timeoutMs };
      return await this.#call(authenticateMethod, request, decodeAuthenticate, null, options);
    } catch (error) {
      if (reasonOf(error) === 'auth_not_enabled') return null;
      throw error;
    }
  }

  #member(): Client {
    const member = this.#members[this.#current];
    if (member === undefined || this.#closed) {
      throw new WatcherError('etcd_unavailable', { message: 'The connection to etcd is closed' });
    }
    return member;
  }

  #call<T>(
    method: string,
    request: Buffer,
    decode: (message: Buffer) => T,
    token: string | null,
    { timeoutMs, signal }: CallOptions,
  ): Promise<T> {
    signal?.throwIfAborted();
    const member = this.#member();
    return new Promise((resolve, reject) => {
      const call = member.makeUnaryRequest(
        method,
        same,
        decode,
        request,
        metadataOf(token),
        { deadline: Date.now() + timeoutMs },
        (error, value) => {
          signal?.removeEventListener('abort', abort);
          if (error === null && value !== undefined) {
            this.#onContact?.(null);
            return resolve(value);
          }
          if (signal?.aborted === true) return reject(signal.reason);
          const failure = etcdError(error);
          const away = reasonOf(failure) === 'unavailable';
          const inUse = this.#members[this.#current] === member;
          if (away && inUse) this.leaveMember();
          this.#onContact?.(away ? failure : null);
          return reject(failure);
        },
      );
      const abort = () => call.cancel();
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}

function metadataOf(token: string | null): Metadata {
  const metadata = new Metadata();
  if (token !== null) metadata.set('token', token);
  return metadata;
}
