package wire

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refusedRequests says for which reason each hostile head under testdata/requests is refused;
// the other files there are accepted and have what is forwarded beside them.
var refusedRequests = map[string]*Error{
	// Line ends and control bytes: RFC 9112 §2.2, RFC 9110 §5.5.
	"bare-lf-in-request-line":       &errBareLF.request,
	"bare-lf-in-field":              &errBareLF.request,
	"bare-lf-everywhere":            &errBareLF.request, // hung once instead of being answered
	"bare-lf-in-value-hides-length": &errBareLF.request,
	"bare-lf-as-blank-line":         &errBareLF.request,
	"bare-cr-in-value":              &errBareCR.request,
	"bare-cr-hides-field":           &errBareCR.request,
	"bare-cr-in-request-line":       &errBareCR.request,
	"two-cr-before-lf":              &errBareCR.request,
	"nul-in-value":                  &errControl.request,
	"nul-in-name":                   &errControl.request,
	"nul-in-target":                 &errControl.request,
	"control-in-value":              &errControl.request,
	"escape-in-value":               &errControl.request,
	"delete-in-value":               &errControl.request,
	"tls-client-hello":              &errControl.request,
	"coding-vertical-tab":           &errControl.request,

	// Names: RFC 9112 §5.1, §5.2.
	"fold-with-space":           &errFold.request,
	"fold-with-tab":             &errFold.request,
	"fold-of-transfer-encoding": &errFold.request,
	"fold-before-first-field":   &errFold.request,
	"fold-of-blank":             &errFold.request,
	"space-before-colon":        &errNameSpace.request,
	"tab-before-colon":          &errNameSpace.request,
	"space-in-name":             &errNameSpace.request,
	"empty-name":                &errNameEmpty.request,
	"no-colon":                  &errNoColon.request,
	"parenthesis-in-name":       &errName.request,
	"latin1-in-name":            &errName.request,
	"quote-in-name":             &errName.request,
	"too-many-fields":           &errManyFields.request,
	"connection-names-too-many": &errNominations.request,

	// Host: RFC 9112 §3.2.
	"host-missing":                    errHostMissing,
	"host-missing-with-absolute-form": errHostMissing,
	"host-twice":                      errHostTwice,
	"host-twice-the-same":             errHostTwice,
	"host-twice-in-http10":            errHostTwice,
	"host-twice-with-absolute-form":   errHostTwice,
	"host-list":                       errHost,
	"host-with-space":                 errHost,
	"host-with-tab":                   errHost,
	"host-with-user":                  errHost,
	"host-with-path":                  errHost,
	"host-with-query":                 errHost,
	"host-with-scheme":                errHost,
	"host-with-backslash":             errHost,
	"host-port-letters":               errHost,
	"host-port-sign":                  errHost,
	"host-port-too-large":             errHost,
	"host-port-alone":                 errHost,
	"host-two-ports":                  errHost,
	"host-literal-open":               errHost,
	"host-literal-then-name":          errHost,
	"host-literal-zone":               errHost,
	"host-literal-empty":              errHost,
	"host-bad-percent":                errHost,
	"host-latin1":                     errHost,
	"host-bad-beside-absolute-form":   errHost,
	"absolute-form-empty-host":        errHost,

	// Framing: RFC 9112 §6.
	"length-with-plus":            &errLength.request,
	"length-negative":             &errLength.request,
	"length-hexadecimal":          &errLength.request,
	"length-fraction":             &errLength.request,
	"length-empty":                &errLength.request,
	"length-with-space":           &errLength.request,
	"length-overflow":             &errLength.request,
	"length-overflow-wraps":       &errLength.request,
	"length-list":                 &errLength.request,
	"length-twice-the-same":       &errTwoLengths.request,
	"length-twice-different":      &errTwoLengths.request,
	"length-with-chunked":         &errTwoFramings.request,
	"length-zero-with-chunked":    &errTwoFramings.request,
	"length-with-identity":        &errTwoFramings.request,
	"chunked-with-length":         &errTwoFramings.request,
	"length-with-underscore":      errLikeFraming,
	"coding-with-underscore":      errLikeFraming,
	"length-and-look-alike":       errLikeFraming,
	"coding-empty":                &errCoding.request,
	"coding-identity":             &errCoding.request,
	"coding-gzip-chunked":         &errCoding.request,
	"coding-chunked-gzip":         &errCoding.request,
	"coding-chunked-chunked":      &errCoding.request,
	"coding-prefixed":             &errCoding.request,
	"coding-quoted":               &errCoding.request,
	"coding-parameter":            &errCoding.request,
	"coding-comma":                &errCoding.request,
	"coding-high-bit":             &errCoding.request,
	"coding-twice":                &errTwoCodings.request,
	"coding-twice-second-unknown": &errTwoCodings.request,
	"coding-in-http10":            &errCodingInOld.request,

	// The request line: RFC 9112 §3.
	"two-spaces":                errTarget,
	"two-spaces-before-version": errRequestLine,
	"tab-for-space":             errMethod,
	"space-in-target":           errRequestLine,
	"space-before-method":       errMethod,
	"space-after-version":       errRequestLine,
	"fragment":                  errFragment,
	"escape-letters":            errEscape,
	"escape-cut":                errEscape,
	"escape-of-unicode":         errEscape,
	"escape-in-absolute-form":   errEscape,
	"target-user":               errUserinfo,
	"target-relative":           errTarget,
	"target-of-other-scheme":    errTarget,
	"target-without-authority":  errTarget,
	"target-bad-authority":      errTarget,
	"target-authority-form":     errTarget,
	"asterisk-with-get":         errAsterisk,
	"asterisk-and-more":         errTarget,
	"no-target":                 errTarget,
	"http09":                    errTarget,
	"version-lower-case":        errRequestLine,
	"version-of-other-protocol": errRequestLine,
	"version-long":              errRequestLine,
	"version-short":             errRequestLine,
	"version-letters":           errRequestLine,
	"version-2":                 errVersion,
	"version-1-2":               errVersion,
	"version-0-9":               errVersion,
	"http2-preface":             errVersion,
	"method-bad-byte":           errMethod,
	"method-latin1":             errMethod,
	"method-too-long":           errMethod,
	"nine-blank-lines":          errMethod,
}

