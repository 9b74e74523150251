package accesslog

import (
	"bytes"
	"testing"
)

func TestAQueueIsBoundedAndKeepsOrder(t *testing.T) {
	var q queue
	line := bytes.Repeat([]byte("x"), blockSize/2)
	added := 0
	for q.add(append([]byte{byte(added)}, line[1:]...)) != dropped {
		added++
	}
	if added != 2*maxBlocks {
		t.Fatalf("%d lines of half a block", added)
	}
	seen := 0
	for b := q.take(true); b.lines > 0; b = q.take(true) {
		for i := range b.lines {
			if got := b.b[int(i)*len(line)]; got != byte(seen) {
				t.Fatalf("line %d is %d", seen, got)
			}
			seen++
		}
		q.give(b)
	}
	if seen != added || q.made != maxBlocks {
		t.Errorf("%d lines, %d blocks", seen, q.made)
	}
	if q.add(make([]byte, blockSize+1)) != dropped {
		t.Error("a line longer than a block was taken")
	}
	if q.add(line) != some || q.add(line) != nothing || q.add(line) != many || q.take(false).lines != 2 || q.take(false).lines != 0 {
		t.Error("it was told otherwise")
	}
	q.close()
	if q.add(line[:1]) != dropped || q.take(true).lines != 1 {
		t.Error("the end was not kept")
	}
}
