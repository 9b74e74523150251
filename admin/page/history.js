// The charts' numbers as they were heard, over restarts of Tutti, too.

const kept = 180000; // ms

const fields = ['requests', 'accepted', 'pending', 'parked'];
const backendFields = ['rate', 'errors', 'p50_seconds', 'p99_seconds', 'active', 'owed'];

export class History {
  constructor() {
    this.clear();
  }

  clear() {
    this.times = [];
    for (const f of fields) this[f] = [];
    this.backends = new Map();
  }

  // after is what to ask for.
  get after() {
    return this.times.at(-1) ?? 0;
  }

  // add takes over a status's history. A clock that was set back begins it anew.
  add(status) {
    const h = status.history;
    const now = Date.parse(status.now);
    if (this.after > now + 1000) this.clear();
    const known = this.times.length;
    for (const [i, b] of status.backends.entries()) {
      let s = this.backends.get(b.name);
      if (!s) {
        s = Object.fromEntries(backendFields.map((f) => [f, new Array(known).fill(null)]));
        this.backends.set(b.name, s);
      }
      for (const f of backendFields) s[f].push(...h.backends[i][f]);
    }
    for (const f of fields) this[f].push(...h[f]);
    this.times.push(...h.times);
    for (const [name, s] of this.backends) {
      if (s.rate.length < this.times.length) this.backends.delete(name); // not a backend any more
    }
    this.trim(now);
  }

  trim(now) {
    const n = this.times.findIndex((t) => t > now - kept);
    if (n <= 0) return;
    this.times.splice(0, n);
    for (const f of fields) this[f].splice(0, n);
    for (const s of this.backends.values()) for (const f of backendFields) s[f].splice(0, n);
  }
}
