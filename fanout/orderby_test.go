package fanout

import (
	"fmt"
	"strings"
	"testing"

	"tutti/wire"
)

func TestOrderByIsReadStrictly(t *testing.T) {
	for _, good := range []string{"", "all", "path", "header:X-User", "query:user", "form:user name", "cookie:sid", "form:a:b"} {
		if _, err := ParseOrderBy(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"All", "header", "header:", "header:X User", "header:a:b", "cookie:", "cookie:a=b", "query:", "form:", "method", "body:x",
		"header:" + strings.Repeat("x", 257),
	} {
		if _, err := ParseOrderBy(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// keyed is a write with its ordering key taken.
func keyed(t *testing.T, by, method, target, fields, body string) *write {
	t.Helper()
	o, err := ParseOrderBy(by)
	if err != nil {
		t.Fatal(err)
	}
	var r wire.Request
	head := method + " " + target + " HTTP/1.1\r\nHost: a.test\r\n" + fields + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body))
	if err := r.Parse([]byte(head)); err != nil {
		t.Fatal(err)
	}
	f, w := &Fanout{o: Options{OrderBy: o}}, new(write)
	f.takeKey(&r, w, []byte(body))
	return w
}

func TestSpellingsOfAKeyAreOneKey(t *testing.T) {
	f := func(by, target, fields, body, key string) {
		t.Helper()
		want := new(write)
		want.setOrder([]byte(key))
		if got := keyed(t, by, "POST", target, fields, body); !got.keyed || got.order != want.order {
			t.Errorf("%s of %s %q %q is not %q (keyed: %v)", by, target, fields, body, key, got.keyed)
		}
	}
	f("all", "/a", "", "", "")
	f("path", "/a/b?x=1", "", "", "/a/b")
	f("path", "/a//c/../%62", "", "", "/a/b")
	f("path", "http://b.test/a/b", "", "", "/a/b")
	f("header:X-User", "/", "x-uSER:  me \r\nX-User: you\r\n", "", "me")
	f("header:x-user", "/", "X-User:\r\n", "", "")
	f("header:host", "/", "", "", "a.test")
	f("query:user", "/?a=b&user=me&user=you", "", "", "me")
	f("query:user", "/?%75ser=m%65", "", "", "me")
	f("query:user", "/?user=a+b", "", "", "a b")
	f("query:user", "/?user=a%20b", "", "", "a b")
	f("query:user", "/?user=a%252b", "", "", "a%2b") // decoded once
	f("query:user", "/?user", "", "", "")
	f("query:a b", "/?a+b=1", "", "", "1")
	form := "Content-Type: application/x-www-form-urlencoded\r\n"
	f("form:user", "/?user=not", form, "pass=user=x&user=m%c3%a9&user=you", "mé")
	f("form:user", "/", "Content-Type: Application/X-WWW-Form-Urlencoded ; charset=utf-8\r\n", "user=me", "me")
	f("form:user", "/", "", "user=me", "me")
	f("form:user", "/", form, "user="+strings.Repeat("%61", 1<<17), strings.Repeat("a", 1<<17))
	f("cookie:sid", "/", "Cookie: a=b; sid=1=2;sid=3\r\n", "", "1=2")
	f("cookie:sid", "/", "Cookie: xsid=0\r\nCookie: sid=\"q\"\r\n", "", "q")
}

func TestAWriteWithoutItsKeyIsUnordered(t *testing.T) {
	f := func(by, target, fields, body string) {
		t.Helper()
		if w := keyed(t, by, "POST", target, fields, body); w.keyed {
			t.Errorf("%s of %s %q %q is a key", by, target, fields, body)
		}
	}
	f("header:X-User", "/", "X-Users: me\r\n", "")
	f("query:user", "/?users=me&User=me&xuser=1", "", "")
	f("query:user", "/", "", "user=me")
	f("form:user", "/?user=me", "", "other=1")
	f("form:user", "/", "Content-Type: multipart/form-data; boundary=x\r\n", "user=me")
	f("form:user", "/", "Content-Type: application/x-www-form-urlencoded\r\nContent-Encoding: gzip\r\n", "user=me")
	f("cookie:sid", "/", "Cookie: SID=1; sid; asid=2\r\n", "")
}

func FuzzKeysAreTakenFromAnything(f *testing.F) {
	f.Add("user=a%2", "a=b; user=c")
	f.Fuzz(func(t *testing.T, body, cookies string) {
		for _, by := range []string{"form:user", "cookie:user"} {
			o, _ := ParseOrderBy(by)
			var r wire.Request
			if r.Parse([]byte("POST / HTTP/1.1\r\nHost: a\r\nCookie: "+cookies+"\r\n\r\n")) != nil {
				return
			}
			(&Fanout{o: Options{OrderBy: o}}).takeKey(&r, new(write), []byte(body))
		}
	})
}
