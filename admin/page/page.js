// The page: asks for the status once a second and has the sections show it.

import { Refusal, get, token } from './api.js';
import { Backends, condition } from './backends.js';
import { wire } from './dialogs.js';
import { byId, setAttribute, setText } from './dom.js';
import * as format from './format.js';
import { History } from './history.js';
import { Tiles } from './tiles.js';
import { Writes } from './writes.js';

const every = 1000; // ms
const everyUnseen = 15000;

const history = new History();
const tiles = new Tiles();
const backends = new Backends(soon);
const writes = new Writes(soon);

let timer = 0;
let polling = false;
let again = false; // as soon as the present poll ends
let version = null;
let lostSince = null;
let words = new Map(); // each backend's, to tell of changes

wire(showToken);

function soon() {
  clearTimeout(timer);
  if (polling) again = true;
  else poll();
}

async function poll() {
  polling = true;
  again = false;
  try {
    const status = await get('-/status?history_after=' + history.after);
    reached(status);
    show(status);
    await writes.refresh();
  } catch (e) {
    lost(e);
  }
  polling = false;
  timer = setTimeout(poll, again ? 0 : document.hidden ? everyUnseen : every);
}

function show(status) {
  const now = Date.parse(status.now);
  history.add(status);
  setText(byId('version'), status.version);
  setText(byId('listen'), status.listen);
  setText(byId('uptime'), format.duration(status.uptime_seconds));
  const v = tiles.show(status);
  backends.show(status, now);
  writes.show(status);
  tell(status, v);
  byId('token-box').hidden = status.changes !== 'token';
  showToken();
  if (document.hidden) return;
  tiles.draw(history, now);
  backends.draw(history, now);
}

function showToken() {
  setText(byId('token-button'), token() ? 'Forget' : 'Enter');
}

// tell has the title say what is wrong, and reads out backends that go and come back: no numbers.
function tell(status, v) {
  const down = status.backends.filter((b) => condition(b).level === 'bad').length;
  const wrong = [];
  if (down > 0) wrong.push(down + ' down');
  if (status.writes.parked > 0) wrong.push(format.count(status.writes.parked) + ' parked');
  if (status.writes.pending > 0 && down > 0) wrong.push(format.count(status.writes.pending) + ' pending');
  document.title = (wrong.length > 0 ? wrong.join(', ') + ' – ' : '') + 'Tutti';
  const news = [];
  const before = words;
  words = new Map();
  for (const b of status.backends) {
    const word = condition(b).word;
    words.set(b.name, word);
    if (before.has(b.name) && before.get(b.name) !== word) news.push(`${b.name} is ${word}.`);
  }
  if (news.length > 0) byId('news').textContent = news.join(' ');
  setAttribute(document.documentElement, 'data-level', v.level);
}

function reached(status) {
  if (version !== null && version !== status.version) location.reload(); // this page is the old one's
  version = status.version;
  if (lostSince !== null) byId('news').textContent = 'Tutti is reachable again.';
  lostSince = null;
  byId('unreachable').hidden = true;
  document.body.classList.remove('stale');
  setText(byId('updated'), '');
}

function lost(error) {
  lostSince ??= new Date();
  const at = lostSince.toLocaleTimeString('en-GB');
  const what = error instanceof Refusal ? error.message : 'Tutti is not reachable.';
  setText(byId('unreachable'), `${what} What is shown is of ${at}; trying again every second.`);
  if (byId('unreachable').hidden) byId('news').textContent = what;
  byId('unreachable').hidden = false;
  document.body.classList.add('stale');
  setAttribute(byId('verdict'), 'data-level', 'unknown');
  setText(byId('verdict'), 'Not reachable.');
  document.title = 'not reachable – Tutti';
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) soon();
});

poll();
