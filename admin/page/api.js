// How the page speaks to Tutti. The token, if there is one, is kept for the tab.

const kept = 'tutti-token';
let memory = '';

export function token() {
  try {
    return sessionStorage.getItem(kept) ?? memory;
  } catch {
    return memory; // storage may be forbidden
  }
}

export function setToken(value) {
  memory = value;
  try {
    if (value) sessionStorage.setItem(kept, value);
    else sessionStorage.removeItem(kept);
  } catch {
    // kept in memory, then
  }
}

// Refusal is an answer that says no.
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `Tutti answers ${status}.`);
    this.status = status;
    this.problem = problem;
  }
}

async function request(path, options) {
  const r = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(10000), ...options });
  const text = await r.text();
  let body = {};
  try {
    body = text ? JSON.parse(text) : {};
  } catch {
    if (r.ok) throw new Error('The answer is not JSON.');
  }
  if (!r.ok) throw new Refusal(r.status, body);
  return body;
}

export const get = (path) => request(path, {});

// change asks for something that changes something.
export function change(method, path) {
  const headers = { 'Tutti-Admin': '1' };
  if (token()) headers.Authorization = 'Bearer ' + token();
  return request(path, { method, headers });
}
