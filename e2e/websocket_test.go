package e2e

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"tutti/e2e/harness"
)

// biggest is the largest message the tests send.
const biggest = 1 << 20

// socketBackend repeats each message. "close" makes it close with 4001, "ping" makes it ping
// and say what became of that. closed gets the code of each connection's end.
func socketBackend(t *testing.T) (addr string, closed <-chan websocket.StatusCode) {
	t.Helper()
	ends := make(chan websocket.StatusCode, 16)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Errorf("cannot accept: %v", err)
			return
		}
		c.SetReadLimit(biggest)
		ctx, cancel := context.WithTimeout(context.Background(), 2*harness.Limit)
		defer cancel()
		ends <- repeat(ctx, c)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), ends
}

func repeat(ctx context.Context, c *websocket.Conn) websocket.StatusCode {
	defer func() { _ = c.CloseNow() }()
	for {
		kind, data, err := c.Read(ctx)
		if err != nil {
			return websocket.CloseStatus(err)
		}
		switch string(data) {
		case "close":
			_ = c.Close(4001, "as you wish")
			return 4001
		case "ping":
			pinged := make(chan error, 1)
			go func() { pinged <- c.Ping(ctx) }()
			defer func() { <-pinged }()
			continue
		}
		if c.Write(ctx, kind, data) != nil {
			return -1
		}
	}
}

// talk holds one connection of a real client to everything a WebSocket does.
func talk(t *testing.T, url string, client *http.Client, closed <-chan websocket.StatusCode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*harness.Limit)
	defer cancel()
	dial := func() *websocket.Conn {
		c, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: client})
		if err != nil {
			t.Fatalf("cannot dial: %v", err)
		}
		if resp.Body != nil {
			defer func() { _ = resp.Body.Close() }()
		}
		t.Cleanup(func() { _ = c.CloseNow() })
		c.SetReadLimit(biggest)
		return c
	}
	echo := func(c *websocket.Conn, kind websocket.MessageType, message string) {
		t.Helper()
		if err := c.Write(ctx, kind, []byte(message)); err != nil {
			t.Fatalf("cannot write: %v", err)
		}
		got, data, err := c.Read(ctx)
		if err != nil || got != kind || string(data) != message {
			t.Fatalf("%d bytes came back as %v, %d bytes: %v", len(message), got, len(data), err)
		}
	}
	c := dial()
	echo(c, websocket.MessageText, "hello")
	echo(c, websocket.MessageText, "")
	for range 3 {
		echo(c, websocket.MessageBinary, strings.Repeat("0123456789abcdef", biggest/16))
	}
	// The backend's ping is answered within the next Read.
	if err := c.Write(ctx, websocket.MessageText, []byte("ping")); err != nil {
		t.Fatal(err)
	}
	echo(c, websocket.MessageText, "after a ping")
	pinged := make(chan error, 1)
	go func() { pinged <- c.Ping(ctx) }()
	reading, stop := context.WithCancel(ctx)
	read := background(1, func(int) { _, _, _ = c.Read(reading) })
	if err := <-pinged; err != nil {
		t.Errorf("no pong: %v", err)
	}
	stop() // which ends the connection, too
	read()
	<-closed

	c = dial()
	if err := c.Close(4002, "enough"); err != nil {
		t.Errorf("the client's close: %v", err)
	}
	if code := <-closed; code != 4002 {
		t.Errorf("the backend saw code %d", code)
	}
	c = dial()
	if err := c.Write(ctx, websocket.MessageText, []byte("close")); err != nil {
		t.Fatal(err)
	}
	var end websocket.CloseError
	if _, _, err := c.Read(ctx); !errors.As(err, &end) || end.Code != 4001 || end.Reason != "as you wish" {
		t.Errorf("the backend's close came as %v", err)
	}
	<-closed
}

// firstFrame is "hello" as a client's frame, sent in the same write as the handshake, and what
// comes back.
const (
	firstFrame = "\x81\x85\x00\x00\x00\x00hello"
	firstEcho  = "\x81\x05hello"
)

func handshake() string {
	return get("/login", "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
}

// early sends the first frame before the handshake is answered, whole and in two pieces.
func early(t *testing.T, c *harness.Conn) {
	t.Helper()
	c.Send(handshake() + firstFrame + firstFrame[:5])
	a := c.Answer("GET")
	if a.Status != 101 || a.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("got %s", a.Raw)
	}
	if got := c.ReadString(len(firstEcho)); got != firstEcho {
		t.Errorf("got %q", got)
	}
	c.Send(firstFrame[5:])
	if got := c.ReadString(len(firstEcho)); got != firstEcho {
		t.Errorf("got %q", got)
	}
	c.Close()
}

func TestARealWebSocketClientTalksThroughIt(t *testing.T) {
	t.Parallel()
	harness.PlainOnly(t)
	addr, closed := socketBackend(t)
	p := start(t, "--backend="+addr)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	talk(t, "ws://"+p.Listen+"/login", &http.Client{Transport: transport}, closed)
	early(t, harness.Dial(t, p.Listen))
	<-closed
}

func TestARealWebSocketClientTalksThroughItOverTLS(t *testing.T) {
	t.Parallel()
	harness.PlainOnly(t)
	addr, closed := socketBackend(t)
	f := startTLS(t, "--backend="+addr)
	transport := &http.Transport{TLSClientConfig: f.client.Clone()}
	defer transport.CloseIdleConnections()
	talk(t, "wss://"+f.Listen+"/login", &http.Client{Transport: transport}, closed)
	early(t, f.dial(t))
	<-closed
}
