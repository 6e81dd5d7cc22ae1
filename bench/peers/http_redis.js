// A peer of bench_http_throughput: node http_redis.js PORT WORKERS SOCKET
// Node's cluster as it is by default, and Redis at a Unix socket for what the workers share.
// The client is the least there can be: commands are sent as they come, what is answered goes to
// who has waited longest.
const cluster = require('cluster');
const http = require('http');
const net = require('net');

const [port, workers, path] = process.argv.slice(2);

class Redis {
  constructor() {
    this.waiting = [];
    this.left = '';
    this.socket = net.connect(path);
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text) => this.take(text));
  }
  ask(...words) {
    let command = `*${words.length}\r\n`;
    for (const word of words)
      command += `$${word.length}\r\n${word}\r\n`;
    this.socket.write(command, 'latin1');
    return new Promise((tell) => this.waiting.push(tell));
  }
  take(text) {
    this.left += text;
    for (;;) {
      const line = this.left.indexOf('\r\n');
      if (line < 0)
        return;
      let end = line + 2;
      let found = this.left.slice(1, line);
      if (this.left[0] === '$') { // a string of so many bytes, or none
        const size = Number(found);
        found = size < 0 ? null : this.left.slice(end, end + size);
        end += size < 0 ? 0 : size + 2;
        if (this.left.length < end)
          return;
      }
      this.left = this.left.slice(end);
      this.waiting.shift()(found);
    }
  }
}

if (cluster.isPrimary) {
  for (let i = 0; i < Number(workers); ++i)
    cluster.fork();
} else {
  const redis = path ? new Redis() : null;
  const fresh = 'x'.repeat(100);
  const answer = (response, body) => {
    response.writeHead(200, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': body.length,
    });
    response.end(body);
  };
  http.createServer(async (request, response) => {
    if (request.url === '/counter')
      return answer(response, await redis.ask('INCR', 'hits'));
    if (request.url === '/session') {
      const key = `session:${String(Math.floor(Math.random() * 10000)).padStart(8, '0')}`;
      const row = await redis.ask('GET', key) || fresh;
      const next = String.fromCharCode(97 + Math.floor(Math.random() * 16)) + row.slice(1);
      await redis.ask('SET', key, next);
      return answer(response, next);
    }
    answer(response, 'hello world');
  }).listen(Number(port), '127.0.0.1', 4096);
}
