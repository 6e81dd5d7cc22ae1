// The peer of bench_dispatch_cost: node cluster.js PORT WORKERS round_robin|none
// round_robin: the primary accepts and passes each connection; none: the workers accept.
const cluster = require('cluster');
const http = require('http');

const [port, workers, mode] = process.argv.slice(2);
if (cluster.isPrimary) {
  cluster.schedulingPolicy = mode === 'none' ? cluster.SCHED_NONE : cluster.SCHED_RR;
  for (let i = 0; i < Number(workers); ++i)
    cluster.fork();
} else {
  http.createServer((request, response) => {
    response.writeHead(200, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': 11,
    });
    response.end('hello world');
  }).listen(Number(port), '127.0.0.1');
}
