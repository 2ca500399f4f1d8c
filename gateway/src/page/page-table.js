// Rows of what crosses the wire: newest first, bounded, each to be chosen by mouse or keyboard.

const ROWS = 60;

/** The first cell holds a button, so that the keyboard reaches each row. */
export function newRow(cells, choose) {
  const row = document.createElement('tr');
  const button = document.createElement('button');
  button.type = 'button';
  const first = document.createElement('td');
  first.append(button);
  row.append(first);
  for (let index = 1; index < cells; index += 1) row.append(document.createElement('td'));
  row.addEventListener('click', choose);
  return row;
}

export function setCells(row, values) {
  values.forEach((value, index) => {
    const cell = index === 0 ? row.firstElementChild.firstElementChild : row.children[index];
    const text = String(value);
    if (cell.textContent !== text) cell.textContent = text;
  });
}

/** Puts the row first; returns the rows that no longer have a place. */
export function prepend(list, row) {
  const panel = list.closest('.scroll');
  const reading = panel.scrollTop > 0;
  list.prepend(row);
  // Whoever scrolled down to read keeps the place.
  if (reading) panel.scrollTop += row.offsetHeight;
  const gone = [...list.children].slice(ROWS);
  for (const old of gone) old.remove();
  return gone;
}

export function bar(className, from, to) {
  const element = document.createElement('span');
  element.className = className;
  place(element, from, to);
  return element;
}

/** Puts the bar between two shares of the width; hides what is outside. */
export function place(element, from, to) {
  element.hidden = to <= 0;
  element.style.left = `${Math.max(0, from) * 100}%`;
  element.style.width = `${(Math.min(1, to) - Math.max(0, from)) * 100}%`;
}
