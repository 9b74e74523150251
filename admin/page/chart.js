// Sparklines: the last minutes of up to three series, as inline SVG.

const ns = 'http://www.w3.org/2000/svg';
const width = 180; // seconds
const height = 36;
const gap = 3500; // ms without a sample: the line is broken

function make(name, attributes) {
  const e = document.createElementNS(ns, name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  return e;
}

// Chart draws lines of class names, the first one with the area under it. Those of trouble are not
// drawn where there is none.
export class Chart {
  constructor(...classes) {
    this.svg = make('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' });
    this.title = make('title', {});
    this.area = make('path', { class: 'area ' + classes[0] });
    this.lines = classes.map((c) => make('path', { class: 'line ' + c }));
    this.quiet = classes.map((c) => c === 'warn' || c === 'bad'); // of which zero is not worth a line
    this.svg.append(this.title, this.area, ...this.lines);
  }

  // draw shows series over times (Unix ms) up to now; max is the top of the scale, what what it is.
  draw(times, series, max, now, what) {
    const x = (t) => (width - (now - t) / 1000).toFixed(1);
    const y = (v) => (height - 1.5 - (height - 4) * Math.min(v / (max || 1), 1)).toFixed(1);
    this.lines.forEach((line, k) => {
      let d = '';
      let area = '';
      let from = null; // where the present piece begins
      for (let i = 0; i <= times.length; i++) {
        let v = i < times.length ? series[k][i] : null;
        if (v === 0 && this.quiet[k]) v = null;
        const broken = v === null || (from !== null && times[i] - times[i - 1] > gap);
        if (broken && from !== null) {
          area += `L${x(times[i - 1])} ${height}L${x(times[from])} ${height}Z`;
          from = null;
        }
        if (v === null) continue;
        const point = `${x(times[i])} ${y(v)}`;
        d += (from === null ? 'M' : 'L') + point;
        area += (from === null ? 'M' : 'L') + point;
        if (from === null) from = i;
      }
      line.setAttribute('d', d);
      if (k === 0) this.area.setAttribute('d', area);
    });
    if (this.title.textContent !== what) this.title.textContent = what;
  }
}

// most is the largest value of some series, 0 of none.
export function most(...series) {
  let max = 0;
  for (const s of series) for (const v of s) if (v !== null && v > max) max = v;
  return max;
}
