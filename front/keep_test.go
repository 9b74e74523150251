package front

import "testing"

func TestRequestsOnAKeptConnectionAreAnsweredInTurn(t *testing.T) {
	f := start(t, echo)
	c := f.dial(t)
	for range 3 {
		c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
		c.expect(200, "GET /a  ")
		c.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
		c.expect(200, "POST /b abc ")
		c.send("POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nx-a: 1\r\n\r\n")
		c.expect(200, "POST /c abcd x-a: 1")
	}
}
