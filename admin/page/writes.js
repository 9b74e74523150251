// The table of writes. Only a page of them is ever asked for.

import { Refusal, get } from './api.js';
import { byId, cell, el, setAttribute, setText } from './dom.js';
import * as format from './format.js';
import { drop, retry } from './actions.js';

const perPage = 25;
const deliveriesShown = 4; // of a write, until the others are asked for

const levels = { sending: 'calm', waiting: 'warn', parked: 'bad', delivered: 'good', rejected: 'idle', dropped: 'idle' };
const done = (d) => d.state === 'delivered' || d.state === 'rejected' || d.state === 'dropped';

// answer is what came of the last attempt.
function answer(d) {
  if (d.status) return String(d.status);
  if (d.error) return format.words(d.error);
  return '–';
}

function next(d, now) {
  if (d.state === 'sending') return 'now';
  const wait = Math.ceil((Date.parse(d.next_attempt) - now) / 1000);
  if (d.next_attempt) return wait > 0 ? 'in ' + format.duration(wait) : 'now';
  if (d.state === 'waiting') return 'in its turn';
  if (d.state === 'parked') return d.status ? 'when you say' : 'when it is back';
  return '–';
}

// others is what became of a write on the backends that are not shown.
function others(ended) {
  const of = (state) => ended.filter((d) => d.state === state).length;
  const said = [
    [of('delivered'), of('delivered') === 1 ? 'has it' : 'have it'], [of('rejected'), 'refused it'], [of('dropped'), 'given up'],
  ].filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`);
  return said.length > 0 ? '· ' + said.join(', ') : '';
}

// Block is a write: a group of rows, one for each delivery that is not done.
class Block {
  constructor(write, table) {
    this.table = table;
    this.open = false;
    this.drawn = '';
    this.element = el('tbody', { role: 'rowgroup', 'data-id': write.id });
    this.accepted = el('td', { role: 'cell', 'data-label': 'Accepted', class: 'age' });
    this.what = el('th', { role: 'rowheader', scope: 'rowgroup', class: 'what' },
      el('span', { class: 'method' }, write.method), ' ', el('span', { class: 'path' }, write.path),
      el('span', { class: 'muted small' }, el('span', { class: 'id' }, write.id)));
    this.rest = el('span', { class: 'muted small' });
    this.what.lastChild.append(' ', this.rest);
    this.retry = el('button', { type: 'button', class: 'quiet', 'data-action': 'retry', click: () => retry(this.write, table.needsToken).then(table.done) }, 'Retry');
    this.drop = el('button', { type: 'button', class: 'danger quiet', 'data-action': 'drop', click: () => drop(this.write, this.left, table.needsToken).then(table.done) }, 'Drop');
    for (const b of [this.retry, this.drop]) b.setAttribute('aria-label', `${b.textContent} ${write.method} ${write.path}`);
    this.actions = cell('Actions', el('div', { class: 'buttons' }, this.retry, this.drop));
    this.more = el('button', { type: 'button', class: 'quiet', 'aria-expanded': 'false', click: () => this.toggle() });
    this.rows = [];
  }

  show(write, now, refused) {
    this.write = write;
    const open = write.backends.filter((d) => !done(d));
    const ended = write.backends.filter(done);
    const shown = open.length > 0 ? open : ended;
    const visible = this.open || shown.length <= deliveriesShown + 1 ? shown : shown.slice(0, deliveriesShown);
    this.left = open.length === 1 ? open[0].backend : format.plural(open.length, 'backend', 'backends');
    setText(this.accepted, format.duration((now - Date.parse(write.accepted)) / 1000) + ' ago');
    setAttribute(this.accepted, 'title', write.accepted);
    setText(this.rest, open.length > 0 ? others(ended) : '');
    this.retry.hidden = !open.some((d) => d.state === 'parked');
    this.drop.hidden = open.length === 0;
    this.retry.disabled = this.drop.disabled = refused;
    this.arrange(visible.map((d) => d.backend), shown.length);
    visible.forEach((d, i) => this.fill(this.rows[i], d, now));
  }

  // arrange makes the rows of these backends, anew only if they are others.
  arrange(names, all) {
    const key = names.join() + all;
    if (key === this.drawn) return;
    this.drawn = key;
    this.rows = names.map((name) => {
      const r = {
        state: el('span', { class: 'pill' }), attempts: cell('Attempts'), answer: cell('Last answer'), next: cell('Next try'),
      };
      r.element = el('tr', { role: 'row' }, cell('Backend', el('span', { class: 'name' }, name)), cell('State', r.state), r.attempts, r.answer, r.next);
      return r;
    });
    const folded = all > deliveriesShown + 1;
    const span = String(names.length + (folded ? 1 : 0));
    for (const c of [this.accepted, this.what, this.actions]) c.setAttribute('rowspan', span);
    this.rows[0].element.prepend(this.accepted, this.what);
    this.rows[0].element.append(this.actions);
    this.element.replaceChildren(...this.rows.map((r) => r.element));
    if (folded) {
      setText(this.more, this.open ? 'Fewer' : format.count(all - names.length) + ' more');
      this.element.append(el('tr', { role: 'row' }, el('td', { role: 'cell', colspan: '5' }, this.more)));
    }
  }

  fill(r, d, now) {
    setText(r.state, d.state);
    setAttribute(r.state, 'data-level', levels[d.state] ?? 'idle');
    setText(r.attempts, format.count(d.attempts));
    setText(r.answer, answer(d));
    setText(r.next, next(d, now));
  }

  toggle() {
    this.open = !this.open;
    this.more.setAttribute('aria-expanded', String(this.open));
    this.table.redraw();
    this.more.focus();
  }
}

export class Writes {
  // done is called when an operator has done something.
  constructor(done) {
    this.done = done;
    this.blocks = new Map();
    this.list = [];
    this.status = null;
    this.asked = 0;
    this.reset();
    byId('write-states').addEventListener('change', () => this.choose());
    byId('write-backend').addEventListener('change', () => this.choose());
    byId('write-id').addEventListener('input', () => this.choose());
    byId('write-first').addEventListener('click', () => this.turn(0, 0));
    byId('write-next').addEventListener('click', () => this.turn(this.list.at(-1).sequence, this.before + this.list.length));
  }

  get state() {
    return document.querySelector('#write-states input:checked').value;
  }

  get needsToken() {
    return this.status.changes === 'token';
  }

  reset() {
    this.after = 0;
    this.before = 0; // on the pages before
  }

  choose() {
    this.reset();
    this.refresh();
  }

  turn(after, before) {
    this.after = after;
    this.before = before;
    this.refresh();
  }

  // show takes the counts from a status, and the backends' names.
  show(status) {
    if (this.status === null && status.writes.pending === 0 && status.writes.parked > 0) {
      document.querySelector('#write-states [value=parked]').checked = true;
    }
    this.status = status;
    setText(byId('count-pending'), format.count(status.writes.pending));
    setText(byId('count-parked'), format.count(status.writes.parked));
    const select = byId('write-backend');
    const names = ['', ...status.backends.map((b) => b.name)];
    if ([...select.options].map((o) => o.value).join() !== names.join()) {
      const chosen = select.value;
      select.replaceChildren(...names.map((n) => el('option', { value: n }, n || 'any')));
      select.value = names.includes(chosen) ? chosen : '';
    }
  }

  // refresh asks for the page again, unless it is known to be empty.
  async refresh() {
    if (!this.status) return;
    const asked = ++this.asked;
    const { list, more, sentence } = await this.ask();
    if (asked !== this.asked) return; // the question has changed meanwhile
    this.list = list;
    this.sentence = sentence;
    this.more = more;
    this.redraw();
  }

  async ask() {
    const id = byId('write-id').value.trim().replace(/^.*\//, '');
    if (id) return this.find(id);
    const w = this.status.writes;
    const sentence = {
      pending: 'Nothing is pending: what was accepted is on every backend, or parked.',
      parked: 'Nothing is parked.',
      '': 'There are no unfinished writes, and none that somebody may still ask for.',
    }[this.state];
    if ((this.state === 'pending' && w.pending === 0) || (this.state === 'parked' && w.parked === 0)) {
      return { list: [], more: false, sentence };
    }
    const q = new URLSearchParams({ state: this.state, backend: byId('write-backend').value, after: this.after, limit: perPage });
    const page = await get('-/writes?' + q);
    return { list: page.writes, more: page.next !== undefined, sentence: this.before > 0 ? 'There are no more.' : sentence };
  }

  async find(id) {
    try {
      return { list: [await get('-/writes/' + encodeURIComponent(id))], more: false, sentence: '' };
    } catch (e) {
      if (!(e instanceof Refusal)) throw e;
      return { list: [], more: false, sentence: 'No write has this id, or it was finished too long ago.' };
    }
  }

  redraw() {
    const now = Date.parse(this.status.now);
    const table = byId('write-table');
    const blocks = new Map();
    let last = table.tHead;
    for (const w of this.list) {
      const block = this.blocks.get(w.id) ?? new Block(w, this);
      block.show(w, now, this.status.changes === 'refused');
      if (last.nextElementSibling !== block.element) last.after(block.element);
      last = block.element;
      blocks.set(w.id, block);
    }
    for (const [id, block] of this.blocks) if (!blocks.has(id)) block.element.remove();
    this.blocks = blocks;
    table.hidden = this.list.length === 0;
    byId('writes-empty').hidden = this.list.length > 0;
    setText(byId('writes-empty'), this.sentence);
    byId('write-pages').hidden = !this.more && this.before === 0;
    byId('write-next').disabled = !this.more;
    byId('write-first').disabled = this.before === 0;
    setText(byId('write-range'), this.list.length > 0 ? `${format.count(this.before + 1)} to ${format.count(this.before + this.list.length)}` : '');
  }
}
