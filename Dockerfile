# syntax=docker/dockerfile:1

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY config/examples config/examples
COPY migrations migrations
COPY src src
# The caches outlive the build, the image does not hold them: so the binary is copied out.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --bin attio-relay \
    && install -D target/release/attio-relay /out/attio-relay

# The C library, libgcc and root certificates; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="attio-relay" \
    org.opencontainers.image.description="Receives Attio webhooks, records each event once, and delivers it to the systems that must know" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /out/attio-relay /usr/local/bin/attio-relay
COPY config/docker.toml /etc/attio-relay/docker.toml
COPY LICENSE-APACHE LICENSE-MIT /usr/share/doc/attio-relay/
ENV ATTIO_RELAY_CONFIG=/etc/attio-relay/docker.toml
USER 65532:65532
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/attio-relay", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/attio-relay"]
CMD ["serve"]
