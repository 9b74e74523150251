module tutti

go 1.26.0

require (
	github.com/VictoriaMetrics/metrics v1.41.2
	github.com/coder/websocket v1.8.15
	github.com/spf13/pflag v1.1.0
	github.com/valyala/fasthttp v1.77.0
	go.uber.org/goleak v1.3.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/molecule-man/go-brrr v1.3.0 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fastrand v1.1.0 // indirect
	github.com/valyala/histogram v1.2.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
