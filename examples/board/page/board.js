// board: the page of the scoreboard. What it shows comes from /events only, its own changes
// included, so every browser sees the same whichever worker it is connected to.
'use strict';

const element = (id) => document.getElementById(id);
const scores = new Map(); // player to points (BigInt: a score has 64 bits)
const rows = new Map(); // player to its table row, which keeps its focus while it moves

// ---- the table ---------------------------------------------------------------------------------

function newRow(player) {
  const row = element('row').content.firstElementChild.cloneNode(true);
  row.dataset.player = player;
  row.querySelector('.name').textContent = player;
  for (const button of row.querySelectorAll('button')) {
    const what = button.dataset.add ? `${button.dataset.add} point for` : 'Delete';
    button.setAttribute('aria-label', `${what} ${player}`);
  }
  rows.set(player, row);
  return row;
}

// By points, then by name; equal points share a rank.
function standings() {
  const compare = ([nameA, a], [nameB, b]) => (a === b ? (nameA < nameB ? -1 : 1) : a < b ? 1 : -1);
  return [...scores].sort(compare);
}

function draw() {
  drawing = undefined;
  const focused = document.activeElement;
  for (const [player, row] of rows)
    if (!scores.has(player)) {
      if (row.contains(focused)) element('player').focus();
      row.remove();
      rows.delete(player);
    }
  const sorted = standings();
  const most = sorted.length ? Number(sorted[0][1]) : 0;
  let rank = 0;
  sorted.forEach(([player, points], place) => {
    const fresh = !rows.has(player);
    const row = rows.get(player) ?? newRow(player);
    const shown = row.querySelector('.points');
    if (shown.textContent !== String(points)) {
      shown.textContent = points;
      row.classList.remove('changed');
      if (!fresh || drawnOnce) {
        void row.offsetWidth; // so that the animation starts again
        row.classList.add('changed');
      }
    }
    if (!place || sorted[place - 1][1] !== points) rank = place + 1;
    row.querySelector('.rank').textContent = rank;
    const share = most > 0 && points > 0 ? (100 * Number(points)) / most : 0;
    row.style.setProperty('--share', `${share}%`);
    const body = element('rows');
    if (body.children[place] !== row) body.insertBefore(row, body.children[place] ?? null);
  });
  if (focused !== document.activeElement && focused.isConnected) focused.focus();
  element('count').textContent = scores.size;
  element('empty').hidden = scores.size > 0;
  drawnOnce = true;
}

// Events come in bursts: the table is drawn once for all that are here. Not by animation frames,
// which a page in the background does not get.
let drawing;
let drawnOnce = false;
function drawSoon() {
  drawing ??= setTimeout(draw, 15);
}

// ---- live events -------------------------------------------------------------------------------

function showConnection(state) {
  element('connection').dataset.state = state;
  element('connection').textContent = state;
}

function startOver() {
  scores.clear();
  drawSoon();
}

// {"player":"anna","points":5}; JSON.parse would round a number above 2^53.
function readScore(data) {
  const points = /"points":(-?\d+|null)\}$/.exec(data)[1];
  return { player: JSON.parse(data).player, points: points === 'null' ? null : BigInt(points) };
}

function connect() {
  const events = new EventSource('/events?page');
  let lastId = '';

  events.addEventListener('open', () => {
    // A stream that has no id to resume from begins with all there is.
    if (!lastId) startOver();
    showConnection('live');
  });
  events.addEventListener('worker', (event) => {
    const worker = JSON.parse(event.data);
    element('worker-seat').textContent = worker.seat;
    element('worker-pid').textContent = worker.pid;
    element('worker-generation').textContent = worker.generation;
  });
  events.addEventListener('reset', (event) => {
    lastId = event.lastEventId;
    startOver();
  });
  events.addEventListener('score', (event) => {
    lastId = event.lastEventId;
    const { player, points } = readScore(event.data);
    if (points === null) scores.delete(player);
    else scores.set(player, points);
    element('change').textContent =
      points === null ? `${player} was deleted.` : `${player} has ${points}.`;
    drawSoon();
  });
  events.addEventListener('error', () => {
    showConnection('reconnecting');
    if (events.readyState !== EventSource.CLOSED) return; // the browser tries again and resumes
    setTimeout(connect, 1000); // refused with a status: it would not
  });
}

// ---- asking ------------------------------------------------------------------------------------

function say(text, kind = 'good') {
  element('said').textContent = text;
  element('said').dataset.kind = kind;
}

// Resolves to the response's text, or to null after telling why there is none.
async function ask(method, path, body) {
  try {
    const response = await fetch(path, { method, body });
    const text = (await response.text()).trim();
    element('answer-pid').textContent = response.headers.get('X-Worker');
    element('answer-what').textContent = `${method} ${path}`;
    if (response.ok) return text;
    say(`${text || response.statusText} (${response.status})`, 'bad');
  } catch (failure) {
    say(`No answer: ${failure.message}. Try again.`, 'bad');
  }
  return null;
}

function pathOf(player) {
  return `/scores/${encodeURIComponent(player)}`;
}

// A browser takes these for "here" and "above" in a path, encoded or not.
function checkPlayer() {
  const unusable = ['.', '..'].includes(element('player').value);
  element('player').setCustomValidity(unusable ? 'a player cannot be called . or ..' : '');
}

async function submit(event) {
  event.preventDefault();
  const player = element('player').value;
  const points = element('points').value;
  const add = event.submitter?.value === 'add';
  const answer = await ask(add ? 'POST' : 'PUT', pathOf(player), points);
  if (answer === null) return;
  say(add ? `${player} has ${answer} now.` : `${player} has ${points} now.`);
  element('form').reset();
  element('player').focus();
}

async function press(event) {
  const button = event.target.closest('button');
  if (!button) return;
  const player = button.closest('tr').dataset.player;
  const erase = 'delete' in button.dataset;
  const answer = erase
    ? await ask('DELETE', pathOf(player))
    : await ask('POST', pathOf(player), button.dataset.add);
  if (answer !== null) say(erase ? `${player} is deleted.` : `${player} has ${answer} now.`);
}

element('form').addEventListener('submit', submit);
element('player').addEventListener('input', checkPlayer);
element('rows').addEventListener('click', press);
connect();
ask('GET', '/visits').then((number) => {
  if (number !== null) element('visit').textContent = `number ${number}`;
});
