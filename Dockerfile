ARG BASE_BUILD=rust:1-slim-bookworm
ARG BASE_RUN=gcr.io/distroless/cc-debian12:nonroot

FROM ${BASE_BUILD} AS build
WORKDIR /src
COPY . .
# SQLite and the TLS library are compiled in: nothing but a C library is needed to run.
RUN cargo build --release --locked --bin drawbridge
# The only folder that is written to; made here because the next stage has no shell.
RUN install -d -m 0750 /out/var/lib/drawbridge

FROM ${BASE_RUN}
COPY --from=build /src/target/release/drawbridge /usr/local/bin/drawbridge
COPY --from=build /src/config /etc/drawbridge
COPY --from=build --chown=65532:65532 /out/var/lib/drawbridge /var/lib/drawbridge
USER 65532:65532
WORKDIR /var/lib/drawbridge
# Meant for a read-only root, with this as the one place to write. The settings are
# mounted at /etc/drawbridge/practice.toml; they name a `listen` address that is
# reached from outside and `database = "sqlite:///var/lib/drawbridge/drawbridge.db"`.
VOLUME ["/var/lib/drawbridge"]
ENV DRAWBRIDGE_CONFIG=/etc/drawbridge/practice.toml
ENTRYPOINT ["/usr/local/bin/drawbridge"]
CMD ["serve"]
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["/usr/local/bin/drawbridge", "health"]
