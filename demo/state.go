package demo

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// maxUsers bounds the memory: no more are taken.
const maxUsers = 1 << 20

// State is what a server knows, as GET /state shows it.
type State struct {
	Server string `json:"server"`
	Writes uint64 `json:"writes"` // applied, repeats not counted
	Users  int    `json:"users"`
	Digest string `json:"digest"` // equal digests mean equal histories; see user
}

func (s State) appendJSON(dst []byte) []byte {
	text, err := json.Marshal(s)
	if err != nil { // a struct of strings and numbers
		return dst
	}
	return append(append(dst, text...), '\n')
}

// state is the users and the writes already seen. It is safe for concurrent use.
type state struct {
	ordered bool // what is older than the last write applied to its user is not applied; fixed

	mu     sync.Mutex
	users  map[string]*record
	writes uint64
	seen   *memory

	digests sync.Mutex // one digest is computed at a time
	digest  [sha256.Size]byte
	at      uint64 // the writes it was computed after
	known   bool
}

// record is a user and the sequence of the last write applied to it.
type record struct {
	user
	last uint64
}

// user is one user's history as a chain of hashes: of the one before, the write's kind and
// its password's hash. Passwords themselves are not kept.
type user [sha256.Size]byte

// add makes the history one write longer.
func (u *user) add(k kind, password [sha256.Size]byte) {
	var link [2*sha256.Size + 1]byte
	copy(link[:], u[:])
	link[sha256.Size] = byte(k)
	copy(link[sha256.Size+1:], password[:])
	*u = sha256.Sum256(link[:])
}

// passwordHash is salted with the name, so that the same password is another hash for
// another user. A server in earnest would use a slow one.
func passwordHash(name, password []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	h.Write(name)
	h.Write([]byte{0})
	h.Write(password)
	h.Sum(sum[:0])
	return sum
}

func newState() *state {
	return &state{users: map[string]*record{}, seen: newMemory(generation)}
}

// apply adds a write to its user's history, unless its key was seen before, and returns the
// kind to answer with: a repeat's is the first one's. In an ordered state one that is older by
// its sequence than the user's last is not added either; 0 is no sequence. ok is false when there is no room for
// another user; nothing was changed then. key may be empty: then it is no repeat. Nothing
// given is kept.
func (s *state) apply(key []byte, sequence uint64, k kind, name, password []byte) (applied kind, ok bool) {
	h, hash := hashOf(key), passwordHash(name, password)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(key) > 0 {
		if first, repeat := s.seen.find(h); repeat {
			return first, true
		}
	}
	u := s.users[string(name)]
	if u == nil {
		if len(s.users) >= maxUsers {
			return 0, false
		}
		u = &record{}
		s.users[string(name)] = u
	}
	if s.ordered && sequence != 0 && sequence < u.last {
		return k, true
	}
	u.last = max(u.last, sequence)
	u.add(k, hash)
	s.writes++
	if len(key) > 0 {
		s.seen.add(h, k)
	}
	return k, true
}

// entry is a user as the digest sees it.
type entry struct {
	name    string
	history user
}

// view computes the digest, outside the lock writes need.
func (s *state) view(server string) State {
	s.digests.Lock()
	defer s.digests.Unlock()
	s.mu.Lock()
	v := State{Server: server, Writes: s.writes, Users: len(s.users)}
	var entries []entry
	if !s.known || s.at != s.writes {
		entries = make([]entry, 0, len(s.users))
		for name, u := range s.users {
			entries = append(entries, entry{name, u.user})
		}
		s.known, s.at = false, s.writes
	}
	s.mu.Unlock()
	if !s.known {
		s.digest, s.known = digest(entries), true
	}
	v.Digest = hex.EncodeToString(s.digest[:])
	return v
}

// digest is the SHA-256 over the users, sorted by name: each one's name, with its length
// before it, and history.
func digest(entries []entry) (sum [sha256.Size]byte) {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	h := sha256.New()
	var buf []byte
	for i := range entries {
		e := &entries[i]
		buf = binary.BigEndian.AppendUint32(buf[:0], uint32(len(e.name)))
		buf = append(buf, e.name...)
		buf = append(buf, e.history[:]...)
		h.Write(buf)
	}
	h.Sum(sum[:0])
	return sum
}
