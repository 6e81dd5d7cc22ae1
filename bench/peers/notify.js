// A peer of bench_notification_latency: node notify.js RATE SAMPLES PAYLOAD WINDOW NOTES
// Worker A sends a change to the primary, which sends it to worker B: what `cluster` offers. A
// change is due when the rate has it so, whether anybody follows or not; RATE 0: as fast as at
// most WINDOW on their way allow. NOTES: "ELAPSED CONFLATED", then each latency in nanoseconds.
const cluster = require('cluster');
const fs = require('fs');

const [rate, samples, payload, window] = process.argv.slice(2, 6).map(Number);
const notes = process.argv[6];
const warmUps = 500; // the compiler's, too
const now = () => Number(process.hrtime.bigint()); // CLOCK_MONOTONIC; exact for 104 days

if (cluster.isPrimary) {
  const b = cluster.fork({ROLE: 'b'});
  const a = cluster.fork({ROLE: 'a'});
  let up = 0;
  const carry = (from, to) => from.on('message', (message) => {
    if (message.up) {
      if (++up === 2)
        a.send({go: true});
    } else if (message.done) {
      a.kill('SIGKILL');
      b.kill('SIGKILL');
      process.exit(0);
    } else {
      to.send(message);
    }
  });
  carry(a, b);
  carry(b, a);
} else if (process.env.ROLE === 'b') {
  const latencies = [];
  let first = 0;
  process.on('message', (message) => {
    const entered = now();
    if (message.warm) {
      process.send({seen: message.warm});
      return;
    }
    if (message.start)
      first = message.start;
    if (rate !== 0)
      latencies.push(Math.round(entered - message.due));
    else if (message.n % 32 === 0)
      process.send({seen: message.n});
    if (message.n !== samples)
      return;
    const lines = [`${Math.round(entered - first)} 0`, ...latencies];
    fs.writeFileSync(notes, lines.join('\n') + '\n');
    process.send({done: true});
  });
  process.send({up: true});
} else {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const sleepEndsBefore = 200000; // ns, as other senders do
  const filler = 'x'.repeat(Math.max(0, payload - 8));
  let start = 0, sent = 0, seen = 0;
  const send = (due) => {
    const message = {n: ++sent, due, filler};
    if (sent === 1)
      message.start = start;
    process.send(message);
  };
  const paced = () => {
    for (let burst = 0; sent < samples; ++burst) {
      const due = start + sent * 1e9 / rate;
      const left = due - now();
      if (burst !== 0 && (left > 0 || burst === 64)) {
        setImmediate(paced); // the loop's turn
        return;
      }
      if (left > sleepEndsBefore)
        Atomics.wait(cell, 0, 0, (left - sleepEndsBefore) / 1e6);
      while (now() < due)
        ;
      send(due);
    }
  };
  const flat = () => {
    while (sent < samples && sent - seen < window)
      send(0);
  };
  let warm = 0;
  process.on('message', (message) => {
    if (message.go || warm < warmUps) {
      process.send({warm: ++warm});
    } else if (start === 0) {
      start = now() + (rate !== 0 ? 2e6 : 0);
      (rate !== 0 ? paced : flat)();
    } else {
      seen = message.seen;
      flat();
    }
  });
  process.send({up: true});
}
