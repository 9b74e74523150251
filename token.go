package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	maxToken   = 4096
	shortToken = 16
)

// readToken reads the admin token: the file's text without white space around it. A warning
// is a sentence for the log. Errors carry nothing of the file.
func readToken(path string) (token, warning string, err error) {
	file, err := os.Open(path)
	if err != nil {
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			err = p.Err
		}
		return "", "", errors.New("cannot be read (" + err.Error() + "), want a file with a token")
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		return "", "", errors.New("is no file, want a file with a token")
	}
	text, err := io.ReadAll(io.LimitReader(file, maxToken+1))
	if err != nil || len(text) > maxToken {
		return "", "", errors.New("cannot be read or is longer than 4096 bytes, want a file with a token")
	}
	token = strings.TrimSpace(string(text))
	if token == "" {
		return "", "", errors.New("is empty, want a file with a token")
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return "", "", errors.New("holds more than one word of printable ASCII, want a file with a token alone")
		}
	}
	switch {
	case info.Mode().Perm()&0o004 != 0:
		warning = "the file can be read by everybody on this machine, chmod 600 it"
	case len(token) < shortToken:
		warning = "the token is short enough to be guessed, want at least 16 characters"
	}
	return token, warning, nil
}
