// The two dialogs, and the word at the bottom.

import { byId } from './dom.js';
import { setToken, token } from './api.js';

// ask opens a dialog and returns whether it was answered with yes. The event of its closing comes some
// time later, perhaps when the next question is open: what closes it is heeded instead.
function ask(dialog) {
  return new Promise((resolve) => {
    const ended = new AbortController();
    const end = (yes) => {
      ended.abort();
      resolve(yes);
    };
    const on = (target, event, f) => target.addEventListener(event, f, { signal: ended.signal });
    on(dialog.querySelector('form'), 'submit', () => end(true));
    on(dialog.querySelector('[type=button]'), 'click', () => {
      dialog.close();
      end(false);
    });
    on(dialog, 'cancel', () => end(false));
    on(dialog, 'close', () => dialog.open || end(false));
    dialog.showModal();
  });
}

// confirm asks before something that can't be undone.
export function confirm(title, text, yes) {
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  byId('confirm-yes').textContent = yes;
  const answer = ask(byId('confirm'));
  byId('confirm-no').focus();
  return answer;
}

// askToken asks for the token and keeps it.
export async function askToken(why) {
  byId('token-title').textContent = why;
  const input = byId('token-input');
  input.value = '';
  if (!(await ask(byId('token'))) || !input.value.trim()) return false;
  setToken(input.value.trim());
  input.value = '';
  return true;
}

let fading = 0;

// say shows a sentence for a while; it is read out, too.
export function say(sentence, bad = false) {
  const toast = byId('toast');
  toast.textContent = sentence;
  toast.classList.toggle('bad', bad);
  toast.classList.add('shown');
  clearTimeout(fading);
  fading = setTimeout(() => toast.classList.remove('shown'), bad ? 9000 : 5000);
}

// wire connects the token's button; shown is called when there is a token or none any more.
export function wire(shown) {
  byId('token-button').addEventListener('click', async () => {
    if (token()) {
      setToken('');
      say('The token is forgotten.');
    } else {
      await askToken('Token');
    }
    shown();
  });
}