// refusedAnswers is the same for testdata/answers.
var refusedAnswers = map[string]*Error{
	"bare-lf":                   &errBareLF.request, // HeadEnd's errors do not know whose head it is
	"bare-lf-in-field":          &errBareLF.request,
	"bare-cr-in-value":          &errBareCR.request,
	"bare-cr-in-reason":         &errBareCR.request,
	"nul-in-value":              &errControl.request,
	"control-in-reason":         &errControl.request,
	"fold":                      &errFold.answer,
	"space-before-colon":        &errNameSpace.answer,
	"empty-name":                &errNameEmpty.answer,
	"too-many-fields":           &errManyFields.answer,
	"connection-names-too-many": &errNominations.answer,
	"length-with-chunked":       &errTwoFramings.answer,
	"length-twice-the-same":     &errTwoLengths.answer,
	"length-twice-different":    &errTwoLengths.answer,
	"length-list":               &errLength.answer,
	"length-with-plus":          &errLength.answer,
	"length-overflow":           &errLength.answer,
	"length-empty":              &errLength.answer,
	"coding-unknown":            &errCoding.answer,
	"coding-gzip-chunked":       &errCoding.answer,
	"coding-identity":           &errCoding.answer,
	"coding-twice":              &errTwoCodings.answer,
	"coding-in-http10":          &errCodingInOld.answer,
	"coding-in-204":             errCodingNoBody,
	"coding-in-103":             errCodingNoBody,
	"status-missing":            errStatusLine,
	"status-of-two-digits":      errStatusLine,
	"status-of-four-digits":     errStatusLine,
	"status-negative":           errStatusLine,
	"status-glued":              errStatusLine,
	"status-two-spaces":         errStatusLine,
	"status-099":                errStatus,
	"status-600":                errStatus,
	"status-999":                errStatus,
	"version-2":                 errStatusLine,
	"version-lower-case":        errStatusLine,
	"version-icy":               errStatusLine,
	"blank-line-first":          errStatusLine,
	"nonsense":                  errStatusLine,
}

// readRequest takes a head as the front does.
func readRequest(raw []byte, r *Request) error {
	raw = raw[SkipBlank(raw):]
	end, _, err := HeadEnd(raw, 0)
	if err != nil {
		return err
	}
	return r.Parse(raw[:end])
}

func readAnswer(raw []byte, p *Response) error {
	end, _, err := HeadEnd(raw, 0)
	if err != nil {
		return err
	}
	return p.Parse(raw[:end])
}

// streamed is how a balanced request goes on: framed as it came.
func streamed(r *Request) *Outgoing {
	o := outgoing()
	o.KeepExpect, o.KeepUpgrade = r.Expect, r.Upgrade != nil
	switch {
	case r.Chunked:
		o.Framing = Chunks
	case r.ContentLength > 0:
		o.Framing, o.ContentLength = Length, r.ContentLength
	}
	return o
}

func relayed(p *Response) *Incoming {
	return &Incoming{
		Framing: p.Body(false), KeepAlive: p.KeepAlive, Minor: 1,
		Upgrade: p.Status == 101, Now: []byte("Tue, 24 Nov 2026 00:00:00 GMT"),
	}
}

func TestHostileRequestsAreRefusedAndOthersGoOnAsTheyCame(t *testing.T) {
	corpus(t, "requests", refusedRequests, func(raw []byte) ([]byte, error) {
		var r Request
		if err := readRequest(raw, &r); err != nil {
			return nil, err
		}
		return AppendRequest(nil, &r, streamed(&r)), nil
	})
}

func TestHostileAnswersAreRefusedAndOthersGoOnAsTheyCame(t *testing.T) {
	corpus(t, "answers", refusedAnswers, func(raw []byte) ([]byte, error) {
		var p Response
		if err := readAnswer(raw, &p); err != nil {
			return nil, err
		}
		return AppendResponse(nil, &p, relayed(&p)), nil
	})
}

// corpus runs every file of a directory. With UPDATE_GOLDEN=1 it writes the accepted ones' results.
func corpus(t *testing.T, dir string, refused map[string]*Error, forward func([]byte) ([]byte, error)) {
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.http"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	seen := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".http")
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := forward(raw)
			if want := refused[name]; want != nil {
				seen++
				if !errors.Is(err, want) {
					t.Errorf("got %v, forwarding %q, want %q", err, got, want.Detail)
				}
				return
			}
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			golden := strings.TrimSuffix(file, ".http") + ".forwarded"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("forwarded\n%q, want\n%q", got, want)
			}
		})
	}
	if seen != len(refused) {
		t.Errorf("%d of %d refused ones have a file", seen, len(refused))
	}
}
