// Numbers as somebody reads them. null and undefined are a dash.

const dash = '–';
const grouped = new Intl.NumberFormat('en');

export const count = (n) => (n === null || n === undefined ? dash : grouped.format(n));

// rate is of things per second, without its unit.
export function rate(n) {
  if (n === null || n === undefined) return dash;
  if (n === 0) return '0';
  if (n < 0.1) return '<0.1';
  if (n < 10) return n.toFixed(1);
  if (n < 10000) return grouped.format(Math.round(n));
  return grouped.format(Math.round(n / 100) / 10) + ' k';
}

// percent is of a share from 0 to 1.
export function percent(share) {
  if (share === null || share === undefined) return dash;
  const p = 100 * share;
  if (p === 0 || p === 100) return p + ' %';
  if (p < 0.1) return '<0.1 %';
  if (p < 10) return p.toFixed(1) + ' %';
  return Math.min(Math.round(p), 99) + ' %';
}

// latency is a short time, given in seconds.
export function latency(s) {
  if (s === null || s === undefined) return dash;
  const ms = 1000 * s;
  if (ms < 1) return ms.toFixed(2) + ' ms';
  if (ms < 10) return ms.toFixed(1) + ' ms';
  if (ms < 1000) return Math.round(ms) + ' ms';
  return s.toFixed(s < 10 ? 1 : 0) + ' s';
}

// latencies are two of them, the unit once where it is the same.
export function latencies(a, b) {
  const [x, y] = [latency(a), latency(b)];
  if (x === y) return x;
  const unit = y.slice(y.indexOf(' '));
  return (x.endsWith(unit) && x !== dash ? x.slice(0, -unit.length) : x) + ' / ' + y;
}

// duration is a time that passes while somebody looks, given in seconds.
export function duration(s) {
  s = Math.max(0, Math.floor(s));
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d > 0) return d + ' d ' + h + ' h';
  if (h > 0) return h + ' h ' + m + ' min';
  if (m > 0) return m + ' min ' + (s % 60) + ' s';
  return s + ' s';
}

export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return (i > 0 && n < 10 ? n.toFixed(1) : Math.round(n)) + ' ' + units[i];
}

export const plural = (n, one, many) => count(n) + ' ' + (n === 1 ? one : many);

// words makes a word of Proxy-Status readable.
export const words = (word) => word.replaceAll('_', ' ');
