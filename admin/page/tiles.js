// The summary: four numbers with a chart under each, and one sentence.

import { Chart, most } from './chart.js';
import { byId, el, setAttribute, setText } from './dom.js';
import * as format from './format.js';
import { condition, late } from './backends.js';

class Tile {
  constructor(title, ...classes) {
    this.number = el('span', { class: 'big' });
    this.detail = el('span', { class: 'muted small' });
    this.chart = new Chart(...classes);
    this.element = el('div', { class: 'tile' }, el('h3', {}, title), this.number, this.detail, this.chart.svg);
  }

  show(number, detail, level = null) {
    setText(this.number, number);
    setText(this.detail, detail);
    setAttribute(this.element, 'data-level', level);
  }
}

export class Tiles {
  constructor() {
    this.requests = new Tile('Requests', 'calm');
    this.writes = new Tile('Writes', 'calm');
    this.pending = new Tile('Pending', 'warn');
    this.parked = new Tile('Parked', 'bad');
    byId('tiles').append(...[this.requests, this.writes, this.pending, this.parked].map((t) => t.element));
  }

  show(status) {
    const { clients: c, writes: w } = status;
    this.requests.show(format.rate(c.rate) + ' /s', `${format.plural(c.active, 'client', 'clients')} connected`);
    this.writes.show(format.rate(w.rate) + ' /s', `${format.count(w.settled)} of ${format.count(w.accepted)} on every backend`);
    const owing = status.backends.filter(late).length;
    this.pending.show(format.count(w.pending), owing ? `owed to ${format.plural(owing, 'backend', 'backends')}, ${format.bytes(w.pending_bytes)}` : w.pending > 0 ? 'on their way' : 'nothing is owed', owing ? 'warn' : null);
    this.parked.show(format.count(w.parked), w.parked ? 'given up for now: retry or drop' : 'nothing was given up', w.parked ? 'bad' : null);
    const v = verdict(status);
    setText(byId('verdict'), v.text);
    setAttribute(byId('verdict'), 'data-level', v.level);
    return v;
  }

  draw(h, now) {
    const draw = (tile, series, what) => tile.chart.draw(h.times, [series], most(series), now, what);
    draw(this.requests, h.requests, `Requests: up to ${format.rate(most(h.requests))} per second`);
    draw(this.writes, h.accepted, `Writes: up to ${format.rate(most(h.accepted))} per second`);
    draw(this.pending, h.pending, `Pending: up to ${format.count(most(h.pending))}`);
    draw(this.parked, h.parked, `Parked: up to ${format.count(most(h.parked))}`);
  }
}

// verdict is how things are, in a sentence.
function verdict(status) {
  const all = status.backends.map((b) => ({ name: b.name, ...condition(b) }));
  const down = all.filter((b) => b.level === 'bad');
  const idle = all.filter((b) => b.level === 'idle');
  const names = (list) => (list.length <= 2 ? list.map((b) => b.name).join(' and ') : list.length + ' backends') + (list.length === 1 ? ' is ' : ' are ');
  const said = [];
  let level = 'good';
  if (status.stopping) return { level: 'warn', text: 'Tutti is stopping.' };
  if (down.length === all.length) {
    said.push(all.length === 1 ? 'The backend is down' : 'Every backend is down');
    level = 'bad';
  } else if (down.length > 0) {
    said.push(names(down) + 'down');
    level = 'bad';
  }
  if (idle.length > 0) {
    said.push(names(idle) + (idle.every((b) => b.word === idle[0].word) ? idle[0].word : 'out of service'));
    if (level === 'good') level = 'warn';
  }
  const { pending, parked } = status.writes;
  if (pending > 0 && status.backends.some(late)) said.push(format.plural(pending, 'write is', 'writes are') + ' pending');
  if (parked > 0) {
    said.push(format.plural(parked, 'write is', 'writes are') + ' parked');
    if (level === 'good') level = 'warn';
  }
  if (said.length === 0) {
    const who = { 1: 'The backend is', 2: 'Both backends are' }[all.length] ?? `All ${all.length} backends are`;
    said.push(`${who} up and ${all.length === 1 ? 'has' : 'have'} every write`);
  }
  const text = said.length < 2 ? said[0] : said.slice(0, -1).join(', ') + ' and ' + said.at(-1);
  return { level, text: text.charAt(0).toUpperCase() + text.slice(1) + '.' };
}
