/** Servers that a global setup opens one after the other, and closes together. */

export interface SharedServers {
  /** Takes over what has been opened. */
  keep<T extends AsyncDisposable>(opening: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Opens what `work` keeps. When it fails, what was opened before is closed again. */
export async function openShared(
  work: (servers: SharedServers) => Promise<void>,
): Promise<SharedServers> {
  const opened: AsyncDisposable[] = [];
  const servers: SharedServers = {
    async keep(opening) {
      const server = await opening;
      opened.push(server);
      return server;
    },
    async close() {
      for (const server of opened.splice(0)) await server[Symbol.asyncDispose]();
    },
  };
  try {
    await work(servers);
    return servers;
  } catch (error) {
    await servers.close();
    throw error;
  }
}
