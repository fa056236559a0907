# The probe as an image, and what `compose.yaml` runs beside it (stage `local`). Whatever runs in a
# stage runs on the building machine, so that no architecture needs emulation.
ARG DENO_VERSION=2.9.6

FROM --platform=$BUILDPLATFORM docker.io/denoland/deno:$DENO_VERSION AS packages
WORKDIR /app
COPY deno.json ./
COPY local/run.lock local/
RUN deno install --frozen

FROM packages AS build
ARG TARGETARCH
RUN case "$TARGETARCH" in \
      amd64) echo x86_64-unknown-linux-gnu ;; \
      arm64) echo aarch64-unknown-linux-gnu ;; \
      *) echo "no executable for $TARGETARCH" >&2; exit 1 ;; \
    esac >target
# Fetches the bundler and the base runtime, which change less often than the sources.
RUN echo 'export {}' >empty.js \
    && deno bundle --quiet -o bundled.js empty.js \
    && deno compile --quiet --no-config --no-lock --target "$(cat target)" --output empty bundled.js \
    && rm empty empty.js bundled.js
COPY main.ts ./
COPY src src
COPY local/tools/compile.ts local/tools/
RUN deno task compile --target "$(cat target)"

FROM docker.io/denoland/deno:$DENO_VERSION AS local
WORKDIR /app
# Without Deno's databases: an open one that was left behind delays a start on a read-only disk by 20 s.
COPY --from=packages --chown=deno:deno /deno-dir/npm /deno-dir/npm
# A checkout may be closed to all but its owner.
COPY --chown=deno:deno deno.json ./
COPY --chown=deno:deno local local
ENV HTTP_SERVER_HOST=0.0.0.0 ALERT_RECEIVER_HOST=0.0.0.0
USER deno
EXPOSE 8081 8083
CMD ["deno", "run", "--cached-only", "--no-prompt", "--allow-net", "--allow-env", "local/http_server/http_server.ts"]

FROM gcr.io/distroless/cc-debian13:nonroot
ARG SOURCE=
LABEL org.opencontainers.image.title="dataplatform-probe" \
      org.opencontainers.image.description="Watches a dataplatform from the outside and tells Prometheus what happened" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="$SOURCE"
# A number, since a cluster cannot know of a name that it is not root.
USER 65532:65532
# Any user may be here; the home folder of the base image is closed to all but one.
WORKDIR /
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
  CMD ["/usr/local/bin/dataplatform-probe", "--healthcheck"]
ENTRYPOINT ["/usr/local/bin/dataplatform-probe"]
COPY --from=build /app/dist/dataplatform-probe /usr/local/bin/
