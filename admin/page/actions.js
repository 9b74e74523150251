// What an operator can do. Tutti says which actions a backend takes; those it may learn later
// work here, too, behind a confirmation.

import { Refusal, change, setToken, token } from './api.js';
import { askToken, confirm, say } from './dialogs.js';

const known = {
  drain: { label: 'Drain', title: 'No reads to it; writes go on', done: 'gets no reads any more; writes go on.' },
  hold: { label: 'Hold', title: 'No reads to it; writes are kept for it until it is resumed', done: 'is sent nothing until it is resumed.' },
  resume: { label: 'Resume', title: 'As before', done: 'is back in service.' },
  forget: {
    label: 'Forget', title: 'Drop every write it is owed', danger: true,
    ask: 'Every write it has not got is dropped for it. It will differ from the others for good.',
    done: 'is owed nothing any more.',
  },
};

export function describe(action) {
  const label = action.charAt(0).toUpperCase() + action.slice(1);
  return known[action] ?? { label, title: '', danger: true, ask: `This asks Tutti to ${action} it.`, done: `: ${action} is done.` };
}

// attempt does something, asks for the token where it is missing or wrong, and says how it ended.
// It returns whether it was done.
async function attempt(method, path, done, needsToken) {
  if (needsToken && !token() && !(await askToken('This needs the token'))) return false;
  for (;;) {
    try {
      await change(method, path);
      say(done);
      return true;
    } catch (e) {
      if (e instanceof Refusal && e.status === 401) {
        setToken('');
        if (await askToken('This token is not the one')) continue;
        return false;
      }
      if (e instanceof Refusal) throw e;
      say('Tutti is not reachable; nothing is known to have been done.', true);
      return false;
    }
  }
}

// onBackend does an action to a backend.
export async function onBackend(action, name, needsToken) {
  const what = describe(action);
  if (what.ask && !(await confirm(`${what.label} ${name}?`, what.ask, what.label))) return;
  try {
    await attempt('POST', `-/backends/${encodeURIComponent(name)}/${action}`, `${name} ${what.done}`, needsToken);
  } catch (e) {
    say(e.message, true);
  }
}

// retry takes up what of a write is parked.
export async function retry(write, needsToken) {
  const path = `-/writes/${write.id}/retry`;
  try {
    await attempt('POST', path, 'It is tried again.', needsToken);
  } catch (e) {
    if (!e.problem.overtaken) {
      say(e.message, true);
      return;
    }
    const text = 'A later write of the same ordering key was sent before it. Sent now, it may undo what the later one did.';
    if (await confirm('Retry it out of order?', text, 'Retry')) {
      await attempt('POST', path + '?force=1', 'It is tried again, out of order.', needsToken).catch((e) => say(e.message, true));
    }
  }
}

// drop gives up what of a write is not delivered.
export async function drop(write, left, needsToken) {
  const text = `${write.method} ${write.path} is given up for ${left}, which will differ from the others for good.`;
  if (!(await confirm('Drop this write?', text, 'Drop'))) return;
  try {
    await attempt('DELETE', `-/writes/${write.id}`, 'The write is dropped.', needsToken);
  } catch (e) {
    say(e.message, true);
  }
}
