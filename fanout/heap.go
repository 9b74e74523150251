package fanout

// deliveryHeap is a binary heap that knows where each delivery is: push, pop and remove
// cost O(log n), pushing one that sorts last O(1). Not container/heap: no interface calls.
type deliveryHeap struct {
	ds   []*delivery
	less func(a, b *delivery) bool
}

func bySequence(a, b *delivery) bool { return a.w.seq < b.w.seq }

func byDue(a, b *delivery) bool {
	if a.due != b.due {
		return a.due < b.due
	}
	return a.w.seq < b.w.seq
}

func (h *deliveryHeap) len() int { return len(h.ds) }

// min is the first one; the heap must not be empty.
func (h *deliveryHeap) min() *delivery { return h.ds[0] }

func (h *deliveryHeap) push(d *delivery) {
	d.heap, d.pos = h, len(h.ds)
	h.ds = append(h.ds, d)
	h.up(d.pos)
}

func (h *deliveryHeap) pop() *delivery {
	d := h.ds[0]
	h.remove(d)
	return d
}

// remove takes out d, which is in h.
func (h *deliveryHeap) remove(d *delivery) {
	last := len(h.ds) - 1
	i := d.pos
	h.swap(i, last)
	h.ds[last] = nil
	h.ds = h.ds[:last]
	d.heap, d.pos = nil, 0
	if i < last {
		h.up(i)
		h.down(i)
	}
	h.shrink()
}

// shrink gives the memory of a long backlog back once it is gone.
func (h *deliveryHeap) shrink() {
	if c := cap(h.ds); c > 1024 && len(h.ds) < c/8 {
		h.ds = append(make([]*delivery, 0, c/2), h.ds...)
	}
}

func (h *deliveryHeap) swap(i, j int) {
	h.ds[i], h.ds[j] = h.ds[j], h.ds[i]
	h.ds[i].pos, h.ds[j].pos = i, j
}

func (h *deliveryHeap) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(h.ds[i], h.ds[parent]) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *deliveryHeap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.ds) {
			return
		}
		if right := child + 1; right < len(h.ds) && h.less(h.ds[right], h.ds[child]) {
			child = right
		}
		if !h.less(h.ds[child], h.ds[i]) {
			return
		}
		h.swap(i, child)
		i = child
	}
}
