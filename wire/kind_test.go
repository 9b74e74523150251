package wire

import (
	"strings"
	"testing"
)

func TestKindsAreKnownInAnyCaseAndOnlyThey(t *testing.T) {
	names := map[string]Kind{
		"Host": Host, "Content-Length": ContentLength, "Transfer-Encoding": TransferEncoding,
		"Connection": Connection, "Keep-Alive": KeepAlive, "Upgrade": Upgrade, "TE": TE, "Trailer": Trailer,
		"Proxy-Connection": ProxyField, "Proxy-Authorization": ProxyField, "Proxy-Authenticate": ProxyField,
		"Proxy-Authentication-Info": ProxyField,
		"Expect":                    Expect, "Via": Via, "X-Request-Id": RequestID, "Idempotency-Key": IdempotencyKey,
		"Tutti-Sequence": Sequence, "Prefer": Prefer, "Date": Date, "Retry-After": RetryAfter, "Content-Type": ContentType,
		"Forwarded": Forwarding, "X-Real-IP": Forwarding, "X-Forwarded-For": Forwarding, "X-Forwarded-Proto": Forwarding,
		"X-Forwarded-Host": Forwarding, "X-Forwarded-Anything": Forwarding, "X-Forwarded": Forwarding, "X-Forwarded-": Forwarding,

		// Not the same variable anywhere, or not a proxy's business.
		"Proxy-Status": Other, "Proxy": Other, "X-Forward": Other, "X-ForwardedFor": Other, "Forwarded-For": Other,
		"Hosts": Other, "Accept": Other, "Content-Encoding": Other, "X": Other, "Date-": Other,
	}
	for name, want := range names {
		for _, n := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			if got := kindOf([]byte(n)); got != want {
				t.Errorf("%s: %d, want %d", n, got, want)
			}
		}
	}
}

func TestUnderscoresAreNoWayAroundTheRules(t *testing.T) {
	for name, want := range map[string]Kind{
		"Content_Length": likeFraming, "TRANSFER_ENCODING": likeFraming,
		"X_Forwarded_For": Forwarding, "x-forwarded_for": Forwarding, "X_Real_IP": Forwarding, "X_REAL-IP": Forwarding, "X_Forwarded": Forwarding,
		"X_Request_Id": likeOurs, "Tutti_Sequence": likeOurs, "x-request_id": likeOurs,
		"Content_Type": Other, "Keep_Alive": Other, "Proxy_Authorization": Other, "Idempotency_Key": Other,
	} {
		if got := kindOf([]byte(name)); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

func TestKindsFitTheirBitSets(t *testing.T) {
	if likeOurs >= 32 {
		t.Fatal("has is a uint32")
	}
}
