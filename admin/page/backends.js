// The table of backends: a row is made once and then changed.

import { Chart, most } from './chart.js';
import { byId, cell, el, setAttribute, setText } from './dom.js';
import * as format from './format.js';
import { describe, onBackend } from './actions.js';

// condition is a backend's state in a word, how bad that is, and since when.
export function condition(b) {
  const down = b.down_since !== undefined;
  const since = Date.parse(down && b.state !== 'drained' ? b.down_since : b.since);
  const why = b.why ? format.words(b.why) : '';
  if (b.state === 'drained') return { word: 'drained', level: 'idle', since, why: down ? 'and down: ' + why : '' };
  if (b.state === 'held') return { word: 'held', level: 'idle', since, why: down ? 'and down: ' + why : '' };
  if (!b.up) return { word: 'down', level: 'bad', since, why };
  if (down) return { word: 'on probation', level: 'warn', since, why: 'was down: ' + why };
  return { word: 'up', level: 'good', since, why: '' };
}

// late tells whether a backend is owed a write that is not just on its way.
export const late = (b) => b.oldest_owed_seconds >= 1;

class Row {
  constructor(name, done) {
    this.done = done;
    this.name = name;
    this.offered = '';
    this.parts = {};
    const part = (key, tag = 'span', cls = null) => (this.parts[key] = el(tag, { class: cls }));
    const chart = (...classes) => new Chart(...classes);
    this.rate = chart('calm', 'bad');
    this.latency = chart('calm', 'faint');
    this.active = chart('calm');
    this.owed = chart('warn');
    this.actions = el('div', { class: 'buttons' });
    this.bar = el('span', { class: 'fill' });
    this.element = el('tr', { role: 'row' },
      el('th', { role: 'rowheader', scope: 'row', class: 'name' }, name),
      cell('State', part('pill', 'span', 'pill'), part('since', 'span', 'muted small'), part('why', 'span', 'small why')),
      cell('Reads', part('share', 'span', 'number'), el('span', { class: 'bar', 'aria-hidden': 'true' }, this.bar)),
      cell('Rate', part('rate', 'span', 'number'), this.rate.svg),
      cell('Errors', part('errors', 'span', 'number')),
      cell('Latency p50 / p99', part('latency', 'span', 'number'), this.latency.svg),
      cell('Connections', part('connections', 'span', 'number'), this.active.svg),
      cell('Owed', part('owed', 'span', 'number'), part('oldest', 'span', 'muted small'), this.owed.svg),
      cell('Parked', part('parked', 'span', 'number')),
      cell('Actions', this.actions),
    );
  }

  show(b, now, changes) {
    const p = this.parts;
    const c = condition(b);
    setAttribute(this.element, 'data-level', c.level);
    setText(p.pill, c.word);
    setAttribute(p.pill, 'data-level', c.level);
    setText(p.since, 'for ' + format.duration((now - c.since) / 1000));
    setText(p.why, c.why);
    setText(p.share, format.percent(b.recent.read_share));
    this.bar.style.width = 100 * (b.recent.read_share ?? 0) + '%';
    setText(p.rate, format.rate(b.recent.rate) + ' /s');
    setText(p.errors, format.percent(b.recent.errors));
    setAttribute(p.errors, 'data-level', b.recent.errors > 0 ? 'bad' : null);
    setText(p.latency, format.latencies(b.recent.p50_seconds, b.recent.p99_seconds));
    const n = b.connections;
    setText(p.connections, `${n.active} busy, ${n.idle} idle` + (n.waiting ? `, ${n.waiting} waiting` : ''));
    setText(p.owed, format.count(b.owed));
    setAttribute(p.owed, 'data-level', late(b) ? 'warn' : null);
    setText(p.oldest, late(b) ? 'oldest ' + format.duration(b.oldest_owed_seconds) : '');
    setText(p.parked, format.count(b.parked));
    setAttribute(p.parked, 'data-level', b.parked > 0 ? 'bad' : null);
    this.offer(b.actions, changes);
  }

  // offer shows a button for each action; they stay the same elements while the actions do.
  offer(actions, changes) {
    const key = actions.join() + changes;
    if (key === this.offered) return;
    this.offered = key;
    const focused = this.actions.contains(document.activeElement);
    this.actions.replaceChildren(...actions.map((action) => {
      const what = describe(action);
      return el('button', {
        type: 'button', class: what.danger ? 'danger quiet' : 'quiet', title: what.title, 'data-action': action,
        'aria-label': `${what.label} ${this.name}`, disabled: changes === 'refused' ? '' : null,
        click: () => onBackend(action, this.name, changes === 'token').then(this.done),
      }, what.label);
    }));
    if (focused) this.actions.firstChild?.focus();
  }

  draw(times, s, max, now) {
    this.rate.draw(times, [s.rate, s.errors], max.rate, now, `Rate: up to ${format.rate(most(s.rate))} per second, errors up to ${format.rate(most(s.errors))}`);
    this.latency.draw(times, [s.p99_seconds, s.p50_seconds], max.latency, now, `Latency: p99 up to ${format.latency(most(s.p99_seconds))}`);
    this.active.draw(times, [s.active], max.active, now, `Busy connections: up to ${most(s.active)}`);
    this.owed.draw(times, [s.owed], max.owed, now, `Owed writes: up to ${format.count(most(s.owed))}`);
  }
}

export class Backends {
  // done is called when an operator has done something.
  constructor(done) {
    this.done = done;
    this.rows = new Map();
  }

  show(status, now) {
    const body = byId('backend-rows');
    for (const [i, b] of status.backends.entries()) {
      let row = this.rows.get(b.name);
      if (!row) {
        row = new Row(b.name, this.done);
        this.rows.set(b.name, row);
      }
      if (body.children[i] !== row.element) body.insertBefore(row.element, body.children[i] ?? null);
      row.show(b, now, status.changes);
    }
    for (const [name, row] of this.rows) {
      if (!status.backends.some((b) => b.name === name)) {
        row.element.remove();
        this.rows.delete(name);
      }
    }
  }

  // draw draws every chart, those of a column to one scale.
  draw(history, now) {
    const all = [...this.rows.keys()].map((name) => history.backends.get(name)).filter(Boolean);
    const top = (key) => most(...all.map((s) => s[key]));
    const max = { rate: top('rate'), latency: top('p99_seconds'), active: top('active'), owed: top('owed') };
    for (const [name, row] of this.rows) {
      const series = history.backends.get(name);
      if (series) row.draw(history.times, series, max, now);
    }
  }
}
