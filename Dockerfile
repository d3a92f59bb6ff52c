# SPDX-License-Identifier: Apache-2.0
# The service's container image. Its last stage holds the program, the shared libraries that it
# loads, the certificate authorities, licences and a list of contents; no shell, no package manager.
#
#   docker build -t session-dsm .                        for this machine's architecture
#   docker build --build-arg ARCH=arm64 --platform linux/arm64 -t session-dsm .
#                                                        cross-compiled; nothing is emulated
#   docker build --target test .                         runs the tests instead
#
# COMMIT and SOURCE_DATE_EPOCH only say what is built: --build-arg COMMIT=$(git rev-parse HEAD)
ARG BASE=docker.io/library/debian:12-slim
ARG BUILDPLATFORM

# ---- the compiler and the libraries ----
FROM --platform=${BUILDPLATFORM} ${BASE} AS tools
ARG ARCH=
WORKDIR /src
COPY scripts/deps scripts/deps
RUN scripts/deps --arch "${ARCH}" build run static

# ---- the program, and the root of the image around it ----
FROM tools AS build
ARG ARCH=
ARG COMMIT=
ARG SOURCE_DATE_EPOCH=0
COPY . .
RUN deploy/image/build --arch "${ARCH}" --commit "${COMMIT}" /build /root-of-image

# ---- the image ----
FROM scratch AS image
ARG COMMIT=
ARG VERSION=0.1.0
ARG ARCH=
LABEL org.opencontainers.image.title="session-dsm" \
      org.opencontainers.image.description="AccelByte Session DSM on Amazon GameLift Servers" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /root-of-image/ /
USER 65532:65532
EXPOSE 6565 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/usr/bin/session-dsm", "--health-check"]
ENTRYPOINT ["/usr/bin/session-dsm"]

# ---- the tests: only with --target test ----
FROM tools AS test
RUN scripts/deps
COPY . .
RUN scripts/test --quick

# ---- what `docker build` gives without a target ----
FROM image
