FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev --ignore-scripts
COPY tsconfig.json ./
COPY src src
RUN node node_modules/typescript/bin/tsc -p tsconfig.json \
 && node node_modules/typescript/bin/tsc -p src/web/tsconfig.json && cp -R src/web/static/. dist/web/ \
 && npm prune --omit=dev --ignore-scripts

FROM node:24-slim
LABEL org.opencontainers.image.title="Watcher" \
      org.opencontainers.image.description="Supplies etcd v3 with the rows of databases, exactly once and in order" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./
EXPOSE 8080
# By number, so that an orchestrator can see that it is not root. Everything above belongs to root; Watcher writes no files.
USER 1000:1000
# The API is asked inside the container, on loopback. WATCHER_URL: where api.port is another one, or api.tls is set; then
# NODE_EXTRA_CA_CERTS names the authority, and the host is a name of the certificate.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch((process.env.WATCHER_URL ?? 'http://127.0.0.1:8080') + '/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--enable-source-maps", "dist/cli.js"]
CMD ["-c", "/etc/watcher/watcher.yml"]
