// The peer of bench_dispatch_cost: node handles.js COUNT passes a listening socket COUNT times to a
// child with child.send(message, handle) and prints the nanoseconds from the first one sent until
// the child says that it has them all. One at a time, by the callback: sent all at once, Node takes
// seven times as long. Of the handles Node can send, a server is the one it sends fastest.
const { fork } = require('child_process');
const net = require('net');

const count = Number(process.argv[2]);
if (process.send) {
  let received = 0;
  process.on('message', (message, server) => {
    server.close();
    if (++received === count)
      process.send('all');
  });
  process.send('up');
} else {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const child = fork(__filename, [String(count)]);
    let begin;
    child.on('message', (message) => {
      if (message === 'all') {
        console.log(String(process.hrtime.bigint() - begin));
        child.disconnect();
        server.close();
        return;
      }
      begin = process.hrtime.bigint();
      let sent = 0;
      const next = () => {
        if (sent++ < count)
          child.send('take', server, next);
      };
      next();
    });
  });
}
