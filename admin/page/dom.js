// What the sections need to build and to change elements. Text is set as text, never as markup.

export const byId = (id) => document.getElementById(id);

// el makes an element; attributes with a value of null are left out, functions are listeners.
export function el(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') e.addEventListener(key, value);
    else if (value !== null) e.setAttribute(key, value);
  }
  e.append(...children);
  return e;
}

// setText changes only what is different, so that a selection lasts and nothing is laid out anew.
export function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

export function setAttribute(e, name, value) {
  if (value === null) e.removeAttribute(name);
  else if (e.getAttribute(name) !== value) e.setAttribute(name, value);
}

// cell is a table's cell that keeps its role and its column's name when it is laid out as a card.
export const cell = (label, ...children) => el('td', { role: 'cell', 'data-label': label }, ...children);
