# The image of Dwell: production dependencies and the sources, on a base with Node and nothing else (no shell).
#
#   docker build -t dwell .
#   docker run -d --name dwell --read-only --cap-drop all --security-opt no-new-privileges -p 127.0.0.1:7200:7200 \
#     -e DWELL_OPEN_TO_ANYONE=true -v dwell:/data dwell
#
# A volume belongs at /data. The user is 65532 by number, so that `runAsNonRoot` can be checked. SIGTERM reaches the process
# itself and stops it gracefully; give it STOP_TIMEOUT and a little more (`docker stop -t 30`). Another port is said by
# DWELL_PORT, which the health check reads, not by `--port`; with DWELL_TLS_CLIENT_CA_FILE it looks only whether the port is open.

FROM node:24.21-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY service service
COPY storage storage
COPY timewheel timewheel
# Nobody loads the tests and texts of packages, nor TypeScript in node_modules, which Node refuses; of the built parts of
# packages only those for this platform are kept.
RUN node -e "const { globSync, readdirSync, rmSync } = require('node:fs'); \
    const prebuilds = 'node_modules/classic-level/prebuilds/'; \
    const foreign = readdirSync(prebuilds).filter((name) => name !== process.platform + '-' + process.arch); \
    const unread = '{test,tests,benchmark,benchmarks,example,examples,docs,deps,binding.gyp,binding.cc}'; \
    const roots = '{,node_modules/**/}node_modules/{*,@*/*}/'; \
    const files = globSync([roots + unread, 'node_modules/**/*.{md,map,ts,cts,mts}']); \
    for (const path of [...files, ...foreign.map((name) => prebuilds + name)]) rmSync(path, { recursive: true, force: true })" \
 && rm package-lock.json .npmrc && mkdir /data

FROM gcr.io/distroless/nodejs24-debian13:nonroot
LABEL org.opencontainers.image.title="Dwell" \
      org.opencontainers.image.description="A delay, retry and dead-letter queue service." \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=build /app /app
COPY --from=build --chown=65532:65532 /data /data
ENV NODE_ENV=production DWELL_HOST=0.0.0.0 DWELL_DATA_DIR=/data
EXPOSE 7200
VOLUME /data
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/nodejs/bin/node", "service/probe.ts", "readyz"]
# The flags are those of the first line of service/main.ts, where their reasons are.
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=16", "--heap-growing-percent=100", "--external-memory-accounted-in-global-limit", "service/main.ts"]
CMD ["serve"]
