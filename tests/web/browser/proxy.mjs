// A small real proxy between the browser and the server, which a walk can make slow, strict or faulty.

import http from "node:http";
import net from "node:net";

/**
 * @param {number} port of the server
 * @param {object} [means]
 * @param {number} [means.own] port of the proxy; 0: a free one
 * @param {(request: http.IncomingMessage, response: http.ServerResponse) => boolean} [means.takes] true: it answers itself,
 *   and nothing is sent on
 * @param {(request: http.IncomingMessage, response: http.ServerResponse, answer: http.IncomingMessage) => boolean} [means.answers]
 *   true: it says something else than the server
 * @returns {Promise<http.Server>}
 */
export async function startProxy(port, { own = 0, takes = () => false, answers = () => false } = {}) {
  const proxy = http.createServer((request, response) => {
    if (takes(request, response)) return;
    const options = { host: "127.0.0.1", port, method: request.method, path: request.url, headers: request.headers };
    const onward = http.request(options, (answer) => {
      if (!answers(request, response, answer)) answer.pipe(response.writeHead(answer.statusCode, answer.headers));
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  proxy.on("upgrade", (request, socket, head) => {
    const onward = net.connect(port, "127.0.0.1", () => {
      const lines = request.rawHeaders.flatMap((text, at) => (at % 2 === 0 ? [`${text}: ${request.rawHeaders[at + 1]}`] : []));
      onward.write(`GET ${request.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    for (const end of [socket, onward]) {
      end.on("error", () => {});
      end.on("close", () => [socket, onward].forEach((other) => other.destroy()));
    }
  });
  await new Promise((resolve) => proxy.listen(own, "127.0.0.1", resolve));
  return proxy;
}
