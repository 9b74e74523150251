# The builder's base is the official Go image. Where no registry can be reached,
# deploy/build-image makes an image of that name from Debian's packages and the local Go.
FROM golang:1.26-bookworm AS build
ARG GOPROXY=https://proxy.golang.org,direct
ARG VERSION=unknown
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOPROXY=$GOPROXY
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/tutti . \
	&& mkdir -p /out/lib && mkdir -m 0700 /out/lib/tutti

# Nothing but the binary and what https backends are verified with: no shell, no libraries, no
# users' names. It writes no file but a journal: a volume at /var/lib/tutti begins as that directory.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/tutti /tutti
COPY --from=build --chown=65534:65534 /out/lib /var/lib
USER 65534:65534
EXPOSE 8080 8081
# The binary is its own health check: it asks the admin listener and ends with 0 or 1.
HEALTHCHECK --interval=5s --timeout=3s --start-period=2s CMD ["/tutti", "--probe=http://127.0.0.1:8081/-/ready"]
ENTRYPOINT ["/tutti"]
